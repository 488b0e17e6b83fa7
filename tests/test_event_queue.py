"""The seam to Azure Storage: whatever it answers, the publisher hears 200 or 503."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator

import aiohttp
import azure.core.exceptions
import pytest
from aiohttp import web

from events_publish.envelope import Event
from events_publish.event_queue import CONCURRENT_SENDS, EventQueue
from events_publish.problem import QueueUnavailable
from events_publish.settings import Connection
from local import serving
from tests.storage import Queue

EVENT = b'{"specversion":"1.0","id":"1","type":"t","source":"s"}'
EVENTS = (Event({}, EVENT),)

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

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        message = base64.b64decode((await request.read()).partition(b"<MessageText>")[2].partition(b"<")[0])
        if self.gate:
            await self.gate.wait()
        self.under_way -= 1
        if message in self.refused:
            return web.Response(status=403)
        headers = {"Content-Type": "application/xml", "Location": self.url + "/elsewhere"}
        return web.Response(status=self.status, body=self.body, headers=headers)


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    stand_in, app = StandIn(), web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.answer)
    runner = web.AppRunner(app)
    stand_in.url = await serving.serve(runner, 0, "--port")
    yield stand_in
    await runner.cleanup()


async def enqueue(stand_in: StandIn, events: tuple[Event, ...] = EVENTS, seconds: float = 10) -> None:
    connection = Connection(f"AccountName=account;AccountKey=c2VjcmV0;QueueEndpoint={stand_in.url}/account")
    async with aiohttp.ClientSession() as session:
        await EventQueue(connection, "a-queue", session).enqueue(
            events, deadline=asyncio.get_running_loop().time() + seconds
        )


async def test_an_acknowledgement(stand_in: StandIn) -> None:
    await enqueue(stand_in)
    assert stand_in.asked == 1


async def test_a_missing_queue_is_made_by_one_of_many(settings: dict[str, str]) -> None:
    """Requests that all miss it at once all succeed."""
    connection_string = settings["EVENTS_STORAGE"]
    async with aiohttp.ClientSession() as session:
        queue = EventQueue(Connection(connection_string), "missed-by-many", session)
        await asyncio.gather(*(queue.enqueue(EVENTS, deadline=float("inf")) for _ in range(20)))
    with Queue(connection_string, "missed-by-many") as made:
        assert made.take() == [EVENT] * 20


def batch(size: int) -> tuple[Event, ...]:
    return tuple(Event({}, b"%d" % index) for index in range(size))


async def test_a_batch_is_sent_concurrently_but_bounded(stand_in: StandIn) -> None:
    stand_in.gate = asyncio.Barrier(CONCURRENT_SENDS)  # opens when so many wait, and not before
    await enqueue(stand_in, batch(3 * CONCURRENT_SENDS))
    assert (stand_in.asked, stand_in.most_under_way) == (3 * CONCURRENT_SENDS, CONCURRENT_SENDS)


async def test_a_batch_that_gets_part_of_the_way(stand_in: StandIn) -> None:
    """Says which events are on the queue and which to send again; one that fails does not stop the others."""
    stand_in.refused = {b"3", b"17"}
    with pytest.raises(QueueUnavailable) as refused:
        await enqueue(stand_in, batch(40))
    assert refused.value.extensions == {
        "enqueued": [index for index in range(40) if index not in (3, 17)],
        "notEnqueued": [3, 17],
    }


async def test_a_batch_that_time_runs_out_for(stand_in: StandIn) -> None:
    first = batch(CONCURRENT_SENDS)
    await enqueue(stand_in, first)
    stand_in.gate = asyncio.Event()
    with pytest.raises(QueueUnavailable) as refused:
        await enqueue(stand_in, first, seconds=0.5)
    stand_in.gate.set()
    assert refused.value.extensions == {}
    assert "Send it again" in refused.value.detail


async def test_time_that_is_up_with_the_last_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline that comes in the same turn of the loop takes nothing back."""
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session:
        queue = EventQueue(Connection("UseDevelopmentStorage=true"), "a-queue", session)
        deadline = loop.time() + 0.05

        async def put(_: bytes) -> None:
            while loop.time() < deadline:  # without an await: the loop sees the time only afterwards
                pass

        monkeypatch.setattr(queue, "_put", put)
        await queue.enqueue(EVENTS, deadline=deadline)


