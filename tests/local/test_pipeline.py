"""A few at a time, results in order, and what happens on the way when it is stopped."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Iterable, Iterator

import pytest

from local.pipeline import from_thread, in_order


async def each(items: Iterable[int]) -> AsyncIterator[int]:
    for item in items:
        yield item


def nothing(_: int) -> None:
    """What becomes of an item whose work raises."""


async def test_results_have_the_order_of_the_items() -> None:
    at_work, most = 0, 0

    async def work(item: int) -> int:
        nonlocal at_work, most
        at_work, most = at_work + 1, max(most, at_work + 1)
        await asyncio.sleep(0.001 * (7 * item % 5))
        at_work -= 1
        return item

    assert [result async for result in in_order(each(range(50)), work, failed=nothing, at_once=4, grace=0)] == [
        *range(50)
    ]
    assert most == 4


async def test_a_result_does_not_wait_for_the_next_item() -> None:
    async def items() -> AsyncIterator[int]:
        yield 1
        await asyncio.Event().wait()

    async def work(item: int) -> int:
        return item

    results = in_order(items(), work, failed=nothing, at_once=4, grace=0)
    async with asyncio.timeout(5):
        assert await anext(results) == 1
    await results.aclose()


async def test_what_a_result_raises_ends_it() -> None:
    cancelled = []

    async def work(item: int) -> int:
        if item == 1:
            raise LookupError
        try:
            await asyncio.sleep(10 * item)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise
        return item

    with pytest.raises(LookupError):
        [result async for result in in_order(each(itertools.count()), work, failed=nothing, at_once=4, grace=0)]
    await asyncio.sleep(0)
    assert sorted(cancelled) == [2, 3, 4]


async def test_what_is_done_is_told_before_what_has_ended_it() -> None:
    """Of the one that raises, and of those behind it, too."""

    async def work(item: int) -> int | str:
        await asyncio.sleep(0.05 if item == 1 else 0)
        if item == 1:
            raise LookupError
        return item

    results: list[int | str] = []

    async def run() -> None:
        async for result in in_order(each(range(4)), work, failed=str, at_once=4, grace=1):
            results.append(result)  # noqa: PERF401

    with pytest.raises(LookupError):
        await run()
    assert results == [0, "1", 2, 3]


async def test_stopped_it_waits_for_those_at_work() -> None:
    """But not for long; and what became of each is told."""
    results: list[str] = []
    untouched: list[int] = []
    first = asyncio.Event()

    async def items() -> AsyncIterator[int]:
        for item in range(3):
            yield item
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            untouched.append(3)
            raise

    async def work(item: int) -> str:
        try:
            await asyncio.sleep((0, 0.1, 60)[item])
        except asyncio.CancelledError:
            return "late"
        return "done"

    async def run() -> None:
        async for result in in_order(items(), work, failed=nothing, at_once=3, grace=0.5):
            results.append(result)
            first.set()

    task = asyncio.create_task(run())
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert results == ["done", "done", "late"]
    assert untouched == [3]


async def test_the_thread_reads_little_ahead() -> None:
    read = []

    def items() -> Iterator[int]:
        for item in range(100):
            read.append(item)
            yield item

    results = from_thread(items(), ahead=5)
    assert await anext(results) == 0
    await asyncio.sleep(0.05)
    assert len(read) <= 8
    assert [item async for item in results] == [*range(1, 100)]


async def test_what_the_iterator_raises_comes_after_its_items() -> None:
    """And is no end like another."""

    def items() -> Iterator[int]:
        yield 1
        raise LookupError

    results = from_thread(items(), ahead=5)
    assert await anext(results) == 1
    with pytest.raises(LookupError):
        await anext(results)


def test_a_thread_that_waits_keeps_nobody() -> None:
    gate = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        gate.wait()
        yield 2

    async def take_one() -> int:
        return await anext(from_thread(items(), ahead=5))

    assert asyncio.run(take_one()) == 1
    gate.set()  # the loop is closed by now: the thread goes, and says nothing
