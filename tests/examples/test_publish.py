"""The examples for publishers, each run from its own folder as a user runs it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from local import ROOT, serving
from tests.background import Background
from tests.conftest import Host, Issuer
from tests.storage import Queue

COMMANDS = {
    "curl": ["sh", "publish.sh"],
    "python": [sys.executable, "publish.py"],
    "javascript": ["node", "publish.mjs"],
}
ALL = list(COMMANDS)
WITH_BATCHES = ["python", "javascript"]

type Run = Callable[..., subprocess.CompletedProcess[str]]


def folder(example: str) -> Path:
    return ROOT / f"examples/publish-{example}"


@pytest.fixture
def run(token_issuer: Issuer) -> Run:
    """Runs an example with files and settings, the issuer being the one of the tests."""

    def run(example: str, *files: str, **settings: str) -> subprocess.CompletedProcess[str]:
        if example == "curl" and not shutil.which("openssl"):
            pytest.skip("openssl is not on the PATH")
        key = "client-key.pem" if example == "curl" else "client-key.json"
        environ = {
            "PATH": os.environ["PATH"],
            "ISSUER": token_issuer.identifier,
            "KEY_FILE": str(token_issuer.folder / key),
            **settings,
        }
        command = [*COMMANDS[example], *files]
        return subprocess.run(
            command, cwd=folder(example), env=environ, capture_output=True, text=True, check=False, timeout=30
        )

    return run


class Request(NamedTuple):
    """What came to the stand-in."""

    body: bytes
    content_type: str
    token: str
    at: float


class Answer(NamedTuple):
    """What it answers; a status of 0 is none, with the connection closed."""

    status: int
    problem: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = {}


class Endpoint:
    """Stands in for the endpoint: answers what it is told to, and then 200."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[Answer] = []
        self.seen: list[Request] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        self.seen.append(Request(body, request.content_type, request.headers["Authorization"], time.monotonic()))
        answer = self.answers.pop(0) if self.answers else Answer(200)
        if answer.status == 0 and request.transport:
            request.transport.close()
        if answer.problem is None:
            return web.Response(status=answer.status or 200, headers=answer.headers)
        return web.json_response(
            answer.problem, status=answer.status, headers=answer.headers, content_type="application/problem+json"
        )


@pytest.fixture
def endpoint(background: Background) -> Iterator[Endpoint]:
    endpoint = Endpoint()

    async def start() -> web.ServerRunner:
        runner = web.ServerRunner(web.Server(endpoint.answer))
        endpoint.url = await serving.serve(runner, 0, "--port")
        return runner

    runner = background.run(start())
    yield endpoint
    background.run(runner.cleanup())


EXPIRED = Answer(401, headers={"WWW-Authenticate": 'Bearer realm="events", error="invalid_token"'})
BUSY = Answer(503, headers={"Retry-After": "1"})


@pytest.mark.parametrize("example", ["python", *(pytest.param(name, marks=pytest.mark.long) for name in ALL[::2])])
def test_on_the_queue_once(run: Run, host: Host, queue: Queue, example: str) -> None:
    done = run(example, "event.json", EVENTS_URL=host.events)
    assert (done.returncode, done.stdout, done.stderr) == (0, "event.json: published\n", "")
    sent = json.loads((folder(example) / "event.json").read_text())
    (message,) = queue.take()
    assert json.loads(message) | {"time": sent["time"]} == sent


@pytest.mark.long
@pytest.mark.parametrize("example", WITH_BATCHES)
def test_a_batch(run: Run, host: Host, queue: Queue, example: str) -> None:
    done = run(example, "batch.json", "event.json", EVENTS_URL=host.events)
    assert (done.returncode, done.stderr) == (0, "")
    sent = [
        *json.loads((folder(example) / "batch.json").read_text()),
        json.loads((folder(example) / "event.json").read_text()),
    ]
    assert sorted(json.loads(message)["id"] for message in queue.take()) == sorted(event["id"] for event in sent)


@pytest.mark.long
@pytest.mark.parametrize("example", ALL)
def test_sent_again(run: Run, endpoint: Endpoint, example: str) -> None:
    """The same event each time, with the same token, and not sooner than it was told."""
    endpoint.answers = [BUSY, Answer(0), Answer(500)]
    done = run(example, "event.json", EVENTS_URL=endpoint.url)
    assert (done.returncode, done.stdout) == (0, "event.json: published\n")
    first, second, *others = endpoint.seen
    assert len(others) == 2
    assert second.at - first.at >= 1
    assert {request._replace(at=0) for request in endpoint.seen} == {first._replace(at=0)}
    assert first.content_type == "application/cloudevents+json"


@pytest.mark.long
@pytest.mark.parametrize("example", ALL)
@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        pytest.param([Answer(400, {"detail": "what is wrong", "errors": {"id": ["must be there."]}})], 1, id="400"),
        pytest.param([Answer(403, {"detail": "what is wrong", "errors": {"id": ["must be there."]}})], 1, id="403"),
        pytest.param(
            [Answer(500), Answer(500, {"detail": "what is wrong", "errors": {"id": ["must be there."]}})], 2, id="500"
        ),
    ],
)
def test_refused(run: Run, endpoint: Endpoint, example: str, answers: list[Answer], requests: int) -> None:
    """It is shown why, and not sent again; what comes after it is sent."""
    endpoint.answers = [*answers]
    done = run(example, "event.json", "event.json", EVENTS_URL=endpoint.url)
    assert (done.returncode, done.stdout) == (1, "event.json: published\n")
    assert len(endpoint.seen) == requests + 1
    assert f"event.json: {answers[-1].status} " in done.stderr
    assert "what is wrong" in done.stderr
    assert "must be there." in done.stderr


