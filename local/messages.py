"""What is on the queue, or on all its shards, as a consumer would see it."""

import asyncio
import base64
import datetime
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import NamedTuple

from azure.core.exceptions import AzureError, ResourceNotFoundError, ServiceResponseTimeoutError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from local import Failure
from local.running import Running

PAGE = 32
"""The most messages that the service hands out or shows at once."""

_PATIENCE_SECONDS = 5
_HIDDEN_SECONDS = 30
_POLL_SECONDS = 0.5


class Peek(NamedTuple):
    """The events at the head of a queue, decoded, and how many more there are."""

    events: list[bytes]
    more: int


class Found(NamedTuple):
    """An event, and the queue that it lies on."""

    queue: str
    event: bytes


@asynccontextmanager
async def connect(running: Running) -> AsyncIterator[list[QueueClient]]:
    """Clients of the running stack's queues.

    Raises:
        Failure: the storage service does not answer, or refuses.
    """
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(_client(running.storage, name)) for name in running.queues]
        try:
            yield clients
        except ServiceResponseTimeoutError as error:
            raise Failure(
                f"Storage gives no answer within {_PATIENCE_SECONDS} s. Is it held? `docs/local.md` tells how."
            ) from error
        except AzureError as error:
            raise Failure(f"The queue {running.queue} cannot be read; start it with `make run`.") from error


def _client(storage: str, name: str) -> QueueClient:
    try:
        return QueueClient.from_connection_string(
            storage, name, retry_total=0, connection_timeout=_PATIENCE_SECONDS, read_timeout=_PATIENCE_SECONDS
        )
    except ValueError as error:
        raise Failure(f"{storage} is no connection string.") from error


async def head(client: QueueClient) -> list[QueueMessage]:
    """The messages at the head of a queue, which stays as it is; one that does not exist yet is empty."""
    with suppress(ResourceNotFoundError):
        return await client.peek_messages(max_messages=PAGE)
    return []


async def receive(client: QueueClient) -> list[QueueMessage]:
    """The messages at the head of a queue, for half a minute nobody else's: who has received one deletes it."""
    pages = client.receive_messages(messages_per_page=PAGE, max_messages=PAGE, visibility_timeout=_HIDDEN_SECONDS)
    with suppress(ResourceNotFoundError):
        return [message async for message in pages]
    return []


async def count(client: QueueClient) -> int:
    """How many messages there are, with those that a consumer has received."""
    with suppress(ResourceNotFoundError):
        return (await client.get_queue_properties()).approximate_message_count or 0
    return 0


async def peek(client: QueueClient) -> Peek:
    """Look at the head of a queue, changing nothing."""
    events = [_event(message) for message in await head(client)]
    return Peek(events, max(0, await count(client) - len(events)))


async def consume(clients: Iterable[QueueClient]) -> AsyncGenerator[Found]:
    """Take events off the queues as they come, for ever; one is deleted when the next is asked for.

    A page of one queue, then one of the next: none waits for another to be empty.
    """
    while True:
        taken = 0
        for client in clients:
            for message in await receive(client):
                yield Found(client.queue_name, _event(message))
                await client.delete_message(message)
                taken += 1
        if not taken:
            await asyncio.sleep(_POLL_SECONDS)


async def find(clients: Iterable[QueueClient], body: bytes, since: datetime.datetime) -> Found | None:
    """The message with `body` that was put on a queue at `since` or later, if it is near enough to the head to see.

    The rest could only be received, and that counts: after some times consumers take a message for poison.
    """
    since = since.replace(microsecond=0)  # the service counts in seconds
    for client in clients:
        for message in await head(client):
            event = _event(message)
            if event == body and (message.inserted_on or since) >= since:
                return Found(client.queue_name, event)
    return None


def as_line(found: Found) -> bytes:
    """A JSON object with the queue and the event, in one line: `event` as it came, but for the line breaks.

    What is no JSON is `text`.
    """
    try:
        json.loads(found.event.decode(), parse_int=float, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return json.dumps({"queue": found.queue, "text": found.event.decode(errors="replace")}).encode()
    # JSON has them between its tokens only; numbers and names stay as they were written.
    event = re.sub(rb"[ \t]*[\r\n][ \t\r\n]*", b" ", found.event.strip())
    return b'{"queue": %b, "event": %b}' % (json.dumps(found.queue).encode(), event)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _event(message: QueueMessage) -> bytes:
    """What a message holds; as it is, where somebody has put something else there than base64."""
    try:
        return base64.b64decode(message.content, validate=True)
    except ValueError:
        return str(message.content).encode()
