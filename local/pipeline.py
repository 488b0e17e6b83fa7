"""A stream on its way: read in a thread, worked on a few at a time, its results in the order that it came in."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import suppress
from typing import Any


async def from_thread[T](items: Iterator[T], ahead: int) -> AsyncIterator[T]:
    """Items of an iterator that blocks, at most so many read ahead; what it raises is raised here.

    The thread is a daemon: one that waits for somebody to type keeps nobody from leaving.
    """
    loop = asyncio.get_running_loop()
    room = threading.Semaphore(ahead)
    came: asyncio.Queue[T | None] = asyncio.Queue()
    fault: Exception | None = None

    def hand_over(item: T | None) -> None:
        with suppress(RuntimeError):  # nobody is there any more
            loop.call_soon_threadsafe(came.put_nowait, item)

    def run() -> None:
        nonlocal fault
        try:
            for item in items:
                room.acquire()
                hand_over(item)
        except Exception as error:  # noqa: BLE001  # raised where the items go
            fault = error
        finally:
            hand_over(None)

    threading.Thread(target=run, daemon=True).start()
    while (item := await came.get()) is not None:
        room.release()
        yield item
    if fault:
        raise fault


async def in_order[T, R](
    items: AsyncIterator[T],
    work: Callable[[T], Coroutine[Any, Any, R]],
    *,
    failed: Callable[[T], R | None],
    at_once: int,
    grace: float,
) -> AsyncGenerator[R]:
    """The results of `work`, as soon as they and all before them are there.

    When it is cancelled, or `work` raises, it takes no more items, waits `grace` seconds for those at work, and cancels
    the rest; their results come first, and then it goes on with what has ended it. The result of an item whose work
    raised is what `failed` makes of it; None is left out.
    """
    pending: deque[tuple[T, asyncio.Task[R]]] = deque()
    room = asyncio.Semaphore(at_once)
    started = asyncio.Event()

    async def start_all() -> None:
        async for item in items:
            await room.acquire()
            pending.append((item, asyncio.create_task(work(item))))
            started.set()

    feeder = asyncio.create_task(start_all())
    feeder.add_done_callback(lambda _: started.set())
    try:
        while pending or not feeder.done():
            if not pending:
                started.clear()
                await started.wait()
                continue
            task = pending[0][1]
            await asyncio.wait({task})
            result = task.result()
            pending.popleft()
            room.release()
            yield result
        await feeder  # for what it may have raised
    except (asyncio.CancelledError, Exception):
        feeder.cancel()
        await _finish([task for _, task in pending], grace)
        for item, task in pending:
            last = failed(item) if task.cancelled() or task.exception() else task.result()
            if last is not None:
                yield last
        raise
    finally:
        for left in (feeder, *(task for _, task in pending)):
            left.cancel()


async def _finish(tasks: Collection[asyncio.Task[Any]], grace: float) -> None:
    """Wait until they are done; those that are not in time are cancelled."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=grace)
        for task in late:
            task.cancel()
        await asyncio.wait(tasks)
