"""How much each system takes, how fast it answers, and what CPU time an event costs it."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from benchmarks import load
from benchmarks.load import Exchange
from benchmarks.stack import Stack, stack
from benchmarks.systems import CSHARP, EMPTY, System
from benchmarks.vitals import vitals
from local import Failure
from local.up import SAMPLE

YOUNG_SECONDS, SETTLING_SECONDS = 12, 20
"""The first seconds of a C# process, which are a row of their own, and what its JIT needs beyond them."""

WARM_SECONDS = 1.5


class Figures(NamedTuple):
    """Of one system under one load."""

    events: float
    events_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_us: float
    """Of the whole serving process, its HTTP server included, for each event."""
    generator_us: float
    """Of the process that loads, for each event."""
    memory_mb: float
    """Resident, at the end."""


class Row(NamedTuple):
    """The medians of some rounds."""

    system: str
    connections: int
    figures: Figures


async def compare(
    names: Sequence[str], connections: Sequence[int], *, seconds: float, rounds: int, real_storage: bool = False
) -> list[Row]:
    """Measure these systems at each number of `connections`, in turns: what disturbs the machine meets them all.

    Raises:
        Failure: one did not accept what it was sent, or what it accepted is not on the queue.
    """
    rows: list[Row] = []
    async with stack(real_storage=real_storage) as around:
        started = await around.start(names)
        for system in started:
            if system.name == CSHARP:
                rows.append(await _settle(around, system, max(connections)))
            else:
                await _measure(around, system, max(connections), WARM_SECONDS)
        for each in connections:
            taken: dict[str, list[Figures]] = {system.name: [] for system in started}
            for _ in range(rounds):
                for system in started:
                    taken[system.name].append(await _measure(around, system, each, seconds))
            rows += [Row(name, each, median(figures)) for name, figures in taken.items()]
    return rows


def median(rounds: Iterable[Figures]) -> Figures:
    """The median of each figure."""
    return Figures(*map(statistics.median, zip(*rounds, strict=True)))


async def measure(
    system: System, request: bytes, connections: int, more: Callable[[int], bool], events: int = 1
) -> Figures:
    """Load it with a `request` of so many `events`, again and again, while ``more(answered)``.

    Raises:
        Failure: it did not accept one.
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
        connections=connections,
        more=lambda: not refused and more(len(latencies)),
        request=lambda _: request,
        take=take,
    )
    took, own, after = time.perf_counter() - began, time.process_time() - own, vitals(system.child.pid)
    if refused:
        raise Failure(f"{system.name} answered {refused[0].status}: {refused[0].body[:500]!r}")
    count = len(latencies) * events
    return Figures(
        events=count,
        events_per_second=count / took,
        p50_ms=load.quantile(latencies, 0.5) * 1000,
        p95_ms=load.quantile(latencies, 0.95) * 1000,
        p99_ms=load.quantile(latencies, 0.99) * 1000,
        cpu_us=(after.cpu - before.cpu) / count * 1e6,
        generator_us=own / count * 1e6,
        memory_mb=after.memory,
    )


def lasting(seconds: float) -> Callable[[int], bool]:
    """More, for some seconds from now on."""
    end = time.perf_counter() + seconds
    return lambda _: time.perf_counter() < end


async def _settle(around: Stack, system: System, connections: int) -> Row:
    """The figures of its first seconds; then it is loaded until it is as fast as it gets."""
    young = await _measure(around, system, connections, YOUNG_SECONDS)
    await _measure(around, system, connections, SETTLING_SECONDS)
    return Row(f"{system.name}, young", connections, young)


async def _measure(around: Stack, system: System, connections: int, seconds: float) -> Figures:
    await around.empty()
    before = await around.on_queue()
    figures = await measure(system, around.request(system, SAMPLE.read_bytes()), connections, lasting(seconds))
    if system.name != EMPTY and await around.on_queue() < before + figures.events:
        raise Failure(f"{system.name} accepted more events than are on the queue.")
    return figures
