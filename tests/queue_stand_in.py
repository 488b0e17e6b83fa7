"""A queue service that takes no more messages than so many each second, as a process of its own.

It acknowledges messages in the order in which they came; those that came too fast wait in line. What it acknowledged
can be asked, and its pace can be set, over HTTP on the same port.
"""

import asyncio
import base64
import json
import re
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx
from aiohttp import web

from events_publish.storage_fault import CLIENT_REQUEST_ID
from local import ROOT, serving
from local.child import Child
from tests.storage_stand_in import CREATED

_MESSAGE = re.compile(rb"<MessageText>(.*)</MessageText>", re.DOTALL)


class QueueStandIn(NamedTuple):
    """A running stand-in, as a test sees it."""

    url: str

    @property
    def connection_string(self) -> str:
        return f"AccountName=account;AccountKey=c2VjcmV0;QueueEndpoint={self.url}/account"

    async def set_rate(self, rate: float) -> None:
        """From now on it takes so many messages each second; 0: any number, those in line at once."""
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.put(f"{self.url}/rate", content=str(rate))).raise_for_status()

    async def acknowledged(self) -> list[str]:
        """The ids of the events that it acknowledged, in this order."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = (await client.get(f"{self.url}/acknowledged")).raise_for_status()
        ids: list[str] = answer.json()
        return ids


@asynccontextmanager
async def queue_stand_in(*, rate: float = 0, delay: float = 0) -> AsyncIterator[QueueStandIn]:
    """One that takes `rate` messages each second, 0: any number, and lets each wait for `delay` seconds at least."""
    command = [sys.executable, "-m", __name__, str(rate), str(delay)]
    child = await Child.start(command, [rf"^{serving.READY}(\S+)"], cwd=ROOT)
    try:
        yield QueueStandIn(child.ready[0][1])
    finally:
        await child.stop()


class _Service:
    def __init__(self, rate: float, delay: float) -> None:
        self._rate = rate
        self._delay = delay
        self._line = deque[asyncio.Future[None]]()
        self._changed = asyncio.Event()
        self._acknowledged: list[str] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        match request.method, request.path:
            case "GET", "/acknowledged":
                return web.json_response(self._acknowledged)
            case "PUT", "/rate":
                self._rate = float(body)
                self._changed.set()
                return web.Response()
        if message := _MESSAGE.search(body):
            await asyncio.gather(self._turn(), asyncio.sleep(self._delay))
            self._acknowledged.append(json.loads(base64.b64decode(message[1]))["id"])
        echoed = {name: request.headers[name] for name in (CLIENT_REQUEST_ID,) if name in request.headers}
        return web.Response(status=201, body=CREATED.encode(), content_type="application/xml", headers=echoed)

    async def serve_line(self) -> None:
        """Call one after the other, at the pace that is set."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._changed.clear()
            if not self._line:
                await self._changed.wait()
                due = max(due, loop.time())  # time in which nobody came is not made up for
            elif self._rate and due > loop.time():
                try:
                    async with asyncio.timeout_at(due):
                        await self._changed.wait()
                except TimeoutError:
                    pass
            else:
                self._line.popleft().set_result(None)
                due = due + 1 / self._rate if self._rate else loop.time()

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        self._changed.set()
        await turn


async def _main(rate: float, delay: float) -> None:
    serving.stop_on_signal(asyncio.current_task())
    service = _Service(rate, delay)
    runner = web.ServerRunner(web.Server(service.answer, access_log=None), shutdown_timeout=1)
    print(f"{serving.READY}{await serving.serve(runner, 0, '')}", flush=True)  # noqa: T201  # who started it waits for this
    try:
        await service.serve_line()
    except asyncio.CancelledError:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1]), float(sys.argv[2])))
