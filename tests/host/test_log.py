"""What whoever runs the function finds in its log, and at storage, of a request that a publisher asks about."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from local import ROOT
from tests import fault_proxy
from tests.background import Background
from tests.conftest import MakeEvent, MakeToken, Publish, host_of, wait_until
from tests.fault_proxy import Fault, FaultProxy

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PERSONAL = {"subject": "/person/01010112345", "source": "https://example.no/01010112345", "data": "01010112345"}


class Logging(NamedTuple):
    """A host whose log is at hand, with a proxy before its storage."""

    publish: Publish
    lines: list[str]
    proxy: FaultProxy

    def record(self, trace_id: str) -> dict[str, Any]:
        """The one record of the request that has this trace id."""

        def found() -> list[str]:
            return [line for line in self.lines if trace_id in line]

        wait_until(lambda: bool(found()))
        (line,) = found()
        record: dict[str, Any] = json.loads(line[line.index("{") :])
        return record


@pytest.fixture(scope="module")
def logging(
    background: Background, app_folder: Path, settings: dict[str, str], storage: str, make_token: Callable[..., str]
) -> Iterator[Logging]:
    lines: list[str] = []
    proxy = background.run(fault_proxy.start(storage))
    mine = {"EVENTS_STORAGE": proxy.connection_string, "EVENTS_QUEUE_NAME": "logged", "PUBLISH_TIMEOUT_SECONDS": "4"}
    host = background.run(host_of(app_folder, {**settings, **mine}, show=lines.append))
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield Logging(Publish(client, host.events, make_token(lifetime=3600)), lines, proxy)
    background.run(host.child.stop())
    background.run(proxy.close())


def test_from_publisher_to_storage(logging: Logging, make_event: MakeEvent) -> None:
    """The trace id of the caller's context is in the answer, in the one record, and in each request to storage."""
    logging.publish(make_event())  # makes the queue, which is missed first
    logging.proxy.seen.clear()
    logging.proxy.meet([Fault.BUSY, Fault.RESET_BEFORE])
    event = make_event(id="asked about", **PERSONAL)
    response = logging.publish(event, traceparent=f"00-{TRACE_ID}-b7ad6b7169203331-01")
    assert (response.status_code, response.headers["trace-id"]) == (200, TRACE_ID)
    record = logging.record(TRACE_ID)
    milliseconds = {name: record.pop(name) for name in ("milliseconds", "storageMilliseconds")}
    assert 0 < milliseconds["storageMilliseconds"] <= milliseconds["milliseconds"] < 4_000
    assert record == {
        "outcome": "accepted",
        "status": 200,
        "traceId": TRACE_ID,
        "publisher": {"consumer": "0192:991825827", "org": None, "client": "local-client"},
        "events": [{"id": "asked about", "type": event["type"], "resource": event["resource"]}],
        "eventsOmitted": 0,
        "bytes": len(json.dumps(event)),
        "retries": 2,
    }
    assert [request.trace_id for request in logging.proxy.seen] == [TRACE_ID] * 3


def test_what_a_publisher_was_told_is_found(logging: Logging, make_event: MakeEvent, make_token: MakeToken) -> None:
    """By its `Trace-Id`, with the cause, once, and with nothing of a person."""
    logging.proxy.meet(lambda _: Fault.BUSY)
    told = [
        logging.publish(make_event(**PERSONAL)),
        logging.publish(make_event(**PERSONAL, time="yesterday")),
        logging.publish(make_event(**PERSONAL), authorization=f"Bearer {make_token(scope='another')}"),
        logging.publish(make_event(**PERSONAL), authorization=None),
    ]
    logging.proxy.meet([])
    records = [logging.record(response.headers["trace-id"]) for response in told]
    assert [(record["status"], record["reason"]) for record in records] == [
        (503, "queue-unavailable"),
        (400, "invalid-event"),
        (403, "insufficient-scope"),
        (401, "unauthenticated"),
    ]
    assert records[0]["cause"] == "the queue logged of EVENTS_QUEUE_NAME: HttpResponseError 503 ServerBusy"
    assert records[0]["retries"] > 0
    assert records[1]["members"] == ["time"]
    assert not [line for line in logging.lines if "01010112345" in line or "eyJ" in line]


def test_what_is_only_read_leaves_no_record(logging: Logging) -> None:
    before = len(logging.lines)
    base = str(logging.publish._url).removesuffix("/events")
    for path in ("/health", "/health/ready", "/openapi.json", "/problems/invalid-event"):
        assert logging.publish._client.get(base + path).status_code == 200
    assert logging.lines[before:] == []


def test_the_page_on_reliability_has_each_member() -> None:
    """Its table, and its example, which is a record."""
    page = (ROOT / "docs/reliability.md").read_text()
    (example,) = re.findall(r"^```json\n(.+)\n```", page, re.MULTILINE)
    rows = re.findall(r"^\| (`outcome`.*?)\n\n", page, re.MULTILINE | re.DOTALL)[0].splitlines()
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.strip("| ").split(" |")[0])}
    assert named == json.loads(example).keys() | {"members"}
