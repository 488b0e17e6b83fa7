"""More events come than the queue takes: what it can take is accepted, the rest is refused at once, all is well after."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks import load, vitals
from benchmarks.load import Exchange
from tests import fault_proxy
from tests.background import Background
from tests.conftest import Host, MakeEvent, MakeToken, host_of
from tests.fault_proxy import Fault, FaultProxy
from tests.queue_stand_in import QueueStandIn, queue_stand_in

BUDGET_SECONDS = 10
SPARE_SECONDS = 3  # what a busy machine may add

TAKEN_PER_SECOND = 200
"""What the queue takes."""

OVERLOAD_SECONDS = 30

CONNECTIONS = 500
"""More than there are requests that may wait for the queue; those that are refused at once need few."""

pytestmark = [pytest.mark.long, pytest.mark.alone]


class Publishers:
    """Publish events to a host at some rate; the ids tell one load from the others."""

    def __init__(self, host: Host, token: str, make_event: MakeEvent) -> None:
        self._url = host.events
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/cloudevents+json"}
        self._post = load.post(self._url, headers)
        before, _, after = json.dumps(make_event(id="{id}")).partition("{id}")
        self._body = before.encode() + b"%b" + after.encode()

    async def offer(self, name: str, rate: float, seconds: float) -> list[Exchange]:
        ended: list[Exchange] = []
        await load.offer(
            self._url,
            rate=rate,
            seconds=seconds,
            request=lambda number: self._post(self._body % event_id(name, number).encode()),
            take=ended.append,
            connections=CONNECTIONS,
            patience=BUDGET_SECONDS + SPARE_SECONDS,
        )
        return ended


def event_id(name: str, number: int) -> str:
    return f"{name}-{number}"


@asynccontextmanager
async def running(
    app_folder: Path, settings: dict[str, str], *, rate: float
) -> AsyncIterator[tuple[Host, QueueStandIn]]:
    """A host of its own, with a queue that takes `rate` messages each second."""
    async with queue_stand_in(rate=rate) as queue:
        host = await host_of(app_folder, {**settings, "EVENTS_STORAGE": queue.connection_string})
        try:
            yield host, queue
        finally:
            await host.child.stop()


async def test_ten_times_what_the_queue_takes(
    app_folder: Path, settings: dict[str, str], make_token: MakeToken, make_event: MakeEvent
) -> None:
    """Only 200 and 503, within the budget; a 200 is on the queue; memory is bounded; full speed soon after."""
    async with running(app_folder, settings, rate=TAKEN_PER_SECOND) as (host, queue):
        publishers = Publishers(host, make_token(), make_event)
        await publishers.offer("first", 50, 1)
        calm = await publishers.offer("calm", 50, 5)
        began = time.process_time()
        async with vitals.watched(host.child.pid) as samples:
            flood = await publishers.offer("flood", 10 * TAKEN_PER_SECOND, OVERLOAD_SECONDS)
        cost = time.process_time() - began
        await asyncio.sleep(2)
        after = await publishers.offer("after", 50, 5)
        acknowledged = set(await queue.acknowledged())

    described = [f"{name}: {figures(found)}" for name, found in (("calm", calm), ("flood", flood), ("after", after))]
    settled = [each for each in samples if each.at - samples[0].at >= OVERLOAD_SECONDS - 20]
    growth = max(each.memory for each in settled) - settled[0].memory
    host_cpu = (samples[-1].cpu - samples[0].cpu) / (samples[-1].at - samples[0].at)
    print(  # noqa: T201  # shown when it fails, and with -rP
        *described,
        f"host: {host_cpu:.2f} cores, {samples[-1].memory:.0f} MB, {growth:+.1f} MB after the first 10 s, at most"
        f" {max(sample.files for sample in samples)} open files; the load itself: {cost / OVERLOAD_SECONDS:.2f} cores",
        sep="\n",
    )

    assert {each.status for each in flood} <= {200, 503}
    assert max(each.latency for each in flood) < BUDGET_SECONDS + SPARE_SECONDS
    refused_properly(flood)
    accepted = [event_id("flood", each.number) for each in flood if each.status == 200]
    shed = [event_id("flood", each.number) for each in flood if kind(each) == "overloaded"]
    assert acknowledged.issuperset(accepted)
    assert acknowledged.isdisjoint(shed), "nothing was queued, they were told"
    assert len(shed) > 0.8 * (len(flood) - len(accepted))
    assert len(accepted) >= 0.8 * TAKEN_PER_SECOND * OVERLOAD_SECONDS
    assert load.quantile([each.latency for each in flood if each.status == 503], 0.5) < 0.5, "refused at once"
    assert growth < 30
    full_speed(after, calm)


async def test_a_queue_that_gets_fast_again_under_load(
    app_folder: Path, settings: dict[str, str], make_token: MakeToken, make_event: MakeEvent
) -> None:
    """Publishers that go on all the time get 200 for everything 2 s later."""
    async with running(app_folder, settings, rate=0) as (host, queue):
        publishers = Publishers(host, make_token(), make_event)
        await publishers.offer("first", 50, 1)
        calm = await publishers.offer("calm", 200, 3)
        await queue.set_rate(50)
        publishing = asyncio.create_task(publishers.offer("slow", 400, 12))
        await asyncio.sleep(6)
        await queue.set_rate(0)
        ended = await publishing
        acknowledged = set(await queue.acknowledged())

    print(f"calm: {figures(calm)}\nslow: {figures(ended)}")  # noqa: T201  # shown when it fails, and with -rP
    refused_properly(ended)
    assert {each.status for each in ended if each.due < 6} == {200, 503}
    assert acknowledged.issuperset(event_id("slow", each.number) for each in ended if each.status == 200)
    full_speed([each for each in ended if each.due >= 8.5], calm)


class Proxied(NamedTuple):
    """Publishers to a host that has a proxy before its storage."""

    publishers: Publishers
    proxy: FaultProxy


@pytest.fixture
async def proxied(
    background: Background,
    app_folder: Path,
    settings: dict[str, str],
    storage: str,
    make_token: MakeToken,
    make_event: MakeEvent,
) -> AsyncIterator[Proxied]:
    proxy = background.run(fault_proxy.start(storage))
    mine = {"EVENTS_STORAGE": proxy.connection_string, "EVENTS_QUEUE_NAME": "behind-a-proxy"}
    host = await host_of(app_folder, {**settings, **mine})
    publishers = Publishers(host, make_token(), make_event)
    await publishers.offer("first", 50, 1)
    yield Proxied(publishers, proxy)
    await host.child.stop()
    background.run(proxy.close())


async def test_a_queue_that_hung_under_load(proxied: Proxied) -> None:
    """The calls that hang, and never end, keep nobody waiting 2 s after the others are answered again."""
    publishers, proxy = proxied
    calm = await publishers.offer("calm", 100, 3)
    proxy.meet(lambda _: Fault.HANG)
    publishing = asyncio.create_task(publishers.offer("hung", 100, 15))
    await asyncio.sleep(8)
    proxy.meet([])
    ended = await publishing

    print(f"calm: {figures(calm)}\nhung: {figures(ended)}")  # noqa: T201  # shown when it fails, and with -rP
    refused_properly(ended)
    assert max(each.latency for each in ended) < BUDGET_SECONDS + SPARE_SECONDS
    full_speed([each for each in ended if each.due >= 10], calm)


async def test_a_burst_on_a_queue_that_hangs(proxied: Proxied) -> None:
    """Before anybody can know that it does: those who are not tried hear so soon, all others within the budget."""
    publishers, proxy = proxied
    proxy.meet(lambda _: Fault.HANG)
    ended = await publishers.offer("burst", CONNECTIONS, 1)
    tried = {request.event_id for request in proxy.seen}

    print(figures(ended))  # noqa: T201  # shown when it fails, and with -rP
    assert {each.status for each in ended} == {503}
    refused_properly(ended)
    shed = [each for each in ended if kind(each) == "overloaded"]
    assert len(shed) > 50
    assert max(each.latency for each in shed) < 2 + SPARE_SECONDS
    assert max(each.latency for each in ended) < BUDGET_SECONDS + SPARE_SECONDS
    assert tried.isdisjoint(event_id("burst", each.number) for each in shed), "nothing was queued, they were told"


async def test_a_queue_that_takes_next_to_nothing(
    app_folder: Path, settings: dict[str, str], make_token: MakeToken, make_event: MakeEvent
) -> None:
    """So little that each call would be cut if all places were taken; yet most of what it takes is accepted."""
    rate, seconds = 20, 40
    async with running(app_folder, settings, rate=rate) as (host, queue):
        ended = await Publishers(host, make_token(), make_event).offer("slow", 10 * rate, seconds)
        acknowledged = await queue.acknowledged()

    accepted = {event_id("slow", each.number) for each in ended if each.status == 200}
    print(f"{len(accepted)} accepted of {len(acknowledged)} taken, {len(set(acknowledged))} events; {figures(ended)}")  # noqa: T201
    refused_properly(ended)
    assert accepted <= set(acknowledged)
    assert len(accepted) > 0.4 * rate * seconds
    assert max(each.latency for each in ended) < BUDGET_SECONDS + SPARE_SECONDS


def refused_properly(ended: Collection[Exchange]) -> None:
    """Each 503 tells what it is, and when to come again."""
    for refused in (each for each in ended if each.status == 503):
        headers, details = refused.headers, json.loads(refused.body)
        assert headers["content-type"] == "application/problem+json"
        assert 1 <= int(headers["retry-after"]) <= 5
        assert kind(refused) in ("overloaded", "queue-unavailable")
        assert details["traceId"] == headers["trace-id"]


def kind(refused: Exchange) -> str | None:
    """Of the problem that a 503 is."""
    return str(json.loads(refused.body)["type"]).rpartition("/")[2] if refused.status == 503 else None


def full_speed(ended: Collection[Exchange], calm: Collection[Exchange]) -> None:
    """All accepted, and about as fast as when it was calm."""
    assert Counter(each.status for each in ended) == {200: len(ended)}
    assert latency(ended, 0.5) < 2 * latency(calm, 0.5) + 0.02
    assert latency(ended, 0.99) < 2 * latency(calm, 0.99) + 0.25  # a busy machine; who waits in a line waits for longer


def latency(ended: Collection[Exchange], share: float) -> float:
    return load.quantile([each.latency for each in ended], share)


def figures(ended: Collection[Exchange]) -> str:
    found = []
    for status, count in Counter(each.status for each in ended).items():
        those = [each for each in ended if each.status == status]
        median, most, slowest = (latency(those, share) * 1000 for share in (0.5, 0.99, 1))
        found.append(f"{count} × {status} (median {median:.1f} ms, 99 of 100 within {most:.1f}, slowest {slowest:.0f})")
    return ", ".join(found)
