"""The host is told to stop while publishers are at it: what it has begun it finishes, and says so."""

import asyncio
import json
from pathlib import Path

from benchmarks import load
from benchmarks.load import Exchange
from tests.conftest import Host, MakeEvent, MakeToken, host_of
from tests.queue_stand_in import queue_stand_in
from tests.storage import Queue

PUBLISHERS = 24
QUEUE_NAME = "until-the-host-stops"


async def publish_until_stopped(
    host: Host, token: str, make_event: MakeEvent, rate: float, stop_after: float
) -> list[Exchange]:
    """Publishes events with the ids 0, 1 and so on; the host is stopped meanwhile, and does so without complaint."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/cloudevents+json"}
    post = load.post(host.events, headers)
    ended: list[Exchange] = []
    publishing = asyncio.create_task(
        load.offer(
            host.events,
            rate=rate,
            seconds=stop_after + 1,
            request=lambda number: post(json.dumps(make_event(id=str(number))).encode()),
            take=ended.append,
            connections=PUBLISHERS,
            patience=20,
        )
    )
    await asyncio.sleep(stop_after)
    assert await host.child.stop() == 0
    await publishing
    return ended


def accepted(ended: list[Exchange]) -> list[str]:
    """The ids of those that got a 200, in their order; all others got nothing at all."""
    assert {each.status for each in ended} == {200, None}, "some came before the stop, some after it"
    assert not [each for each in ended if each.status is None and each.body], "an answer that was cut off"
    return [str(each.number) for each in sorted(ended) if each.status == 200]


async def test_what_is_accepted_is_what_lies_on_the_queue(
    app_folder: Path, settings: dict[str, str], make_token: MakeToken, make_event: MakeEvent, storage: str
) -> None:
    host = await host_of(app_folder, {**settings, "EVENTS_QUEUE_NAME": QUEUE_NAME})
    ended = await publish_until_stopped(host, make_token(), make_event, rate=300, stop_after=1.5)
    with Queue(storage, QUEUE_NAME) as queue:
        assert sorted(json.loads(body)["id"] for body in queue.take()) == sorted(accepted(ended))


async def test_what_waits_for_a_slow_queue_is_finished(
    app_folder: Path, settings: dict[str, str], make_token: MakeToken, make_event: MakeEvent
) -> None:
    """Storage takes a second for each, so every publisher waits when the host is told to stop; each gets its 200."""
    async with queue_stand_in(delay=1) as queue:
        host = await host_of(app_folder, {**settings, "EVENTS_STORAGE": queue.connection_string})
        ended = await publish_until_stopped(host, make_token(), make_event, rate=20, stop_after=1.5)
        found = accepted(ended)
        assert len([each for each in ended if each.status == 200 and each.ended > 1.5]) >= 15
        assert {str(each.number) for each in ended if each.sent is not None and each.sent < 1.4} <= set(found)
        assert sorted(await queue.acknowledged()) == sorted(found)
