"""Serving HTTP on loopback."""

import asyncio
import errno
import logging
import signal
from typing import Any

from aiohttp import web

from local import Failure

ADDRESS = "127.0.0.1"

READY = "Listening on "
"""How the host says on standard output that the app is loaded and served; the URL follows."""

# aiohttp writes a traceback for each request that is not HTTP.
logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


async def serve(runner: web.ServerRunner | web.AppRunner, port: int, option: str) -> str:
    """Listen on `port` (0: a free one) and return the URL; `option` sets that port.

    Raises:
        Failure: the port is taken, or not for everybody.
    """
    await runner.setup()
    try:
        await web.TCPSite(runner, ADDRESS, port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise port_in_use(port, option) from error
        raise Failure(f"Port {port} cannot be had: {error.strerror}; choose another with {option}.") from error
    return f"http://{ADDRESS}:{runner.addresses[0][1]}"


def port_in_use(port: int, option: str) -> Failure:
    return Failure(f"Port {port} is in use; choose another with {option} ({option} 0 takes a free one).")


def stop_on_signal(task: asyncio.Task[Any] | None) -> None:
    """Cancel `task` at the first SIGINT, SIGTERM or SIGHUP, and let it clean up undisturbed by a second."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for number in signals:
            loop.add_signal_handler(number, lambda: None)
        if task:
            task.cancel()

    for number in signals:
        loop.add_signal_handler(number, stop)
