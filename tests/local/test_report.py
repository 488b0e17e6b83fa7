"""What is told of outcomes, and their sum."""

import json
from typing import Any

import pytest

from events_publish import envelope
from local.event_source import Item
from local.publisher import Answer
from local.report import Outcome, Report, Tally
from tests.documents import block

OK = Answer(200, "", "a" * 32)


def refusal(kind: str = "invalid-event", status: int = 400, **members: Any) -> Answer:
    details = {"type": f"/events/api/v1/problems/{kind}", "status": status, "detail": f"{kind}.", **members}
    return Answer(status, json.dumps(details), "b" * 32)


def line(number: int, body: bytes = b"{}", name: str = "-") -> Item:
    return Item(name, number, body)


def summary(*outcomes: Outcome) -> list[str]:
    tally = Tally()
    for outcome in outcomes:
        tally.add(outcome)
    return tally.summary().splitlines()


def test_summary_of_what_was_accepted() -> None:
    assert summary() == ["0 accepted"]
    assert summary(*[Outcome(line(1), OK)] * 1234) == ["1,234 accepted"]


def test_summary_of_what_was_refused() -> None:
    """Grouped by what is wrong, the most frequent first; an event with two faults is in two groups."""
    time = refusal(errors={"time": ["must be a timestamp."]})
    both = refusal(errors={"time": ["must be a timestamp."], "id": ["is missing."]})
    body = refusal(errors={"$": ["must be JSON."]})
    assert summary(
        Outcome(line(1), OK),
        Outcome(line(4), both),
        *(Outcome(line(number), time) for number in range(10, 20)),
        Outcome(Item("a.json"), body),
        Outcome(line(7, name="b.ndjson"), body),
        Outcome(line(8), refusal("overloaded", 503)),
        Outcome(line(9), Answer(404, "<html>")),
        Outcome(Item("no", fault="cannot be read: No such file or directory")),
    ) == [
        "1 accepted, 16 refused:",
        "  11 invalid-event (lines 4, 10, 11, 12, 13 and 6 more): time must be a timestamp.",
        "  2 invalid-event (a.json, b.ndjson:7): the body must be JSON.",
        "  1 invalid-event (line 4): id is missing.",
        "  1 overloaded (line 8): overloaded.",
        "  1 status 404 (line 9): status 404",
        "  1 unreadable (no): cannot be read: No such file or directory",
    ]


def test_the_summary_of_the_document() -> None:
    """docs/local.md shows one."""
    event = {"specversion": "1.0", "id": "1", "type": "t", "source": "s", "resource": "urn:altinn:resource:a"}
    time = envelope.faults((*event.items(), ("time", "yesterday")))
    refused = [Outcome(line(number), refusal(errors=time)) for number in (17, 903)]
    shown = block("docs/local.md", "", "accepted, ")
    assert summary(*[Outcome(line(1), OK)] * 998, *refused) == shown.splitlines()


def test_summary_of_batches() -> None:
    """Their events count; a member is named once, whichever events it is of."""
    batch = Item("batch.json", None, b"[1, 2, 3]")
    in_part = refusal("queue-unavailable", 503, enqueued=[0, 2], notEnqueued=[1])
    wrong = refusal(errors={"[0].id": ["is missing."], "[2].id": ["is missing."], "[1]": ["must be an object."]})
    assert summary(Outcome(batch, OK), Outcome(batch, in_part), Outcome(batch, wrong)) == [
        "5 accepted, 4 refused:",
        "  1 queue-unavailable (batch.json): queue-unavailable.",
        "  1 invalid-event (batch.json): id is missing.",
        "  1 invalid-event (batch.json): an event of the batch must be an object.",
    ]


def test_summary_of_what_was_stopped() -> None:
    assert summary(Outcome(line(1), OK), Outcome(line(2))) == ["1 accepted, 1 on the way, of which nobody knows"]


