"""HTTP/1.1 to other services (RFC 9112), made for calls that hold a promise, and to cost little.

Each request is written at once, and only what comes after it on its connection is its answer: where something comes that
nobody has asked for, the connection is closed. A request is never sent twice; that is for who makes it to decide.
"""

import asyncio
import functools
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple, Self
from urllib.parse import SplitResult

import aiohappyeyeballs
import httptools

from events_publish import __version__
from events_publish.resolver import AddressInfo, Resolver

UNHEARD_SECONDS = 3
"""After which what was sent, and not even received, is given up, with the memory that it takes."""

BUFFER_BYTES = 16_384
"""What is read from a connection at once; asyncio itself would make room for 256 KiB each time."""

NEXT_ADDRESS_SECONDS = 0.25
"""After which another address of a name is tried beside the one that does not answer (RFC 8305 §5)."""


class ConnectFailed(OSError):
    """There is no connection, or no trust in who is at its other end: nothing was sent."""


class Disconnected(OSError):
    """The connection ended before the answer did."""


class OddAnswer(OSError):
    """An answer that is none of the service that was asked."""


class NotHttp(OddAnswer):
    """It breaks the grammar of HTTP/1.1."""


class LongAnswer(OddAnswer):
    """It has more bytes than are taken, its head included."""


class EncodedAnswer(OddAnswer):
    """It is compressed, which nobody has asked for."""


class Origin(NamedTuple):
    """Whom a connection leads to (RFC 9110 §4.3)."""

    tls: bool
    host: str
    port: int

    @classmethod
    def of(cls, url: SplitResult) -> Self:
        """That of an absolute http or https URL."""
        tls = url.scheme == "https"
        return cls(tls, url.hostname or "", url.port or (443 if tls else 80))


class Answer(NamedTuple):
    """The final answer to a request."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; repeated ones are joined with commas (RFC 9110 §5.3)."""
    body: bytes


type Check = Callable[[Answer], bool]
"""Whether more may be asked on the connection that an answer came by; raises what its caller is to get instead of it."""


