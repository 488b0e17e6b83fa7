"""Faults that a server on the laptop has on request: outages can be rehearsed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from local import Failure

SLOW_SECONDS = 60

_PAGE = "<!DOCTYPE html><title>Maintenance</title><p>We will be back soon.</p>"


def have_faults(app: web.Application, current: Callable[[], str | None]) -> None:
    """Have each request to `app` meet the fault that `current` names when it comes.

    `down` closes the connection without an answer, `slow` answers after a minute, `garbage` is a page where nobody
    expects one; whatever else `current` says is no fault of these. What is wrong with the state in the folder (a
    `Failure`) is told with 500.
    """
    stopping = asyncio.Event()

    async def stop(_: web.Application) -> None:
        stopping.set()

    app.on_shutdown.append(stop)
    app.middlewares.append(_middleware(current, stopping))


def _middleware(current: Callable[[], str | None], stopping: asyncio.Event) -> Middleware:
    @web.middleware
    async def meet_fault(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            fault = current()
            if fault == "down":
                return _hang_up(request)
            if fault == "garbage":
                return web.Response(text=_PAGE, content_type="text/html")
            if fault == "slow":
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), SLOW_SECONDS)
                    return _hang_up(request)  # nobody is kept waiting for a server that stops
            return await handler(request)
        except Failure as failure:
            return web.Response(text=f"{failure}\n", status=500)

    return meet_fault


def _hang_up(request: web.Request) -> web.Response:
    """Close the connection; the response that aiohttp asks for goes nowhere."""
    if request.transport:
        request.transport.close()
    return web.Response()
