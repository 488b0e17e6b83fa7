"""Storage that fails for one request, or for as long as an event is tried: what its publisher hears, and what is queued."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx
import pytest

from local.up import SAMPLE
from tests import fault_proxy
from tests.background import Background
from tests.conftest import Host, MakeToken, Publish, StartHost, problem
from tests.fault_proxy import DELIVERED, RETRY_AFTER_SECONDS, SLOW_SECONDS, Fault, FaultProxy, Request
from tests.storage import Queue

QUEUE_NAME = "storage-faults"
EVENT = json.loads(SAMPLE.read_bytes())

ATTEMPT_SECONDS = 3
SHORT_SECONDS = 5
"""A budget with room for one attempt that hangs; where a fault is told at once, for those that begin in 2 s."""
LONG_SECONDS = 8
"""A budget with room for a second after one that hangs."""
SPARE_SECONDS = 3  # what a busy machine may add
SOON_SECONDS = 2

HANGS = (Fault.HANG, Fault.HANG_AFTER)
NOT_AT_ONCE = (*HANGS, Fault.NONE, Fault.SLOW, Fault.BUSY_RETRY_AFTER)
AT_ONCE = [fault for fault in Fault if fault not in (*NOT_AT_ONCE, Fault.REFUSE)]
"""The faults that are told at once, without the one that closes the listener: all rows have it in common."""


class Row(NamedTuple):
    """An event and what it meets; all rows are published at once."""

    budget: int
    fault: Fault
    lasts: bool

    @property
    def event_id(self) -> str:
        return f"{self.budget} {self.fault} {'lasts' if self.lasts else 'once'}"


class Outcome(NamedTuple):
    """What became of a row."""

    response: httpx.Response
    seconds: float
    attempts: int
    """Those that storage, or what stands before it, has seen."""
    delivered: int
    """Those that storage has seen."""
    trace_ids: set[str]
    """What storage would find the attempts by in its own log."""
    queued: int
    after: httpx.Response
    """What the next event got, after the fault has ended."""
    after_seconds: float
    after_queued: int


ROWS = [
    *(Row(SHORT_SECONDS, fault, lasts) for fault in (*AT_ONCE, *HANGS, Fault.SLOW) for lasts in (False, True)),
    *(Row(LONG_SECONDS, fault, lasts) for fault in (*HANGS, Fault.BUSY_RETRY_AFTER) for lasts in (False, True)),
]


@pytest.fixture(scope="module")
def queue(storage: str) -> Iterator[Queue]:
    with Queue(storage, QUEUE_NAME) as queue:
        queue.client.create_queue()
        yield queue


@pytest.fixture(scope="module")
def proxy(background: Background, storage: str) -> Iterator[FaultProxy]:
    proxy = background.run(fault_proxy.start(storage))
    yield proxy
    background.run(proxy.close())


@pytest.fixture(scope="module")
def hosts(start_host: StartHost, settings: dict[str, str], queue: Queue, proxy: FaultProxy) -> dict[int, Host]:
    """Hosts by their budget."""
    mine = {**settings, "EVENTS_STORAGE": proxy.connection_string, "EVENTS_QUEUE_NAME": queue.client.queue_name}
    return {
        budget: start_host({**mine, "PUBLISH_TIMEOUT_SECONDS": str(budget)}) for budget in (SHORT_SECONDS, LONG_SECONDS)
    }


@pytest.fixture(scope="module")
def publish(hosts: dict[int, Host], client: httpx.Client, make_token: MakeToken) -> dict[int, Publish]:
    """By budget."""
    token = make_token(lifetime=3600)
    publish = {budget: Publish(client, host.events, token) for budget, host in hosts.items()}
    for each in publish.values():
        each(event("the first, which takes longer"))
    return publish


def event(event_id: str) -> bytes:
    return json.dumps({**EVENT, "id": event_id}).encode()


def queued(queue: Queue) -> Counter[str]:
    """How often each event lay on the queue, by its id."""
    return Counter(json.loads(body)["id"] for body in queue.take())


@pytest.fixture(scope="module")
def outcomes(queue: Queue, proxy: FaultProxy, publish: dict[int, Publish]) -> dict[Row, Outcome]:
    """All rows, one beside the other: they take the time that the longest does."""
    once = {row.event_id: row for row in ROWS}
    lasting = {row.event_id: row for row in ROWS if row.lasts}
    choosing = threading.Lock()

    def choose(request: Request) -> Fault:
        event_id = request.event_id
        with choosing:
            row = lasting.get(event_id) or once.pop(event_id, None)
        return row.fault if row else Fault.NONE

    def timed(row: Row, event_id: str) -> tuple[httpx.Response, float]:
        began = time.monotonic()
        response = publish[row.budget](event(event_id))
        return response, time.monotonic() - began

    def run(row: Row) -> tuple[httpx.Response, float, httpx.Response, float]:
        return *timed(row, row.event_id), *timed(row, f"after {row.event_id}")

    proxy.meet(choose)
    with ThreadPoolExecutor(len(ROWS)) as threads:
        answered = dict(zip(ROWS, threads.map(run, ROWS), strict=True))
    attempts, delivered = (Counter(each.event_id for each in requests) for requests in (proxy.seen, proxy.forwarded))
    lay = queued(queue)
    return {
        row: Outcome(
            response,
            seconds,
            attempts[row.event_id],
            delivered[row.event_id],
            {request.trace_id for request in proxy.seen if request.event_id == row.event_id},
            lay[row.event_id],
            after,
            after_seconds,
            lay[f"after {row.event_id}"],
        )
        for row, (response, seconds, after, after_seconds) in answered.items()
    }


def unavailable(response: httpx.Response) -> None:
    problem(response, 503, "queue-unavailable")
    assert 1 <= int(response.headers["retry-after"]) <= 5


@pytest.mark.parametrize("fault", AT_ONCE)
def test_once_and_told_at_once(fault: Fault, outcomes: dict[Row, Outcome]) -> None:
    """It works at the second attempt; what the first had put on the queue is there twice."""
    outcome = outcomes[Row(SHORT_SECONDS, fault, lasts=False)]
    assert outcome.response.status_code == 200
    assert outcome.attempts == 2
    assert outcome.queued == outcome.delivered == 1 + (fault in DELIVERED)
    assert outcome.seconds < SHORT_SECONDS + SPARE_SECONDS


@pytest.mark.parametrize("fault", AT_ONCE)
def test_lasting_and_told_at_once(fault: Fault, outcomes: dict[Row, Outcome]) -> None:
    """It is tried again a few times, and soon the publisher is told: what began now would have too little time."""
    outcome = outcomes[Row(SHORT_SECONDS, fault, lasts=True)]
    unavailable(outcome.response)
    assert 2 <= outcome.attempts <= 7  # in 2 s, with pauses of 0.1 s, 0.2 s, 0.4 s … or what jitter makes of them
    assert outcome.queued == outcome.delivered == (outcome.attempts if fault in DELIVERED else 0)
    assert outcome.seconds < SHORT_SECONDS + SPARE_SECONDS


@pytest.mark.parametrize("fault", HANGS)
@pytest.mark.parametrize("lasts", [False, True])
def test_an_attempt_that_hangs_and_no_time_for_another(fault: Fault, lasts: bool, outcomes: dict[Row, Outcome]) -> None:
    outcome = outcomes[Row(SHORT_SECONDS, fault, lasts)]
    unavailable(outcome.response)
    assert outcome.attempts == 1
    assert outcome.queued == outcome.delivered == (fault in DELIVERED)
    assert ATTEMPT_SECONDS - 0.1 < outcome.seconds < SHORT_SECONDS + SPARE_SECONDS


@pytest.mark.parametrize("fault", HANGS)
def test_an_attempt_that_hangs_is_cut(fault: Fault, outcomes: dict[Row, Outcome]) -> None:
    """… and the second works."""
    outcome = outcomes[Row(LONG_SECONDS, fault, lasts=False)]
    assert outcome.response.status_code == 200
    assert outcome.attempts == 2
    assert outcome.queued == outcome.delivered == 1 + (fault in DELIVERED)
    assert ATTEMPT_SECONDS - 0.1 < outcome.seconds < LONG_SECONDS + SPARE_SECONDS


@pytest.mark.parametrize("fault", HANGS)
def test_all_attempts_hang(fault: Fault, outcomes: dict[Row, Outcome]) -> None:
    outcome = outcomes[Row(LONG_SECONDS, fault, lasts=True)]
    unavailable(outcome.response)
    assert outcome.attempts == 2
    assert outcome.queued == outcome.delivered == (2 if fault in DELIVERED else 0)
    assert 2 * ATTEMPT_SECONDS - 0.1 < outcome.seconds < LONG_SECONDS + SPARE_SECONDS


def test_storage_says_when_to_come_back(outcomes: dict[Row, Outcome]) -> None:
    """Its Retry-After is longer than a first pause, and it is waited for."""
    outcome = outcomes[Row(LONG_SECONDS, Fault.BUSY_RETRY_AFTER, lasts=False)]
    assert outcome.response.status_code == 200
    assert (outcome.attempts, outcome.queued) == (2, 1)
    assert RETRY_AFTER_SECONDS <= outcome.seconds < LONG_SECONDS + SPARE_SECONDS


def test_storage_says_again_and_again_when_to_come_back(outcomes: dict[Row, Outcome]) -> None:
    outcome = outcomes[Row(LONG_SECONDS, Fault.BUSY_RETRY_AFTER, lasts=True)]
    unavailable(outcome.response)
    assert 2 <= outcome.attempts <= 1 + (LONG_SECONDS - ATTEMPT_SECONDS) / RETRY_AFTER_SECONDS
    assert outcome.queued == 0
    assert outcome.seconds < LONG_SECONDS + SPARE_SECONDS


@pytest.mark.parametrize("lasts", [False, True])
def test_slow_storage_is_waited_for(lasts: bool, outcomes: dict[Row, Outcome]) -> None:
    outcome = outcomes[Row(SHORT_SECONDS, Fault.SLOW, lasts)]
    assert outcome.response.status_code == 200
    assert (outcome.attempts, outcome.queued) == (1, 1)
    assert SLOW_SECONDS <= outcome.seconds < SHORT_SECONDS + SPARE_SECONDS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.event_id)
def test_all_attempts_have_the_trace_id_that_the_publisher_is_told(row: Row, outcomes: dict[Row, Outcome]) -> None:
    outcome = outcomes[row]
    assert outcome.trace_ids == {outcome.response.headers["trace-id"]}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.event_id)
def test_the_next_event_after_the_fault(row: Row, outcomes: dict[Row, Outcome]) -> None:
    outcome = outcomes[row]
    assert outcome.after.status_code == 200
    assert outcome.after_queued == 1
    assert outcome.after_seconds < SOON_SECONDS


def test_a_connection_that_is_refused_once(queue: Queue, proxy: FaultProxy, publish: dict[int, Publish]) -> None:
    proxy.meet([Fault.REFUSE])
    assert publish[SHORT_SECONDS](event("refused once")).status_code == 200
    assert queued(queue)["refused once"] == 1


def test_connections_are_refused_until_storage_is_back(
    background: Background, queue: Queue, proxy: FaultProxy, publish: dict[int, Publish]
) -> None:
    proxy.meet([])
    background.run(proxy.go_away())
    began = time.monotonic()
    refused = publish[SHORT_SECONDS](event("refused"))
    seconds = time.monotonic() - began
    background.run(proxy.come_back())
    began = time.monotonic()
    accepted = publish[SHORT_SECONDS](event("after refusals"))
    assert time.monotonic() - began < SOON_SECONDS
    assert accepted.status_code == 200
    unavailable(refused)
    assert seconds < SHORT_SECONDS + SPARE_SECONDS
    lay = queued(queue)
    assert (lay["refused"], lay["after refusals"]) == (0, 1)
