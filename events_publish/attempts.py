"""Attempts at a service that may fail: each in its place, again after a pause, all within a deadline."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from events_publish import storage_fault
from events_publish.places import MOST, Place, Places
from events_publish.request_record import RequestRecord

ATTEMPT_SECONDS = 3
"""What each attempt may take, at least: one that is cut too soon may have worked, and the next is a duplicate."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2
"""Between attempts, doubled each time; jittered, so that those that failed together do not come back together."""

LONGEST_WAIT_SECONDS = 1
"""In line for an attempt, as far as can be told beforehand: a longer line would make nobody faster, and all that come
later slower. Whoever waits for twice as long, since storage has begun to hang, leaves the line."""


class GaveUp(Exception):
    """It did not work in time, or cannot; the text says why, for the log.

    `nothing_done`: it is sure that no attempt did what it was to do.
    """

    def __init__(self, why: str, *, nothing_done: bool) -> None:
        super().__init__(why)
        self.nothing_done = nothing_done


class TooManyWait(GaveUp):
    """There was no place in time for a first attempt."""


class Attempts:
    """The attempts at one `service`, where an identity needs a `role`; the `most` at once."""

    def __init__(self, service: str, role: str, *, most: int = MOST) -> None:
        self._service = service
        self._role = role
        self._places = Places(most)
        self._last_fault: storage_fault.StorageFault | None = None
        """Of the last attempt; None where it worked."""

    def require_room(self, deadline: float) -> None:
        """Raises TooManyWait: whoever came now would wait too long, and had better be told at once."""
        spare = max(0, deadline - ATTEMPT_SECONDS - _now())
        if self._places.wait_seconds() > min(LONGEST_WAIT_SECONDS, spare):
            raise self._too_many_wait()

    async def make[T](self, attempt: Callable[[], Awaitable[T]], *, deadline: float, record: RequestRecord) -> T:
        """What `attempt` returns, the first time that it does not fail; `deadline` on the clock of the running loop.

        Raises:
            TooManyWait: none could begin soon.
            GaveUp: no attempt worked that began `ATTEMPT_SECONDS` before the deadline, or no other would.
        """
        latest = deadline - ATTEMPT_SECONDS
        if _now() > latest:
            raise GaveUp(self._why("too little time was left for an attempt"), nothing_done=True)
        place = await self._places.take(until=min(latest, _now() + 2 * LONGEST_WAIT_SECONDS))
        if place is None:
            raise self._too_many_wait()
        pause, nothing_done = FIRST_PAUSE_SECONDS, True
        while place:
            try:
                return await self._make_one(attempt, place, deadline)
            except storage_fault.FAULTS as error:
                self._last_fault = fault = storage_fault.read(error)
            nothing_done = nothing_done and fault.nothing_done
            jittered = max(fault.retry_after, pause * random.uniform(0.5, 1))
            if not fault.may_pass or _now() + jittered > latest:
                break
            record.retries += 1
            await asyncio.sleep(jittered)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            place = await self._places.take(until=latest) if _now() <= latest else None
        raise GaveUp(self._why(fault.reason, fault.advice), nothing_done=nothing_done)

    async def _make_one[T](self, attempt: Callable[[], Awaitable[T]], place: Place, deadline: float) -> T:
        # Where no other could follow, it has all the time that is left.
        last = deadline - place.taken_at < 2 * ATTEMPT_SECONDS + FIRST_PAUSE_SECONDS
        time = asyncio.timeout_at(deadline if last else place.taken_at + ATTEMPT_SECONDS)
        try:
            async with time:
                done = await attempt()
        finally:
            self._places.leave(place, cut=time.expired())
        self._last_fault = None
        return done

    def _too_many_wait(self) -> TooManyWait:
        reason, last = "too many wait", self._last_fault
        if last is None:
            return TooManyWait(self._why(reason), nothing_done=True)
        reason += f", and the last attempt failed with {last.reason}"
        return TooManyWait(self._why(reason, last.advice), nothing_done=True)

    def _why(self, reason: str, advice: str = "") -> str:
        what_to_do = "; " + advice.format(role=self._role) if advice else ""
        return f"{self._service}: {reason}{what_to_do}"


def _now() -> float:
    return asyncio.get_running_loop().time()
