"""The places at a service: how many calls may be under way at once, and the line of those who wait for one.

A service that is asked for more than it can do answers too late, and what is cut for time it does all the same. So there
are fewer places while most calls are cut, and more again with each that is answered. Where nothing is answered at all,
the calls that hang keep nobody from trying: when the service is back, the next ones find out.
"""

import asyncio
from collections import deque
from typing import NamedTuple

MOST = 100
"""For ten batches at once, or 500 events a second of which each takes 0.2 s. An instance may have fewer requests than that
(infra/ says 32): a place that nobody needs costs nothing."""

FEWEST = 4

QUICK_SECONDS = 0.5
"""An answer within them tells that the service can take more."""

SILENT_SECONDS = 1
"""Without any answer: then the calls that are under way hold no places any more."""


class Place(NamedTuple):
    """A place that is taken, to be left again."""

    taken_at: float
    silence: int
    """How many silences there had been; where there are more by now, it is no longer held."""


class Places:
    """At most so many as are the `most`."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._number: float = most
        self._taken = 0
        self._taken_at_sum = 0.0
        self._usual_seconds = 0.0
        """How long a place is held."""
        self._cut_share = 0.0
        """Of the calls of late, how many were cut for time."""
        self._line = deque[asyncio.Future[Place]]()
        self._silences = 0
        self._answered = False
        self._listening = False

    def wait_seconds(self) -> float:
        """How long whoever came now would wait for a place, as far as can be told."""
        if not self._line:
            return 0
        # Those that hold places are half through on average, and nobody knows yet when they end.
        held = 2 * (self._now() - self._taken_at_sum / self._taken) if self._taken else 0
        return len(self._line) * max(self._usual_seconds, held) / self._number

    async def take(self, *, until: float) -> Place | None:
        """The next place, first come, first served; None when there was none `until` a moment of the loop's clock."""
        if not self._line and self._taken < self._number:
            return self._occupy()
        turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        self._listen()
        try:
            async with asyncio.timeout_at(until):
                return await turn
        except BaseException as error:
            if turn in self._line:
                self._line.remove(turn)
            elif not turn.cancelled():  # it was given in the moment in which who waited went
                self._vacate(turn.result())
            if isinstance(error, TimeoutError):
                return None
            raise

    def leave(self, place: Place, *, cut: bool) -> None:
        """Give the place to the next; `cut`: the call was not answered in time."""
        seconds = self._now() - place.taken_at
        self._usual_seconds += (seconds - self._usual_seconds) / self._number
        self._answered = self._answered or not cut
        self._cut_share += (cut - self._cut_share) / self._number
        if not cut:
            # Twice as many with each round of quick answers; of others, one more a round.
            more = 1 if seconds < QUICK_SECONDS else 1 / self._number
            self._number = min(self._most, self._number + more)
        elif self._cut_share > 0.5:
            self._number = max(min(FEWEST, self._most), self._number / 2)
            self._cut_share = 0
        self._vacate(place)

    def _vacate(self, place: Place) -> None:
        if place.silence == self._silences:
            self._taken -= 1
            self._taken_at_sum -= place.taken_at
        self._serve()

    def _occupy(self) -> Place:
        place = Place(self._now(), self._silences)
        self._taken += 1
        self._taken_at_sum += place.taken_at
        return place

    def _serve(self) -> None:
        """Give free places to those who wait."""
        while self._line and self._taken < self._number:
            turn = self._line.popleft()
            if not turn.done():  # or who waited has just gone
                turn.set_result(self._occupy())

    def _listen(self) -> None:
        """While somebody waits, notice when nothing is answered."""
        if not self._listening:
            self._listening, self._answered = True, False
            asyncio.get_running_loop().call_later(SILENT_SECONDS, self._hear)

    def _hear(self) -> None:
        self._listening = False
        if not self._line:
            return
        if not self._answered:
            self._silences += 1
            self._taken, self._taken_at_sum = 0, 0.0
            self._serve()
        self._listen()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
