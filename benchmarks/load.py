"""Load over kept connections: on a schedule, or as much as the server takes.

A publisher does not wait for the answers that others get. So in an open loop (`offer`) each request has a moment at which
it is due, and its latency counts from there, also when it had to wait for a connection. A closed loop (`circulate`) finds
how much a server can do: each connection sends when it has its answer. Both are made to cost little: the machine that is
loaded is the one that loads.
"""

import asyncio
import itertools
import math
import re
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import yarl

TICK_SECONDS = 0.001
"""How late a request may be sent for the sake of sending several at once."""

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


class Exchange(NamedTuple):
    """One request and what became of it; moments in seconds since the load began."""

    number: int
    due: float
    sent: float | None
    """None: it never left, for no connection could be made."""
    ended: float
    status: int | None
    """None: the connection failed, or nothing came before patience ended."""
    head: bytes = b""
    """The status line and the headers of the answer."""
    body: bytes = b""
    """Of the answer; what had come of the answer where the connection failed."""

    @property
    def latency(self) -> float:
        """Seconds since it was due."""
        return self.ended - self.due

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer, by lower-case name."""
        lines = self.head.decode().split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def post(url: str, headers: Mapping[str, str]) -> Callable[[bytes], bytes]:
    """Makes POSTs to `url` with these headers: gives the bytes of a request with a body."""
    parsed = yarl.URL(url)
    lines = {"Host": parsed.authority, **headers, "Content-Length": ""}
    head = f"POST {parsed.raw_path_qs} HTTP/1.1\r\n" + "\r\n".join(f"{name}: {value}" for name, value in lines.items())
    encoded = head.encode()
    return lambda body: b"%b%d\r\n\r\n%b" % (encoded, len(body), body)


async def offer(  # noqa: PLR0913  # all but one by name
    url: str,
    *,
    rate: float,
    seconds: float,
    request: Callable[[int], bytes],
    take: Callable[[Exchange], None],
    connections: int = 100,
    patience: float = 60,
) -> None:
    """Send `rate` requests per second to the server of `url` for some seconds; `take` gets each when it has ended.

    ``request(number)`` makes the bytes of one, as `post` does. At most so many `connections` are open; a request that
    is due while all are busy waits for one. Returns when all have ended, `patience` seconds after the last was due at
    the latest.
    """
    loop = asyncio.get_running_loop()
    pool = _Pool(url, request, take, connections)
    total = round(rate * seconds)
    number = 0
    try:
        while number < total:
            until = pool.now()
            while number < total and number / rate <= until:
                pool.send(_Waiting(number, number / rate))
                number += 1
            await asyncio.sleep(max(TICK_SECONDS, number / rate - pool.now()))
        async with asyncio.timeout_at(loop.time() + patience):
            await pool.idle()
    except TimeoutError:
        pass
    finally:
        await pool.close()


async def circulate(
    url: str,
    *,
    connections: int,
    more: Callable[[], bool],
    request: Callable[[int], bytes],
    take: Callable[[Exchange], None],
) -> None:
    """Keep as many `connections` busy for as long as there are `more` requests to be sent; `take` gets each when it ended.

    Each sends its next request when the last is answered; none follows one that was not. Returns when all have ended.
    """
    numbers = itertools.count()

    def send() -> None:
        pool.send(_Waiting(next(numbers), pool.now()))

    def take_and_send(exchange: Exchange) -> None:
        take(exchange)
        if exchange.status is not None and more():
            send()

    pool = _Pool(url, request, take_and_send, connections)
    for _ in range(connections):
        send()
    try:
        await pool.idle()
    finally:
        await pool.close()


def quantile(values: Collection[float], share: float) -> float:
    """The smallest of `values` that a share of them does not exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0


class _Waiting(NamedTuple):
    number: int
    due: float


class _Pool:
    """The connections, and the requests that wait for one."""

    def __init__(self, url: str, request: Callable[[int], bytes], take: Callable[[Exchange], None], limit: int) -> None:
        parsed = yarl.URL(url)
        self._host, self._port = parsed.host or "", parsed.port or 80
        self.request = request
        self._take = take
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._waiting = deque[_Waiting]()
        self._connections = set[_Connection]()
        self._free: list[_Connection] = []
        self._opening = set[asyncio.Task[None]]()
        self._under_way = 0
        self._changed = asyncio.Event()
        self._closed = False

    def now(self) -> float:
        return self._loop.time() - self._began

    def send(self, waiting: _Waiting) -> None:
        """Send it on a free connection, or as soon as there is one."""
        self._under_way += 1
        if self._free:
            self._free.pop().send(waiting)
            return
        self._waiting.append(waiting)
        self._open()

    def opened(self, connection: "_Connection") -> None:
        self._connections.add(connection)
        self.free(connection)

    def free(self, connection: "_Connection") -> None:
        """It takes the next request."""
        if self._waiting:
            connection.send(self._waiting.popleft())
        else:
            self._free.append(connection)

    def lost(self, connection: "_Connection") -> None:
        self._connections.discard(connection)
        self._changed.set()
        if connection in self._free:
            self._free.remove(connection)
        if self._waiting:
            self._open()

    def end(self, exchange: Exchange) -> None:
        self._take(exchange)
        self._under_way -= 1
        if not self._under_way:
            self._changed.set()

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Give up what is still under way, and close all connections."""
        self._closed = True
        while self._waiting:
            self._give_up(self._waiting.popleft())
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for connection in list(self._connections):
            connection.abort()
        while self._connections:
            self._changed.clear()
            await self._changed.wait()

    def _open(self) -> None:
        if self._closed or len(self._connections) + len(self._opening) >= self._limit:
            return
        task = self._loop.create_task(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self) -> None:
        while self._waiting:
            try:
                await self._loop.create_connection(lambda: _Connection(self), self._host, self._port)
            except OSError:
                if self._waiting:
                    self._give_up(self._waiting.popleft())
            else:
                return

    def _give_up(self, waiting: _Waiting) -> None:
        self.end(Exchange(waiting.number, waiting.due, None, self.now(), None))


class _Connection(asyncio.Protocol):
    """One request after the other; of an answer it understands the status, and how long it is."""

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport
        self._waiting: _Waiting | None = None
        self._sent = 0.0
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # what a TCP connection has
        self._transport = transport
        self._pool.opened(self)

    def send(self, waiting: _Waiting) -> None:
        self._waiting, self._sent = waiting, self._pool.now()
        self._transport.write(self._pool.request(waiting.number))

    def data_received(self, data: bytes) -> None:
        self._came += data
        end = self._came.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _CONTENT_LENGTH.search(self._came, 0, end)
        if length is None or self._waiting is None:
            self.abort()  # an answer of a kind that is not expected, or to nothing
            return
        if len(self._came) < end + 4 + int(length[1]):
            return
        head, body = self._came[:end], self._came[end + 4 :]
        self._came = b""
        self._end(int(head[9:12]), head, body)
        if _CLOSE.search(head):
            self._transport.close()
        else:
            self._pool.free(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._end(None, b"", self._came)
        self._pool.lost(self)

    def abort(self) -> None:
        self._transport.abort()

    def _end(self, status: int | None, head: bytes, body: bytes) -> None:
        if self._waiting:
            (number, due), self._waiting = self._waiting, None
            self._pool.end(Exchange(number, due, self._sent, self._pool.now(), status, head, body))
