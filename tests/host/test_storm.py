"""Storage that has all its faults at once: what was accepted is on the queue, and nearly everything is accepted."""

import contextlib
import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx
import pytest

from local.up import SAMPLE
from tests import fault_proxy
from tests.background import Background
from tests.conftest import MakeToken, Publish, StartHost, problem
from tests.fault_proxy import Fault, FaultProxy, Request
from tests.storage import Queue

EVENT = json.loads(SAMPLE.read_bytes())
EVENTS, PUBLISHERS = 2_000, 32
FAILING, LATE = 0.4, 0.05
"""How many of the requests to storage meet a fault, and how many are answered late."""

BUDGET_SECONDS = 10  # the default
SPARE_SECONDS = 5  # what a busy machine may add

FAULTS = [fault for fault in Fault if fault not in (Fault.NONE, Fault.SLOW)]


class Published(NamedTuple):
    """An event that was sent once."""

    event_id: str
    response: httpx.Response
    seconds: float


@pytest.fixture
def queue(storage: str) -> Iterator[Queue]:
    with Queue(storage, "storm") as queue:
        queue.client.create_queue()
        yield queue
        queue.client.delete_queue()


@pytest.fixture
def proxy(background: Background, storage: str) -> Iterator[FaultProxy]:
    proxy = background.run(fault_proxy.start(storage))
    yield proxy
    background.run(proxy.close())


def storm(seed: int) -> fault_proxy.Choose:
    chance = random.Random(seed)

    def choose(_: Request) -> Fault:
        drawn = chance.random()
        if drawn < FAILING:
            return chance.choice(FAULTS)
        return Fault.SLOW if drawn < FAILING + LATE else Fault.NONE

    return choose


def queued(queue: Queue) -> set[str]:
    """The ids of the events on the queue, which they stay on, out of sight: it is faster than taking them off."""
    messages = queue.client.receive_messages(messages_per_page=32, visibility_timeout=3600)
    return {json.loads(message.content)["id"] for message in messages}


@pytest.mark.long
@pytest.mark.alone
def test_a_storm(
    start_host: StartHost, settings: dict[str, str], make_token: MakeToken, queue: Queue, proxy: FaultProxy
) -> None:
    mine = {**settings, "EVENTS_STORAGE": proxy.connection_string, "EVENTS_QUEUE_NAME": queue.client.queue_name}
    host = start_host(mine)
    proxy.meet(storm(seed=1))
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=60, trust_env=False))
        publishers = stack.enter_context(ThreadPoolExecutor(PUBLISHERS))
        publish = Publish(client, host.events, make_token())

        def send(number: int) -> Published:
            event_id, began = f"storm {number}", time.monotonic()
            response = publish(json.dumps({**EVENT, "id": event_id}).encode())
            return Published(event_id, response, time.monotonic() - began)

        published = list(publishers.map(send, range(EVENTS)))

    accepted = {each.event_id for each in published if each.response.status_code == 200}
    for each in published:
        if each.event_id not in accepted:
            problem(each.response, 503, "queue-unavailable")
    assert accepted <= queued(queue)
    assert len(accepted) >= 0.95 * EVENTS
    assert max(each.seconds for each in published) < BUDGET_SECONDS + SPARE_SECONDS
