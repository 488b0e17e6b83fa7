"""Sending again, and with a new token, as a publisher should."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from local import Failure, issuer, publisher, serving
from local.publisher import Publisher
from local.running import Running

type Respond = Callable[[web.Request], web.StreamResponse]

NOTES: list[str] = []
"""What the publisher under test has told."""


class StandIn:
    """A host that answers as it is told to, one answer after the other, and keeps what came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[Respond] = []
        self.came: list[bytes] = []
        self.tokens: list[str] = []
        self.content_types: list[str] = []

    async def post(self, request: web.Request) -> web.StreamResponse:
        self.came.append(await request.read())
        self.tokens.append(request.headers["Authorization"])
        self.content_types.append(request.headers["Content-Type"])
        return self.answers.pop(0)(request)


def problem(status: int, kind: str, *, retry_after: str | None = "0", **members: Any) -> Respond:
    details = {"type": f"/events/api/v1/problems/{kind}", "detail": "x", "status": status, **members}
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    return lambda _: web.json_response(details, status=status, headers=headers)


def accepted(_: web.Request) -> web.Response:
    return web.Response(headers={"Trace-Id": "a" * 32})


def lost(request: web.Request) -> web.Response:
    assert request.transport
    request.transport.abort()
    return web.Response()


EXPIRED = problem(401, "invalid-token", detail="the token has expired")
BUSY = problem(503, "overloaded")


@pytest.fixture
async def host() -> AsyncIterator[StandIn]:
    app = web.Application()
    runner = web.AppRunner(app)
    host = StandIn("")
    app.router.add_post("/events/api/v1/events", host.post)
    host.url = await serving.serve(runner, 0, "--port")
    yield host
    await runner.cleanup()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Has keys, which take long to make."""
    folder = tmp_path_factory.mktemp("issuer")
    issuer.keys(folder)
    return folder


@pytest.fixture
async def sender(host: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Publisher]:
    """Sends to the stand-in, with three retries, and pauses in which chance has no part."""
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)
    runner, identifier = await issuer.start(folder, 0)
    running = Running(host=host.url, issuer=identifier)
    async with Publisher(running, folder, retries=3, note=NOTES.append) as sender:
        yield sender
    NOTES.clear()
    await runner.cleanup()


async def test_accepted(host: StandIn, sender: Publisher) -> None:
    host.answers = [accepted]
    assert await sender.send(b"{}") == publisher.Answer(200, "", "a" * 32)
    assert host.content_types == ["application/cloudevents+json"]


@pytest.mark.parametrize("fault", [pytest.param(BUSY, id="503"), pytest.param(lost, id="lost connection")])
async def test_sent_again(host: StandIn, sender: Publisher, fault: Respond) -> None:
    """The same event, until it is taken."""
    host.answers = [fault, fault, accepted]
    assert (await sender.send(b'{"id": "1"}')).status == 200
    assert host.came == [b'{"id": "1"}'] * 3
    assert [note.partition(";")[0] for note in NOTES] == [
        "503 overloaded" if fault is BUSY else "The connection was lost"
    ] * 2
    assert NOTES[-1].endswith("(2 of 3)")


@pytest.mark.parametrize(
    ("retry_after", "least"),
    [("1", 1), ("0", 0), (None, 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("99999999", 60), ("-1", 0)],
)
async def test_the_pause(
    host: StandIn, sender: Publisher, monkeypatch: pytest.MonkeyPatch, retry_after: str | None, least: int
) -> None:
    """As long as it says, but not for hours, and chance has a part in it that grows."""
    paused: list[float] = []
    chances: list[tuple[float, float]] = []

    async def sleep(seconds: float) -> None:
        paused.append(seconds)

    def uniform(least: float, most: float) -> float:
        chances.append((least, most))
        return 0.25

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(random, "uniform", uniform)
    busy = problem(503, "overloaded", retry_after=retry_after)
    host.answers = [busy, busy, accepted]
    assert (await sender.send(b"{}")).status == 200
    assert paused == [least + 0.25] * 2
    assert chances == [(0.1, 2), (0.1, 4)]


async def test_not_for_ever(host: StandIn, sender: Publisher) -> None:
    host.answers = [BUSY] * 4
    answer = await sender.send(b"{}")
    assert (answer.status, answer.kind) == (503, "overloaded")
    host.answers = [lost] * 4
    with pytest.raises(Failure, match="No host answers at"):
        await sender.send(b"{}")


async def test_nobody_there(sender: Publisher, host: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is told at once; once somebody was there, it may come back."""
    host.answers = [accepted]
    await sender.send(b"{}")
    monkeypatch.setattr(Running, "events", "http://127.0.0.1:1/")
    with pytest.raises(Failure):
        await sender.send(b"{}")
    assert len(NOTES) == 3
    sender.was_reached = False
    with pytest.raises(Failure):
        await sender.send(b"{}")
    assert len(NOTES) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 413, 500])
