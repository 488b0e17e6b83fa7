"""The example for consumers, in a host of its own, behind a publishing host."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, NamedTuple

import httpx
import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from local import ROOT
from tests.background import Background
from tests.conftest import MakeEvent, MakeToken, Publish, StartHost, host_of, wait_until
from tests.storage import connection_parts

pytestmark = pytest.mark.long

QUEUE = "events-consumed"
TRACE = "0af7651916cd43dd8448eb211c80319c"


def blob_name(event: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([event["source"], event["id"]]).encode()).hexdigest()


class Consumer(NamedTuple):
    """The running example."""

    storage: str
    log: list[str]

    def blobs(self, container: str) -> dict[str, bytes]:
        with BlobServiceClient.from_connection_string(self.storage) as service:
            client = service.get_container_client(container)
            if not client.exists():
                return {}
            return {blob.name: client.download_blob(blob.name).readall() for blob in client.list_blobs()}

    def kept(self, event: dict[str, Any]) -> bytes:
        """What became of an event, once it is there."""
        wait_until(lambda: blob_name(event) in self.blobs("inbox"))
        return self.blobs("inbox")[blob_name(event)]

    def wait_for(self, text: str, times: int = 1) -> None:
        wait_until(lambda: sum(text in line for line in self.log) >= times)

    def put(self, body: bytes) -> None:
        """Put something on the queue that no endpoint would."""
        with QueueClient.from_connection_string(self.storage, QUEUE) as queue:
            queue.send_message(base64.b64encode(body).decode())

    def is_done(self) -> bool:
        with QueueClient.from_connection_string(self.storage, QUEUE) as queue:
            return queue.get_queue_properties().approximate_message_count == 0


@pytest.fixture(scope="module")
def endpoint(client: httpx.Client, start_host: StartHost, settings: dict[str, str], make_token: MakeToken) -> Publish:
    host = start_host({**settings, "MAX_EVENT_BYTES": "60000", "EVENTS_QUEUE_NAME": QUEUE})
    return Publish(client, host.events, make_token(lifetime=3600))


@pytest.fixture(scope="module")
def consumer(background: Background, storage: str) -> Iterator[Consumer]:
    log: list[str] = []
    with QueueClient.from_connection_string(storage, QUEUE) as queue:
        queue.create_queue()
    sample = json.loads((ROOT / "examples/consumer/local.settings.sample.json").read_text())["Values"]
    hurry = {"visibilityTimeout": "00:00:00", "maxPollingInterval": "00:00:00.2"}
    environ = {
        **sample,
        "EVENTS_STORAGE": storage,
        "INBOX_STORAGE": storage,
        "EVENTS_QUEUE_NAME": QUEUE,
        **{f"AzureFunctionsJobHost__extensions__queues__{name}": value for name, value in hurry.items()},
    }
    host = background.run(host_of(ROOT / "examples/consumer", environ, show=log.append))
    yield Consumer(storage, log)
    assert background.run(host.child.stop()) == 0
    text = "\n".join(log)
    assert f"consume: messages of {QUEUE}\n" in text
    assert f"give_up: messages of {QUEUE}-poison\n" in text


@pytest.fixture
def event(make_event: MakeEvent) -> dict[str, Any]:
    return make_event(id=str(uuid.uuid4()))


def test_an_event_is_kept_as_it_came(endpoint: Publish, consumer: Consumer, event: dict[str, Any]) -> None:
    body = json.dumps({**event, "traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "data": {"a": 1}}, indent=3).encode()
    assert endpoint(body).status_code == 200
    assert consumer.kept(event) == body
    consumer.wait_for(f"{blob_name(event)} is kept, trace {TRACE}")
    wait_until(consumer.is_done)


def test_an_event_of_binary_mode_is_kept(endpoint: Publish, consumer: Consumer, event: dict[str, Any]) -> None:
    """As the event that the endpoint has made of headers and body."""
    headers = {f"ce-{name}": value for name, value in event.items()} | {"Content-Type": "application/json"}
    assert endpoint.send(b'{"a":1.50}', headers).status_code == 200
    assert json.loads(consumer.kept(event)) == {**event, "datacontenttype": "application/json", "data": {"a": 1.5}}


def test_a_repeat_is_dropped(endpoint: Publish, consumer: Consumer, event: dict[str, Any]) -> None:
    """Whatever else it says; the same id of another source is another event."""
    other = {**event, "source": "https://example.no/another"}
    for body in (event, {**event, "time": "2026-01-01T00:00:00Z"}, event, other):
        assert endpoint(body).status_code == 200
    consumer.wait_for(f"{blob_name(event)} was there already", 2)
    consumer.kept(other)
    assert sum(f"{blob_name(event)} is kept" in line for line in consumer.log) == 1
    wait_until(consumer.is_done)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param(b'"subject": null', id="null"),
        pytest.param(b'"time": "2016-12-31T23:59:60Z"', id="leap second"),
        pytest.param(b'"data": ' + b"1" * 5000, id="an integer of 5,000 digits"),
        pytest.param(b'"data": [1.50, 1e999]', id="numbers"),
        pytest.param(b'"traceparent": "00-x"', id="no trace"),
    ],
)
def test_events_that_an_sdk_refuses(
    endpoint: Publish, consumer: Consumer, event: dict[str, Any], members: bytes
) -> None:
    body = json.dumps(event).encode()[:-1] + b", " + members + b"}"
    assert endpoint(body).status_code == 200
    assert consumer.kept(event) == body
    consumer.wait_for(f"{blob_name(event)} is kept, trace none")


def test_data_beside_the_queue(endpoint: Publish, consumer: Consumer, event: dict[str, Any]) -> None:
    """Is fetched and kept with the event."""
    data = {"letters": "å" + "x" * 50_000}
    assert endpoint({**event, "data": data, "number": 7}).status_code == 200
    kept = json.loads(consumer.kept(event))
    assert json.loads(base64.b64decode(kept.pop("data_base64"))) == data
    assert kept == {**event, "number": 7}


@pytest.mark.parametrize("of", ["another host", "another container", "no blob of ours", "data of its own"])
def test_a_publishers_own_dataref_is_not_followed(
    endpoint: Publish, consumer: Consumer, storage: str, event: dict[str, Any], of: str
) -> None:
    payloads = f"{connection_parts(storage)['BlobEndpoint']}/events-payloads/"
    blob = "0" * 36
    members: dict[str, dict[str, Any]] = {
        "another host": {"dataref": f"https://example.no/events-payloads/{blob}"},
        "another container": {"dataref": f"{payloads}../secrets/{blob}"},
        "no blob of ours": {"dataref": payloads + "x" * 36},
        "data of its own": {"dataref": payloads + blob, "data": 1},
    }
    assert endpoint({**event, **members[of]}).status_code == 200
    assert json.loads(consumer.kept(event)) == {**event, **members[of]}


def again(storage: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "EVENTS_STORAGE": storage, "INBOX_STORAGE": storage}
    command = [sys.executable, "again.py"]
    return subprocess.run(
        command, cwd=ROOT / "examples/consumer", env=environ, capture_output=True, text=True, check=False
    )


def test_what_fails_is_put_aside(consumer: Consumer, storage: str, event: dict[str, Any]) -> None:
    """After five times, by way of the poison queue; and can be handled again when what was wrong is mended."""
    blob = str(uuid.uuid4())
    gone = f"{connection_parts(storage)['BlobEndpoint']}/events-payloads/{blob}"
    bodies = {b"no event", json.dumps({**event, "dataref": gone}).encode()}
    for body in bodies:
        consumer.put(body)
    wait_until(lambda: set(consumer.blobs("failed").values()) == bodies)
    consumer.wait_for(f"failed 5 times and goes to {QUEUE}-poison", 2)
    consumer.wait_for("An event failed too often: see the blob ", 2)
    assert blob_name(event) not in consumer.blobs("inbox")
    wait_until(consumer.is_done)
    with BlobServiceClient.from_connection_string(storage) as service:
        with suppress(ResourceExistsError):
            service.create_container("events-payloads")
        service.get_blob_client("events-payloads", blob).upload_blob(b"the data")
    done = again(storage)
    assert (done.returncode, done.stdout.count("is handled"), done.stderr.count("failed once more")) == (1, 1, 1)
    assert base64.b64decode(json.loads(consumer.kept(event))["data_base64"]) == b"the data"
    assert [*consumer.blobs("failed").values()] == [b"no event"]


class ContainerBeingDeleted(BaseHTTPRequestHandler):
    """Storage while somebody has deleted a container: no Azurite says that, and Azure does for half a minute."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(409)
        self.send_header("x-ms-error-code", "ContainerBeingDeleted")
        self.send_header("Content-Length", "0")
        self.end_headers()


def test_a_conflict_is_no_repeat(storage: str) -> None:
    """Only a blob that is there says that an event was kept."""
    with HTTPServer(("127.0.0.1", 0), ContainerBeingDeleted) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        key = connection_parts(storage)["AccountKey"]
        inbox = f"AccountName=a;AccountKey={key};BlobEndpoint=http://127.0.0.1:{server.server_port}/a"
        done = subprocess.run(
            [sys.executable, "-c", "import function_app; function_app.keep('name', b'{}')"],
            cwd=ROOT / "examples/consumer",
            env={"PATH": os.environ["PATH"], "EVENTS_STORAGE": storage, "INBOX_STORAGE": inbox},
            capture_output=True,
            text=True,
            check=False,
        )
        server.shutdown()
    assert done.returncode == 1
    assert "ErrorCode:ContainerBeingDeleted" in done.stderr
