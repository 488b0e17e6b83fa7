"""HTTP as Kestrel speaks it, the server inside the Functions host: its limits, and how it refuses."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

MAX_REQUEST_LINE_BYTES = 8_192
MAX_HEADER_BYTES = 32_768
"""Of all request headers together."""

MAX_BODY_BYTES = 104_857_600
"""What the Functions host sets."""

_log = logging.getLogger(__name__)

type Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def server(handler: Handler) -> web.Server:
    """A server that gives each request to `handler`, its body as it came."""
    return _Server(handler, request_factory=_make_request)


def header_bytes(request: web.BaseRequest) -> int:
    """The size of the headers as they came, for the limit on all of them together."""
    return sum(len(name) + len(value) + len(": \r\n") for name, value in request.raw_headers)


async def send_continue(request: web.BaseRequest) -> None:
    """Tell a client that waits for it to send the body."""
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # nothing of the answer itself is sent yet


class _Protocol(web.RequestHandler):
    """What is not a request is refused without a word, and nothing of it is repeated."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # would repeat what came
    ) -> web.StreamResponse:
        if isinstance(exc, LineTooLong):
            status = 431 if exc.args[1] == MAX_HEADER_BYTES else 414
        if status == 500:
            _log.error("The host failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError
        response = web.Response(status=status)
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Protocol(
            self,
            loop=asyncio.get_running_loop(),
            auto_decompress=False,  # the function gets the body as it came
            max_line_size=MAX_REQUEST_LINE_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            access_log=None,  # type: ignore[arg-type]  # aiohttp takes None for "do not"
        )


def _make_request(
    message: RawRequestMessage, payload: StreamReader, protocol: Any, writer: Any, task: asyncio.Task[None]
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)
