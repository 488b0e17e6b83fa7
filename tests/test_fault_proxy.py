"""Each fault of the proxy is what it says: a proxy that has none would make every test through it pass."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from local import serving
from tests import fault_proxy
from tests.fault_proxy import ANSWERS, DELIVERED, SLOW_SECONDS, Fault, FaultProxy, Request

ANSWER = b"<QueueMessagesList/>" * 10
ACCOUNT = "DefaultEndpointsProtocol=http;AccountName=account;AccountKey=c2VjcmV0;"

TOLD = {
    Fault.REFUSE: ConnectionResetError,
    Fault.RESET_BEFORE: ConnectionResetError,
    Fault.RESET_AFTER: ConnectionResetError,
    Fault.HANG: TimeoutError,
    Fault.HANG_AFTER: TimeoutError,
    Fault.GARBAGE: aiohttp.ClientResponseError,
    Fault.HALF: aiohttp.ClientPayloadError,
}
"""How a client hears of a fault that is no answer."""


class Storage:
    """Answers everything, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.headers: list[dict[str, str]] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.asked.append((request.method, request.raw_path, await request.read()))
        self.headers.append(dict(request.headers))
        return web.Response(status=201, body=ANSWER, headers={"Content-Type": "application/xml", "x-ms-version": "1"})


@pytest.fixture
async def storage() -> AsyncIterator[tuple[Storage, str]]:
    """A storage service, and its URL."""
    storage = Storage()
    runner = web.ServerRunner(web.Server(storage.answer, access_log=None))
    yield storage, await serving.serve(runner, 0, "--port")
    await runner.cleanup()


@pytest.fixture
async def proxy(storage: tuple[Storage, str]) -> AsyncIterator[FaultProxy]:
    proxy = await fault_proxy.start(f"{ACCOUNT}QueueEndpoint={storage[1]}/account;BlobEndpoint=http://blob/account;")
    yield proxy
    await proxy.close()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(SLOW_SECONDS + 5)) as client:
        yield client


async def ask(client: aiohttp.ClientSession, proxy: FaultProxy, **options: float) -> tuple[int, bytes]:
    headers = {"x-ms-client-request-id": "7"}
    timeout = aiohttp.ClientTimeout(**options) if options else client.timeout
    url = proxy.url + "/account/queue/messages?messagettl=-1"
    async with client.post(url, data=b"message", headers=headers, timeout=timeout) as response:
        return response.status, await response.read()


@pytest.mark.parametrize("fault", Fault)
async def test_a_fault_then_none(
    fault: Fault, proxy: FaultProxy, storage: tuple[Storage, str], client: aiohttp.ClientSession
) -> None:
    proxy.meet([fault])
    began = time.monotonic()
    if fault in TOLD:
        with pytest.raises((OSError, aiohttp.ClientError)) as told:
            await ask(client, proxy, **({"total": 0.3} if TOLD[fault] is TimeoutError else {}))
        # aiohttp wraps an OSError in one of its own.
        assert isinstance(told.value.__cause__ or told.value, TOLD[fault]) or isinstance(told.value, TOLD[fault])
    else:
        status, body = await ask(client, proxy)
        answer = ANSWERS.get(fault)
        assert (status, body) == ((answer.status, answer.body) if answer else (201, ANSWER))
    assert (time.monotonic() - began >= SLOW_SECONDS) == (fault is Fault.SLOW)
    assert len(storage[0].asked) == len(proxy.forwarded) == (fault in DELIVERED)
    assert [request.trace_id for request in proxy.seen] == ["7"]

    if fault is Fault.REFUSE:
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(client, proxy)
        await asyncio.sleep(5 * fault_proxy.REFUSE_SECONDS)
    assert await ask(client, proxy) == (201, ANSWER)
    assert len(proxy.seen) == 2


async def test_what_passes_is_not_changed(
    proxy: FaultProxy, storage: tuple[Storage, str], client: aiohttp.ClientSession
) -> None:
    await ask(client, proxy)
    assert storage[0].asked == [("POST", "/account/queue/messages?messagettl=-1", b"message")]
    assert storage[0].headers == [dict(proxy.seen[0].headers)]


async def test_it_goes_away_and_comes_back(proxy: FaultProxy, client: aiohttp.ClientSession) -> None:
    await ask(client, proxy)
    await proxy.go_away()
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(client, proxy)  # on the connection that there was, maybe
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(client, proxy)
    await proxy.come_back()
    assert await ask(client, proxy) == (201, ANSWER)


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.HANG_AFTER, Fault.SLOW])
async def test_nobody_is_kept_waiting_by_one_that_closes(
    fault: Fault, storage: tuple[Storage, str], client: aiohttp.ClientSession
) -> None:
    proxy = await fault_proxy.start(f"{ACCOUNT}BlobEndpoint={storage[1]}/account;", "blob")
    seen = asyncio.Event()

    def choose(_: Request) -> Fault:
        seen.set()
        return fault

    proxy.meet(choose)
    asked = asyncio.create_task(ask(client, proxy))
    await seen.wait()
    began = time.monotonic()
    await proxy.close()
    (told,) = await asyncio.gather(asked, return_exceptions=True)
    assert isinstance(told, aiohttp.ClientError) or fault is Fault.SLOW
    assert time.monotonic() - began < SLOW_SECONDS


async def test_the_connection_string(proxy: FaultProxy) -> None:
    assert proxy.connection_string == f"{ACCOUNT}QueueEndpoint={proxy.url}/account;BlobEndpoint=http://blob/account;"
