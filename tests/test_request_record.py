"""The line that the log has of a request."""

import json
from typing import Any

import pytest

from events_publish import problem
from events_publish.envelope import Event
from events_publish.publisher import publisher_of
from events_publish.request_record import MAX_BYTES, RequestRecord

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def event(**attributes: Any) -> Event:
    return Event({"id": "1", "type": "t", "resource": "urn:altinn:resource:r", "source": "personal", **attributes}, b"")


def test_a_request_that_was_accepted() -> None:
    claims = {"consumer": {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}, "client_id": "c"}
    record = RequestRecord(TRACE_ID, 123, publisher_of(claims), (event(subject="personal"),), 0.0123, 2)
    line = json.loads(record.line(200))
    assert line.pop("milliseconds") >= 0
    assert line == {
        "outcome": "accepted",
        "status": 200,
        "traceId": TRACE_ID,
        "publisher": {"consumer": "0192:991825827", "org": None, "client": "c"},
        "events": [{"id": "1", "type": "t", "resource": "urn:altinn:resource:r"}],
        "eventsOmitted": 0,
        "bytes": 123,
        "storageMilliseconds": 12.3,
        "retries": 2,
    }


@pytest.mark.parametrize(
    ("refusal", "outcome"),
    [
        (problem.InvalidToken("the token has expired"), "refused"),
        (problem.QueueUnavailable(cause="the queue: busy"), "unavailable"),
        (problem.InternalError(), "failed"),
    ],
)
def test_a_request_that_was_not(refusal: problem.Problem, outcome: str) -> None:
    line = json.loads(RequestRecord(TRACE_ID).line(refusal.status, refusal))
    assert line["outcome"] == outcome
    assert line["status"] == refusal.status
    assert line["reason"] == refusal.kind
    assert line["detail"] == refusal.detail
    assert line.get("cause") == refusal.cause


def test_members_at_fault_are_named_where_their_names_are_ours() -> None:
    faults = {"id": ["is."], "[3].time": ["is."], "[4]": ["is."], "personal": ["is."], "[5].personal": ["is."]}
    line = RequestRecord(TRACE_ID).line(400, problem.InvalidEvent(faults))
    assert json.loads(line)["members"] == ["id", "time"]
    assert "personal" not in line


@pytest.mark.parametrize("text", ["x" * 40_000, "\ud800", "\u2028\u202e\n"])
def test_whatever_the_cause_says_it_is_one_line(text: str) -> None:
    line = RequestRecord(TRACE_ID, events=(event(id=text),)).line(503, problem.QueueUnavailable(cause=text))
    assert line.isascii()
    assert len(line) <= MAX_BYTES
    assert len(line.splitlines()) == 1
    assert json.loads(line)["cause"][:10] == text[:10]


@pytest.mark.parametrize("character", ["x", "ø", "€", "😀", '"'])
@pytest.mark.parametrize("number", [1, 100, 10_000])
def test_it_is_one_line_of_bounded_size(character: str, number: int) -> None:
    text = RequestRecord(TRACE_ID, events=(event(id=character * 40_000, type=character * 199),) * number).line(200)
    assert len(text.encode()) <= MAX_BYTES
    assert "\n" not in text
    line = json.loads(text)
    assert len(line["events"]) + line["eventsOmitted"] == number
    assert line["events"][0]["id"] == character * 199 + "…"
    assert line["events"][0]["type"] == character * 199
