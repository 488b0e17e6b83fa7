"""The Azure Storage Queue: an event is on it, or the publisher is told to try again."""

import asyncio
import logging
from typing import TYPE_CHECKING

import aiohttp
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.queue import BinaryBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

from events_publish.envelope import Event
from events_publish.problem import QueueUnavailable
from events_publish.settings import Connection

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

NEVER_EXPIRES = -1

CONCURRENT_SENDS = 10
"""Messages of one batch that are on their way at once, at most: one request does not take all connections."""

UNREADABLE = (AttributeError, LookupError, RecursionError, SyntaxError, TypeError, ValueError)
"""What the client lets through when it cannot make sense of an answer, such as HTML where XML should be."""

_log = logging.getLogger(__name__)

# azure-core writes each request's headers at INFO, which costs CPU for each event; azure-identity writes what a token
# endpoint answers at WARNING, which may be a token. Their failures are logged here.
logging.getLogger("azure.core").setLevel(logging.WARNING)
logging.getLogger("azure.identity").setLevel(logging.CRITICAL)


class EventQueue:
    """A queue that events are put on; `credential` for a connection by identity."""

    def __init__(
        self,
        connection: Connection,
        queue_name: str,
        session: aiohttp.ClientSession,
        credential: "AsyncTokenCredential | None" = None,
    ) -> None:
        options = {
            "transport": AioHttpTransport(session=session, session_owner=False),
            # As it comes, the client retries for minutes. Here: three times, up to 2 s apart, within the deadline.
            "retry_total": 3,
            "initial_backoff": 0,
            "increment_base": 1,
            "random_jitter_range": 1,
            "permit_redirects": False,  # events and credentials go nowhere else
            "message_encode_policy": BinaryBase64EncodePolicy(),
        }
        if connection.connection_string is not None:
            self._client = QueueClient.from_connection_string(connection.connection_string, queue_name, **options)
        else:
            self._client = QueueClient(str(connection.queue_service_uri), queue_name, credential, **options)

    async def enqueue(self, events: tuple[Event, ...], *, deadline: float) -> None:
        """Return when every event is acknowledged by the queue; `deadline` on the running loop's clock.

        Raises:
            QueueUnavailable: that did not happen; it says which were. One that was not may lie on the queue all the
                same, when only the acknowledgement was lost; its publisher sends it again, and consumers drop repeats.
        """
        waiting = iter(enumerate(events))
        enqueued: set[int] = set()

        async def send() -> None:
            for index, event in waiting:
                await self._send(event.body)
                enqueued.add(index)

        try:
            async with asyncio.timeout_at(deadline):
                senders = [send() for _ in range(min(len(events), CONCURRENT_SENDS))]
                # A sender that fails stops, and what the others have begun is still finished.
                failures = await asyncio.gather(*senders, return_exceptions=True)
                for failure in filter(None, failures):
                    raise failure
        except (AzureError, aiohttp.ClientError, OSError, *UNREADABLE) as error:  # a TimeoutError is an OSError
            not_enqueued = set(range(len(events))) - enqueued
            if not not_enqueued:  # the last acknowledgement came in the moment that the time was up
                return
            _log.error(
                "The queue %s did not take %d of %d events: %s",
                self._client.queue_name,
                len(not_enqueued),
                len(events),
                _reason(error),
            )
            raise QueueUnavailable(enqueued=enqueued, not_enqueued=not_enqueued) from error

    async def _send(self, body: bytes) -> None:
        try:
            await self._put(body)
        except ResourceNotFoundError as error:
            if getattr(error, "error_code", None) != "QueueNotFound":
                raise
            await self._create()
            await self._put(body)

    async def _put(self, body: bytes) -> None:
        message = await self._client.send_message(body, time_to_live=NEVER_EXPIRES)
        if not message.id:
            raise ValueError("the acknowledgement names no message")

    async def _create(self) -> None:
        """Make the queue: Bicep has made it in Azure, on a laptop the first event does."""
        try:
            await self._client.create_queue()
        except ResourceExistsError:
            pass  # another request was faster
        except AzureError:
            _log.error("The queue of EVENTS_QUEUE_NAME does not exist, and it cannot be created.")
            raise
        else:
            _log.info("Created the queue %s.", self._client.queue_name)


def _reason(error: Exception) -> str:
    """The error without the service's answer, which may repeat what was sent."""
    code = getattr(error, "error_code", None)
    status = getattr(error, "status_code", None)
    return " ".join(str(part) for part in (type(error).__name__, status, code) if part)
