"""How far one endpoint scales: a simulation of the way from one instance to what Azure Storage takes.

``python -m benchmarks.scale`` prints what comes of the public limits (`Limits`) and of what one instance was measured
to need (`Measured`, each an option); ``--plot docs/scale.svg`` draws it. The seed is fixed: the same figures each time.

An instance takes as many requests at once as its HTTP concurrency says. Each needs the CPU, one after the other, and
then waits for storage, all beside each other. A queue, and the account, take so many messages a second and answer the
rest with 503. The function repeats such an attempt; under a load that lasts this only moves the refusal, so it is left
out here. So are the network, keys and Altinn Authorization.
"""

import argparse
import functools
import itertools
import math
import random
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import pygal
import simpy

from benchmarks import plot
from events_publish.shards import shard_of


@dataclass(frozen=True)
class Limits:
    """What Azure says that it takes."""

    queue_messages: float = 2_000
    """Of 1 KiB, a second, on one queue: learn.microsoft.com/azure/storage/queues/scalability-targets."""
    account_messages: float = 20_000
    """The same of one account; the same page. (All requests: 40,000 in Norway East and other large regions, else 20,000:
    learn.microsoft.com/azure/storage/common/scalability-targets-standard-account.)"""
    account_ingress_bytes: float = 25e9 / 8
    """A second: 25 Gbit/s, in large regions 60; the same page."""
    consumer_requests: float = 1 + 1 / 32
    """Of consumers for an event: deleted one by one, and got 32 at a time, which is the most."""
    maximum_instances: int = 40
    """What infra/ sets; Flex Consumption goes to 1,000, within 250 cores for a subscription in a region:
    learn.microsoft.com/azure/azure-functions/flex-consumption-plan."""
    instance_starts: float = 1
    """A second. Azure's figure for HTTP triggers on older plans (learn.microsoft.com/azure/azure-functions/
    event-driven-scaling). Flex Consumption is faster: Azure has shown a thousand within a minute, and promises nothing."""

    def account_events(self, event_bytes: float) -> float:
        """Events a second that an account takes while consumers keep up."""
        by_messages = self.account_messages / (1 + self.consumer_requests)
        return min(by_messages, self.account_ingress_bytes / (event_bytes * 4 / 3))  # base64


class Size(NamedTuple):
    """An instance of Flex Consumption: learn.microsoft.com/azure/azure-functions/flex-consumption-plan."""

    memory_mb: int
    cores: float


SIZES = (Size(512, 0.25), Size(2048, 1), Size(4096, 2))


@dataclass(frozen=True)
class Measured:
    """What one event needs on one instance. Put your own in: none of these was measured in Azure."""

    worker_cpu_ms: float = 1.0
    """Of Python, which has one core at most, however many there are. In the host of local/, with its HTTP server, 0.39 was
    measured: doubled for a slower core, and the rest for the worker's talk with the Functions host."""
    host_cpu_ms: float = 1.0
    """Of the Functions host beside it: a guess."""
    storage_p50_ms: float = 8.0
    """From sending a message to its acknowledgement. Assumed, as is the next: the log has yours, `storageMilliseconds`."""
    storage_p99_ms: float = 40.0
    start_seconds: float = 3.0
    """From when an instance is wanted to its first request."""
    event_bytes: float = 1024.0

    def cpu_seconds(self, size: Size) -> float:
        """How long an event keeps what the others wait for: the core, or with two of them that of Python."""
        both = (self.worker_cpu_ms + self.host_cpu_ms) / 1000
        return both / size.cores if size.cores <= 1 else max(self.worker_cpu_ms / 1000, both / size.cores)

    @property
    def _sigma(self) -> float:
        return math.log(self.storage_p99_ms / self.storage_p50_ms) / statistics.NormalDist().inv_cdf(0.99)

    @property
    def storage_seconds(self) -> float:
        """Of an acknowledgement, on average; latencies are taken for log-normal."""
        return self.storage_p50_ms / 1000 * math.exp(self._sigma**2 / 2)

    def draw_storage_seconds(self, chance: random.Random) -> float:
        """Of one acknowledgement."""
        return chance.lognormvariate(math.log(self.storage_p50_ms / 1000), self._sigma)


def throughput(in_flight: int, cpu: float, storage: float) -> float:
    """Events a second of one instance that always has so many in flight, by mean value analysis.

    An event needs `cpu` seconds of the one core, where it waits for those that came before it, and `storage` seconds
    beside each other. That is Little's law at each number in flight, from one on.
    """
    rate = waiting = 0.0
    for number in range(1, in_flight + 1):
        at_cpu = cpu * (1 + waiting)
        rate = number / (storage + at_cpu)
        waiting = rate * at_cpu
    return rate


class Outcome(NamedTuple):
    """What comes of instances that are kept full."""

    accepted: float
    """Events a second."""
    refused: float
    """Events a second, with 503."""
    p50: float
    """Seconds from request to 200."""
    p99: float
    mean: float


