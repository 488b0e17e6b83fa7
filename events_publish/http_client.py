"""HTTP/1.1 to other services, made for calls that hold a promise, and to cost little.

Connections are kept for the next request; one on which something comes that nobody has asked for is closed. A request is
never sent twice; that is for who makes it to decide.
"""

import asyncio
import functools
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple, Self
from urllib.parse import SplitResult

import aiohappyeyeballs

from events_publish import __version__
from events_publish.http_connection import Answer, Connection, EncodedAnswer
from events_publish.resolver import AddressInfo, Resolver

IDLE_SECONDS = 15
"""How long an idle connection is kept, unless told otherwise."""

MAX_ANSWER_BYTES = 65_536
"""Of one answer, unless told otherwise."""

UNHEARD_SECONDS = 3
"""After which what was sent, and not even received, is given up, with the memory that it takes."""

NEXT_ADDRESS_SECONDS = 0.25
"""After which another address of a name is tried beside the one that does not answer (RFC 8305 §5)."""


class ConnectFailed(OSError):
    """There is no connection, or no trust in who is at its other end: nothing was sent."""


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

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._idle: dict[Origin, deque[Connection]] = {}
        """The connections that wait for a request, the one that was used last at the right."""
        self._open = set[Connection]()
        self._resolver = Resolver()
        self._tls: ssl.SSLContext | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    async def exchange(
        self, origin: Origin, request: bytes, *, max_bytes: int = MAX_ANSWER_BYTES, check: Check | None = None
    ) -> Answer:
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
        """Close all connections; requests that wait for an answer fail."""
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

    def _idle_connection(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            since = asyncio.get_running_loop().time() - connection.idle_since
            if connection.persists and since <= self._idle_seconds and connection.is_silent():
                return connection
            connection.abort()
        return None

    async def _connect(self, origin: Origin) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            addresses, tls = await asyncio.gather(
                self._resolver.addresses(origin.host, origin.port), self._trust(origin)
            )
            connected = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, interleave=1, socket_factory=open_socket
            )
            _, connection = await loop.create_connection(
                lambda: Connection(self._open),
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
            self._tls = await asyncio.to_thread(_trusted_certificates)
        return self._tls if origin.tls else None

    def _keep(self, origin: Origin, connection: Connection) -> None:
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


def _trusted_certificates() -> ssl.SSLContext:
    """How to know whom we speak with; whichever thread is the first reads all certificates that are trusted, once."""
    with _READING:
        return _read_certificates()


_READING = threading.Lock()


@functools.cache
def _read_certificates() -> ssl.SSLContext:
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
