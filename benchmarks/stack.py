"""What every measurement needs around the systems: a queue, an issuer, a token, and requests that carry it."""

import json
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from azure.storage.queue.aio import QueueClient

from benchmarks import load, systems
from benchmarks.stand_in import StandIn, stand_in
from benchmarks.systems import System
from local import azurite, issuer

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

TOKEN_SECONDS = 7200


@dataclass
class Stack:
    """A queue, an issuer, and the systems that were started with them."""

    folder: Path
    environ: Mapping[str, str]
    token: str
    queue: StandIn | QueueClient
    _stack: AsyncExitStack

    async def start(self, names: Collection[str]) -> list[System]:
        """Start the systems of these names, as far as they are at hand; they end with the stack."""
        started = []
        for name in systems.at_hand(names):
            system = await systems.start(name, self.environ, self.folder / f"{name}.log")
            self._stack.push_async_callback(system.child.stop)
            started.append(system)
        return started

    def request(self, system: System, body: bytes, content_type: str = STRUCTURED) -> bytes:
        """The bytes of a POST to it."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        return load.post(system.events, headers)(body)

    async def on_queue(self) -> int:
        """How many messages came since it was last empty."""
        if isinstance(self.queue, StandIn):
            return await self.queue.acknowledged()
        return (await self.queue.get_queue_properties()).approximate_message_count or 0

    async def empty(self) -> None:
        """Take all messages off the queue, where it keeps them: storage has to be what it was."""
        if isinstance(self.queue, QueueClient):
            await self.queue.clear_messages()


@asynccontextmanager
async def stack(*, real_storage: bool) -> AsyncIterator[Stack]:
    """One for as long as the block lasts: with Azurite, or with the stand-in."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        queue: StandIn | QueueClient
        if real_storage:
            storage = await azurite.start(folder / "azurite", azurite.Ports(0, 0, 0))
            stack.push_async_callback(storage.child.stop)
            connection_string = storage.connection_string
            queue = QueueClient.from_connection_string(connection_string, systems.QUEUE_NAME)
            await stack.enter_async_context(queue)
            await queue.create_queue()
        else:
            queue = await stack.enter_async_context(stand_in())
            connection_string = queue.connection_string
        runner, identifier = await issuer.start(folder, 0)
        stack.push_async_callback(runner.cleanup)
        token = issuer.access_token(
            issuer.keys(folder).signing,
            identifier,
            scope="altinn:events.publish",
            consumer=issuer.CONSUMER,
            lifetime=TOKEN_SECONDS,
        )
        environ = systems.environment(connection_string, json.dumps([{"issuer": identifier}]))
        yield Stack(folder, environ, token, queue, stack)
