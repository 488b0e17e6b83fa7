"""The CloudEvents SDK for .NET as a consumer, with System.Text.Json: what Altinn's own consumer reads with."""

from typing import Any

import httpx
import pytest

from tests.clients import sdks
from tests.clients.events import ATTRIBUTES, EVENTS, Event, as_dotnet_reads, as_read
from tests.clients.test_javascript_sdk import IN_BINARY_MODE, expected, in_order
from tests.conftest import Host, MakeEvent, MakeToken, Publish
from tests.headers import canonical
from tests.storage import Queue


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_reads_what_python_publishes(
    dotnet_reader: str, client: httpx.Client, host: Host, make_token: MakeToken, queue: Queue, mode: str
) -> None:
    for event in EVENTS.values():
        message = sdks.python_message(mode, event)
        headers = {**message.headers, "Authorization": f"Bearer {make_token()}"}
        client.post(host.events, content=message.body, headers=headers).raise_for_status()
    read = sdks.dotnet(dotnet_reader, sdks.lying_on_the_queue(queue.take()))
    text = canonical if mode == "structured" else str  # of True the SDK for Python makes True, not true
    assert [each.event for each in read] == [as_dotnet_reads(as_read(event), text) for event in EVENTS.values()]


@pytest.mark.parametrize("mode", ["structured", "batch", "binary"])
def test_reads_what_javascript_publishes(
    dotnet_reader: str, host: Host, make_token: MakeToken, queue: Queue, mode: str
) -> None:
    events = IN_BINARY_MODE if mode == "binary" else list(EVENTS.values())
    sdks.javascript_publish(mode, host.events, make_token(), events)
    read = sdks.dotnet(dotnet_reader, sdks.lying_on_the_queue(queue.take()))
    assert in_order(read) == [as_dotnet_reads(expected(event, mode), canonical) for event in events]


@pytest.mark.parametrize(
    "unreadable",
    [
        pytest.param({"time": "2020-02-20t08:00:06Z"}, id="time with a lower-case t"),
        pytest.param({"time": "2020-02-20T08:00:06z"}, id="time with a lower-case z"),
        pytest.param({"time": "2016-12-31T23:59:60Z"}, id="a leap second"),
        pytest.param({"time": "2020-02-20T08:00:06+14:01"}, id="an offset beyond 14 hours"),
        pytest.param({"time": "0000-02-20T08:00:06Z"}, id="year 0000"),
        pytest.param({"time": "0001-01-01T00:00:00+01:00"}, id="before year 0001 in UTC"),
        pytest.param({"time": "9999-12-31T23:59:59-01:00"}, id="after year 9999 in UTC"),
        pytest.param({"source": "a:b"}, id="a scheme of one letter"),
        pytest.param({"source": "http://"}, id="no host"),
        pytest.param({"source": "http://a!b"}, id="a host that is no DNS name"),
        pytest.param({"source": "http://a:65536"}, id="a port beyond 65535"),
        pytest.param({"dataschema": "http://a..b"}, id="dataschema alike"),
        pytest.param({"datacontenttype": "Application/JSON", "data": {}}, id="JSON in capitals"),
        pytest.param({"datacontenttype": "text/plain; a=b; a=c"}, id="a parameter twice"),
    ],
)
def test_legal_events_that_it_cannot_read(
    dotnet_reader: str, publish: Publish, queue: Queue, make_event: MakeEvent, unreadable: dict[str, Any]
) -> None:
    """Publishers are told to stay clear of them; refused they are not, for CloudEvents allows them."""
    assert publish(make_event(**ATTRIBUTES | unreadable)).status_code == 200
    (read,) = sdks.dotnet(dotnet_reader, sdks.lying_on_the_queue(queue.take()))
    assert read.event is None


def test_it_reads_what_lies_nearest(dotnet_reader: str, publish: Publish, queue: Queue, make_event: MakeEvent) -> None:
    """The other side of each border."""
    near: list[Event] = [
        {"time": "2020-02-20T08:00:06+14:00"},
        {"time": "0001-01-01T00:00:00Z"},
        {"time": "9999-12-31T23:59:59.9999999Z"},
        {"source": "ab:b"},
        {"source": "http://a-b:65535"},
        {"source": "a?b#c"},
        {"datacontenttype": "Application/json", "data": {}},
        {"datacontenttype": "text/plain; a=b; b=c", "data": "a"},
        {"data": nested(63)},  # 64 with the event's own braces, the most that the endpoint takes
    ]
    events = [make_event(**ATTRIBUTES | each) for each in near]
    for event in events:
        assert publish(event).status_code == 200
    read = sdks.dotnet(dotnet_reader, sdks.lying_on_the_queue(queue.take()))
    assert [each.error for each in read] == [""] * len(near)


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value
