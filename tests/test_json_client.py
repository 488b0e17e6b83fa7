"""JSON of other services: taken within bounds, whatever they send."""

import asyncio
import contextlib
import functools
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from events_publish import json_client
from events_publish.http_client import HttpClient
from events_publish.json_client import Document, JsonClient
from local import serving

type Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
type Serve = Callable[[Answer], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves an answer of the test's own; gives its URL."""
    runners = []

    async def start(answer: Answer) -> str:
        app = web.Application()
        app.router.add_route("*", "/document", answer)
        runners.append(web.AppRunner(app, shutdown_timeout=0))
        return await serving.serve(runners[-1], 0, "--port") + "/document"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[JsonClient]:
    async with HttpClient(idle_seconds=15) as http:
        yield JsonClient(http)


def bomb() -> bytes:
    """200 MB, compressed."""
    compress = zlib.compressobj()
    return b"".join(compress.compress(b" " * 1_000_000) for _ in range(200)) + compress.flush()


async def answer_with(answer: str, request: web.Request) -> web.StreamResponse:
    """The answers of services that are broken, or mean harm."""
    texts = {"huge": "[]" + " " * 300_000, "html": "<html>", "deep": "[" * 100_000, "utf-16": "[]"}
    if answer in texts:
        return web.Response(body=texts[answer].encode("utf-16" if answer == "utf-16" else "ascii") + b"\xff")
    if answer == "redirect":
        raise web.HTTPFound("/document?again")
    if answer == "404":
        raise web.HTTPNotFound
    response = web.StreamResponse()
    if answer == "bomb":
        response.headers["Content-Encoding"] = "deflate"
    if answer == "cut":
        response.content_length = 100
        response.force_close()
    await response.prepare(request)
    if answer == "bomb":
        await response.write(bomb())
    for _ in range(1 if answer == "cut" else 1000):
        await response.write(b" " * 10_000 if answer == "endless" else b"{")
    return response


@pytest.mark.parametrize("answer", ["redirect", "huge", "html", "deep", "endless", "404", "cut", "utf-16", "bomb"])
async def test_answers_that_are_none(answer: str, serve: Serve, client: JsonClient) -> None:
    """Each ends soon, with an error that names the URL, and takes little memory."""
    url = await serve(functools.partial(answer_with, answer))
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises((OSError, ValueError), match=url):
        await client.get(url)
    assert time.monotonic() - began < json_client.SECONDS
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


async def test_a_service_that_hangs(serve: Serve, client: JsonClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_client, "SECONDS", 0.2)

    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(1)
        return web.Response()

    url = await serve(hang)
    with pytest.raises(OSError, match="cannot be reached"):
        await client.get(url)


async def test_nobody_listens(client: JsonClient) -> None:
    with pytest.raises(OSError, match="cannot be reached"):
        await client.get("http://127.0.0.1:1/")


@pytest.mark.parametrize(
    ("headers", "fresh_seconds"),
    [
        ({}, None),
        ({"Cache-Control": "public"}, None),
        ({"Cache-Control": "max-age=300"}, 300),
        ({"Cache-Control": "public, MAX-AGE = 300 , must-revalidate"}, 300),
        ({"Cache-Control": 'max-age="300"'}, 300),
        ({"Cache-Control": "max-age=300", "Age": "100"}, 200),
        ({"Cache-Control": "max-age=300", "Age": "301"}, 0),
        ({"Cache-Control": "max-age=300", "Age": "soon"}, 300),
        ({"Cache-Control": "s-maxage=300"}, None),
        ({"Cache-Control": "max-age=-1"}, None),
        ({"Cache-Control": "max-age=300, no-cache"}, 0),
        ({"Cache-Control": "no-store"}, 0),
        ({"Cache-Control": "max-age=999999999999"}, None),
    ],
)
async def test_how_long_an_answer_is_fresh(
    headers: dict[str, str], fresh_seconds: float | None, serve: Serve, client: JsonClient
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"a": 1}, headers=headers)

    assert await client.get(await serve(answer)) == Document({"a": 1}, fresh_seconds)


@pytest.mark.parametrize("headers", [{"Content-Encoding": "br"}, {"Content-Length": "100"}, {"Transfer-Encoding": "x"}])
async def test_an_error_has_nothing_of_what_was_sent(headers: dict[str, str], client: JsonClient) -> None:
    """Not even when the service sends it back in what breaks the answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 200 a-secret\r\n{fields}Connection: a-secret\r\n\r\n{{a-secret".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        with pytest.raises((OSError, ValueError), match=url) as failed:
            await client.post(url, {}, {"Ocp-Apim-Subscription-Key": "a-secret"})
    assert "a-secret" not in repr(failed.value)
    assert failed.value.__suppress_context__


async def test_an_answer_that_was_not_asked_for(client: JsonClient) -> None:
    """… is none: each request on its connection would read that of the one before, a Permit for another, say."""
    said = asyncio.Event()

    def document(value: str) -> bytes:
        return f'HTTP/1.1 200 X\r\nContent-Length: {len(value) + 2}\r\n\r\n"{value}"'.encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while request := (await reader.readuntil(b"\r\n\r\n")).decode():
                writer.write(document(request.split()[1]))
                if not said.is_set():
                    await asyncio.sleep(0.05)  # the connection is in the pool again
                    writer.write(document("Permit"))
                    await writer.drain()
                    said.set()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        assert (await client.get(url + "/first")).value == "/first"
        await said.wait()
        await asyncio.sleep(0.05)
        for path in ("/second", "/third", "/fourth"):
            assert (await client.get(url + path)).value == path
        server.close_clients()  # that are waited for else


async def test_a_service_that_hangs_up(client: JsonClient) -> None:
    """… after each answer, and does not say so beforehand: it is asked on a connection of its own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = f'"{request.split()[1]}"'
        writer.write(f"HTTP/1.1 200 X\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await asyncio.sleep(0.001)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        for number in range(20):
            assert (await client.get(f"{url}/{number}")).value == f"/{number}"


async def test_post(serve: Serve, client: JsonClient) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response([request.method, request.content_type, request.headers["Key"], await request.json()])

    assert await client.post(await serve(answer), {"a": "å\ud800"}, {"Key": "k"}) == [
        "POST",
        "application/json",
        "k",
        {"a": "å\ud800"},
    ]
