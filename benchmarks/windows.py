"""Whether an event costs the same late as early: one process, one long run, cut into windows of as many requests."""

from benchmarks import throughput
from benchmarks.effort import Effort
from benchmarks.stack import stack
from benchmarks.systems import OURS
from benchmarks.table import Table
from benchmarks.throughput import Load
from local.up import SAMPLE

WINDOWS = 10


async def tables(effort: Effort) -> list[Table]:
    """The figures of each window; the first begins when a hundredth of the requests is over."""
    early, load = effort.requests // 100, Load("")
    bounds = [early + (effort.requests - early) * number // WINDOWS for number in range(WINDOWS + 1)]
    rows = []
    async with stack(real_storage=False) as around:
        (system,) = await around.start([OURS])
        request = around.request(system, SAMPLE.read_bytes())
        for begin, end in zip([0, *bounds], bounds, strict=False):

            def more(answered: int, wanted: int = end - begin) -> bool:
                return answered + load.connections <= wanted  # as many but one are on their way

            figures = await throughput.measure(system, request, load, more)
            rows.append((f"{begin:,}–{end:,}", figures.cpu_us, figures.p50_ms, figures.memory_mb))
    return [Table("Ours, from the first event on", ("events", "CPU µs/event", "p50 ms", "MB"), rows)]
