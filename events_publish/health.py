"""``/health`` and ``/health/ready``: whether the function is alive, and whether it could publish an event."""

import asyncio
import json
from collections.abc import Collection
from time import monotonic

from events_publish.attempts import GaveUp
from events_publish.event_queue import EventQueue
from events_publish.exchange import READ, Request, Response, require_method
from events_publish.keys import KeySet
from events_publish.problem import KeysUnavailable, NotReady
from events_publish.request_record import RequestRecord

VERDICT_SECONDS = 5
"""How long a verdict counts from when it was asked for, whoever asks; it may take as long."""

WELL = Response(
    200, {"Content-Type": "application/json", "Cache-Control": "no-store"}, json.dumps({"status": "pass"}).encode()
)


async def alive(request: Request) -> Response:
    """It is, since it answers.

    Raises:
        MethodNotAllowed
    """
    require_method(request, READ)
    return WELL


class Readiness:
    """Whether keys of an issuer are at hand and the queue can be reached."""

    def __init__(self, key_sets: Collection[KeySet], queue: EventQueue) -> None:
        self._key_sets = key_sets
        self._queue = queue
        self._judging: asyncio.Task[str | None] | None = None
        self._asked_at = 0.0

    async def require(self, record: RequestRecord) -> None:
        """Raises NotReady: an event that came now could not be published."""
        if self._judging is None or (self._judging.done() and monotonic() - self._asked_at > VERDICT_SECONDS):
            self._asked_at = monotonic()
            # In a task of its own, which no request that gives up takes with it.
            self._judging = asyncio.create_task(self._judge(record))
        cause = await asyncio.shield(self._judging)
        if cause is not None:
            raise NotReady(cause)

    async def _judge(self, record: RequestRecord) -> str | None:
        """Why nothing can be published, or None."""
        deadline = asyncio.get_running_loop().time() + VERDICT_SECONDS
        try:
            await asyncio.gather(
                self._require_keys(deadline), self._queue.require_reachable(deadline=deadline, record=record)
            )
        except KeysUnavailable as error:
            return error.cause
        except GaveUp as error:
            return str(error)
        return None

    async def _require_keys(self, deadline: float) -> None:
        """Raises KeysUnavailable: no issuer's are at hand, and none could be fetched."""
        if not any(each.is_filled() for each in self._key_sets):
            fetches = [each.fill(deadline=deadline) for each in self._key_sets]
            failures = await asyncio.gather(*fetches, return_exceptions=True)
            if all(failures):
                raise next(filter(None, failures))
