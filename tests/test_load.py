"""The load that benchmarks and tests offer: nothing that goes wrong with a request is left out."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from benchmarks import load, vitals
from benchmarks.load import Exchange
from local import serving
from tests.queue_stand_in import queue_stand_in

type Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
type Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.ServerRunner] = []

    async def start(handler: Handler) -> str:
        runners.append(web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=0.1))
        return await serving.serve(runners[-1], 0, "")

    yield start
    for runner in runners:
        await runner.cleanup()


async def offer(url: str, *, rate: float, seconds: float, connections: int, patience: float = 10) -> list[Exchange]:
    ended: list[Exchange] = []
    post = load.post(url, {"Content-Type": "text/plain"})
    await load.offer(
        url,
        rate=rate,
        seconds=seconds,
        request=lambda number: post(str(number).encode()),
        take=ended.append,
        connections=connections,
        patience=patience,
    )
    return sorted(ended)


async def test_each_request_is_sent_once_and_answered(serve: Serve) -> None:
    async def echo(request: web.BaseRequest) -> web.Response:
        return web.Response(status=202, body=await request.read() * 10_000, headers={"X-Path": request.path})

    ended = await offer(await serve(echo) + "/a", rate=200, seconds=0.5, connections=4)
    assert [each.number for each in ended] == list(range(100))
    assert {(each.status, each.headers["x-path"]) for each in ended} == {(202, "/a")}
    assert [each.body for each in ended] == [str(number).encode() * 10_000 for number in range(100)]
    assert [each.due for each in ended] == [number / 200 for number in range(100)]


async def test_a_wait_for_a_connection_counts(serve: Serve) -> None:
    async def slow(_: web.BaseRequest) -> web.Response:
        await asyncio.sleep(0.1)
        return web.Response()

    ended = await offer(await serve(slow), rate=100, seconds=0.1, connections=1)
    assert all(each.latency >= 0.1 * (each.number + 1) - each.due for each in ended)


async def test_connections_that_fail(serve: Serve) -> None:
    """Whether the other end hangs up, does not answer in time, or is not there."""

    async def hang_up(request: web.BaseRequest) -> web.Response:
        assert request.transport
        request.transport.close()
        return web.Response()

    async def hang(_: web.BaseRequest) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    hung_up = await offer(await serve(hang_up), rate=50, seconds=0.2, connections=2)
    hanging = await offer(await serve(hang), rate=50, seconds=0.2, connections=2, patience=0.2)
    nobody = await offer("http://127.0.0.1:1", rate=50, seconds=0.2, connections=2)
    assert [each.status for each in hung_up + hanging + nobody] == [None] * 30
    assert [each.sent is None for each in hanging] == [False] * 2 + [True] * 8
    assert [each.sent for each in nobody] == [None] * 10


def test_figures() -> None:
    assert [load.quantile(range(1, 101), share) for share in (0.5, 0.99, 1)] == [50, 99, 100]
    assert load.quantile([], 0.5) == 0
    assert vitals.slope([(0, 1), (1, 3), (2, 5)]) == 2


async def test_a_queue_that_takes_so_many_each_second() -> None:
    """When it gets fast, all that wait in line are taken at once."""
    ended: list[Exchange] = []
    async with queue_stand_in(rate=50) as queue:
        url = f"{queue.url}/account/a-queue/messages"
        post = load.post(url, {"x-ms-client-request-id": "ours"})

        def put(number: int) -> bytes:
            event = base64.b64encode(b'{"id": "%d"}' % number)
            return post(b"<QueueMessage><MessageText>%b</MessageText></QueueMessage>" % event)

        publishing = asyncio.create_task(
            load.offer(url, rate=1000, seconds=0.2, request=put, take=ended.append, connections=200)
        )
        await asyncio.sleep(1)
        await queue.set_rate(0)
        await publishing
        assert sorted(map(int, await queue.acknowledged())) == list(range(200))
    assert {(each.status, each.headers["x-ms-client-request-id"]) for each in ended} == {(201, "ours")}
    assert 25 <= len([each for each in ended if each.ended < 1]) <= 51
    assert max(each.ended for each in ended) < 3