async def test_other_refusals_stand(host: StandIn, sender: Publisher, status: int) -> None:
    host.answers = [problem(status, "some-kind")]
    answer = await sender.send(b"{}")
    assert (answer.status, answer.kind) == (status, "some-kind")


async def test_an_expired_token_is_renewed_once_for_all(host: StandIn, sender: Publisher) -> None:
    first = f"Bearer {sender._token}"

    def answer(request: web.Request) -> web.StreamResponse:
        return EXPIRED(request) if request.headers["Authorization"] == first else accepted(request)

    host.answers = [answer] * 20
    answers = await asyncio.gather(*(sender.send(b"{}") for _ in range(10)))
    assert [answer.status for answer in answers] == [200] * 10
    assert len(set(host.tokens)) == 2


async def test_a_token_that_stays_expired(host: StandIn, sender: Publisher) -> None:
    """The clocks differ, say: it is tried once."""
    host.answers = [EXPIRED] * 2
    assert (await sender.send(b"{}")).status == 401
    assert not host.answers


async def test_another_fault_of_the_token_stands(host: StandIn, sender: Publisher) -> None:
    host.answers = [problem(401, "invalid-token", detail="the token has no known key")]
    assert (await sender.send(b"{}")).status == 401


def in_part(enqueued: Iterable[int], not_enqueued: Iterable[int]) -> Respond:
    return problem(503, "queue-unavailable", enqueued=[*enqueued], notEnqueued=[*not_enqueued])


async def test_of_a_batch_the_rest_is_sent_again(host: StandIn, sender: Publisher) -> None:
    """As it came: no number is written anew."""
    host.answers = [in_part([0, 2], [1, 3]), in_part([0], [1]), accepted]
    assert (await sender.send(b'[1.0, {"a": 1.50}, 3.0, 4e0]', batch=True)).status == 200
    assert host.came == [b'[1.0, {"a": 1.50}, 3.0, 4e0]', b'[{"a": 1.50},4e0]', b"[4e0]"]
    assert set(host.content_types) == {"application/cloudevents-batch+json"}


async def test_of_a_batch_in_part_the_whole_is_told(host: StandIn, sender: Publisher) -> None:
    host.answers = [in_part([0, 2], [1, 3]), in_part([1], [0]), BUSY, BUSY]
    answer = await sender.send(b"[0, 1, 2, 3]", batch=True)
    assert answer.status == 503
    assert json.loads(answer.text) | {"enqueued": [0, 2, 3], "notEnqueued": [1]} == json.loads(answer.text)


@pytest.mark.parametrize("odd", [{}, {"notEnqueued": 5}, {"notEnqueued": ["a"]}, {"notEnqueued": [7]}])
async def test_odd_indices(host: StandIn, sender: Publisher, odd: dict[str, Any]) -> None:
    """All of it is sent again, which does no harm."""
    host.answers = [problem(503, "queue-unavailable", **odd), accepted]
    assert (await sender.send(b"[0, 1]", batch=True)).status == 200
    assert host.came == [b"[0, 1]"] * 2


async def test_a_batch_that_is_none(host: StandIn, sender: Publisher) -> None:
    host.answers = [problem(400, "invalid-event")]
    assert (await sender.send(b"[0, ", batch=True)).status == 400
    assert host.came == [b"[0, "]


@pytest.mark.parametrize("text", ["", "<html>", "[]", "5", "{}", "[" * 100_000])
async def test_an_answer_of_somebody_else(host: StandIn, sender: Publisher, text: str) -> None:
    host.answers = [lambda _: web.Response(status=404, text=text)]
    answer = await sender.send(b"{}")
    assert (answer.status, answer.kind) == (404, "status 404")


async def test_the_single_post(host: StandIn) -> None:
    host.answers = [accepted]
    assert await publisher.publish(Running(host=host.url), "token", b"{}") == (200, "")
    with pytest.raises(Failure, match=r"No host answers at http://127\.0\.0\.1:1;") as failed:
        await publisher.publish(Running(host="http://127.0.0.1:1"), "token", b"{}")
    assert isinstance(failed.value.__cause__, aiohttp.ClientError)
