"""The page's server, without a browser: what it hands on, what it tells of the queue, and whom it refuses."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from aiohttp import web

from local import Failure, serving
from local.page import relay, server, tokens
from local.running import Running
from local.up import SAMPLE
from tests.background import Background
from tests.conftest import Issuer, MakeEvent, MakeToken, problem
from tests.storage import Queue

EVENTS = "events/api/v1/events"
STRUCTURED = "application/cloudevents+json"


def publish(client: httpx.Client, page_url: str, token: str, body: bytes, **headers: str) -> httpx.Response:
    given = {"Authorization": f"Bearer {token}", "Content-Type": STRUCTURED, **headers}
    return client.post(page_url + EVENTS, content=body, headers=given)


def test_a_request_goes_to_the_host_and_its_answer_back(
    client: httpx.Client, page_url: str, make_token: MakeToken, queue: Queue
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = publish(client, page_url, make_token(), SAMPLE.read_bytes(), traceparent=trace)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["trace-id"] == trace[3:35]
    assert queue.take() == [SAMPLE.read_bytes()]


def test_a_refusal_comes_back_whole(client: httpx.Client, page_url: str, make_token: MakeToken) -> None:
    details = problem(publish(client, page_url, make_token(), b"{}"), 400, "invalid-event")
    assert {"id", "source"} <= details["errors"].keys()
    expired = publish(client, page_url, make_token(lifetime=-60), b"{}")
    problem(expired, 401, "invalid-token")
    assert expired.headers["www-authenticate"].startswith('Bearer realm="events", error="invalid_token"')
    encoded = publish(client, page_url, make_token(), b"not gzip", **{"Content-Encoding": "gzip"})
    problem(encoded, 415, "unsupported-media-type")
    assert encoded.headers["accept-encoding"] == "identity"
    problem(client.request("PATCH", page_url + EVENTS), 405, "method-not-allowed")
    problem(client.get(page_url + "events/api/v1/problems/no-such"), 404, "not-found")


def test_other_resources_of_the_host(client: httpx.Client, page_url: str, running: Running) -> None:
    for path in ("/events/api/v1/openapi.json", "/events/api/v1/problems/invalid-event"):
        through, direct = client.get(page_url + path[1:]), client.get(running.host + path)
        assert (through.status_code, through.content) == (200, direct.content)
        assert through.headers["content-type"] == direct.headers["content-type"]


@pytest.fixture
def upstream(background: Background) -> Iterator[tuple[str, list[web.Request]]]:
    """A host's place, and the requests that came there."""
    came: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        came.append(request)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    url = background.run(serving.serve(runner, 0, "--port"))
    yield url, came
    background.run(runner.cleanup())


def test_what_is_the_browsers_own_stays_behind(
    background: Background, client: httpx.Client, upstream: tuple[str, list[web.Request]], tmp_path: Path
) -> None:
    """Cookies of other programs on loopback above all; a path and its query go on as they are written."""
    url, came = upstream
    runner, page_url = background.run(server.start(Running(host=url), tmp_path, 0))
    try:
        own = {
            "Cookie": "session=secret",
            "Origin": page_url[:-1],
            "Referer": page_url,
            "Sec-Fetch-Site": "same-origin",
        }
        path = "events/api/v1/problems/a%2Fb%20c?d=%41&d"
        answer = client.get(page_url + path, headers={**own, "X-Own": "1"})
    finally:
        background.run(runner.cleanup())
    (request,) = came
    assert request.raw_path == "/" + path
    assert request.headers["X-Own"] == "1"
    assert not {name for name in own if name in request.headers}
    assert (answer.status_code, answer.headers["location"]) == (302, "/elsewhere")


def test_no_host(background: Background, client: httpx.Client, tmp_path: Path) -> None:
    """As before `func start` runs: the page is there, and says so."""
    runner, page_url = background.run(server.start(Running(host="http://127.0.0.1:1"), tmp_path, 0))
    try:
        assert client.get(page_url).status_code == 200
        answer = client.get(page_url + "events/api/v1/health")
    finally:
        background.run(runner.cleanup())
    assert answer.status_code == 502
    assert answer.text == "No host answers at http://127.0.0.1:1; start one with `make run` or `func start`.\n"


