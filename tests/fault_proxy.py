"""A proxy between the function and one service of Azurite: each request meets the fault that a test has chosen for it."""

import asyncio
import base64
import contextlib
import json
import re
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web
from yarl import URL

from events_publish.storage_fault import CLIENT_REQUEST_ID
from local.serving import ADDRESS

SLOW_SECONDS = 1
REFUSE_SECONDS = 0.05
RETRY_AFTER_SECONDS = 1
BACKLOG = 128


class Fault(StrEnum):
    """What a request meets."""

    NONE = "none"
    REFUSE = "refuse"
    """The connection is reset, and new ones are refused for a moment."""
    RESET_BEFORE = "reset before"
    """The connection is reset, and storage has heard nothing."""
    RESET_AFTER = "reset after"
    """Storage has done it, and instead of its answer the connection is reset."""
    HANG = "hang"
    """Storage hears nothing, and nothing is answered."""
    HANG_AFTER = "hang after"
    """Storage has done it, and nothing is answered."""
    SLOW = "slow"
    """Storage has done it, and its answer comes late."""
    GARBAGE = "garbage"
    """Storage has done it, and the answer is no HTTP."""
    HALF = "half"
    """Storage has done it, and its answer breaks off; where that has a body, in the middle of it."""
    HTML = "html"
    """Storage hears nothing, and a page says that it went well, as that of a gateway may."""
    ERROR_500 = "500"
    BUSY = "busy"
    BUSY_RETRY_AFTER = "busy, Retry-After"
    REQUEST_TIMEOUT = "408"
    TOO_MANY_REQUESTS = "429"
    BAD_GATEWAY = "502"
    GATEWAY_TIMEOUT = "504"


DELIVERED = frozenset({Fault.NONE, Fault.RESET_AFTER, Fault.HANG_AFTER, Fault.SLOW, Fault.GARBAGE, Fault.HALF})
"""With these, storage does what it is asked."""


