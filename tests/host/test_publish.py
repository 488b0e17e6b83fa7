"""One event through the whole product: real worker library, real Azurite."""

import asyncio
import base64
import json
from collections import Counter

import aiohttp
import pytest
from azure.storage.queue import QueueClient

from local.up import SAMPLE
from tests.background import Background
from tests.conftest import QUEUE_NAME, TRACE_ID, Host, MakeEvent, MakeToken, Publish, problem
from tests.storage import Queue


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


def test_a_refused_value_is_not_echoed(publish: Publish, make_event: MakeEvent) -> None:
    response = publish(make_event(alternativesubject="", source="/person/16069412345 ", time="16069412345"))
    assert "16069412345" not in response.text


def test_too_large(publish: Publish, queue: Queue, make_event: MakeEvent) -> None:
    """Exactly what a queue message holds is taken, one byte more is not."""
    empty = json.dumps(make_event(data="")).encode()
    fits = empty.replace(b'"data": ""', b'"data": "' + b"x" * (49_152 - len(empty)) + b'"')
    assert publish(fits).status_code == 200
    details = problem(publish(fits + b" "), 413, "event-too-large")
    assert "49152" in details["detail"]
    assert queue.take() == [fits]


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
