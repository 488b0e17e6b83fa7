"""Places: who may try, who waits, and for how long."""

import asyncio
import contextlib
import random

import pytest

from events_publish import places
from events_publish.places import FEWEST, MOST, Place, Places


def in_seconds(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def take(some: Places, number: int = 1) -> list[Place]:
    """That many, which are free."""
    taken = [await some.take(until=in_seconds(0)) for _ in range(number)]
    return [place for place in taken if place]


async def test_first_come_first_served() -> None:
    some, order = Places(1), []
    (place,) = await take(some)

    async def wait(number: int) -> None:
        mine = await some.take(until=in_seconds(10))
        order.append(number)
        assert mine
        some.leave(mine, cut=False)

    waiting = [asyncio.create_task(wait(number)) for number in range(5)]
    await asyncio.sleep(0)
    some.leave(place, cut=False)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4]


async def test_none_until_then() -> None:
    some = Places(1)
    (place,) = await take(some)
    assert await some.take(until=in_seconds(0.05)) is None
    some.leave(place, cut=False)
    assert len(await take(some, 2)) == 1


async def test_a_place_that_is_given_to_who_has_just_gone_is_not_lost() -> None:
    some = Places(1)
    (place,) = await take(some)
    waiting = asyncio.create_task(some.take(until=in_seconds(10)))
    await asyncio.sleep(0)
    some.leave(place, cut=False)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert len(await take(some)) == 1


async def test_there_are_fewer_while_most_calls_are_cut() -> None:
    """Down to a few, and up again with each call that is answered: all of them after a thousand quick ones or so."""
    some = Places()
    for _ in range(20):
        for place in await take(some, MOST):
            some.leave(place, cut=True)
    taken = await take(some, MOST)
    assert len(taken) == FEWEST
    rounds = 0
    while len(taken) < MOST:
        for place in taken:
            some.leave(place, cut=False)
        taken = await take(some, MOST)
        rounds += 1
    assert rounds <= MOST


async def test_as_many_while_some_calls_are_cut() -> None:
    """One in four that hangs does not make the others wait."""
    some, chance = Places(), random.Random(1)
    for _ in range(50):
        for place in await take(some, MOST):
            some.leave(place, cut=chance.random() < 0.25)
    assert len(await take(some, MOST)) == MOST


async def test_calls_that_hang_hold_no_places_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as nothing is answered; and when they end at last, nothing is counted twice."""
    monkeypatch.setattr(places, "SILENT_SECONDS", 0.05)
    some = Places(3)
    hanging = await take(some, 3)
    found = [await some.take(until=in_seconds(1)) for _ in range(5)]
    assert all(found)
    for place in (*hanging, *found):
        assert place
        some.leave(place, cut=True)
    assert len(await take(some, 5)) == 3


async def test_calls_that_are_slow_keep_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where others are answered meanwhile."""
    monkeypatch.setattr(places, "SILENT_SECONDS", 0.1)
    some = Places(3)
    quick, *slow = await take(some, 3)
    waiting = [asyncio.create_task(some.take(until=in_seconds(0.5))) for _ in range(20)]
    for each in waiting[:10]:
        await asyncio.sleep(0.04)
        some.leave(quick, cut=False)
        given = await each
        assert given
        quick = given
    assert not any(each.done() for each in waiting[10:])
    for each in waiting[10:]:
        each.cancel()
    assert len(slow) == 2


async def test_nothing_is_lost_in_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers that come, wait, give up, are cancelled, are cut and hang, by chance: in the end every place is free."""
    monkeypatch.setattr(places, "SILENT_SECONDS", 0.01)
    some, chance = Places(5), random.Random(1)

    async def call() -> None:
        await asyncio.sleep(chance.random() / 2)
        place = await some.take(until=in_seconds(chance.random() / 10))
        if place:
            try:
                await asyncio.sleep(chance.choice([0, 0.001, 0.05]))
            finally:
                some.leave(place, cut=chance.random() < 0.3)

    callers = [asyncio.create_task(call()) for _ in range(1000)]
    for caller in callers[::3]:
        asyncio.get_running_loop().call_later(chance.random() / 2, caller.cancel)
    await asyncio.gather(*callers, return_exceptions=True)
    assert some._taken == 0
    assert some._taken_at_sum == pytest.approx(0, abs=1e-3)
    assert not some._line
    for _ in range(100):
        for place in await take(some, 5):
            some.leave(place, cut=False)
    assert len(await take(some, 10)) == 5
