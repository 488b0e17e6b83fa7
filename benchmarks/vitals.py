"""What a process takes of the machine, read from /proc."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class Vitals(NamedTuple):
    """Of one process, at one moment of the monotonic clock."""

    at: float
    memory: float
    """Resident set, in MB."""
    files: int
    """File descriptors that are open, sockets among them."""
    cpu: float
    """Seconds of CPU time that it has used so far."""


def vitals(pid: int) -> Vitals:
    """Those of a running process."""
    process = Path("/proc") / str(pid)
    pages = int((process / "statm").read_text().split()[1])
    after_name = (process / "stat").read_text().rpartition(")")[2].split()
    ticks = int(after_name[11]) + int(after_name[12])
    files = sum(1 for _ in (process / "fd").iterdir())
    return Vitals(time.monotonic(), pages * _PAGE_BYTES / 1e6, files, ticks / _TICKS)


@asynccontextmanager
async def watched(pid: int, every: float = 1) -> AsyncIterator[Sequence[Vitals]]:
    """The vitals of a process, from now on; the list grows within the block."""
    found = [vitals(pid)]

    async def watch() -> None:
        while True:
            await asyncio.sleep(every)
            found.append(vitals(pid))

    watching = asyncio.create_task(watch())
    try:
        yield found
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError, OSError):  # the process may have ended
            await watching


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Of the line that lies nearest to these points, by least squares."""
    middle = sum(x for x, _ in samples) / len(samples)
    spread = sum((x - middle) ** 2 for x, _ in samples)
    return sum((x - middle) * y for x, y in samples) / spread if spread else 0