class _Valve:
    """Lets through so many a second, and a hundredth of that at once."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._due = 0.0

    def is_open(self, now: float) -> bool:
        return self._due - now <= 0.01

    def take(self, now: float) -> None:
        self._due = max(self._due, now) + self._interval


class _Storage:
    """The queues of one account. Events have one of a thousand keys, and lie where `events_publish.shards` says."""

    def __init__(self, shards: int, limits: Limits, event_bytes: float, chance: random.Random) -> None:
        self._queues = [_Valve(limits.queue_messages) for _ in range(shards)]
        self._account = _Valve(limits.account_events(event_bytes))
        self._of_key = [shard_of({"source": f"/party/{50_000_000 + key}"}, shards) for key in range(1_000)]
        self._chance = chance

    def accepts(self, now: float) -> bool:
        queue = self._queues[self._chance.choice(self._of_key)]
        if not (queue.is_open(now) and self._account.is_open(now)):
            return False
        queue.take(now)
        self._account.take(now)
        return True


def keep_full(  # noqa: PLR0913  # all by name
    *,
    instances: int,
    concurrency: int,
    shards: int,
    size: Size = SIZES[1],
    measured: Measured = Measured(),
    limits: Limits = Limits(),
    seed: int = 1,
) -> Outcome:
    """Instances that always have as many requests as they take at once: what Flex Consumption fills before it adds one."""
    chance = random.Random(seed)
    environment = simpy.Environment()
    storage = _Storage(shards, limits, measured.event_bytes, chance)
    cpu_seconds = measured.cpu_seconds(size)
    latencies: list[float] = []
    refused: list[float] = []

    def place(core: simpy.Resource) -> Iterator[simpy.Event]:
        while True:
            began = environment.now
            with core.request() as turn:
                yield turn
                yield environment.timeout(cpu_seconds)
            accepted = storage.accepts(environment.now)
            yield environment.timeout(measured.draw_storage_seconds(chance))
            (latencies if accepted else refused).append(environment.now - began)

    for _ in range(instances):
        core = simpy.Resource(environment)
        for _ in range(concurrency):
            environment.process(place(core))  # type: ignore[arg-type]  # it wants a Generator, and sends nothing
    rate = throughput(concurrency, cpu_seconds, measured.storage_seconds)
    settled = 2 * concurrency / rate
    seconds = max(settled, 4_000 / (instances * rate))
    environment.run(until=settled)
    latencies.clear()
    refused.clear()
    environment.run(until=settled + seconds)
    p50, p99 = (statistics.quantiles(latencies, n=100)[percent - 1] for percent in (50, 99))
    return Outcome(len(latencies) / seconds, len(refused) / seconds, p50, p99, statistics.fmean(latencies))


class Moment(NamedTuple):
    """Of a load that rises."""

    seconds: float
    offered: float
    """Events a second."""
    instances: int
    accepted: float
    refused: float
    latency: float
    """Seconds, on average, with what a request waits for a place on an instance."""


def ramp(  # noqa: PLR0913  # all by name
    *,
    concurrency: int,
    shards: int,
    peak: float,
    rising_seconds: float = 60,
    holding_seconds: float = 60,
    size: Size = SIZES[1],
    measured: Measured = Measured(),
    limits: Limits = Limits(),
) -> Iterator[Moment]:
    """A load that rises to `peak` while instances are added, and stays; a moment each second.

    Requests in flight are a fluid. One more instance is wanted when those there are have all that they take at once.
    """
    cpu, storage = measured.cpu_seconds(size), measured.storage_seconds
    rates = [throughput(number, cpu, storage) for number in range(concurrency + 1)]
    most = min(shards * limits.queue_messages, limits.account_events(measured.event_bytes))
    step = (cpu + storage) / 4  # the fluid is quicker than a request, and must not overshoot
    in_flight, instances, starting = 0.0, 1, list[float]()
    may_start, told = 0.0, 0
    for now in (number * step for number in itertools.count(1)):
        offered = peak * min(1, now / rising_seconds)
        while starting and starting[0] <= now:
            starting.pop(0)
            instances += 1
        wanted = math.ceil(in_flight / concurrency)
        if instances + len(starting) < min(wanted, limits.maximum_instances) and now >= may_start:
            starting.append(now + measured.start_seconds)
            may_start = now + 1 / limits.instance_starts
        full, part = divmod(min(in_flight / instances, concurrency), 1)
        here = rates[int(full)]
        more = rates[int(full) + 1] - here if part else 0
        served = instances * (here + part * more)
        in_flight = max(0, in_flight + (offered - served) * step)
        if now >= rising_seconds + holding_seconds:
            return
        if now >= told + 1:
            told += 1
            accepted = min(served, most)
            yield Moment(told, offered, instances, accepted, served - accepted, in_flight / served)


INSTANCES = (1, 2, 4, 8, 16, 20, 40)
CONCURRENCIES = (1, 16, 32, 64, 100)
SHARDS = (1, 2, 4, 10)


def _tables(measured: Measured, limits: Limits, seed: int) -> Iterator[str]:
    """What is printed, line by line."""
    run = functools.partial(keep_full, measured=measured, limits=limits, seed=seed)
    yield "Instances that are kept full, of 2048 MB"
    yield "at once  instances  queues   accepted/s  refused/s   p50 ms   p99 ms"
    for concurrency, instances in itertools.product(CONCURRENCIES, INSTANCES):
        for shards in SHARDS:
            outcome = run(instances=instances, concurrency=concurrency, shards=shards)
            more_are_no_use = not outcome.refused
            queues = f"{shards}{'+' if more_are_no_use else ' '}"
            yield (
                f"{concurrency:7} {instances:10} {queues:>8} {outcome.accepted:11,.0f} {outcome.refused:10,.0f}"
                f" {outcome.p50 * 1000:8.0f} {outcome.p99 * 1000:8.0f}"
            )
            if more_are_no_use:
                break
    yield from _of_one_instance(measured)
    peak = 0.9 * min(4 * limits.queue_messages, limits.account_events(measured.event_bytes))
    yield f"\nA load that rises to {peak:,.0f} events/s within a minute, on 4 queues"
    yield "at once  mean ms at worst  in second  seconds above 100 ms  a minute later: mean ms  instances  accepted/s"
    for concurrency in CONCURRENCIES:
        moments = list(ramp(concurrency=concurrency, shards=4, peak=peak, measured=measured, limits=limits))
        worst, last = max(moments, key=lambda moment: moment.latency), moments[-1]
        slow = sum(moment.latency > 0.1 for moment in moments)
        yield (
            f"{concurrency:7} {worst.latency * 1000:17,.0f} {worst.seconds:10.0f} {slow:21}"
            f" {last.latency * 1000:24,.0f} {last.instances:10} {last.accepted:11,.0f}"
        )


def _of_one_instance(measured: Measured) -> Iterator[str]:
    """Concurrency on slow days of storage, and the sizes of instances."""
    yield "\nOne instance of 2048 MB that is full: events/s (mean ms), by concurrency, where storage takes"
    yield "at once" + "".join(f"{slower * measured.storage_p50_ms:13.0f} ms" for slower in (1, 4, 16))
    cpu = measured.cpu_seconds(SIZES[1])
    for concurrency in CONCURRENCIES:
        rates = [throughput(concurrency, cpu, slower * measured.storage_seconds) for slower in (1, 4, 16)]
        yield f"{concurrency:7}" + "".join(f"{rate:8.0f} ({concurrency / rate * 1000:5.0f})" for rate in rates)
    yield "\nOne instance that is full, 32 at once"
    yield "size MB  cores  events/s  mean ms  GB-seconds for a million events"
    for size in SIZES:
        rate = throughput(32, measured.cpu_seconds(size), measured.storage_seconds)
        gb_seconds = size.memory_mb / 1024 / rate * 1_000_000
        yield f"{size.memory_mb:7} {size.cores:6} {rate:9.0f} {32 / rate * 1000:8.0f} {gb_seconds:11,.0f}"


LINES = ((1, 1), (32, 1), (32, 2), (32, 4), (32, 10))
"""What is drawn: how many at once, on how many queues."""


def chart(measured: Measured, limits: Limits, seed: int) -> pygal.XY:
    """Accepted events by the number of instances."""
    drawn = pygal.XY(
        title="Events accepted in a second, by instances that are kept full",
        x_title="instances of 2048 MB",
        value_formatter=lambda value: f"{value:,.0f}",
        **plot.OPTIONS,
    )
    run = functools.partial(keep_full, measured=measured, limits=limits, seed=seed)
    for concurrency, shards in LINES:
        queues = "1 queue" if shards == 1 else f"{shards} queues"
        points = [
            (n, run(instances=n, concurrency=concurrency, shards=shards).accepted)
            for n in range(2, INSTANCES[-1] + 1, 2)
        ]
        drawn.add(f"{concurrency} at once, {queues}", [(0, 0), *points])
    return drawn


def main() -> None:
    """Print the tables, and draw the picture where it is wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="How far one endpoint scales.")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="an SVG to write")
    parser.add_argument("--seed", type=int, default=1, help="of the chances (%(default)s)")
    for kind in (Measured, Limits):
        for field in fields(kind):
            option = f"--{field.name.replace('_', '-')}"
            parser.add_argument(option, type=type(field.default), default=field.default, help="(%(default)s)")
    options = parser.parse_args()
    measured = Measured(**{field.name: getattr(options, field.name) for field in fields(Measured)})
    limits = Limits(**{field.name: getattr(options, field.name) for field in fields(Limits)})
    for line in _tables(measured, limits, options.seed):
        print(line, flush=True)
    if options.plot:
        plot.save(chart(measured, limits, options.seed), options.plot)


if __name__ == "__main__":
    main()