class Request(NamedTuple):
    """A request to storage."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def trace_id(self) -> str:
        """Of the request to publish that it is for, which its client request id begins with."""
        return self.headers.get(CLIENT_REQUEST_ID, "").partition("-")[0]

    @property
    def event_id(self) -> str:
        """Of the event that is put on the queue; empty where it is something else that is asked for."""
        message = re.search(rb"<MessageText>([^<]+)<", self.body)
        return str(json.loads(base64.b64decode(message[1]))["id"]) if message else ""


type Choose = Callable[[Request], Fault]


class Answer(NamedTuple):
    """An answer of storage, or one that looks like it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def response(self) -> web.Response:
        return web.Response(status=self.status, headers=self.headers, body=self.body)

    def half(self) -> bytes:
        """The head with the whole Content-Length and half of the body; half of the head where there is no body."""
        headers = {**self.headers, "Content-Length": str(len(self.body))}
        lines = [f"HTTP/1.1 {self.status} ", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        head = "\r\n".join(lines).encode()
        return head + self.body[: len(self.body) // 2] if self.body else head[: len(head) // 2]


def _storage_error(status: int, code: str, **headers: str) -> Answer:
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>It did not work.</Message></Error>'
    )
    return Answer(status, {"Content-Type": "application/xml", "x-ms-error-code": code, **headers}, body.encode())


def _page(status: int) -> Answer:
    return Answer(status, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Gateway</title><p>Hello.")


ANSWERS = {
    Fault.HTML: _page(201),
    Fault.ERROR_500: _storage_error(500, "InternalError"),
    Fault.BUSY: _storage_error(503, "ServerBusy"),
    Fault.BUSY_RETRY_AFTER: _storage_error(503, "ServerBusy", **{"Retry-After": str(RETRY_AFTER_SECONDS)}),
    Fault.REQUEST_TIMEOUT: _storage_error(408, "RequestTimeout"),
    Fault.TOO_MANY_REQUESTS: _storage_error(429, "TooManyRequests"),
    Fault.BAD_GATEWAY: _page(502),
    Fault.GATEWAY_TIMEOUT: _page(504),
}
"""What is answered in the place of storage."""

_GARBAGE = b"\x16\x03\x01 this is no HTTP\r\n\r\n"

_OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


class FaultProxy:
    """A proxy for `service`, which is queue or blob, of the Azurite that a connection string is of; made by `start`."""

    def __init__(self, connection_string: str, service: str) -> None:
        endpoint = re.compile(rf"(?<={service.capitalize()}Endpoint=)http://[^/;]+")
        found = endpoint.search(connection_string)
        assert found, f"there is no {service} service in {connection_string}"
        self._storage = found[0]
        # It never listens: the port stays ours while connections to it are refused.
        self._port = _bind(0)
        url = f"http://{ADDRESS}:{self._port.getsockname()[1]}"
        self.connection_string = endpoint.sub(url, connection_string)
        """That of Azurite, with this proxy as the service."""
        self.url = url
        self.seen: list[Request] = []
        self.forwarded: list[Request] = []
        """Those of `seen` that went on to storage."""
        self._choose: Choose = lambda _: Fault.NONE
        # Azurite closes a connection that is idle for 5 s, which must not happen with a request on its way.
        connector = aiohttp.TCPConnector(keepalive_timeout=2, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )
        self._server = web.Server(self._answer, access_log=None)
        # Not asyncio's: one that closes loses connections that it has just accepted, and they hang.
        self._listener: socket.socket | None = None
        self._accepted: set[asyncio.Task[Any]] = set()
        self._closing = asyncio.Event()

    def meet(self, faults: Iterable[Fault] | Choose) -> None:
        """Have the requests from now on meet these faults, one each and then none; or what is chosen for each."""
        if callable(faults):
            self._choose = faults
        else:
            each = iter(faults)
            self._choose = lambda _: next(each, Fault.NONE)

    def listen(self) -> None:
        """Take connections, unless this is closed."""
        if self._listener is None and not self._closing.is_set():
            self._listener = _bind(self._port.getsockname()[1])
            self._listener.settimeout(0)
            self._listener.listen(BACKLOG)
            asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    async def go_away(self) -> None:
        """Refuse connections, and close those that there are."""
        self._refuse()
        for connection in list(self._server.connections):
            connection.force_close()

    async def come_back(self) -> None:
        """Take connections again."""
        self.listen()

    async def close(self) -> None:
        """Let go of all that wait for an answer."""
        self._closing.set()
        self._refuse()
        await asyncio.gather(*self._accepted)
        self._server.pre_shutdown()  # of idle connections, which are waited for otherwise
        await self._server.shutdown(timeout=1)
        await self._session.close()
        self._port.close()

    def _refuse(self) -> None:
        """Refuse connections until `listen`; those that there are serve on."""
        if self._listener:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            connection, _ = listener.accept()
            loop = asyncio.get_running_loop()
            task = loop.create_task(loop.connect_accepted_socket(self._server, connection))
            self._accepted.add(task)
            task.add_done_callback(self._accepted.discard)

    async def _answer(self, incoming: web.BaseRequest) -> web.StreamResponse:
        body = await incoming.content.read()
        request = Request(incoming.method, incoming.raw_path, incoming.headers.copy(), body)
        self.seen.append(request)
        fault = self._choose(request)
        if fault in ANSWERS:
            return ANSWERS[fault].response()
        if fault not in DELIVERED:
            await self._break_off(fault, incoming.transport)
            return web.Response()  # to nobody
        try:
            answer = await self._forward(request)
        except aiohttp.ClientError:  # storage is not there either
            _reset(incoming.transport)
            return web.Response()
        if fault is Fault.SLOW:
            await self._wait(SLOW_SECONDS)
        if fault in (Fault.NONE, Fault.SLOW):
            return answer.response()
        await self._spoil(fault, answer, incoming.transport)
        return web.Response()

    async def _break_off(self, fault: Fault, transport: asyncio.Transport | None) -> None:
        """Have a fault without storage."""
        if fault is Fault.HANG:
            await self._wait()
        _reset(transport)
        if fault is Fault.REFUSE:
            self._refuse()
            await self._wait(REFUSE_SECONDS)
            self.listen()

    async def _spoil(self, fault: Fault, answer: Answer, transport: asyncio.Transport | None) -> None:
        """Have a fault in the place of the answer of storage."""
        if fault is Fault.HANG_AFTER:
            await self._wait()
        if fault in (Fault.HANG_AFTER, Fault.RESET_AFTER):
            _reset(transport)
        elif transport:
            transport.write(_GARBAGE if fault is Fault.GARBAGE else answer.half())
            transport.close()

    async def _forward(self, request: Request) -> Answer:
        self.forwarded.append(request)
        # What the client would add is part of what storage checks the signature of.
        none_added = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
        url = URL(self._storage + request.path, encoded=True)
        async with self._session.request(
            request.method,
            url,
            headers=request.headers,
            data=request.body,
            skip_auto_headers=none_added,
            allow_redirects=False,
        ) as response:
            headers = {
                name: value for name, value in response.headers.items() if name.lower() not in _OF_ONE_CONNECTION
            }
            return Answer(response.status, headers, await response.read())

    async def _wait(self, seconds: float | None = None) -> None:
        """Wait, but not for longer than the proxy is there."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()


async def start(connection_string: str, service: str = "queue") -> FaultProxy:
    """A proxy that takes connections; to be closed on the same event loop."""
    proxy = FaultProxy(connection_string, service)
    proxy.listen()
    return proxy


def _bind(port: int) -> socket.socket:
    """A socket on the port, which all that are made here may share; 0: a free one."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((ADDRESS, port))
    return bound


def _reset(transport: asyncio.Transport | None) -> None:
    """Close the connection with RST instead of FIN."""
    if transport and not transport.is_closing():
        linger_for_nothing = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_nothing)
        transport.abort()