@pytest.mark.long
@pytest.mark.parametrize("example", ALL)
def test_an_expired_token(run: Run, endpoint: Endpoint, example: str) -> None:
    """A new one is fetched, once, and kept for the next event."""
    endpoint.answers = [EXPIRED]
    done = run(example, "event.json", "event.json", EVENTS_URL=endpoint.url)
    assert done.returncode == 0
    old, *new = [request.token for request in endpoint.seen]
    assert len(new) == 2
    assert len({old, *new}) == 2
    endpoint.answers = [EXPIRED, EXPIRED]
    done = run(example, "event.json", EVENTS_URL=endpoint.url)
    assert (done.returncode, done.stdout, len(endpoint.seen)) == (1, "", 5)


@pytest.mark.long
@pytest.mark.parametrize("example", WITH_BATCHES)
def test_nobody_answers(run: Run, example: str) -> None:
    """It says why; a URL that is none is not tried again."""
    away = run(example, "event.json", EVENTS_URL="http://127.0.0.1:1/", PATIENCE="1")
    assert away.returncode == 75
    assert "at last 503 for want of an answer (" in away.stderr
    wrong = run(example, "event.json", EVENTS_URL="nope")
    assert wrong.returncode == 1
    assert "URL" in wrong.stderr


@pytest.mark.long
@pytest.mark.parametrize("example", ALL)
def test_no_good_answer_in_time(run: Run, endpoint: Endpoint, example: str) -> None:
    """It gives up where it would have to wait for longer, and sends none of what comes after."""
    endpoint.answers = [Answer(503, headers={"Retry-After": "60"})]
    done = run(example, "event.json", "event.json", EVENTS_URL=endpoint.url, PATIENCE="20")
    assert (done.returncode, done.stdout) == (75, "")
    assert "event.json: no good answer within 20 s" in done.stderr
    assert len(endpoint.seen) == 1


@pytest.mark.long
@pytest.mark.parametrize("example", ALL)
def test_an_issuer_that_is_away(run: Run, endpoint: Endpoint, example: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    done = run(example, "event.json", EVENTS_URL=endpoint.url, ISSUER=nobody, PATIENCE="1")
    assert (done.returncode, done.stdout, endpoint.seen) == (75, "", [])


@pytest.mark.long
@pytest.mark.parametrize("example", ALL)
def test_an_issuer_that_refuses(run: Run, endpoint: Endpoint, example: str) -> None:
    done = run(example, "event.json", EVENTS_URL=endpoint.url, CLIENT_ID="a-stranger")
    assert (done.returncode, done.stdout, endpoint.seen) == (1, "", [])
    assert "The issuer gives no token: 400" in done.stderr
    assert "invalid_grant" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize("example", WITH_BATCHES)
def test_what_is_left_of_a_batch(run: Run, endpoint: Endpoint, example: str) -> None:
    """Is sent again alone, as it was."""
    endpoint.answers = [Answer(503, {"enqueued": [0], "notEnqueued": [1]})]
    done = run(example, "batch.json", EVENTS_URL=endpoint.url)
    assert (done.returncode, done.stdout) == (0, "batch.json: published\n")
    first, second = endpoint.seen
    assert first.content_type == "application/cloudevents-batch+json"
    assert second.content_type == "application/cloudevents+json"
    assert json.loads(first.body)[1] == json.loads(second.body)


@pytest.mark.long
@pytest.mark.parametrize("example", ALL)
def test_no_files(run: Run, example: str) -> None:
    done = run(example)
    assert done.returncode == 2
    assert "which files?" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize("example", ALL)
def test_files_that_are_not_there(run: Run, endpoint: Endpoint, example: str) -> None:
    for settings, files in (({"KEY_FILE": "no-key"}, ["event.json"]), ({}, ["no-file"])):
        done = run(example, *files, EVENTS_URL=endpoint.url, **settings)
        assert done.returncode in (1, 2)
        assert (settings.get("KEY_FILE") or files[0]) in done.stderr
        assert "Traceback" not in done.stderr
    assert endpoint.seen == []


@pytest.mark.long
@pytest.mark.parametrize("example", WITH_BATCHES)
def test_no_id_is_made_up(run: Run, endpoint: Endpoint, tmp_path: Path, example: str) -> None:
    """Else the same file, sent again, would be another event."""
    event = json.loads((folder(example) / "event.json").read_text())
    for odd in ({**event, "id": None}, [event, {**event, "id": ""}], 17):
        (tmp_path / "odd.json").write_text(json.dumps(odd))
        done = run(example, str(tmp_path / "odd.json"), EVENTS_URL=endpoint.url)
        assert (done.returncode, done.stderr) == (
            1,
            f"{tmp_path}/odd.json: An event must be a JSON object with an id.\n",
        )
    assert endpoint.seen == []