@pytest.mark.parametrize(
    ("answered", "status", "said"),
    [
        pytest.param(b"<html>", 502, "gave no whole answer in HTTP", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", 502, "gave no whole answer", id="cut short"),
        pytest.param(b"", 502, "gave no whole answer", id="hung up"),
        pytest.param(None, 504, "gave no answer within 0.2 s; the event may be on the queue or not", id="silent"),
    ],
)
def test_a_host_that_fails(
    background: Background,
    client: httpx.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answered: bytes | None,
    status: int,
    said: str,
) -> None:
    monkeypatch.setattr(relay, "PATIENCE_SECONDS", 0.2)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answered is None:
            await reader.read()  # until whoever asks gives up
        writer.write(answered or b"")
        writer.close()
        await writer.wait_closed()

    async def start() -> tuple[asyncio.Server, web.AppRunner, str]:
        host = await asyncio.start_server(answer, serving.ADDRESS, 0)
        url = f"http://{serving.ADDRESS}:{host.sockets[0].getsockname()[1]}"
        return host, *await server.start(Running(host=url), tmp_path, 0)

    host, runner, page_url = background.run(start())
    try:
        found = client.post(page_url + EVENTS, content=b"{}")
    finally:
        host.close()
        background.run(runner.cleanup())
    assert found.status_code == status
    assert said in found.text


def test_what_is_too_much_for_the_host(client: httpx.Client, page_url: str) -> None:
    """The host says so, not the page."""
    assert client.get(page_url + "events/api/v1/health", headers={"X-Large": "x" * 40_000}).status_code == 431
    assert client.get(page_url + "events/api/v1/health?" + "x" * 9_000).status_code == 414


NAVIGATES = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
PROBLEM = "events/api/v1/problems/invalid-event"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("stack", {"Host": "rebound.example:7073"}, 421, id="a name that leads to loopback"),
        pytest.param("stack", {"Origin": "https://other.example"}, 403, id="another origin"),
        pytest.param("stack", {"Origin": "null"}, 403, id="an origin that hides"),
        pytest.param("stack", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403, id="an image"),
        pytest.param("stack", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403, id="another port"),
        pytest.param("stack", NAVIGATES, 403, id="a link to what is no page"),
        pytest.param("queue", NAVIGATES, 403, id="a window of the queue"),
        pytest.param("", {**NAVIGATES, "Sec-Fetch-Dest": "iframe"}, 403, id="a frame"),
        pytest.param("", NAVIGATES, 200, id="a link to the page"),
        pytest.param("openapi", NAVIGATES, 200, id="a link to the OpenAPI"),
        pytest.param(PROBLEM, NAVIGATES, 200, id="a link to a problem"),
        pytest.param("stack", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200, id="typed"),
        pytest.param("stack", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200, id="the page itself"),
    ],
)
def test_who_may_ask(client: httpx.Client, page_url: str, path: str, headers: dict[str, str], status: int) -> None:
    """Another site's page could else have tokens made and read the queue, in the browser of whoever runs this."""
    assert client.get(page_url + path, headers=headers).status_code == status


@pytest.mark.parametrize("path", ["token", "take", "delete", EVENTS])
def test_a_form_elsewhere_changes_nothing(client: httpx.Client, page_url: str, path: str) -> None:
    assert client.post(page_url + path, content=b"{}", headers=NAVIGATES).status_code == 403


def test_it_is_on_loopback_alone(page_url: str) -> None:
    assert page_url.startswith(f"http://{serving.ADDRESS}:")


def test_the_page_lets_nothing_in_from_elsewhere(client: httpx.Client, page_url: str) -> None:
    policies = [client.get(page_url + path).headers["content-security-policy"] for path in ("", "openapi", "")]
    for policy in policies:
        assert policy.startswith("default-src 'none'; connect-src 'self'; script-src 'self' 'nonce-")
        assert "unsafe" not in policy
        assert "http" not in policy.replace("https://", "http")
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in policies[0]
    assert policies[0] != policies[2]  # a nonce is good for one answer


