"""Blob storage that fails when a payload is put there: no message on the queue leads nowhere, or to half of it."""

import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx
import pytest
from azure.storage.blob import BlobClient

from local.up import SAMPLE
from tests import fault_proxy
from tests.background import Background
from tests.conftest import MakeToken, Publish, StartHost, problem
from tests.fault_proxy import Fault, FaultProxy, Request
from tests.storage import Queue

EVENT = json.loads(SAMPLE.read_bytes())
BUDGET_SECONDS = 5
SPARE_SECONDS = 3  # what a busy machine may add
FILLING = "x" * 50_000

# What hangs, refuses connections or says when to come back is seen on the way to the queue, by the same retries.
ELSEWHERE = (Fault.NONE, Fault.SLOW, Fault.HANG, Fault.HANG_AFTER, Fault.REFUSE, Fault.BUSY_RETRY_AFTER)
FAULTS = [fault for fault in Fault if fault not in ELSEWHERE]


class Row(NamedTuple):
    """An event and what its payload meets; all rows are published at once."""

    fault: Fault
    lasts: bool

    @property
    def event_id(self) -> str:
        return f"{self.fault} {'lasts' if self.lasts else 'once'}"


class Outcome(NamedTuple):
    """What became of a row."""

    response: httpx.Response
    seconds: float
    attempts: int
    queued: list[dict[str, Any]]
    """The event, as often as it lay on the queue."""


ROWS = [Row(fault, lasts) for fault in FAULTS for lasts in (False, True)]


@pytest.fixture(scope="module")
def proxy(background: Background, storage: str) -> Iterator[FaultProxy]:
    proxy = background.run(fault_proxy.start(storage, "blob"))
    yield proxy
    background.run(proxy.close())


@pytest.fixture(scope="module")
def queue(storage: str) -> Iterator[Queue]:
    with Queue(storage, "payload-faults") as queue:
        yield queue


@pytest.fixture(scope="module")
def publish(
    start_host: StartHost,
    settings: dict[str, str],
    client: httpx.Client,
    make_token: MakeToken,
    queue: Queue,
    proxy: FaultProxy,
) -> Publish:
    host = start_host(
        {
            **settings,
            "EVENTS_STORAGE": proxy.connection_string,
            "EVENTS_QUEUE_NAME": queue.client.queue_name,
            "MAX_EVENT_BYTES": "100000",
            "PUBLISH_TIMEOUT_SECONDS": str(BUDGET_SECONDS),
        }
    )
    publish = Publish(client, host.events, make_token(lifetime=3600))
    publish(event("the first, which makes the container"))
    return publish


def event(event_id: str) -> bytes:
    """An event whose data is too large for a message."""
    return json.dumps({**EVENT, "id": event_id, "data": data(event_id)}).encode()


def data(event_id: str) -> str:
    return f"{event_id}: {FILLING}"


def id_of(request: Request) -> str:
    """The id of the event whose payload is put."""
    found = re.match(rb'"([^:]+): x', request.body)
    return found[1].decode() if found else ""


@pytest.fixture(scope="module")
def outcomes(queue: Queue, proxy: FaultProxy, publish: Publish) -> dict[Row, Outcome]:
    """All rows, one beside the other: they take the time that the longest does."""
    once = {row.event_id: row for row in ROWS}
    lasting = {row.event_id: row for row in ROWS if row.lasts}
    choosing = threading.Lock()

    def choose(request: Request) -> Fault:
        event_id = id_of(request)
        with choosing:
            row = lasting.get(event_id) or once.pop(event_id, None)
        return row.fault if row else Fault.NONE

    def run(row: Row) -> tuple[httpx.Response, float]:
        began = time.monotonic()
        response = publish(event(row.event_id))
        return response, time.monotonic() - began

    proxy.meet(choose)
    with ThreadPoolExecutor(len(ROWS)) as threads:
        answered = dict(zip(ROWS, threads.map(run, ROWS), strict=True))
    attempts = [id_of(request) for request in proxy.seen]
    lay = [json.loads(body) for body in queue.take()]
    return {
        row: Outcome(
            response,
            seconds,
            attempts.count(row.event_id),
            [event for event in lay if event["id"] == row.event_id],
        )
        for row, (response, seconds) in answered.items()
    }


def fetched(queued: dict[str, Any], connection_string: str) -> Any:
    """What the `dataref` of an event leads to."""
    name = queued["dataref"].rpartition("/")[2]
    with BlobClient.from_connection_string(connection_string, "events-payloads", name) as blob:
        return json.loads(blob.download_blob().readall())


@pytest.mark.parametrize("fault", FAULTS)
def test_once(fault: Fault, outcomes: dict[Row, Outcome], storage: str) -> None:
    """It works at the second attempt, and one message leads to the whole payload."""
    row = Row(fault, lasts=False)
    outcome = outcomes[row]
    assert outcome.response.status_code == 200
    assert outcome.attempts == 2
    (queued,) = outcome.queued
    assert "data" not in queued
    assert fetched(queued, storage) == data(row.event_id)
    assert outcome.seconds < BUDGET_SECONDS + SPARE_SECONDS


@pytest.mark.parametrize("fault", FAULTS)
def test_lasting(fault: Fault, outcomes: dict[Row, Outcome]) -> None:
    """The publisher is told, and there is no message that leads to what may not be there."""
    outcome = outcomes[Row(fault, lasts=True)]
    problem(outcome.response, 503, "queue-unavailable")
    assert 1 <= int(outcome.response.headers["retry-after"]) <= 5
    assert outcome.attempts >= 2
    assert outcome.queued == []
    assert outcome.seconds < BUDGET_SECONDS + SPARE_SECONDS
