"""Attempts at a service that is slow, hangs or is asked for too much: minutes of it in seconds, on a clock of its own."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from events_publish.attempts import LONGEST_WAIT_SECONDS, Attempts, GaveUp, TooManyWait
from events_publish.request_record import RequestRecord
from tests.clock import VirtualTimeLoop

BUDGET_SECONDS = 10


class Ended(NamedTuple):
    """A request that has ended."""

    began: float
    ended: float
    accepted: bool
    tried: bool = True
    """The service was asked, once at least."""


async def offer(ask: Callable[[], Awaitable[None]], *, rate: float, seconds: float) -> list[Ended]:
    """So many requests each second, whatever becomes of them."""
    loop, attempts = asyncio.get_running_loop(), Attempts("the service", "Reader")

    async def request(began: float) -> Ended:
        await asyncio.sleep(began - loop.time())
        deadline, tried = loop.time() + BUDGET_SECONDS, False

        async def attempt() -> None:
            nonlocal tried
            tried = True
            await ask()

        try:
            attempts.require_room(deadline)
            await attempts.make(attempt, deadline=deadline, record=RequestRecord(""))
        except GaveUp as error:
            assert isinstance(error, TooManyWait) != tried, "whoever is told so was not tried, and nobody else"
            return Ended(began, loop.time(), accepted=False, tried=tried)
        return Ended(began, loop.time(), accepted=True)

    return await asyncio.gather(*(request(number / rate) for number in range(int(rate * seconds))))


def run(ask: Callable[[], Awaitable[None]], *, rate: float, seconds: float) -> list[Ended]:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        ended = runner.run(offer(ask, rate=rate, seconds=seconds))
    assert all(each.ended - each.began <= BUDGET_SECONDS + 0.01 for each in ended)
    return ended


@pytest.mark.parametrize(("latency", "rate"), [(0.02, 300), (0.02, 1000), (0.1, 300), (0.1, 600), (0.2, 300)])
def test_full_speed_soon_after_a_hang(latency: float, rate: float) -> None:
    """Also where a slow service means that most places are needed."""
    chance = random.Random(1)

    async def ask() -> None:
        hangs = 5 <= asyncio.get_running_loop().time() < 25
        await asyncio.sleep(3600 if hangs else latency * chance.uniform(0.7, 1.3))

    after = [each for each in run(ask, rate=rate, seconds=30) if each.began >= 27]
    assert all(each.accepted for each in after)
    assert max(each.ended - each.began for each in after) < 2 * latency


def test_a_burst_on_a_service_that_hangs() -> None:
    """Whoever is not tried hears it soon."""

    async def ask() -> None:
        await asyncio.sleep(3600)

    waited = [each.ended - each.began for each in run(ask, rate=100_000, seconds=0.01) if not each.tried]
    assert waited
    assert max(waited) <= 2 * LONGEST_WAIT_SECONDS + 0.01


@pytest.mark.parametrize(("taken", "share"), [(20, 0.55), (35, 0.95), (50, 0.95), (200, 0.95)])
def test_most_of_what_a_slow_service_takes_is_accepted(taken: float, share: float) -> None:
    """One call after the other, and those that are cut, too."""
    seconds, free_at = 40, 0.0

    async def ask() -> None:
        nonlocal free_at
        now = asyncio.get_running_loop().time()
        free_at = max(free_at, now) + 1 / taken
        await asyncio.sleep(free_at - now)

    ended = run(ask, rate=5 * taken, seconds=seconds)
    assert sum(each.accepted for each in ended) >= share * taken * seconds