def test_a_million_faults_take_no_room() -> None:
    told = summary(*(Outcome(line(n), refusal(errors={f"x{n}": ["is wrong."]})) for n in range(200)))
    assert len(told) == 22
    assert told[-1] == "  and 180 for other reasons"


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        pytest.param(Outcome(Item("a.json"), OK), "a.json: 200\n", id="a file"),
        pytest.param(Outcome(Item("a.json"), Answer(400, "{\n}\n")), "a.json: 400 {\n}\n", id="a file that is refused"),
        pytest.param(Outcome(Item("no", fault="cannot be read: x")), "no: cannot be read: x\n", id="no file"),
        pytest.param(
            Outcome(Item("a.json")), "a.json: stopped before the answer came\n", id="a file without an answer"
        ),
        pytest.param(Outcome(line(3), OK), "", id="a line"),
        pytest.param(Outcome(line(3)), "", id="a line without an answer"),
        pytest.param(
            Outcome(line(3), refusal(errors={"id": ["is missing."], "time": ["is not."]})),
            "line 3: 400 invalid-event: id is missing. time is not.\n",
            id="a line that is refused",
        ),
        pytest.param(
            Outcome(line(3, b"[1, 2]"), refusal(errors={"[1].id": ["is missing."], "[0]": ["must be an object."]})),
            "line 3: 400 invalid-event: [1].id is missing. [0] must be an object.\n",
            id="a batch that is refused",
        ),
        pytest.param(
            Outcome(line(3), refusal("overloaded", 503)),
            "line 3: 503 overloaded: overloaded.\n",
            id="a line that had no luck",
        ),
        pytest.param(
            Outcome(line(3, name="a.ndjson"), Answer(502, "<html>")),
            "a.ndjson:3: 502 status 502: status 502\n",
            id="a line that something else refuses",
        ),
    ],
)
def test_text(outcome: Outcome, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Report(as_json=False, bar_of=None, may_have_bar=True).take(outcome)
    assert capsys.readouterr() == (text, "")


EVENT = b'{"id": "1", "source": "/s", "subject": "16069412345", "data": 1}'


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        pytest.param(
            Outcome(Item("a.json", None, EVENT), OK),
            {"name": "a.json", "id": "1", "source": "/s", "status": 200, "traceId": "a" * 32},
            id="a file",
        ),
        pytest.param(
            Outcome(line(2, b'{"id": 1}'), Answer(400, '{"title": "x"}', "b")),
            {"name": "-", "line": 2, "status": 400, "traceId": "b", "problem": {"title": "x"}},
            id="a line that is refused",
        ),
        pytest.param(
            Outcome(line(2, b"[1, 2]"), OK),
            {"name": "-", "line": 2, "events": 2, "status": 200, "traceId": "a" * 32},
            id="a batch",
        ),
        pytest.param(
            Outcome(line(2, b"x"), Answer(502, "<html>")),
            {"name": "-", "line": 2, "status": 502, "traceId": None, "problem": None},
            id="refused by something else",
        ),
        pytest.param(Outcome(Item("no", fault="is not")), {"name": "no", "error": "is not"}, id="no file"),
        pytest.param(
            Outcome(line(2, EVENT)),
            {"name": "-", "line": 2, "id": "1", "source": "/s", "error": "stopped before the answer came"},
            id="no answer",
        ),
    ],
)
def test_json(outcome: Outcome, told: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, with nothing of the event but what tells which it is; no summary."""
    report = Report(as_json=True, bar_of=None, may_have_bar=True)
    report.take(outcome)
    report.take(outcome)
    report.close(stopped=False)
    printed, errors = capsys.readouterr()
    first, second = printed.splitlines()
    assert first == second
    assert json.loads(first) == told
    assert errors == ""


def test_notes_do_not_flood(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(as_json=True, bar_of=None, may_have_bar=True)
    for _ in range(1000):
        report.note("503")
    assert len(capsys.readouterr().err.splitlines()) <= 2
