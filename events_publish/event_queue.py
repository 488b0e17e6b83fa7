"""The Azure Storage Queue: an event is on it, or the publisher is told to try again."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import aiohttp
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.queue import BinaryBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

from events_publish import storage_client
from events_publish.attempts import Attempts, GaveUp, TooManyWait
from events_publish.envelope import Event
from events_publish.payload_store import PayloadStore
from events_publish.problem import Overloaded, QueueUnavailable
from events_publish.request_record import RequestRecord
from events_publish.settings import Connection

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

NEVER_EXPIRES = -1

CONCURRENT_SENDS = 10
"""Messages of one batch that are on their way at once, at most: one request does not take all connections."""


class EventQueue:
    """A queue that events are put on, what no message holds in `payloads`; `credential` for a connection by identity."""

    def __init__(
        self,
        connection: Connection,
        queue_name: str,
        session: aiohttp.ClientSession,
        payloads: PayloadStore,
        credential: "AsyncTokenCredential | None" = None,
    ) -> None:
        options = {**storage_client.options(session), "message_encode_policy": BinaryBase64EncodePolicy()}
        if connection.connection_string is not None:
            self._client = QueueClient.from_connection_string(connection.connection_string, queue_name, **options)
        else:
            self._client = QueueClient(str(connection.queue_service_uri), queue_name, credential, **options)
        self._payloads = payloads
        service, role = f"the queue {queue_name} of EVENTS_QUEUE_NAME", "Storage Queue Data Message Sender"
        self._sends = Attempts(service, role)
        self._looks = Attempts(service, role, most=1)  # while the line is long the queue is no less reachable

    async def enqueue(self, events: Sequence[Event], *, deadline: float, record: RequestRecord) -> None:
        """Return when every event is acknowledged by the queue; `deadline` on the running loop's clock.

        Raises:
            Overloaded: it would take, or took, too long to begin; nothing was sent.
            QueueUnavailable: that did not happen; it says which were. One that was not may lie on the queue all the
                same, when only the acknowledgement was lost; its publisher sends it again, and consumers drop repeats.
        """
        waiting = iter(enumerate(events))
        enqueued: set[int] = set()

        async def send() -> None:
            for index, event in waiting:
                await self._send(event, deadline, record)
                enqueued.add(index)

        self._require_room(events, deadline)
        began = asyncio.get_running_loop().time()
        senders = [send() for _ in range(min(len(events), CONCURRENT_SENDS))]
        # A sender that fails stops, and what the others have begun is still finished.
        failures = await asyncio.gather(*senders, return_exceptions=True)
        record.storage_seconds = asyncio.get_running_loop().time() - began
        try:
            for failure in filter(None, failures):
                raise failure
        except GaveUp as error:
            if not enqueued and all(isinstance(failure, TooManyWait) for failure in failures):
                raise Overloaded(cause=str(error)) from error
            not_enqueued = set(range(len(events))) - enqueued
            raise QueueUnavailable(enqueued=enqueued, not_enqueued=not_enqueued, cause=str(error)) from error

    async def require_reachable(self, *, deadline: float, record: RequestRecord) -> None:
        """Look at the queue without a message.

        Raises:
            GaveUp: it cannot be reached, or not by this identity.
        """
        await self._looks.make(lambda: self._look(record), deadline=deadline, record=record)

    def _require_room(self, events: Sequence[Event], deadline: float) -> None:
        try:
            if events:
                self._sends.require_room(deadline)
            if any(event.payload for event in events):
                self._payloads.attempts.require_room(deadline)
        except TooManyWait as error:
            raise Overloaded(cause=str(error)) from error

    async def _send(self, event: Event, deadline: float, record: RequestRecord) -> None:
        if event.payload is None:
            await self._put(event.body, deadline, record)
            return
        url = await self._payloads.put(event.payload, deadline=deadline, record=record)
        try:
            await self._put(event.payload.message(url), deadline, record)
        except GaveUp as error:
            # A message that may be on the queue must not lead nowhere; a payload without a message does no harm.
            if error.nothing_done:
                await self._payloads.delete(url, deadline=deadline, record=record)
            raise

    async def _put(self, body: bytes, deadline: float, record: RequestRecord) -> None:
        await self._sends.make(lambda: self._put_once(body, record), deadline=deadline, record=record)

    async def _put_once(self, body: bytes, record: RequestRecord) -> None:
        try:
            await self._put_message(body, record)
        except ResourceNotFoundError as error:
            await self._make_queue(error)
            await self._put_message(body, record)

    async def _put_message(self, body: bytes, record: RequestRecord) -> None:
        message = await self._client.send_message(body, time_to_live=NEVER_EXPIRES, client_request_id=record.trace_id)
        if not message.id:
            raise ValueError("the acknowledgement names no message")

    async def _look(self, record: RequestRecord) -> None:
        try:
            await self._client.get_queue_properties(client_request_id=record.trace_id)
        except ResourceNotFoundError as error:
            await self._make_queue(error)
        except HttpResponseError as error:
            # An identity that may only send is known there, and gets no other answer to this question.
            if getattr(error, "error_code", None) != "AuthorizationPermissionMismatch":
                raise

    async def _make_queue(self, missing: ResourceNotFoundError) -> None:
        await storage_client.make_missing(missing, "QueueNotFound", self._client.create_queue)
