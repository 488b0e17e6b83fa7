"""Attempts at a service that may fail: a bounded number at once, each again after a pause, all within a deadline."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from events_publish import storage_fault
from events_publish.request_record import RequestRecord
from events_publish.storage_fault import StorageFault

AT_ONCE = 100
"""Attempts at one service: as many as there are requests at once on one instance."""

ATTEMPT_SECONDS = 3
"""What each attempt may take, at least: one that is cut too soon may have worked, and the next is a duplicate."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2
"""Between attempts, doubled each time; jittered, so that those that failed together do not come back together."""

LONGEST_WAIT_SECONDS = 1
"""In line for an attempt: a longer line would make nobody faster, and all that come later slower."""


class GaveUp(Exception):
    """It did not work in time, or cannot; the text says why, for the log.

    `nothing_done`: it is sure that no attempt did what it was to do.
    """

    def __init__(self, why: str, *, nothing_done: bool) -> None:
        super().__init__(why)
        self.nothing_done = nothing_done


NO_TIME = StorageFault("too little time was left for an attempt", may_pass=True, nothing_done=True)
OVERLOADED = StorageFault("overload: the line is too long", may_pass=True, nothing_done=True)


class Attempts:
    """The attempts at one `service`, `at_once` at most; the others wait in line. `role`: what an identity needs there."""

    def __init__(self, service: str, role: str, *, at_once: int = AT_ONCE) -> None:
        self._service = service
        self._role = role
        self._at_once = at_once
        self._free = asyncio.Semaphore(at_once)
        self._waiting = self._under_way = 0
        self._begun_sum = 0.0
        """Of the times at which those that are under way began."""
        self._usual_seconds = 0.0

    def require_room(self, deadline: float) -> None:
        """Raises GaveUp: whoever came now would wait too long, and had better be told at once."""
        if not self._waiting or not self._under_way:
            return
        now = asyncio.get_running_loop().time()
        under_way_seconds = now - self._begun_sum / self._under_way  # more than is usual, where the service hangs
        wait = self._waiting * max(self._usual_seconds, under_way_seconds) / self._at_once
        if wait > min(LONGEST_WAIT_SECONDS, deadline - now - ATTEMPT_SECONDS):
            raise self._gave_up(OVERLOADED, nothing_done=True)

    async def make[T](self, attempt: Callable[[], Awaitable[T]], *, deadline: float, record: RequestRecord) -> T:
        """What `attempt` returns, the first time that it does not fail; `deadline` on the clock of the running loop.

        Raises:
            GaveUp: no attempt worked that began `ATTEMPT_SECONDS` before the deadline, or no other would.
        """
        pause, nothing_done = FIRST_PAUSE_SECONDS, True
        fault = NO_TIME
        while await self._turn(deadline):
            try:
                return await self._make_one(attempt, deadline)
            except storage_fault.FAULTS as error:
                fault = storage_fault.read(error)
            nothing_done = nothing_done and fault.nothing_done
            jittered = max(fault.retry_after, pause * random.uniform(0.5, 1))
            if not fault.may_pass or _left(deadline) < jittered + ATTEMPT_SECONDS:
                break
            record.retries += 1
            await asyncio.sleep(jittered)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        raise self._gave_up(fault, nothing_done=nothing_done)

    def _gave_up(self, fault: StorageFault, *, nothing_done: bool) -> GaveUp:
        advice = "; " + fault.advice.format(role=self._role) if fault.advice else ""
        return GaveUp(f"{self._service}: {fault.reason}{advice}", nothing_done=nothing_done)

    async def _turn(self, deadline: float) -> bool:
        """Wait in line; False when too little time is left to begin."""
        if _left(deadline) < ATTEMPT_SECONDS:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout_at(deadline - ATTEMPT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    async def _make_one[T](self, attempt: Callable[[], Awaitable[T]], deadline: float) -> T:
        """Make an attempt whose turn it is, and give the turn to the next."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._under_way += 1
        self._begun_sum += began
        # Where no other could follow, it has all the time that is left.
        last = deadline - began < 2 * ATTEMPT_SECONDS + FIRST_PAUSE_SECONDS
        try:
            async with asyncio.timeout_at(deadline if last else began + ATTEMPT_SECONDS):
                return await attempt()
        finally:
            self._under_way -= 1
            self._begun_sum -= began
            self._usual_seconds += (loop.time() - began - self._usual_seconds) / self._at_once
            self._free.release()


def _left(deadline: float) -> float:
    return deadline - asyncio.get_running_loop().time()
