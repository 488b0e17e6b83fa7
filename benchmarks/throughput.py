"""How much each system takes, how fast it answers, and what CPU time an event costs it."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from benchmarks import load, systems
from benchmarks.effort import Effort
from benchmarks.load import Exchange
from benchmarks.stack import STRUCTURED, Stack, stack
from benchmarks.systems import CSHARP, EMPTY, PLAIN, System
from benchmarks.table import Table, ratio
from benchmarks.vitals import vitals
from local import Failure
from local.up import SAMPLE

CONNECTIONS = 32
"""Where the number of them is not what is compared."""

YOUNG_SECONDS, SETTLING_SECONDS = 12, 5
"""The first seconds of a C# process, which are a row of their own; those in which its JIT has to be done with it, after
`SETTLING_ROUNDS` as long."""

SETTLING_ROUNDS = 4

WARM_SECONDS = 1.5


class Load(NamedTuple):
    """What is sent, again and again."""

    name: str
    body: bytes = SAMPLE.read_bytes()
    events: int = 1
    """In one request."""
    content_type: str = STRUCTURED
    connections: int = CONNECTIONS


class Figures(NamedTuple):
    """Of one system under one load."""

    events: float
    events_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_us: float
    """Of the whole serving process, its HTTP server included, for each event."""
    memory_mb: float
    """Resident, at the end."""
    generator_us: float
    """CPU time of the process that loads, for each event."""


class Row(NamedTuple):
    """The median of some rounds."""

    system: str
    load: Load
    figures: Figures


async def tables(effort: Effort, *, real_storage: bool = False) -> list[Table]:
    """By the number of connections: all figures, and how flat the cost of an event is."""
    names = [name for name in effort.systems if not (real_storage and name == EMPTY)]
    loads = [Load(str(each), connections=each) for each in effort.connections]
    rows = await compare(names, loads, effort, real_storage=real_storage)
    where = "Azurite" if real_storage else "a queue that acknowledges at once"
    return [table(f"Against {where}", "connections", rows), _by_connections(where, rows, loads)]


async def against_azurite(effort: Effort) -> list[Table]:
    return await tables(effort, real_storage=True)


async def compare(
    names: Sequence[str], loads: Sequence[Load], effort: Effort, *, real_storage: bool = False
) -> list[Row]:
    """Measure these systems under each load, in turns: what disturbs the machine meets them all.

    Raises:
        Failure: one did not accept what it was sent, or what it accepted is not on the queue.
    """
    rows: list[Row] = []
    async with stack(real_storage=real_storage) as around:
        started = await around.start(names)
        for system in started:
            if system.name == CSHARP:
                young = await _settle(around, system)
                rows += [young] if young.load in loads else []
            else:
                await _measure(around, system, loads[-1], min(WARM_SECONDS, effort.seconds))
        for each in loads:
            taken: dict[str, list[Figures]] = {system.name: [] for system in started}
            for _ in range(effort.rounds):
                for system in started:
                    taken[system.name].append(await _measure(around, system, each, effort.seconds))
            rows += [Row(name, each, median(figures)) for name, figures in taken.items()]
    return rows


def table(title: str, what: str, rows: Iterable[Row]) -> Table:
    """Each figure beside that of plain under the same load, `what` by name."""
    rows = list(rows)
    plain = {row.load: row.figures for row in rows if row.system == PLAIN}
    header = (
        "system",
        what,
        "events/s",
        "× plain",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "CPU µs/event",
        "of plain",
        "MB",
        "sender µs",
    )
    cells = []
    for system, each, figures in rows:
        base = plain.get(each)
        cells.append(
            (
                system,
                each.name,
                figures.events_per_second,
                ratio(figures.events_per_second, base and base.events_per_second),
                figures.p50_ms,
                figures.p95_ms,
                figures.p99_ms,
                figures.cpu_us,
                ratio(figures.cpu_us, base and base.cpu_us),
                figures.memory_mb,
                figures.generator_us,
            )
        )
    return Table(title, header, cells)


def _by_connections(where: str, rows: Sequence[Row], loads: Sequence[Load]) -> Table:
    """Whether an event costs the same however many publishers there are."""
    costs = {(row.system, row.load): row.figures.cpu_us for row in rows}
    names = [name for name in systems.NAMES if (name, loads[0]) in costs]
    header = ("CPU µs/event", *(f"{each.name} conn." for each in loads))
    return Table(f"By connections, {where}", header, [(name, *(costs[name, each] for each in loads)) for name in names])


def median(rounds: Iterable[Figures]) -> Figures:
    """The median of each figure."""
    return Figures(*map(statistics.median, zip(*rounds, strict=True)))


async def measure(system: System, request: bytes, offered: Load, more: Callable[[int], bool]) -> Figures:
    """Offer a load, which `request` has the bytes of, while ``more(answered)``.

    Raises:
        Failure: the system did not accept one.
    """
    latencies: list[float] = []
    refused: list[Exchange] = []

    def take(exchange: Exchange) -> None:
        if exchange.status == 200:
            latencies.append(exchange.latency)
        else:
            refused.append(exchange)

    before, began, own = vitals(system.child.pid), time.perf_counter(), time.process_time()
    await load.circulate(
        system.events,
        connections=offered.connections,
        more=lambda: not refused and more(len(latencies)),
        request=lambda _: request,
        take=take,
    )
    took, own, after = time.perf_counter() - began, time.process_time() - own, vitals(system.child.pid)
    if refused:
        raise Failure(f"{system.name} answered {refused[0].status}: {refused[0].body[:500]!r}")
    count = len(latencies) * offered.events
    return Figures(
        events=count,
        events_per_second=count / took,
        p50_ms=load.quantile(latencies, 0.5) * 1000,
        p95_ms=load.quantile(latencies, 0.95) * 1000,
        p99_ms=load.quantile(latencies, 0.99) * 1000,
        cpu_us=(after.cpu - before.cpu) / count * 1e6,
        memory_mb=after.memory,
        generator_us=own / count * 1e6,
    )


def lasting(seconds: float) -> Callable[[int], bool]:
    """More, for some seconds from now on."""
    end = time.perf_counter() + seconds
    return lambda _: time.perf_counter() < end


async def _settle(around: Stack, system: System) -> Row:
    """The figures of its first seconds; then it is loaded until an event costs no less than before."""
    sample = Load(str(CONNECTIONS))
    young = await _measure(around, system, sample, YOUNG_SECONDS)
    costs = [young.cpu_us]
    while len(costs) <= SETTLING_ROUNDS or costs[-1] < 0.9 * costs[-2]:
        costs.append((await _measure(around, system, sample, SETTLING_SECONDS)).cpu_us)
    return Row(f"{system.name}, young", sample, young)


async def _measure(around: Stack, system: System, offered: Load, seconds: float) -> Figures:
    await around.empty()
    before = await around.on_queue()
    request = around.request(system, offered.body, offered.content_type)
    figures = await measure(system, request, offered, lasting(seconds))
    if system.name != EMPTY and await around.on_queue() < before + figures.events:
        raise Failure(f"{system.name} accepted more events than are on the queue.")
    return figures
