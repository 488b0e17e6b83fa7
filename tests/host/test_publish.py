"""One event through the whole product: real worker library, real Azurite."""

import asyncio
import base64
import json
import re
from collections import Counter
from typing import Any

import aiohttp
import httpx
import pytest
from azure.storage.queue import QueueClient
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from local.up import SAMPLE
from tests.background import Background
from tests.conftest import QUEUE_NAME, Host, MakeEvent, MakeToken, Publish
from tests.storage import Queue

TRACE_ID = re.compile(r"[0-9a-f]{32}")


def problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem details of a refusal, with what all of them have in common checked."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    details: dict[str, Any] = response.json()
    assert details["type"] == f"/events/api/v1/problems/{kind}"
    assert details["status"] == status
    assert details["title"]
    assert details["detail"]
    assert details["traceId"] == response.headers["trace-id"]
    assert TRACE_ID.fullmatch(details["traceId"])
    return details


def test_the_sample_event(publish: Publish, queue: Queue) -> None:
    """200, nothing in it, and on the queue lie the bytes that were sent."""
    body = SAMPLE.read_bytes()
    response = publish(body)
    assert (response.status_code, response.content) == (200, b"")
    assert TRACE_ID.fullmatch(response.headers["trace-id"])
    assert queue.take() == [body]


def test_the_message_is_base64_and_never_expires(publish: Publish, queue: Queue, storage: str) -> None:
    body = SAMPLE.read_bytes()
    publish(body)
    with QueueClient.from_connection_string(storage, QUEUE_NAME) as plain:
        (message,) = plain.peek_messages()
    assert message.content == base64.b64encode(body).decode()
    assert message.expires_on is not None
    assert message.expires_on.year == 9999
    queue.take()


def test_the_cloudevents_sdk_reads_it_back(publish: Publish, queue: Queue, make_event: MakeEvent) -> None:
    event = make_event(time="2020-02-20T08:00:06Z", subject="s", ext="x", number=7, data={"a": [1, 2.5]})
    publish(event)
    (body,) = queue.take()
    message = HTTPMessage({"content-type": "application/cloudevents+json"}, body)
    read = from_structured(message, JSONFormat(), CloudEvent)
    attributes = read.get_attributes()
    assert attributes.pop("time").isoformat() == "2020-02-20T08:00:06+00:00"
    assert {**attributes, "data": read.get_data()} == {name: event[name] for name in event if name != "time"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'\r\n{"data":{"b":1.50e400,"a":12345678901234567890123},', id="numbers, order and white space"),
        pytest.param(b'{"data":{"a":1,"a":2},', id="repeated names in data"),
        pytest.param('{"data":"æ😀\\u00e6",'.encode(), id="characters and escapes"),
        pytest.param(b'{"data":"' + b"x" * 49_000 + b'",', id="nearly as large as a message may be"),
    ],
)
def test_bytes_pass_through(publish: Publish, queue: Queue, body: bytes) -> None:
    body += b'"specversion":"1.0","id":"1","type":"t","source":"s","resource":"urn:a:b"} '
    assert publish(body).status_code == 200
    assert queue.take() == [body]


def test_application_json(publish: Publish, queue: Queue, make_event: MakeEvent) -> None:
    assert publish(make_event(), content_type="application/json; charset=utf-8").status_code == 200
    assert len(queue.take()) == 1


def test_the_callers_trace(publish: Publish, make_event: MakeEvent) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    trace_parent = f"00-{trace_id}-b7ad6b7169203331-01"
    assert publish(make_event(), traceparent=trace_parent).headers["trace-id"] == trace_id
    refused = publish(b"", traceparent=trace_parent)
    assert problem(refused, 400, "invalid-event")["traceId"] == trace_id


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        pytest.param(b"", {"$"}, id="empty"),
        pytest.param(b"{", {"$"}, id="not JSON"),
        pytest.param(b"[]", {"$"}, id="an array"),
        pytest.param(b"\xff", {"$"}, id="not UTF-8"),
        pytest.param(b"[" * 20_000, {"$"}, id="deep"),
        pytest.param(b"{}", {"specversion", "id", "type", "source", "resource"}, id="nothing there"),
        pytest.param({"specversion": "0.3"}, {"specversion"}, id="specversion"),
        pytest.param({"id": ""}, {"id"}, id="id"),
        pytest.param({"type": 1}, {"type"}, id="type"),
        pytest.param({"source": "a b"}, {"source"}, id="source"),
        pytest.param({"resource": "urn:a"}, {"resource"}, id="resource"),
        pytest.param({"resourceinstance": ""}, {"resourceinstance"}, id="resourceinstance"),
        pytest.param({"alternativesubject": 5}, {"alternativesubject"}, id="alternativesubject"),
        pytest.param({"subject": ""}, {"subject"}, id="subject"),
        pytest.param({"time": "yesterday"}, {"time"}, id="time"),
        pytest.param({"datacontenttype": "json"}, {"datacontenttype"}, id="datacontenttype"),
        pytest.param({"dataschema": "a"}, {"dataschema"}, id="dataschema"),
        pytest.param({"data_base64": "?"}, {"data_base64"}, id="data_base64"),
        pytest.param({"data": 1, "data_base64": "AQID"}, {"data_base64"}, id="both data"),
        pytest.param({"Ext": "a"}, {"Ext"}, id="extension name"),
        pytest.param({"ext": [1]}, {"ext"}, id="extension value"),
        pytest.param({"id": "a\nb"}, {"id"}, id="control character"),
        pytest.param({"id": None, "time": 1, "ext": 1.5}, {"id", "time", "ext"}, id="several"),
    ],
)
def test_a_malformed_event(
    publish: Publish, queue: Queue, make_event: MakeEvent, body: bytes | dict[str, Any], faults: set[str]
) -> None:
    details = problem(publish(body if isinstance(body, bytes) else make_event(**body)), 400, "invalid-event")
    assert details["errors"].keys() == faults
    assert all(messages and all(messages) for messages in details["errors"].values())
    assert queue.take() == []


