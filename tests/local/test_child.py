"""Programs that run beside us."""

import asyncio
import os
import signal
import sys

import pytest

from local.child import Child, ChildEnded

PYTHON = [sys.executable, "-u", "-c"]


async def test_a_very_long_line_does_not_stop_it() -> None:
    shown: list[str] = []
    code = "print('ready'); print('x' * 5_000_000); print('after')"
    child = await Child.start([*PYTHON, code], ["^(ready)"], show=shown.append)
    assert child.ready[0][1] == "ready"
    assert await child.wait() == 0
    await child.stop()
    assert [len(line) for line in shown] == [5, 5_000_000, 5]


async def test_one_that_ends_before_it_is_ready() -> None:
    with pytest.raises(ChildEnded) as ended:
        await Child.start([*PYTHON, "print('oh'); raise SystemExit(3)"], ["never"])
    assert ended.value.output == "oh\n"
    assert "3" in str(ended.value)


async def test_one_that_is_held_is_stopped_all_the_same() -> None:
    child = await Child.start(["sh", "-c", "echo ready; exec sleep 60"], ["ready"])
    os.kill(child.pid, signal.SIGSTOP)
    async with asyncio.timeout(10):
        assert await child.stop() == -signal.SIGTERM


async def test_it_is_stopped_with_all_that_it_has_started() -> None:
    """A grandchild would hold the pipe open, and us with it."""
    child = await Child.start(["sh", "-c", "sleep 60 & echo ready; sleep 60; exit 0"], ["ready"])
    assert await child.stop() == -signal.SIGTERM
