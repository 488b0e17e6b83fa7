"""docs/consuming.md is true: its code is that of the example, and Python's SDK reads what the page says."""

import json
import re
from typing import Any

import azure.functions as func
import pytest
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat

from events_publish import shards
from events_publish.shards import shard_of
from local import ROOT
from tests.conftest import Publish
from tests.host.test_contract import ATTRIBUTES, STRUCTURED
from tests.storage import Queue

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


BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_code_is_that_of_the_example() -> None:
    """Which has tests of its own; but for several queues, which it does not have."""
    example = (ROOT / "examples/consumer/function_app.py").read_text()
    assert [block for block in BLOCKS if block not in example] == [several_queues()]


def several_queues() -> str:
    (code,) = [block for block in BLOCKS if "consume_all" in block]
    return str(code)


def test_several_queues() -> None:
    """Each has a trigger, and the same code behind it."""
    app: dict[str, Any] = {}
    exec(several_queues(), app)  # noqa: S102
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
