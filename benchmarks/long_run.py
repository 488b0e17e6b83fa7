"""Whether an event costs the same late as early: one process of each, one long run, cut into windows of as many requests.

And what all so far have cost: a process that settles late has to earn that back before it ends.
"""

import itertools

from benchmarks import systems, throughput
from benchmarks.effort import Effort
from benchmarks.stack import Stack, stack
from benchmarks.systems import CSHARP, OURS, System
from benchmarks.table import Table
from benchmarks.throughput import Load
from local.up import SAMPLE

WINDOWS = 10


async def tables(effort: Effort) -> list[Table]:
    """The figures of each window; the first of them ends when a hundredth of the requests is over."""
    rows = []
    for name in systems.at_hand([name for name in (OURS, CSHARP) if name in effort.systems]):
        async with stack(real_storage=False) as around:
            (system,) = await around.start([name])
            rows += await _windows(around, system, effort.requests)
    header = ("system", "events", "CPU µs/event", "of all so far", "p50 ms", "MB")
    return [Table("From the first event on", header, rows)]


async def _windows(around: Stack, system: System, requests: int) -> list[tuple[str, str, float, float, float, float]]:
    early, load = requests // 100, Load("")
    bounds = [0, *(early + (requests - early) * number // WINDOWS for number in range(WINDOWS + 1))]
    request = around.request(system, SAMPLE.read_bytes())
    rows, spent, events = [], 0.0, 0.0
    for begin, end in itertools.pairwise(bounds):

        def more(answered: int, wanted: int = end - begin) -> bool:
            return answered + load.connections <= wanted  # as many but one are on their way

        figures = await throughput.measure(system, request, load, more)
        spent, events = spent + figures.cpu_us * figures.events, events + figures.events
        within = f"{begin:,}–{end:,}"
        rows.append((system.name, within, figures.cpu_us, spent / events, figures.p50_ms, figures.memory_mb))
    return rows