def require_plain(answer: Answer) -> bool:
    """A `Check`; raises EncodedAnswer: the answer is compressed."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise EncodedAnswer
    return True


def head(method: str, url: SplitResult, headers: Mapping[str, str]) -> bytes:
    """The request line, and headers that each request has beside `headers`; without the empty line that ends them.

    Raises:
        ValueError: what is given would be more than a line.
    """
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    common = {"Host": url.netloc, "User-Agent": f"events-publish/{__version__}", "Accept-Encoding": "identity"}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in {**common, **headers}.items())]
    if not all(line.isprintable() for line in lines):
        raise ValueError("it would be more than a line")
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


class HttpClient:
    """Connections, on one event loop; how many there are at once is up to its user.

    An idle one is kept for `idle_seconds`.
    """

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._idle: dict[Origin, deque[_Connection]] = {}
        """The connections that wait for a request, the one that was used last at the right."""
        self._open = set[_Connection]()
        self._resolver = Resolver()
        self._tls: ssl.SSLContext | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    async def exchange(self, origin: Origin, request: bytes, *, max_bytes: int, check: Check | None = None) -> Answer:
        """The answer to a request, which has at most `max_bytes` bytes; time is the caller's to bound.

        Raises:
            ConnectFailed: nothing was sent.
            OSError: it was sent, and what became of it is not known.
        """
        connection = self._idle_connection(origin) or await self._connect(origin)
        try:
            answer = await connection.ask(request, max_bytes)
            trusted = check is None or check(answer)
        except BaseException:
            connection.abort()
            raise
        if trusted and connection.persists:
            self._keep(origin, connection)
        else:
            connection.abort()
        return answer

    async def connect(self, origin: Origin) -> None:
        """Have a connection at hand for who comes next.

        Raises:
            ConnectFailed: there is none.
        """
        if not self._idle.get(origin):
            self._keep(origin, await self._connect(origin))

    async def close(self) -> None:
        """Close all connections; requests that are under way fail."""
        if self._sweeping:
            self._sweeping.cancel()
            self._sweeping = None
        for connection in list(self._open):
            connection.abort()
        await self._resolver.close()
        await asyncio.sleep(0)  # in which the connections are closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _idle_connection(self, origin: Origin) -> "_Connection | None":
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            since = asyncio.get_running_loop().time() - connection.idle_since
            if connection.persists and since <= self._idle_seconds and connection.is_silent():
                return connection
            connection.abort()
        return None

    async def _connect(self, origin: Origin) -> "_Connection":
        loop = asyncio.get_running_loop()
        try:
            addresses, tls = await asyncio.gather(
                self._resolver.addresses(origin.host, origin.port), self._trust(origin)
            )
            connected = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, interleave=1, socket_factory=open_socket
            )
            _, connection = await loop.create_connection(
                lambda: _Connection(self._open),
                sock=connected,
                ssl=tls,
                server_hostname=origin.host.rstrip(".") if tls else None,  # no certificate has the dot of the root
            )
        except OSError as error:
            raise ConnectFailed(error.errno, error.strerror or str(error)) from error
        except UnicodeError as error:
            raise ConnectFailed(None, "it is no name of a host") from error
        return connection

    async def _trust(self, origin: Origin) -> ssl.SSLContext | None:
        if origin.tls and self._tls is None:
            self._tls = await asyncio.to_thread(_tls)
        return self._tls if origin.tls else None

    def _keep(self, origin: Origin, connection: "_Connection") -> None:
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.setdefault(origin, deque()).append(connection)
        if self._sweeping is None:
            self._sweep_later()

    def _sweep_later(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(self._idle_seconds, self._sweep)

    def _sweep(self) -> None:
        """Close the connections that nobody has needed for long."""
        oldest = asyncio.get_running_loop().time() - self._idle_seconds
        self._sweeping = None
        for idle in self._idle.values():
            while idle and (idle[0].idle_since <= oldest or not idle[0].persists):
                idle.popleft().abort()
        if any(self._idle.values()):
            self._sweep_later()


class _Connection(asyncio.BufferedProtocol):
    """One connection: a request is asked, its answer comes, and then the next."""

    def __init__(self, open_connections: set["_Connection"]) -> None:
        self._open = open_connections
        self._transport: asyncio.Transport
        self._poll = select.poll()
        self._parser = httptools.HttpResponseParser(self)
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._answered: asyncio.Future[Answer] | None = None
        """What the request that was asked last waits for."""
        self._room = 0
        self._head: dict[str, str]
        self._headers: dict[str, str]
        self.persists = True
        """More may be asked."""
        self.idle_since = 0.0
        self._begin_answer()

    async def ask(self, request: bytes, max_bytes: int) -> Answer:
        """The answer to a request; one at a time."""
        if not self.persists:  # it was lost since it was made
            raise Disconnected
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answered = answered
        self._room = max_bytes
        self._begin_answer()
        self._transport.write(request)
        return await answered

    def abort(self) -> None:
        """Close it at once, whatever is under way."""
        self.persists = False
        self._transport.abort()

    def is_silent(self) -> bool:
        """Nothing has come, nor has it ended, that the loop has not told of yet: it would pass for the next answer."""
        return not self._poll.poll(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # what a stream has
        self._poll.register(transport.get_extra_info("socket"), select.POLLIN)
        self._open.add(self)

    def get_buffer(self, _: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, length: int) -> None:
        answered = self._answered
        if answered is None or answered.done():  # nobody has asked
            self.abort()
            return
        self._room -= length
        if self._room < 0:
            self._fail(LongAnswer())
            return
        try:
            self._parser.feed_data(self._buffer[:length])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(NotHttp())

    def connection_lost(self, error: Exception | None) -> None:
        self.persists = False
        self._open.discard(self)
        if error is None and self._ends_with_connection:
            self.on_message_complete()
        self._fail(error if isinstance(error, OSError) else Disconnected())

    def _fail(self, error: OSError) -> None:
        self.abort()
        if self._answered and not self._answered.done():
            self._answered.set_exception(error)

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        if self._answered is None or self._answered.done():  # the next answer, and nobody has asked
            self.persists = False

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._ends_with_connection = not {"content-length", "transfer-encoding"} & self._headers.keys()
        self._head, self._headers = self._headers, {}  # what may still come is none of its own

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # interim (RFC 9110 §15.2): the answer is still to come
            self._begin_answer()
            return
        self._ends_with_connection = False
        self.persists = self.persists and self._parser.should_keep_alive()
        if self._answered and not self._answered.done():
            self._answered.set_result(Answer(status, self._head, self._body))

    def _begin_answer(self) -> None:
        self._head = {}
        self._headers = {}
        self._body = b""
        self._ends_with_connection = False
        """Its body has no length of its own."""


def _tls() -> ssl.SSLContext:
    """How to know whom we speak with: made once, by whichever thread is the first, for it reads all trusted certificates."""
    with _MAKING_TLS:
        return _make_tls()


_MAKING_TLS = threading.Lock()


@functools.cache
def _make_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def open_socket(address: AddressInfo) -> socket.socket:
    """A socket for an address; what is sent on it is not held for ever."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux, on which Azure runs it
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD_SECONDS * 1000)
    return made
