"""The queue for the page: watched as server-sent events, or taken from as a consumer does.

Watching changes nothing, and storage shows the first 32 messages of a queue and no more. Taking is in two steps: the
page receives messages, and deletes those that it has shown. Both change the queue, so they are POSTs.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient
from pydantic import BaseModel, TypeAdapter

from local import Failure, messages
from local.running import Running

POLL_SECONDS = 0.4
REST_SECONDS = 2.0
"""After storage did not answer."""

type ServerSentEvent = tuple[str, Any]
"""Its name, and what its data is the JSON of."""


class Received(BaseModel):
    """A message that the page has received, and may delete."""

    queue: str
    id: str
    receipt: str


_ALL_RECEIVED = TypeAdapter(list[Received])


def watch(app: web.Application, running: Running, stack: Any) -> Handler:
    """Answers with a stream for as long as the page listens.

    First `stack`; then `heads`: the messages that are new at the heads of the queues, and the ids of all that are
    there; `count`: how many there are in all; `fault`: why nothing can be told.
    """
    streams: set[asyncio.Task[Any]] = set()

    async def stop(_: web.Application) -> None:
        for stream in streams:
            stream.cancel()

    app.on_shutdown.append(stop)

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a handler runs in one
        streams.add(task)
        with suppress(ConnectionError, asyncio.CancelledError):  # the page is gone, or we stop
            await response.prepare(request)
            async for name, data in _told(running, stack):
                await response.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
        streams.discard(task)
        return response

    return stream


def take(running: Running) -> Handler:
    """Answers a POST with messages that nobody else is given for half a minute."""

    async def post(_: web.Request) -> web.Response:
        async with messages.connect(running) as clients:
            received = [
                _message(client, message) | {"receipt": message.pop_receipt}
                for client in clients
                for message in await messages.receive(client)
            ]
        return web.json_response(received, headers={"Cache-Control": "no-store"})

    return post


def delete(running: Running) -> Handler:
    """Deletes the messages that a POST names, of those that were received."""

    async def post(request: web.Request) -> web.Response:
        try:
            received = _ALL_RECEIVED.validate_json(await request.read())
        except ValueError:
            return web.Response(status=400, text="It must be an array of objects with queue, id and receipt.\n")
        async with messages.connect(running) as clients:
            by_name = {client.queue_name: client for client in clients}
            deletions = [_delete(by_name[each.queue], each) for each in received if each.queue in by_name]
            await asyncio.gather(*deletions)
        return web.json_response([])

    return post


async def _delete(client: QueueClient, received: Received) -> None:
    with suppress(ResourceNotFoundError):  # it took too long, and somebody else has it
        await client.delete_message(received.id, received.receipt)


async def _told(running: Running, stack: Any) -> AsyncIterator[ServerSentEvent]:
    yield "stack", stack
    while True:
        try:
            async with messages.connect(running) as clients:
                async for event in _heads(clients):
                    yield event
        except Failure as failure:
            yield "fault", str(failure)
            await asyncio.sleep(REST_SECONDS)


async def _heads(clients: list[QueueClient]) -> AsyncIterator[ServerSentEvent]:
    seen: set[str] | None = None
    while True:
        heads = [_message(client, message) for client in clients for message in await messages.head(client)]
        there = {message["id"] for message in heads}
        if there != seen:
            new = [message for message in heads if message["id"] not in (seen or ())]
            yield "heads", {"new": new, "there": sorted(there)}
        seen = there
        yield "count", sum([await messages.count(client) for client in clients])
        await asyncio.sleep(POLL_SECONDS)


def _message(client: QueueClient, message: QueueMessage) -> dict[str, Any]:
    """A message as the page gets it: its text as it lies on the queue."""
    inserted = message.inserted_on
    return {
        "id": message.id,
        "queue": client.queue_name,
        "inserted": inserted.isoformat() if inserted else None,
        "text": str(message.content),
    }