@pytest.mark.parametrize(
    "path",
    [
        "vendor/azurite/package.json",
        "vendor/../package.json",
        "vendor/%2e%2e/package.json",
        "server.py",
        "..%2fserver.py",
    ],
)
def test_files_that_are_none_of_the_pages(client: httpx.Client, page_url: str, path: str) -> None:
    assert client.get(page_url + path).status_code == 404


def test_the_files_of_the_page(client: httpx.Client, page_url: str) -> None:
    """Each that a document names, and each module that the import map does."""
    page = client.get(page_url).text
    (import_map,) = re.findall(r'<script type="importmap".*?>(.*?)</script>', page)
    for path in [
        *json.loads(import_map)["imports"].values(),
        "/page.js",
        "/page.css",
        "/icon.svg",
        "/openapi.js",
        "/openapi.css",
    ]:
        found = client.get(page_url + path[1:])
        assert found.status_code == 200, path
        assert found.headers["x-content-type-options"] == "nosniff"


def test_packages_that_are_not_installed(
    background: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ROOT", tmp_path)
    with pytest.raises(Failure, match="is not installed; run `make setup`"):
        background.run(server.start(Running(), tmp_path, 0))


def token(client: httpx.Client, page_url: str, **wanted: Any) -> httpx.Response:
    return client.post(page_url + "token", json={"scope": "a b", "consumer": "991825827", "lifetime": 60, **wanted})


def test_a_token(client: httpx.Client, page_url: str, token_issuer: Issuer) -> None:
    answer = token(client, page_url)
    assert answer.headers["cache-control"] == "no-store"
    claims = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    assert (claims["iss"], claims["scope"]) == (token_issuer.identifier, "a b")
    assert (claims["consumer"]["ID"], claims["exp"] - claims["iat"]) == ("0192:991825827", 60)
    unknown = token(client, page_url, unknown_issuer=True).json()["token"]
    assert jwt.decode(unknown, options={"verify_signature": False})["iss"] == tokens.UNKNOWN_ISSUER


@pytest.mark.parametrize(
    ("wanted", "fault"),
    [
        pytest.param({"lifetime": "long"}, "lifetime: Input should be a valid integer", id="a lifetime that is none"),
        pytest.param({"lifetime": 10**12}, "lifetime: Input should be less than", id="a lifetime without end"),
        pytest.param({"scope": None}, "scope: Input should be a valid string", id="no scope"),
        pytest.param({"colour": "red"}, "colour: Extra inputs are not permitted", id="something else"),
    ],
)
def test_a_token_that_cannot_be_made(client: httpx.Client, page_url: str, wanted: dict[str, Any], fault: str) -> None:
    answer = token(client, page_url, **wanted)
    assert answer.status_code == 400
    assert answer.text.startswith(fault)


def test_a_wish_that_is_no_json(client: httpx.Client, page_url: str) -> None:
    answer = client.post(page_url + "token", content=b"{")
    assert answer.status_code == 400
    assert answer.text.startswith("Invalid JSON")


class Feed:
    """A stream of server-sent events."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()

    def next(self, name: str) -> Any:
        """What the next event of a name says; others are passed over."""
        for line in self._lines:
            if line == f"event: {name}":
                return json.loads(next(self._lines).removeprefix("data: "))
        raise AssertionError(f"no {name} came")


def test_watching_the_queue(client: httpx.Client, page_url: str, queue: Queue) -> None:
    """What lies there and what lands is told once, and what is there no longer; nothing changes on the queue."""
    queue.client.send_message("e30=")
    with client.stream("GET", page_url + "queue") as response:
        assert response.headers["content-type"] == "text/event-stream"
        feed = Feed(response)
        assert feed.next("stack") == client.get(page_url + "stack").json()
        first = feed.next("heads")
        (message,) = first["new"]
        assert (message["text"], message["queue"]) == ("e30=", queue.client.queue_name)
        assert first["there"] == [message["id"]]
        assert feed.next("count") == 1
        queue.client.send_message("W10=")
        second = feed.next("heads")
        assert [each["text"] for each in second["new"]] == ["W10="]
        assert feed.next("count") == 2
        (taken,) = queue.client.receive_messages(max_messages=1)
        queue.client.delete_message(taken)
        assert feed.next("heads") == {"new": [], "there": [second["new"][0]["id"]]}
    assert queue.client.get_queue_properties().approximate_message_count == 1


def test_taking_from_the_queue(client: httpx.Client, page_url: str, queue: Queue) -> None:
    """What is received stays until it is deleted, and only what is named is deleted."""
    for number in range(40):
        queue.client.send_message(str(number))
    received = [*client.post(page_url + "take").json(), *client.post(page_url + "take").json()]
    assert [message["text"] for message in received] == [str(number) for number in range(40)]
    assert client.post(page_url + "take").json() == []
    assert queue.client.get_queue_properties().approximate_message_count == 40
    receipts = [{name: message[name] for name in ("queue", "id", "receipt")} for message in received[:39]]
    for _ in range(2):  # once more does no harm
        assert client.post(page_url + "delete", json=receipts).status_code == 200
    assert queue.client.get_queue_properties().approximate_message_count == 1


@pytest.mark.parametrize("body", [b"", b"{}", b'[{"queue": "page-events"}]', b"[1]"])
def test_what_cannot_be_deleted(client: httpx.Client, page_url: str, body: bytes) -> None:
    answer = client.post(page_url + "delete", content=body)
    assert answer.status_code == 400
    assert answer.text == "It must be an array of objects with queue, id and receipt.\n"


def test_looking_changes_nothing(client: httpx.Client, page_url: str, queue: Queue) -> None:
    """Whatever a link or a frame may have a browser ask for."""
    queue.client.send_message("e30=")
    assert [client.get(page_url + path).status_code for path in ("take", "delete")] == [405, 405]
    assert client.head(page_url + "queue").status_code == 405
    with client.stream("GET", page_url + "queue?take") as response:
        assert Feed(response).next("count") == 1
    (message,) = queue.client.receive_messages()
    assert message.dequeue_count == 1


def test_a_queue_that_is_not_there_yet(
    background: Background, client: httpx.Client, storage: str, tmp_path: Path
) -> None:
    runner, page_url = background.run(server.start(Running(storage=storage, queue="not-yet"), tmp_path, 0))
    try:
        with client.stream("GET", page_url + "queue") as response:
            assert Feed(response).next("count") == 0
        assert client.post(page_url + "take").json() == []
    finally:
        background.run(runner.cleanup())


def test_a_storage_that_does_not_answer(background: Background, client: httpx.Client, tmp_path: Path) -> None:
    storage = "AccountName=account;AccountKey=c2VjcmV0;QueueEndpoint=http://127.0.0.1:1/account"
    runner, page_url = background.run(server.start(Running(storage=storage), tmp_path, 0))
    try:
        with client.stream("GET", page_url + "queue") as response:
            assert "cannot be read; start it with `make run`" in Feed(response).next("fault")
    finally:
        background.run(runner.cleanup())


def test_a_payload(
    client: httpx.Client, page_url: str, make_token: MakeToken, make_event: MakeEvent, queue: Queue
) -> None:
    """What lies in the stack's own container, and nothing that an event says lies elsewhere."""
    event = make_event(data="x" * 100_000, datacontenttype="text/plain")
    assert publish(client, page_url, make_token(), json.dumps(event).encode()).status_code == 200
    (message,) = queue.take()
    dataref = json.loads(message)["dataref"]
    found = client.get(page_url + "payload", params={"dataref": dataref})
    assert (found.status_code, found.text) == (200, "x" * 100_000)
    assert found.headers["payload-content-type"] == "text/plain"
    assert found.headers["content-type"] == "application/octet-stream"
    gone = dataref.rpartition("/")[0] + "/00000000-0000-0000-0000-000000000000"
    assert client.get(page_url + "payload", params={"dataref": gone}).status_code == 404
    for elsewhere in ("http://127.0.0.1:1/", dataref + "?comp=metadata", dataref + "/..", "file:///etc/passwd", ""):
        assert client.get(page_url + "payload", params={"dataref": elsewhere}).status_code == 400
