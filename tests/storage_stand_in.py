"""A storage service that answers what a test tells it to."""

import asyncio
import base64

from aiohttp import web

from events_publish.storage_fault import CLIENT_REQUEST_ID
from local import serving

TIME = "Mon, 23 Nov 2026 12:00:00 GMT"
CREATED = f"""<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage><MessageId>1</MessageId>
<InsertionTime>{TIME}</InsertionTime><ExpirationTime>{TIME}</ExpirationTime><PopReceipt>1</PopReceipt>
<TimeNextVisible>{TIME}</TimeNextVisible></QueueMessage></QueueMessagesList>"""


class StandIn:
    """A storage service that gives the same answer to everything, unless told otherwise; counts."""

    def __init__(self) -> None:
        self.status, self.body, self.url, self.asked = 201, CREATED.encode(), "", 0
        self.refused: set[bytes] = set()
        """Messages that get a 403."""
        self.gate: asyncio.Barrier | asyncio.Event | None = None
        """What each answer waits for."""
        self.under_way = self.most_under_way = 0
        self.refused_to_create = False
        self.echoes = True
        """Answers as storage does, and not as a gateway before it."""
        self.client_request_ids: set[str] = set()
        self.paths = ""
        self.messages: list[bytes] = []

    @property
    def connection_string(self) -> str:
        return f"AccountName=account;AccountKey=c2VjcmV0;QueueEndpoint={self.url}/account"

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        self.client_request_ids.add(request.headers[CLIENT_REQUEST_ID])
        self.paths += request.path + "\n"
        if self.refused_to_create and request.method == "PUT":
            return web.Response(status=403)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        message = base64.b64decode((await request.read()).partition(b"<MessageText>")[2].partition(b"<")[0])
        self.messages.append(message)
        if self.gate:
            await self.gate.wait()
        self.under_way -= 1
        if message in self.refused:
            return web.Response(status=403)
        headers = {"Content-Type": "application/xml", "Location": self.url + "/elsewhere"}
        if self.echoes:
            headers[CLIENT_REQUEST_ID] = request.headers[CLIENT_REQUEST_ID]
        return web.Response(status=self.status, body=self.body, headers=headers)


def error(code: str) -> bytes:
    """The body of an answer with an error code."""
    return f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()


async def start() -> tuple[StandIn, web.AppRunner]:
    """A stand-in that listens, and its runner to end it with."""
    stand_in, app = StandIn(), web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.answer)
    runner = web.AppRunner(app)
    stand_in.url = await serving.serve(runner, 0, "--port")
    return stand_in, runner
