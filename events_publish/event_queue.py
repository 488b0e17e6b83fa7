"""The Azure Storage Queue: an event is on it, or the publisher is told to try again."""

import asyncio
import contextlib
import functools
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from events_publish import queue_service, shards
from events_publish.attempts import Attempts, GaveUp, TooManyWait
from events_publish.envelope import Event
from events_publish.http_client import HttpClient
from events_publish.problem import Overloaded, QueueUnavailable
from events_publish.queue_service import QueueService
from events_publish.request_record import RequestRecord
from events_publish.settings import Connection
from events_publish.storage_fault import FAULTS, StorageError

if TYPE_CHECKING:
    from events_publish.credential import KeptToken
    from events_publish.payload_store import PayloadStore

CONCURRENT_SENDS = 10
"""Messages of one batch that are on their way at once, at most: one request does not take all places."""


class _Shard(NamedTuple):
    """One of the queues; its attempts are its own, so that one that is slow or full keeps no request from the others.

    But a batch that has events for both.
    """

    name: str
    sends: Attempts
    looks: Attempts


class EventQueue:
    """The queue that events are put on, or the `number` of them, and what no message holds beside it.

    `credential` for a connection by identity.
    """

    def __init__(
        self, connection: Connection, queue_name: str, credential: "KeptToken | None" = None, *, number: int = 1
    ) -> None:
        self._connection = connection
        self._credential = credential
        self._http = HttpClient(queue_service.IDLE_SECONDS)
        self._service = QueueService(connection, self._http, credential)
        self._payloads: PayloadStore | None = None
        self._shards = [_shard(name) for name in shards.names(queue_name, number)]

    async def enqueue(self, events: Sequence[Event], *, deadline: float, record: RequestRecord) -> None:
        """Return when every event is acknowledged by the queue; `deadline` on the running loop's clock.

        Raises:
            Overloaded: it would take, or took, too long to begin; nothing was sent.
            QueueUnavailable: that did not happen; it says which were. One that was not may lie on the queue all the
                same, when only the acknowledgement was lost; its publisher sends it again, and consumers drop repeats.
        """
        payloads = await self._payload_store() if any(event.payload for event in events) else None
        self._require_room(events, payloads, deadline)
        loop = asyncio.get_running_loop()
        began = loop.time()
        waiting = iter(enumerate(events))
        enqueued: set[int] = set()

        async def send() -> BaseException | None:
            try:
                for index, event in waiting:
                    await self._send(event, deadline, record)
                    enqueued.add(index)
            except GaveUp as gave_up:
                return gave_up
            return None

        failures: Sequence[BaseException | None]
        if len(events) == 1:  # spare it a task of its own
            failures = [await send()]
        else:
            # A sender that fails stops, and what the others have begun is still finished.
            senders = [send() for _ in range(min(len(events), CONCURRENT_SENDS))]
            failures = await asyncio.gather(*senders, return_exceptions=True)
        record.storage_seconds = loop.time() - began
        try:
            for failure in filter(None, failures):
                raise failure
        except GaveUp as error:
            if not enqueued and all(isinstance(failure, TooManyWait) for failure in failures):
                raise Overloaded(cause=str(error)) from error
            not_enqueued = set(range(len(events))) - enqueued
            raise QueueUnavailable(enqueued=enqueued, not_enqueued=not_enqueued, cause=str(error)) from error

    async def connect(self) -> None:
        """Have a connection and a token at hand for the first event, where that can be."""
        with contextlib.suppress(*FAULTS):
            await self._service.connect()

    async def require_reachable(self, *, deadline: float, record: RequestRecord) -> None:
        """Look at the queue, or each of them, without a message.

        Raises:
            GaveUp: it cannot be reached, or not by this identity.
        """
        looks = (
            shard.looks.make(functools.partial(self._look, shard.name, record), deadline=deadline, record=record)
            for shard in self._shards
        )
        await asyncio.gather(*looks)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()
        if self._payloads:
            await self._payloads.close()

    def _require_room(self, events: Sequence[Event], payloads: "PayloadStore | None", deadline: float) -> None:
        try:
            for shard in set(map(self._shard_of, events)):
                shard.sends.require_room(deadline)
            if payloads:
                payloads.attempts.require_room(deadline)
        except TooManyWait as error:
            raise Overloaded(cause=str(error)) from error

    async def _send(self, event: Event, deadline: float, record: RequestRecord) -> None:
        shard = self._shard_of(event)
        if event.payload is None:
            await self._put(shard, event.body, deadline, record)
            return
        payloads = await self._payload_store()
        url = await payloads.put(event.payload, deadline=deadline, record=record)
        try:
            await self._put(shard, event.payload.message(url), deadline, record)
        except GaveUp as error:
            # A message that may be on the queue must not lead nowhere; a payload without a message does no harm.
            if error.nothing_done:
                await payloads.delete(url, deadline=deadline, record=record)
            raise

    def _shard_of(self, event: Event) -> _Shard:
        return self._shards[shards.shard_of(event.attributes, len(self._shards))]

    async def _put(self, shard: _Shard, body: bytes, deadline: float, record: RequestRecord) -> None:
        await shard.sends.make(lambda: self._put_once(shard.name, body, record), deadline=deadline, record=record)

    async def _put_once(self, queue: str, body: bytes, record: RequestRecord) -> None:
        try:
            await self._service.put_message(queue, body, record.client_request_id())
        except StorageError as error:
            await self._make_queue(queue, error)
            await self._service.put_message(queue, body, record.client_request_id())

    async def _look(self, queue: str, record: RequestRecord) -> None:
        try:
            await self._service.get_metadata(queue, record.client_request_id())
        except StorageError as error:
            # An identity that may only send is known there, and gets no other answer to this question.
            if error.fault.code != "AuthorizationPermissionMismatch":
                await self._make_queue(queue, error)

    async def _make_queue(self, queue: str, missing: StorageError) -> None:
        """Make the queue that storage missed; raises `missing` where it is another fault."""
        if missing.fault.code != "QueueNotFound":
            raise missing
        storage_client = await _import("events_publish.storage_client")  # which a queue needs once
        await storage_client.make_missing(
            missing, lambda: storage_client.create_queue(self._connection, queue, self._credential)
        )

    async def _payload_store(self) -> "PayloadStore":
        if self._payloads is None:
            await _import("events_publish.payload_store")  # which few events need
        return self._opened_payload_store()

    def _opened_payload_store(self) -> "PayloadStore":
        from events_publish.payload_store import PayloadStore

        self._payloads = self._payloads or PayloadStore(self._connection, self._credential)
        return self._payloads


def _shard(name: str) -> _Shard:
    service, role = f"the queue {name} of EVENTS_QUEUE_NAME", "Storage Queue Data Message Sender"
    # One look at a time: while the line of sends is long the queue is no less reachable.
    return _Shard(name, sends=Attempts(service, role), looks=Attempts(service, role, most=1))


async def _import(name: str) -> Any:
    """A module that takes long to import, and meanwhile the others go on."""
    return await asyncio.to_thread(importlib.import_module, name)
