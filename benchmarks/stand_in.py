"""A queue service that acknowledges every message at once and keeps none, as a process of its own.

Beside Azurite it tells our own cost from that of storage, so it is made to cost little: of a request it reads how long it
is and what it is called, and the answer is ready but for that name. ``GET /`` says how many messages there were.
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from local import ROOT, serving
from local.child import Child

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_NAME = re.compile(rb"\r\nx-ms-client-request-id: *([^\r]+)", re.IGNORECASE)

_TIME = b"Mon, 23 Nov 2026 12:00:00 GMT"
_MESSAGE = (
    b'<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage>'
    b"<MessageId>5974b586-0df3-4e2d-ad0c-18e3892bfca2</MessageId><InsertionTime>%b</InsertionTime>"
    b"<ExpirationTime>Fri, 31 Dec 9999 23:59:59 GMT</ExpirationTime><PopReceipt>AgAAAAMAAAAAAAAA</PopReceipt>"
    b"<TimeNextVisible>%b</TimeNextVisible></QueueMessage></QueueMessagesList>"
) % (_TIME, _TIME)
_CREATED = b"HTTP/1.1 201 Created\r\nContent-Type: application/xml\r\nDate: %b\r\nContent-Length: %d\r\n" % (
    _TIME,
    len(_MESSAGE),
)


class StandIn:
    """A running stand-in."""

    def __init__(self, child: Child) -> None:
        self.pid = child.pid
        self.url = child.ready[0][1]
        self.connection_string = f"AccountName=account;AccountKey=c2VjcmV0;QueueEndpoint={self.url}/account"

    async def acknowledged(self) -> int:
        """How many messages there were so far."""
        async with aiohttp.ClientSession() as session, session.get(self.url) as answer:
            return int(await answer.text())


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    """One for as long as the block lasts."""
    child = await Child.start([sys.executable, "-m", __name__], [rf"^{serving.READY}(\S+)"], cwd=ROOT)
    try:
        yield StandIn(child)
    finally:
        await child.stop()


class _Connection(asyncio.Protocol):
    """One request after the other."""

    messages = 0
    """Of all connections."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # what a TCP connection has
        self._transport = transport
        self._came = b""

    def data_received(self, data: bytes) -> None:
        self._came += data
        while (end := self._came.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._came, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._came) < whole:
                return
            head, self._came = self._came[:end], self._came[whole:]
            self._transport.write(self._answer(head))

    def _answer(self, head: bytes) -> bytes:
        if head.startswith(b"GET"):
            count = b"%d" % _Connection.messages
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(count), count)
        if head.startswith(b"POST"):  # a PUT makes the queue
            _Connection.messages += 1
        name = _NAME.search(head)
        echo = b"x-ms-client-request-id: %b\r\n" % name[1] if name else b""
        return b"%b%b\r\n%b" % (_CREATED, echo, _MESSAGE)


async def _main() -> None:
    stopped = asyncio.Event()
    task = asyncio.create_task(stopped.wait())
    serving.stop_on_signal(task)
    server = await asyncio.get_running_loop().create_server(_Connection, serving.ADDRESS, 0)
    print(f"{serving.READY}http://{serving.ADDRESS}:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.wait([task])
    server.close()


if __name__ == "__main__":
    asyncio.run(_main())
