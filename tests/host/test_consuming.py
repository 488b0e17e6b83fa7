"""docs/consuming.md is true: its code runs on what lies on the queue, and Python's SDK reads what the page says."""

import base64
import json
import re
from typing import Any

import azure.functions as func
import httpx
import pytest
from azure.storage.queue import QueueClient
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat

from events_publish import shards
from events_publish.shards import shard_of
from local import ROOT
from tests.conftest import QUEUE_NAME, MakeToken, Publish, StartHost
from tests.host.test_contract import ATTRIBUTES, BINARY, EVENT, JSON, STRUCTURED
from tests.storage import Queue, connection_parts

PAGE = (ROOT / "docs/consuming.md").read_text()
ROWS = dict(re.findall(r"^\| (?!event )(.+?) \| (.+?) \|", PAGE, re.MULTILINE))
"""What Python's SDK does, by kind of event."""

EVENTS: dict[str, list[dict[str, Any]]] = {
    "an attribute that is `null`": [{"subject": None}, {"time": None}, {"dataschema": None}],
    "no `time`": [{}],
    "`time` with `t` or `z`": [{"time": "2020-02-20t08:00:06Z"}, {"time": "2020-02-20T08:00:06z"}],
    "`time` with an offset beyond 14 hours": [{"time": "2020-02-20T08:00:06+15:00"}],
    "`time` with second 60": [{"time": "2016-12-31T23:59:60Z"}],
    "`time` in the year 0000": [{"time": "0000-01-01T00:00:00Z"}],
    "`time` that in UTC is outside the years 0001 to 9999": [
        {"time": "0001-01-01T00:00:00+01:00"},
        {"time": "9999-12-31T23:59:59-01:00"},
    ],
    "`time` with a long fraction of a second": [{"time": "2020-02-20T08:00:06.123456789Z"}],
    "`source` such as `http://`, `http://a:99999/`, `a:b`": [
        {"source": "http://"},
        {"source": "http://a:99999/"},
        {"source": "a:b"},
    ],
    '`data` that is `false`, `0` or `""`; an empty `data_base64`': [
        {"data": False},
        {"data": 0},
        {"data": ""},
        {"data_base64": ""},
    ],
    "an integer of more than 4,300 digits in `data`": [{"data": 10**4200}],  # and some zeros, see below
    "an extension `schemaurl`": [{"schemaurl": "https://example.no/schema"}],
    "an extension `datacontentencoding` that is `base64`": [{"datacontentencoding": "base64", "data": "AQID"}],
}


@pytest.fixture
def app() -> dict[str, Any]:
    """The names of the page's code."""
    names: dict[str, Any] = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)), names)  # noqa: S102
    return names


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(EVENT[:-1] + b',"data":{"a":1}}', STRUCTURED, id="structured"),
        pytest.param(b'{"a":1}', {**BINARY, **JSON}, id="binary"),
    ],
)
def test_the_trigger(
    publish: Publish,
    queue: Queue,
    storage: str,
    caplog: pytest.LogCaptureFixture,
    app: dict[str, Any],
    body: bytes,
    headers: dict[str, str],
) -> None:
    """It gets what the Functions host makes of a message: its text, with the base64 undone."""
    assert publish.send(body, headers).status_code == 200
    with QueueClient.from_connection_string(storage, QUEUE_NAME) as plain:
        (message,) = plain.peek_messages()
    came = func.QueueMessage(body=base64.b64decode(message.content, validate=True))
    read = app["read"](came)
    assert (read.get_source(), read.get_id(), read.get_data()) == (ATTRIBUTES["source"], ATTRIBUTES["id"], {"a": 1})
    (function,) = app["app"].get_functions()
    assert function.get_trigger().queue_name == QUEUE_NAME
    caplog.clear()
    with caplog.at_level("INFO"):
        function.get_user_function()(came)
    assert caplog.messages == [f"An event of type {ATTRIBUTES['type']}"]
    queue.take()


def test_several_queues(app: dict[str, Any]) -> None:
    """Each has a trigger, and the same code behind it."""
    came: list[func.QueueMessage] = []

    def consume(message: func.QueueMessage) -> None:
        came.append(message)

    several = func.FunctionApp()
    app["consume_all"](several, consume, "q", 3)
    functions: list[Any] = several.get_functions()
    assert tuple(each.get_trigger().queue_name for each in functions) == shards.names("q", 3)
    assert len({each.get_function_name() for each in functions}) == 3
    messages = [func.QueueMessage(id=str(shard)) for shard in range(3)]
    for function, message in zip(functions, messages, strict=True):
        function.get_user_function()(message)
    assert came == messages
    assert f"is {shard_of({'partitionkey': '123456789'}, 3)}, so that key" in PAGE


def test_data_beside_the_queue(
    client: httpx.Client,
    start_host: StartHost,
    settings: dict[str, str],
    make_token: MakeToken,
    storage: str,
    app: dict[str, Any],
) -> None:
    """Is fetched where it is ours; nothing else is, whatever a publisher's own `dataref` says."""
    parts = connection_parts(storage)
    app["PAYLOADS"] = f"{parts['BlobEndpoint']}/events-payloads/"
    app["CREDENTIAL"] = {"account_name": parts["AccountName"], "account_key": parts["AccountKey"]}
    host = start_host({**settings, "MAX_EVENT_BYTES": "60000", "EVENTS_QUEUE_NAME": "read-beside"})
    large = Publish(client, host.events, make_token())
    data = "x" * 50_000
    theirs = ["https://example.no/", f"{app['PAYLOADS']}../secrets/{'0' * 36}", app["PAYLOADS"] + "x" * 36]
    others: list[dict[str, Any]] = [{}, {"data": {"a": 1}}, *({"dataref": each} for each in theirs)]
    for members in ({"data": data}, *others):
        assert large({**ATTRIBUTES, **members}).status_code == 200
    with Queue(storage, "read-beside") as queue:
        read = [app["read"](func.QueueMessage(body=body)) for body in queue.take()]
    assert [app["payload"](event) for event in read] == [json.dumps(data).encode(), *[None] * len(others)]


def test_the_table_has_these_rows() -> None:
    assert list(ROWS) == list(EVENTS)


@pytest.mark.parametrize("row", EVENTS)
def test_python_reads(publish: Publish, queue: Queue, row: str) -> None:
    """Each event of the row is taken here, and Python's SDK does with it what the page says."""
    time = {} if row == "no `time`" else {"time": "2020-02-20T08:00:06Z"}
    for members in EVENTS[row]:
        event = {**ATTRIBUTES, **time, **members}
        body = json.dumps(event).encode().replace(b"0" * 4200, b"0" * 4300)
        assert publish.send(body, STRUCTURED).status_code == 200
        (message,) = queue.client.receive_messages()
        queue.client.delete_message(message)
        assert message.content == body
        if ROWS[row] == "refuses":
            with pytest.raises((ValueError, TypeError, CloudEventValidationError)):
                JSONFormat().read(None, body)
            continue
        read = JSONFormat().read(None, body)
        attributes = read.get_attributes()
        read_time = attributes.pop("time").isoformat()
        assert {name: event[name] for name in attributes} == attributes
        assert read.get_data() == (b"" if "data_base64" in event else event.get("data"))
        if ROWS[row] == "sets it to now":
            assert read_time[:4] >= "2026"
        else:
            assert read_time[:19] == event["time"][:19].upper()
            assert (read_time[19:] == ".123456+00:00") == (ROWS[row] == "cuts to 6 digits")
