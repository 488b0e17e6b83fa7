"""What is on the queue, as a consumer would see it."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import BinaryBase64DecodePolicy, BinaryBase64EncodePolicy, QueueMessage
from azure.storage.queue.aio import QueueClient

from local import Failure
from local.running import Running

PAGE = 32
"""The most messages that the service hands out or shows at once."""

_HIDDEN_SECONDS = 30
_POLL_SECONDS = 0.5


class Peek(NamedTuple):
    """The events at the head of the queue, decoded, and how many more there are."""

    events: list[bytes]
    more: int


@asynccontextmanager
async def connect(running: Running) -> AsyncIterator[QueueClient]:
    """A client of the running stack's queue.

    Raises:
        Failure: the storage service does not answer, or refuses.
    """
    client = QueueClient.from_connection_string(
        running.storage,
        running.queue,
        message_decode_policy=BinaryBase64DecodePolicy(),
        message_encode_policy=BinaryBase64EncodePolicy(),  # an update writes the content again
        retry_total=0,
    )
    async with client:
        try:
            yield client
        except AzureError as error:
            raise Failure(f"The queue {running.queue} cannot be read; start it with `make run`.") from error


async def peek(client: QueueClient) -> Peek:
    """Look at the head of the queue, changing nothing; a queue that does not exist yet is empty."""
    try:
        events = [message.content for message in await client.peek_messages(max_messages=PAGE)]
        count = (await client.get_queue_properties()).approximate_message_count or 0
    except ResourceNotFoundError:
        return Peek([], 0)
    return Peek(events, max(0, count - len(events)))


async def consume(client: QueueClient) -> AsyncIterator[bytes]:
    """Take events off the queue as they come, for ever; one is deleted when the next is asked for."""
    while True:
        try:
            async for message in client.receive_messages(messages_per_page=PAGE, visibility_timeout=_HIDDEN_SECONDS):
                yield message.content
                await client.delete_message(message)
        except ResourceNotFoundError:
            pass  # nobody has published yet
        await asyncio.sleep(_POLL_SECONDS)


async def find(client: QueueClient, body: bytes, since: datetime.datetime) -> bytes | None:
    """The message with `body` that was put on the queue at `since` or later, wherever on the queue it is."""

    def is_it(message: QueueMessage) -> bool:
        # The service counts in seconds.
        return message.content == body and (message.inserted_on or since) >= since.replace(microsecond=0)

    for message in await client.peek_messages(max_messages=PAGE):
        if is_it(message):
            return bytes(message.content)
    # Not at the head, which is all that can be peeked at: receive page by page, and give everything back.
    received = []
    try:
        async for message in client.receive_messages(messages_per_page=PAGE, visibility_timeout=_HIDDEN_SECONDS):
            received.append(message)
            if is_it(message):
                return bytes(message.content)
    finally:
        for message in received:
            await client.update_message(message, visibility_timeout=0)
    return None
