"""The queue as server-sent events: what lands on it, and what is taken off.

`watch` looks at the head of each queue and changes nothing; the service shows 32 messages of one, and no more. `take`
does as a consumer does: it receives, sends on, and deletes.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from local import Failure, messages
from local.running import Running

POLL_SECONDS = 0.4
REST_SECONDS = 2.0
"""After storage did not answer."""

HIDDEN_SECONDS = 30
"""For how long a message is nobody else's between its receipt and its deletion."""

type ServerSentEvent = tuple[str, Any]
"""Its name, and what its data is the JSON of."""


def handler(app: web.Application, running: Running) -> Handler:
    """Answers with a stream of `landed`, `gone`, `count` and `fault` for as long as the page listens."""
    streams: set[asyncio.Task[Any]] = set()

    async def stop(_: web.Application) -> None:
        for stream in streams:
            stream.cancel()

    app.on_shutdown.append(stop)

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a handler runs in one
        streams.add(task)
        try:
            await _send(response, running, take="take" in request.query)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the page is gone, or we stop
        finally:
            streams.discard(task)
        return response

    return stream


async def _send(response: web.StreamResponse, running: Running, *, take: bool) -> None:
    while True:
        try:
            async with messages.connect(running) as clients:
                feed = _take(clients) if take else _watch(clients)
                async for name, data in feed:
                    await response.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
        except Failure as failure:
            await response.write(f"event: fault\ndata: {json.dumps(str(failure))}\n\n".encode())
            await asyncio.sleep(REST_SECONDS)


async def _watch(clients: list[QueueClient]) -> AsyncIterator[ServerSentEvent]:
    """What is new at the heads of the queues, what is there no longer, and how many messages there are in all."""
    seen: set[str] = set()
    while True:
        heads = [found for client in clients for found in await _peek(client)]
        there = {message["id"] for message in heads}
        if new := [message for message in heads if message["id"] not in seen]:
            yield "landed", new
        if gone := seen - there:
            yield "gone", sorted(gone)
        seen = there
        yield "count", await _count(clients)
        await asyncio.sleep(POLL_SECONDS)


async def _take(clients: list[QueueClient]) -> AsyncIterator[ServerSentEvent]:
    """What comes off the queues; it is deleted once it has been sent on."""
    while True:
        taken = 0
        for client in clients:
            received = await _receive(client)
            if received:
                yield "landed", [_message(client, message) for message in received]
                await asyncio.gather(*(client.delete_message(message) for message in received))
                yield "gone", [message.id for message in received]
            taken += len(received)
        yield "count", await _count(clients)
        if not taken:
            await asyncio.sleep(POLL_SECONDS)


async def _peek(client: QueueClient) -> list[dict[str, Any]]:
    with suppress(ResourceNotFoundError):  # nobody has published yet
        return [_message(client, message) for message in await client.peek_messages(max_messages=messages.PAGE)]
    return []


async def _receive(client: QueueClient) -> list[QueueMessage]:
    pages = client.receive_messages(
        messages_per_page=messages.PAGE, max_messages=messages.PAGE, visibility_timeout=HIDDEN_SECONDS
    )
    with suppress(ResourceNotFoundError):
        return [message async for message in pages]
    return []


async def _count(clients: Iterable[QueueClient]) -> int:
    total = 0
    for client in clients:
        with suppress(ResourceNotFoundError):
            total += (await client.get_queue_properties()).approximate_message_count or 0
    return total


def _message(client: QueueClient, message: QueueMessage) -> dict[str, Any]:
    """A message as the page gets it: its text as it lies on the queue."""
    inserted = message.inserted_on
    return {
        "id": message.id,
        "queue": client.queue_name,
        "inserted": inserted.isoformat() if inserted else None,
        "received": message.dequeue_count or 0,
        "text": str(message.content),
    }
