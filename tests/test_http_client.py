"""The HTTP client: whatever the other end does, an answer is that of its request, or none."""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events_publish import http_client
from events_publish.http_client import ConnectFailed, HttpClient, Origin
from events_publish.http_connection import Answer, Disconnected, LongAnswer, NotHttp
from events_publish.resolver import AddressInfo, Resolver
from local.serving import ADDRESS
from tests import certificates
from tests.certificates import Certificate

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """What a test knows of the other end."""

    origin: Origin
    connections = 0


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server that speaks to each connection as `serve` does, and then closes it."""
    known = Server()

    async def until_it_is_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        known.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(until_it_is_closed, ADDRESS, 0, ssl=tls)
    known.origin = Origin(tls is not None, ADDRESS, server.sockets[0].getsockname()[1])
    try:
        yield known
    finally:
        server.close()


def answers(*each: bytes) -> Serve:
    """Answers the requests of a connection with these, one after the other."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in each:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        await writer.drain()

    return serve


def always(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(answer)

    return serve


@pytest.fixture(autouse=True)
async def nothing_is_raised_at_the_loop() -> AsyncIterator[None]:
    """By what it calls when something comes, or a connection ends: nobody would hear of it."""
    raised: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    yield
    await asyncio.sleep(0)
    assert not raised


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient(idle_seconds=5) as client:
        yield client


async def get(http: HttpClient, server: Server, max_bytes: int = 1000) -> Answer:
    async with asyncio.timeout(5):
        return await http.exchange(server.origin, REQUEST, max_bytes=max_bytes)


@pytest.mark.parametrize(
    ("came", "status", "body"),
    [
        pytest.param(OK, 200, b"ok", id="with a length"),
        pytest.param(
            b"HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\no\r\n1\r\nk\r\n0\r\nTrailer: t\r\n\r\n",
            201,
            b"ok",
            id="chunked",
        ),
        pytest.param(b"HTTP/1.1 200\r\n\r\nok", 200, b"ok", id="up to the end of the connection"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 204 No\r\n\r\n", 204, b"", id="204, which has no body"),
        pytest.param(b"HTTP/1.1 304 No\r\n\r\n", 304, b"", id="304, which has no body"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", id="after 100"),
        pytest.param(b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n" * 3 + OK, 200, b"ok", id="after 103, three times"),
        pytest.param(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 503, b"", id="503"),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 10_000])
async def test_answers(http: HttpClient, came: bytes, status: int, body: bytes, piece: int) -> None:
    """However they come."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for start in range(0, len(came), piece):
            writer.write(came[start : start + piece])
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(serve) as server:
        answer = await get(http, server)
    assert (answer.status, answer.body) == (status, body)


async def test_headers(http: HttpClient) -> None:
    """By lower-case name; what is repeated is joined, and nothing is left of another answer."""
    first = b"HTTP/1.1 103 Early\r\nEarly: yes\r\n\r\nHTTP/1.1 200 OK\r\nA: 1\r\na:  2 \r\nB: \xe5\r\nContent-Length: 0\r\n\r\n"
    async with serving(answers(first, OK)) as server:
        assert (await get(http, server)).headers == {"a": "1, 2", "b": "\xe5", "content-length": "0"}
        assert (await get(http, server)).headers == {"content-length": "2"}


@pytest.mark.parametrize(
    "came",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 2\r\n\r\nok" + OK, id="the next answer"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nA: 2\r\nB: 3\r\n",
            id="half of the next answer",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: 2\r\nB: 3\r\n\r\n",
            id="a trailer",
        ),
    ],
)
async def test_headers_are_those_before_the_body(http: HttpClient, came: bytes) -> None:
    """What comes behind it says nothing of the answer."""
    async with serving(answers(came)) as server:
        headers = dict((await get(http, server)).headers)
    assert headers.pop("content-length", "2") == "2"
    assert headers.pop("transfer-encoding", "chunked") == "chunked"
    assert headers == {"a": "1"}


@pytest.mark.parametrize(
    ("came", "error"),
    [
        pytest.param(b"", Disconnected, id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", Disconnected, id="half a head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", Disconnected, id="half a body"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", Disconnected, id="no last chunk"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok", Disconnected, id="a coding without an end"
        ),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", Disconnected, id="only an interim answer"),
        pytest.param(b"\x16\x03\x01", NotHttp, id="TLS"),
        pytest.param(b"SSH-2.0-x\r\n\r\n", NotHttp, id="SSH"),
        pytest.param(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", NotHttp, id="101"),
        pytest.param(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", NotHttp, id="no header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", NotHttp, id="a length below 0"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", NotHttp, id="two lengths"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", NotHttp, id="two framings"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", NotHttp, id="a chunk without a size"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 2000, LongAnswer, id="a long head"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 2000, LongAnswer, id="a long body"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, LongAnswer, id="interim answers without end"),
    ],
)
async def test_what_is_no_answer(http: HttpClient, came: bytes, error: type[OSError]) -> None:
    """The next request has a connection of its own."""
    async with serving(answers(came)) as server:
        with pytest.raises(error):
            await get(http, server)
        with pytest.raises(error):
            await get(http, server)
        assert server.connections == 2


async def test_connections_are_kept(http: HttpClient) -> None:
    async with serving(always(OK)) as server:
        for _ in range(5):
            await get(http, server)
        assert server.connections == 1
        await asyncio.gather(*(get(http, server) for _ in range(3)))
        assert server.connections == 3


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", id="Connection: close"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", id="HTTP/1.0"),
        pytest.param(OK + OK, id="two answers"),
        pytest.param(OK + b"HTTP/1.1", id="an answer and a bit"),
        pytest.param(OK + b"\x00", id="an answer and garbage"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok" + OK, id="more after close"
        ),
    ],
)
async def test_connections_that_are_not_kept(http: HttpClient, answer: bytes) -> None:
    """The answer counts; what is behind it is nobody's."""
    async with serving(always(answer)) as server:
        for _ in range(3):
            assert (await get(http, server)).body == b"ok"
        assert server.connections == 3


async def test_what_comes_unasked_closes_the_connection(http: HttpClient) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await asyncio.sleep(0.05)
        writer.write(OK)
        assert not await reader.read(), "nothing is asked any more"

    async with serving(serve) as server:
        await get(http, server)
        await asyncio.sleep(0.1)
        await get(http, server)
        assert server.connections == 2


async def test_what_came_unasked_while_nobody_looked(http: HttpClient) -> None:
    """The loop was busy, and has not heard of it when the next is asked."""
    begun, server = threading.Event(), socket.create_server((ADDRESS, 0))
    accepted: list[socket.socket] = []

    def serve() -> None:
        for _ in range(2):
            accepted.append(server.accept()[0])
            accepted[-1].recv(1000)
            accepted[-1].sendall(OK)
            if len(accepted) == 1:
                begun.wait()
                accepted[-1].sendall(OK.replace(b"ok", b"no"))

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    origin = Origin(tls=False, host=ADDRESS, port=server.getsockname()[1])
    assert (await http.exchange(origin, REQUEST)).body == b"ok"
    begun.set()
    time.sleep(0.1)  # noqa: ASYNC251  # the loop is to be busy
    assert (await http.exchange(origin, REQUEST)).body == b"ok"
    assert len(accepted) == 2
    serving.join()
    for each in (server, *accepted):
        each.close()


async def test_what_an_answer_is_not_trusted_with(http: HttpClient) -> None:
    """More requests, or counting."""

    def refuse(_: Answer) -> bool:
        raise LookupError

    async with serving(always(OK)) as server:
        assert (await http.exchange(server.origin, REQUEST, max_bytes=1000, check=lambda _: False)).status == 200
        with pytest.raises(LookupError):
            await http.exchange(server.origin, REQUEST, max_bytes=1000, check=refuse)
        await get(http, server)
        assert server.connections == 3


async def test_who_gives_up_takes_the_connection_along(http: HttpClient) -> None:
    """Its answer must not be that of the next."""
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if server.connections == 1:
            await reader.read()
            closed.set()
        writer.write(OK)

    async with serving(serve) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await get(http, server)
        async with asyncio.timeout(1):
            await closed.wait()
        assert (await get(http, server)).status == 200


async def test_who_gives_up_while_connecting_leaves_nothing_behind(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> list[object]:
        await asyncio.sleep(3600)
        raise AssertionError

    monkeypatch.setattr(Resolver, "addresses", never)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await http.exchange(Origin(tls=False, host="account", port=80), REQUEST, max_bytes=1000)
    assert len(asyncio.all_tasks()) == 1


async def test_an_idle_connection_is_closed() -> None:
    """… when it was idle for long enough, whether somebody asks or not; not before."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await always(OK)(reader, writer)
        ended.set()

    async with serving(serve) as server, HttpClient(idle_seconds=0.2) as http:
        for _ in range(4):
            await get(http, server)
            await asyncio.sleep(0.1)
        assert server.connections == 1
        async with asyncio.timeout(2):
            await ended.wait()
        await get(http, server)
        assert server.connections == 2


async def test_a_connection_at_hand(http: HttpClient) -> None:
    async with serving(always(OK)) as server:
        for _ in range(3):
            await http.connect(server.origin)
        await get(http, server)
        assert server.connections == 1


async def test_a_connection_at_hand_that_is_lost(http: HttpClient) -> None:
    lost = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if server.connections == 1:
            lost.set()
            return
        await always(OK)(reader, writer)

    async with serving(serve) as server:
        await http.connect(server.origin)
        await lost.wait()
        await asyncio.sleep(0.05)
        await get(http, server)
        assert server.connections == 2


async def test_closing_ends_what_is_under_way(http: HttpClient) -> None:
    async with serving(lambda reader, _: reader.read()) as server:  # type: ignore[arg-type, return-value]
        asking = asyncio.create_task(get(http, server))
        await asyncio.sleep(0.05)
        await http.close()
        with pytest.raises(Disconnected):
            await asking


@pytest.mark.parametrize(("host", "port"), [(ADDRESS, 1), ("no-such-name.invalid", 80)])
async def test_nobody_there(http: HttpClient, host: str, port: int) -> None:
    with pytest.raises(ConnectFailed):
        await http.exchange(Origin(tls=False, host=host, port=port), REQUEST, max_bytes=1000)


async def test_why_no_address_was_connected(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each has a reason of its own, whoever looks for the fault learns them all."""

    async def addresses(*_: object) -> list[AddressInfo]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", (ADDRESS, 1)),
            (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("fe80::1", 1, 0, 0)),  # without its zone
        ]

    monkeypatch.setattr(Resolver, "addresses", addresses)
    with pytest.raises(ConnectFailed) as failed:
        await http.exchange(Origin(tls=False, host="account", port=1), REQUEST, max_bytes=1000)
    assert ADDRESS in str(failed.value.strerror)
    assert os.strerror(errno.EINVAL) in str(failed.value.strerror)


def tls_with(certificate: Certificate) -> ssl.SSLContext:
    """For a server that has it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Certificate]:
    """A certificate that clients trust for this test."""
    certificate = certificates.make(tmp_path)
    http_client._read_certificates.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    yield certificate
    http_client._read_certificates.cache_clear()


async def test_tls(trusted: Certificate) -> None:
    """To whoever has a certificate that is trusted, for the name that was asked."""
    async with serving(always(OK), tls_with(trusted)) as server, HttpClient(idle_seconds=5) as http:
        for _ in range(2):
            assert (await get(http, server)).body == b"ok"
        assert server.connections == 1
        with pytest.raises(ConnectFailed):
            await http.exchange(server.origin._replace(host="localhost"), REQUEST, max_bytes=1000)


async def test_a_name_with_the_dot_of_the_root(trusted: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of the certificate, which has none."""

    async def addresses(_: Resolver, __: str, port: int) -> list[AddressInfo]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (ADDRESS, port))]

    monkeypatch.setattr(Resolver, "addresses", addresses)
    async with serving(always(OK), tls_with(trusted)) as server, HttpClient(idle_seconds=5) as http:
        async with asyncio.timeout(5):
            answer = await http.exchange(server.origin._replace(host="a.example."), REQUEST, max_bytes=1000)
        assert answer.body == b"ok"


async def test_what_is_connected_after_closing_is_closed_when_it_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    go = asyncio.Event()
    addresses = Resolver.addresses

    async def slowly(resolver: Resolver, host: str, port: int) -> list[AddressInfo]:
        await go.wait()
        return await addresses(resolver, host, port)

    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await always(OK)(reader, writer)
        ended.set()

    async with serving(serve) as server, HttpClient(idle_seconds=0.1) as http:
        await get(http, server)  # so that there is something to sweep
        monkeypatch.setattr(Resolver, "addresses", slowly)
        late = asyncio.gather(*(get(http, server) for _ in range(2)))
        await asyncio.sleep(0)
        await http.close()
        await ended.wait()
        ended.clear()
        go.set()
        await asyncio.gather(late, return_exceptions=True)
        async with asyncio.timeout(2):
            await ended.wait()


async def test_tls_with_a_stranger(tmp_path: Path, http: HttpClient) -> None:
    heard = []

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())

    async with serving(serve, tls_with(certificates.make(tmp_path))) as server:
        with pytest.raises(ConnectFailed):
            await get(http, server)
    assert not any(heard)


@pytest.mark.parametrize(
    ("url", "target", "host"),
    [
        ("https://a.example", "/", "a.example"),
        ("https://a.example:8443/b/c?d=e&f", "/b/c?d=e&f", "a.example:8443"),
        ("http://[::1]:1?a", "/?a", "[::1]:1"),
    ],
)
def test_head(url: str, target: str, host: str) -> None:
    lines = http_client.head("GET", urlsplit(url), {"A": "b"}).decode().split("\r\n")
    assert lines[0] == f"GET {target} HTTP/1.1"
    assert {f"Host: {host}", "A: b", "Accept-Encoding: identity"} <= set(lines)
    assert lines[-1] == ""


@given(st.binary(max_size=300), st.sampled_from([b"", b"HTTP/1.1 ", OK[:-2], b"HTTP/1.1 200 OK\r\n"]))
def test_no_bytes_hang_or_raise_what_they_must_not(came: bytes, before: bytes) -> None:
    """Whatever the other end says and then hangs up: an answer, or an OSError."""

    async def ask() -> None:
        async with serving(answers(before + came)) as server, HttpClient(idle_seconds=5) as http:
            with contextlib.suppress(OSError):
                assert (await get(http, server)).status >= 200

    asyncio.run(ask())