def test_a_repeated_member(publish: Publish, queue: Queue) -> None:
    body = b'{"specversion":"1.0","id":"1","i\\u0064":"2","type":"t","source":"s","resource":"urn:a:b"}'
    assert problem(publish(body), 400, "invalid-event")["errors"].keys() == {"id"}
    assert queue.take() == []


def test_a_refused_value_is_not_echoed(publish: Publish, make_event: MakeEvent) -> None:
    response = publish(make_event(alternativesubject="", source="/person/16069412345 ", time="16069412345"))
    assert "16069412345" not in response.text


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/cloudevents+xml", "application/json; charset=x"]
)
def test_content_type(publish: Publish, queue: Queue, make_event: MakeEvent, content_type: str | None) -> None:
    response = publish(make_event(), content_type=content_type)
    problem(response, 415, "unsupported-media-type")
    assert response.headers["accept-post"] == "application/cloudevents+json, application/json"
    assert queue.take() == []


def test_content_encoding(publish: Publish, queue: Queue, make_event: MakeEvent) -> None:
    response = publish(make_event(), content_encoding="gzip")
    problem(response, 415, "unsupported-media-type")
    assert response.headers["accept-encoding"] == "identity"
    assert queue.take() == []


def test_too_large(publish: Publish, queue: Queue, make_event: MakeEvent) -> None:
    """Exactly what a queue message holds is taken, one byte more is not."""
    empty = json.dumps(make_event(data="")).encode()
    fits = empty.replace(b'"data": ""', b'"data": "' + b"x" * (49_152 - len(empty)) + b'"')
    assert publish(fits).status_code == 200
    details = problem(publish(fits + b" "), 413, "event-too-large")
    assert "49152" in details["detail"]
    assert queue.take() == [fits]


def test_a_chunked_body(client: httpx.Client, host: Host, make_token: MakeToken, queue: Queue) -> None:
    headers = {"Authorization": f"Bearer {make_token()}", "Content-Type": "application/cloudevents+json"}
    response = client.post(host.events, content=iter([SAMPLE.read_bytes()]), headers=headers)
    problem(response, 411, "length-required")
    assert queue.take() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PURGE"])
def test_method(client: httpx.Client, host: Host, method: str) -> None:
    """Refused before anything else, also without a token."""
    response = client.request(method, host.events)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert TRACE_ID.fullmatch(response.headers["trace-id"])
    if method != "HEAD":
        problem(response, 405, "method-not-allowed")


def test_the_token_comes_before_the_event(client: httpx.Client, host: Host) -> None:
    """Nothing is learnt about an event without a good token."""
    response = client.post(host.events, content=b"{", headers={"Content-Type": "text/plain"})
    problem(response, 401, "unauthenticated")


def test_fifty_publishers_at_once(
    background: Background, host: Host, queue: Queue, make_event: MakeEvent, make_token: MakeToken
) -> None:
    """2,000 events from 50 publishers: 2,000 on the queue, none twice, none lost."""
    ids = [str(number) for number in range(2000)]
    headers = {"Authorization": f"Bearer {make_token()}", "Content-Type": "application/cloudevents+json"}

    async def publish_all() -> Counter[int]:
        waiting, statuses = iter(ids), Counter[int]()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50), headers=headers) as session:

            async def publisher() -> None:
                for event_id in waiting:
                    async with session.post(host.events, data=json.dumps(make_event(id=event_id))) as answer:
                        statuses[answer.status] += 1

            await asyncio.gather(*(publisher() for _ in range(50)))
        return statuses

    assert background.run(publish_all()) == {200: 2000}
    assert Counter(json.loads(body)["id"] for body in queue.take()) == Counter(ids)