async def test_an_empty_batch_needs_no_queue(stand_in: StandIn) -> None:
    await enqueue(stand_in, ())
    assert stand_in.asked == 0


def error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(201, b"", id="201, empty"),
        pytest.param(201, b"<html><p>", id="201, HTML"),
        pytest.param(201, b"{}", id="201, JSON"),
        pytest.param(201, b"\xff\xfe\x00", id="201, not text"),
        pytest.param(201, b"<QueueMessagesList/>", id="201, no message"),
        pytest.param(201, CREATED[:-40].encode(), id="201, half"),
        pytest.param(201, CREATED.replace("<MessageId>1</MessageId>", "").encode(), id="201, no message id"),
        pytest.param(201, b"<a>" * 100_000 + b"</a>" * 100_000, id="201, deep"),
        pytest.param(201, CREATED.replace(TIME, "never").encode(), id="201, no times"),
        pytest.param(200, CREATED.encode(), id="200"),
        pytest.param(204, b"", id="204"),
        pytest.param(307, b"", id="redirect"),
        pytest.param(400, error("InvalidXmlDocument"), id="400"),
        pytest.param(403, error("AuthenticationFailed"), id="403"),
        pytest.param(404, b"<html>", id="404, HTML"),
        pytest.param(404, error("ResourceNotFound"), id="404, not the queue"),
        pytest.param(404, error("QueueNotFound"), id="404, again and again"),
        pytest.param(409, error("QueueBeingDeleted"), id="409"),
        pytest.param(413, error("RequestBodyTooLarge"), id="413"),
    ],
)
async def test_any_other_answer_is_a_503(stand_in: StandIn, status: int, body: bytes) -> None:
    """And the next request is served as if nothing had been."""
    stand_in.status, stand_in.body = status, body
    with pytest.raises(QueueUnavailable):
        await enqueue(stand_in)
    assert stand_in.asked <= 2


@pytest.mark.parametrize("status", [500, 503])
async def test_a_fault_that_may_pass_is_retried_within_the_deadline(stand_in: StandIn, status: int) -> None:
    stand_in.status, stand_in.body = status, error("ServerBusy")
    with pytest.raises(QueueUnavailable):
        await enqueue(stand_in, seconds=3)
    assert stand_in.asked > 1


def queue_errors() -> list[type[Exception]]:
    """Every exception that azure-core and aiohttp's client can raise at us."""

    def family(root: type[Exception]) -> set[type[Exception]]:
        return {root}.union(*(family(child) for child in root.__subclasses__()))

    named = {value for value in vars(azure.core.exceptions).values() if isinstance(value, type)}
    roots = [azure.core.exceptions.AzureError, aiohttp.ClientError, OSError]
    assert named & family(Exception) - family(roots[0]) <= {
        azure.core.exceptions.SerializationError,  # of model classes, which a send does not use
        azure.core.exceptions.DeserializationError,
    }
    return sorted(family(roots[0]) | family(roots[1]) | {TimeoutError, ConnectionError}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", queue_errors())
async def test_every_error_of_the_queue_is_a_503(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise kind.__new__(kind)

    async with aiohttp.ClientSession() as session:
        queue = EventQueue(Connection("UseDevelopmentStorage=true"), "a-queue", session)
        monkeypatch.setattr(queue._client, "send_message", fail)
        monkeypatch.setattr(queue._client, "create_queue", fail)
        with pytest.raises(QueueUnavailable):
            await queue.enqueue(EVENTS, deadline=float("inf"))
    assert kind.__name__ in caplog.text


def test_what_a_token_endpoint_answers_is_not_logged() -> None:
    """azure-identity would write it as a warning, the token in it."""
    assert not logging.getLogger("azure.identity.aio._internal").isEnabledFor(logging.ERROR)


def test_requests_to_storage_are_not_logged() -> None:
    """azure-core would write a line with the headers of each."""
    assert not logging.getLogger("azure.core.pipeline.policies.http_logging_policy").isEnabledFor(logging.INFO)
