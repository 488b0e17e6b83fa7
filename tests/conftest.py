"""The stack that the tests share: real Azurite, a token issuer, and the function app in the host, on free ports."""

import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import hypothesis
import pytest

from events_publish import attempts
from local import ROOT, azurite, issuer, serving
from local.child import Child
from tests.background import Background
from tests.storage import Queue

# No time limit for one example: the machine may be busy.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("long", deadline=None, max_examples=10_000)
hypothesis.settings.load_profile("default")

# A shell ignores it for what runs in the background, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

EVENTS_PATH = "/events/api/v1/events"
QUEUE_NAME = "events-registration"
PUBLISH_SCOPE = "altinn:events.publish"
TRACE_ID = re.compile(r"[0-9a-f]{32}")

type Event = dict[str, Any]
type MakeEvent = Callable[..., Event]
type MakeToken = Callable[..., str]
type StartHost = Callable[[Mapping[str, str]], "Host"]


class Host(NamedTuple):
    """A running host."""

    child: Child
    url: str

    @property
    def events(self) -> str:
        return self.url + EVENTS_PATH


class Issuer(NamedTuple):
    """A running issuer."""

    identifier: str
    keys: issuer.Keys
    folder: Path
    """Where its keys lie."""


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="session")
def storage(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of an Azurite."""
    started = background.run(azurite.start(tmp_path_factory.mktemp("azurite"), azurite.Ports(0, 0, 0)))
    yield started.connection_string
    background.run(started.child.stop())


@pytest.fixture(scope="session")
def token_issuer(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    folder = tmp_path_factory.mktemp("issuer")
    runner, identifier = background.run(issuer.start(folder, 0))
    yield Issuer(identifier, issuer.keys(folder), folder)
    background.run(runner.cleanup())


@pytest.fixture(scope="session")
def settings(storage: str, token_issuer: Issuer) -> dict[str, str]:
    """The least settings that the function app starts with."""
    return {"EVENTS_STORAGE": storage, "TOKEN_ISSUERS": json.dumps([{"issuer": token_issuer.identifier}])}


@pytest.fixture(scope="session")
def app_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The function app without the local.settings.json that a checkout may have."""
    folder = tmp_path_factory.mktemp("app")
    for name in ("function_app.py", "host.json"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="session")
def start_host(background: Background, app_folder: Path) -> Iterator[StartHost]:
    """Starts the function app in a host of its own, with these settings; it is stopped at the end."""
    started: list[Child] = []

    def start(settings: Mapping[str, str]) -> Host:
        host = background.run(host_of(app_folder, settings))
        started.append(host.child)
        return host

    yield start
    for child in started:
        background.run(child.stop())


async def host_of(
    folder: Path, settings: Mapping[str, str], *options: str, show: Callable[[str], None] | None = None
) -> Host:
    """A host of the function app in `folder`, on a free port; `show` gets the lines of its log."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}
    command = [sys.executable, "-m", "local", "host", "--port", "0", *options]
    child = await Child.start(command, [rf"^{serving.READY}(\S+)"], env=environ, cwd=folder, show=show)
    return Host(child, child.ready[0][1])


@pytest.fixture(scope="session")
def host(start_host: StartHost, settings: dict[str, str]) -> Host:
    """The function app that most tests talk to."""
    return start_host(settings)


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def queue(storage: str) -> Iterator[Queue]:
    """The queue of `host`, empty."""
    with Queue(storage, QUEUE_NAME) as queue:
        queue.clear()
        yield queue


@pytest.fixture
def make_event() -> MakeEvent:
    """Makes a minimal valid event; attributes are added, replaced, or with None left out."""

    def make(**attributes: Any) -> Event:
        event = {
            "specversion": "1.0",
            "id": "1",
            "type": "no.example.created",
            "source": "https://example.no/api",
            "resource": "urn:altinn:resource:example.api",
            **attributes,
        }
        return {name: value for name, value in event.items() if value is not None}

    return make


@pytest.fixture(scope="session")
def make_token(token_issuer: Issuer) -> MakeToken:
    """Makes a token of the issuer, good for publishing; claims are added or replaced."""

    def make(
        *,
        key: dict[str, Any] | None = None,
        lifetime: int = 600,
        scope: str = PUBLISH_SCOPE,
        consumer: str = issuer.CONSUMER,
        **claims: Any,
    ) -> str:
        return issuer.access_token(
            key or token_issuer.keys.signing,
            claims.pop("iss", token_issuer.identifier),
            scope=scope,
            consumer=consumer,
            lifetime=lifetime,
            **claims,
        )

    return make


@pytest.fixture
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts at storage have a thirtieth of the time that they have in earnest."""
    monkeypatch.setattr(attempts, "ATTEMPT_SECONDS", 0.1)


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


class Publish:
    """POSTs to the shared host as a publisher would."""

    def __init__(self, client: httpx.Client, url: str, token: str) -> None:
        self._client = client
        self._url = url
        self._token = {"Authorization": f"Bearer {token}"}

    def __call__(self, body: bytes | Event, **headers: str | None) -> httpx.Response:
        """`headers` are added or replaced, or with None left out; underscores stand for hyphens."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {name.replace("_", "-").title(): value for name, value in headers.items()}
        merged = {**self._token, "Content-Type": "application/cloudevents+json", **given}
        return self._client.post(
            self._url,
            content=content,
            headers={name: value for name, value in merged.items() if value is not None},
        )

    def send(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """With these headers, which may be UTF-8, and the token."""
        sent = [(name.encode(), value.encode()) for name, value in {**self._token, **headers}.items()]
        return self._client.post(self._url, content=body, headers=sent)


@pytest.fixture(scope="session")
def publish(client: httpx.Client, host: Host, make_token: MakeToken) -> Publish:
    return Publish(client, host.events, make_token(lifetime=3600))


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for `condition`, and fail when it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)
