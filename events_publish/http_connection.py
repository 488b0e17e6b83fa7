"""One connection with HTTP/1.1 (RFC 9112): a request is written at once, and only what comes after it is its answer."""

import asyncio
import select
from collections.abc import Mapping
from typing import NamedTuple

import httptools

BUFFER_BYTES = 16_384
"""What is read from a connection at once; asyncio itself would make room for 256 KiB each time."""


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


class Answer(NamedTuple):
    """The final answer to a request."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; repeated ones are joined with commas (RFC 9110 §5.3)."""
    body: bytes


class Connection(asyncio.BufferedProtocol):
    """One connection: a request is asked, its answer comes, and then the next."""

    def __init__(self, open_connections: set["Connection"]) -> None:
        self._open = open_connections
        self._transport: asyncio.Transport
        self._poll = select.poll()
        self._parser = httptools.HttpResponseParser(self)
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        """What the request that was asked last waits for; done while nobody waits."""
        self._answered.cancel()
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
        self._answered = asyncio.get_running_loop().create_future()
        self._room = max_bytes
        self._begin_answer()
        self._transport.write(request)
        return await self._answered

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
        if self._answered.done():  # nobody has asked
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
        if not self._answered.done():
            self._answered.set_exception(error)

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        if self._answered.done():  # the next answer, and nobody has asked
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
        if not self._answered.done():
            self._answered.set_result(Answer(status, self._head, self._body))

    def _begin_answer(self) -> None:
        self._head = {}
        self._headers = {}
        self._body = b""
        self._ends_with_connection = False
        """Its body has no length of its own."""
