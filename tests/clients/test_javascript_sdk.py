"""The CloudEvents SDK for JavaScript as publisher and as consumer."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients import sdks
from tests.clients.events import ATTRIBUTES, EVENTS, as_read, as_text
from tests.clients.sdks import Message, Reading
from tests.conftest import Host, MakeToken
from tests.headers import canonical
from tests.storage import Queue

IN_BINARY_MODE = [event for name, event in EVENTS.items() if name != "percent-encoding"]


@pytest.mark.parametrize("consumer", [sdks.javascript, sdks.python])
@pytest.mark.parametrize("mode", ["structured", "batch", "binary"])
def test_publishes_and_is_read(
    host: Host, make_token: MakeToken, queue: Queue, mode: str, consumer: Callable[[list[Message]], list[Reading]]
) -> None:
    events = IN_BINARY_MODE if mode == "binary" else list(EVENTS.values())
    answers = sdks.javascript_publish(mode, host.events, make_token(), events)
    assert answers == [{"status": 200, "body": ""}] * (1 if mode == "batch" else len(events))
    read = consumer(sdks.lying_on_the_queue(queue.take()))
    assert in_order(read) == [expected(event, mode) for event in events]


def in_order(readings: list[Reading]) -> list[dict[str, Any]]:
    """The events by id: those of a batch are queued side by side."""
    return sorted((reading.event or {} for reading in readings), key=lambda event: str(event.get("id")))


def expected(event: dict[str, Any], mode: str) -> dict[str, Any]:
    if mode != "binary":
        return as_read(event)
    # It sends a Content-Type whatever there is to send.
    return {"datacontenttype": "application/json; charset=utf-8", **as_text(as_read(event), canonical)}


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        pytest.param({"subject": "100% sure"}, "subject", id="a percent sign"),
        pytest.param({"source": "/a%20b"}, "source", id="a source with a percent-encoded space"),
        pytest.param({"data": "text"}, "data", id="text data without datacontenttype, as JSON"),
        pytest.param({"datacontenttype": "application/json", "data": "text"}, "data", id="a string, as JSON"),
        pytest.param({"subject": 'say "hi"'}, "subject", id="quotes"),
    ],
)
def test_binary_mode_that_is_refused(
    host: Host, make_token: MakeToken, queue: Queue, attributes: dict[str, Any], fault: str
) -> None:
    """It does not percent-encode attributes, nor quote a string that is sent as JSON."""
    (answer,) = sdks.javascript_publish("binary", host.events, make_token(), [{**ATTRIBUTES, **attributes}])
    assert answer["status"] == 400
    assert json.loads(answer["body"])["errors"].keys() == {fault}
    assert queue.take() == []


def test_binary_mode_beyond_ascii(host: Host, make_token: MakeToken, queue: Queue) -> None:
    """What Latin-1 has goes out as that, and gets no further than the host; fetch refuses to send the rest."""
    events = [{**ATTRIBUTES, "subject": subject} for subject in ("æ", "€")]
    latin_1, beyond = sdks.javascript_publish("binary", host.events, make_token(), events)
    assert latin_1 == {"status": 400, "body": ""}
    assert "ByteString" in beyond["error"]
    assert queue.take() == []
