"""Events of every size, in each content mode: what came goes in, from the message or from beside it."""

import base64
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from azure.storage.blob import BlobClient

from tests.conftest import MakeEvent, MakeToken, Publish, StartHost, problem
from tests.storage import Queue

BATCH = "application/cloudevents-batch+json"

KIB = 1024
MESSAGE_BYTES = 49_152
MAX_EVENT_BYTES = KIB * KIB
SIZES = [47 * KIB, MESSAGE_BYTES, MESSAGE_BYTES + 1, 49 * KIB, MAX_EVENT_BYTES]


class Large(NamedTuple):
    """A host that takes large events, and its storage."""

    publish: Publish
    queue: Queue
    connection_string: str

    def take(self) -> list[dict[str, Any]]:
        """The events on the queue; `data` of those that lie beside it is what their `dataref` leads to."""
        events = [json.loads(body) for body in self.queue.take()]
        return [event | self._fetched(event) for event in events]

    def _fetched(self, event: dict[str, Any]) -> dict[str, Any]:
        if "dataref" not in event:
            return {}
        key = self.connection_string.partition("AccountKey=")[2].partition(";")[0]
        credential = {"account_name": "devstoreaccount1", "account_key": key}
        with BlobClient.from_blob_url(event["dataref"], credential) as blob:
            content = blob.download_blob()
            return {"fetched": content.readall(), "type": content.properties.content_settings.content_type}


@pytest.fixture(scope="module")
def large(
    client: httpx.Client, start_host: StartHost, settings: dict[str, str], make_token: MakeToken, storage: str
) -> Iterator[Large]:
    host = start_host({**settings, "MAX_EVENT_BYTES": str(MAX_EVENT_BYTES), "EVENTS_QUEUE_NAME": "large-events"})
    with Queue(storage, "large-events") as queue:
        yield Large(Publish(client, host.events, make_token(lifetime=3600)), queue, storage)


def compact(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def filled(event: dict[str, Any], name: str, size: int) -> bytes:
    """The JSON of an event that its member `name` makes `size` bytes long."""
    event = {**event, "subject": "x", name: ""}
    room = size - len(compact(event))
    if name == "data_base64":  # comes in fours
        event["subject"] += "x" * (room % 4)
        event[name] = base64.b64encode(b"\x00\xff\x80" * (room // 4)).decode()
    else:
        event[name] = "x" * room
    body = compact(event)
    assert len(body) == size
    return body


def binary_mode(event: dict[str, Any]) -> dict[str, str]:
    """The headers of an event in binary mode."""
    attributes = {f"ce-{name}": value for name, value in event.items() if not name.startswith("data")}
    content_type = event.get("datacontenttype")
    return attributes | ({"Content-Type": content_type} if content_type else {})


KINDS = {
    "JSON": ("data", None),
    "text": ("data", "text/plain"),
    "binary data": ("data_base64", "image/png"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["structured", "batch", "binary"])
def test_what_came_goes_in(large: Large, make_event: MakeEvent, mode: str, size: int, kind: str) -> None:
    name, content_type = KINDS[kind]
    body = filled(make_event(datacontenttype=content_type), name, size)
    event = json.loads(body)
    data = base64.b64decode(event[name]) if name == "data_base64" else event[name].encode()
    stored = json.dumps(event["data"]).encode() if kind == "JSON" else data
    if mode == "structured":
        answer = large.publish(body)
    elif mode == "batch":
        answer = large.publish(b"[" + body + b"]", content_type=BATCH)
    else:
        answer = large.publish.send(stored, binary_mode(event))
    assert answer.status_code == 200
    (taken,) = large.take()
    if size > MESSAGE_BYTES:
        del event[name], taken["dataref"]
        event |= {"fetched": stored, "type": content_type or "application/json"}
    assert taken == event


@pytest.mark.parametrize("mode", ["structured", "batch", "binary"])
def test_one_byte_beyond(large: Large, make_event: MakeEvent, mode: str) -> None:
    body = filled(make_event(datacontenttype="text/plain"), "data", MAX_EVENT_BYTES + 1)
    place = "$"
    if mode == "structured":
        answer = large.publish(body)
    elif mode == "batch":
        place = "[1]"
        small = json.dumps(make_event()).encode()
        answer = large.publish(b"[" + small + b"," + body + b"]", content_type=BATCH)
    else:
        event = json.loads(body)
        answer = large.publish.send(event["data"].encode(), binary_mode(event))
    details = problem(answer, 413, "event-too-large")
    assert details["errors"] == {place: [f"has {MAX_EVENT_BYTES + 1} bytes; at most {MAX_EVENT_BYTES} are taken."]}
    assert large.take() == []


def test_a_batch_of_all_sizes(large: Large, make_event: MakeEvent) -> None:
    bodies = [filled(make_event(id=str(size)), "data", size) for size in SIZES]
    answer = large.publish(b"[" + b",".join(bodies) + b"]", content_type=BATCH)
    assert answer.status_code == 200
    taken = {event["id"]: event for event in large.take()}
    assert {number for number, event in taken.items() if "dataref" in event} == {
        str(size) for size in SIZES if size > MESSAGE_BYTES
    }
    for body in bodies:
        event = json.loads(body)
        found = taken[event["id"]]
        assert (json.loads(found["fetched"]) if "dataref" in found else found["data"]) == event["data"]


@pytest.mark.parametrize(
    ("attributes", "errors"),
    [
        pytest.param(
            {"dataref": "https://example.no/mine"},
            {"dataref": ["must not be there where the event has more than 49152 bytes."]},
            id="its own reference",
        ),
        pytest.param(
            {"resourceinstance": "x" * MESSAGE_BYTES},
            {"$": [f"has {MESSAGE_BYTES + 172} bytes without its data; at most 48640 are taken."]},
            id="attributes alone",
        ),
    ],
)
@pytest.mark.parametrize("mode", ["structured", "batch"])
def test_what_cannot_travel_without_its_data(
    large: Large, make_event: MakeEvent, attributes: dict[str, str], errors: dict[str, list[str]], mode: str
) -> None:
    body = filled(make_event(**attributes), "data", 2 * MESSAGE_BYTES)
    if mode == "structured":
        answer = large.publish(body)
    else:
        answer = large.publish(b"[" + body + b"]", content_type=BATCH)
        errors = {"[0]" if name == "$" else f"[0].{name}": fault for name, fault in errors.items()}
    details = problem(answer, 413, "event-too-large")
    assert details["errors"] == errors
    assert details["detail"].startswith("An event of more than 49152 bytes travels without its data")
    assert large.take() == []


def test_a_reference_of_ones_own_in_a_small_event(large: Large, make_event: MakeEvent) -> None:
    """Is the publisher's business, and travels like any extension."""
    event = make_event(dataref="https://example.no/mine")
    assert large.publish(event).status_code == 200
    assert [json.loads(body) for body in large.queue.take()] == [event]
