"""The seam to Azure Storage: whatever it answers, the publisher hears 200 or 503."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator

import aiohttp
import azure.core.exceptions
import pytest
from azure.storage.queue.aio import QueueClient

from events_publish import attempts, shards
from events_publish.attempts import GaveUp
from events_publish.envelope import Event
from events_publish.event_queue import CONCURRENT_SENDS
from events_publish.http_client import HttpClient
from events_publish.problem import Overloaded, QueueUnavailable
from events_publish.request_record import RequestRecord
from tests import storage_stand_in
from tests.storage import Queue, event_queue
from tests.storage_stand_in import CREATED, TIME, StandIn, error

EVENT = b'{"specversion":"1.0","id":"1","type":"t","source":"s"}'
EVENTS = (Event({}, EVENT),)
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    stand_in, runner = await storage_stand_in.start()
    yield stand_in
    await runner.cleanup()


async def enqueue(
    stand_in: StandIn, events: tuple[Event, ...] = EVENTS, seconds: float = 10, record: RequestRecord | None = None
) -> None:
    async with event_queue(stand_in.connection_string) as queue:
        await queue.enqueue(
            events,
            deadline=asyncio.get_running_loop().time() + seconds,
            record=record or RequestRecord(TRACE_ID),
        )


async def test_an_acknowledgement(stand_in: StandIn) -> None:
    await enqueue(stand_in)
    assert stand_in.asked == 1


async def test_a_missing_queue_is_made_by_one_of_many(settings: dict[str, str]) -> None:
    """Requests that all miss it at once all succeed."""
    connection_string = settings["EVENTS_STORAGE"]
    async with event_queue(connection_string, "missed-by-many") as queue:
        record = RequestRecord(TRACE_ID)
        await asyncio.gather(*(queue.enqueue(EVENTS, deadline=float("inf"), record=record) for _ in range(20)))
    with Queue(connection_string, "missed-by-many") as made:
        assert made.take() == [EVENT] * 20


async def test_several_queues(settings: dict[str, str]) -> None:
    """Events of one key lie on one of them; each is made when it is missed, and looked at for readiness."""
    connection_string = settings["EVENTS_STORAGE"]
    sent = [
        (number, {"source": f"/{source}", "partitionkey": key})
        for number, (source, key) in enumerate(itertools.product(range(2), [*range(10), True]))
    ]
    events = [Event(attributes, EVENT.replace(b'"1"', b'"%d"' % number)) for number, attributes in sent]
    async with event_queue(connection_string, "one-of", number=3) as queue:
        await queue.enqueue(events, deadline=float("inf"), record=RequestRecord(TRACE_ID))
        await queue.require_reachable(deadline=float("inf"), record=RequestRecord(TRACE_ID))
    for shard, name in enumerate(shards.names("one-of", 3)):
        expected = [event.body for event in events if shards.shard_of(event.attributes, 3) == shard]
        assert expected
        with Queue(connection_string, name) as made:
            assert sorted(made.take()) == sorted(expected)


async def test_looking_at_several_queues_makes_all(settings: dict[str, str]) -> None:
    connection_string = settings["EVENTS_STORAGE"]
    async with event_queue(connection_string, "looked-at", number=2) as queue:
        await queue.require_reachable(deadline=float("inf"), record=RequestRecord(TRACE_ID))
    for name in shards.names("looked-at", 2):
        with Queue(connection_string, name) as made:
            assert made.client.get_queue_properties().approximate_message_count == 0


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
        await enqueue(stand_in, batch(40), seconds=4)
    assert refused.value.extensions == {
        "enqueued": [index for index in range(40) if index not in (3, 17)],
        "notEnqueued": [3, 17],
    }


async def test_too_many_wait(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is told so has nothing on the queue."""
    monkeypatch.setattr(attempts, "LONGEST_WAIT_SECONDS", -1)
    record = RequestRecord(TRACE_ID)
    with pytest.raises(Overloaded) as refused:
        await enqueue(stand_in, record=record)
    assert not stand_in.paths
    assert refused.value.cause == "the queue a-queue of EVENTS_QUEUE_NAME: too many wait"
    assert (record.retries, record.storage_seconds) == (0, 0)


@pytest.mark.usefixtures("faster")
async def test_a_batch_that_time_runs_out_for(stand_in: StandIn) -> None:
    """What is on its way when the time is up may or may not be on the queue: it is not claimed."""
    stand_in.gate = asyncio.Event()
    with pytest.raises(QueueUnavailable) as refused:
        await enqueue(stand_in, batch(CONCURRENT_SENDS), seconds=0.2)
    stand_in.gate.set()
    assert refused.value.extensions == {}
    assert "Send it again" in refused.value.detail


@pytest.mark.usefixtures("faster")
async def test_time_that_is_up_with_the_last_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline that comes in the same turn of the loop takes nothing back."""
    loop = asyncio.get_running_loop()
    async with event_queue("UseDevelopmentStorage=true") as queue:
        deadline = loop.time() + attempts.ATTEMPT_SECONDS + 0.05

        async def put(*_: object) -> None:
            while loop.time() < deadline:  # without an await: the loop sees the time only afterwards
                pass

        monkeypatch.setattr(queue, "_put_once", put)
        await queue.enqueue(EVENTS, deadline=deadline, record=RequestRecord(TRACE_ID))


async def test_an_empty_batch_needs_no_queue(stand_in: StandIn) -> None:
    await enqueue(stand_in, ())
    assert stand_in.asked == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(307, b"", id="redirect"),
        pytest.param(400, error("InvalidXmlDocument"), id="400"),
        pytest.param(403, error("AuthenticationFailed"), id="403"),
        pytest.param(404, b"<html>", id="404, HTML"),
        pytest.param(404, error("ResourceNotFound"), id="404, not the queue"),
        pytest.param(404, error("QueueNotFound"), id="404, again and again"),
        pytest.param(409, error("QueueBeingDeleted"), id="409"),
        pytest.param(413, error("RequestBodyTooLarge"), id="413"),
        pytest.param(501, b"", id="501"),
        pytest.param(507, b"", id="507"),
    ],
)
async def test_what_does_not_pass_is_a_503_at_once(stand_in: StandIn, status: int, body: bytes) -> None:
    stand_in.status, stand_in.body = status, body
    record = RequestRecord(TRACE_ID)
    with pytest.raises(QueueUnavailable):
        await enqueue(stand_in, record=record)
    assert stand_in.asked <= 2
    assert record.retries == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *[pytest.param(status, error("ServerBusy"), id=str(status)) for status in (408, 429, 500, 502, 503, 504)],
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
    ],
)
@pytest.mark.usefixtures("faster")
async def test_what_may_pass_is_tried_again(stand_in: StandIn, status: int, body: bytes) -> None:
    """Also an answer that nobody can read; and then the publisher hears 503."""
    stand_in.status, stand_in.body = status, body
    record = RequestRecord(TRACE_ID)
    with pytest.raises(QueueUnavailable):
        await enqueue(stand_in, seconds=0.4, record=record)
    assert stand_in.asked == record.retries + 1 > 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.usefixtures("faster")
async def test_what_somebody_else_refuses_is_tried_again(stand_in: StandIn, status: int) -> None:
    """A gateway, which knows no request by its id: what it refuses storage may take a moment later."""
    stand_in.status, stand_in.body, stand_in.echoes = status, b"<html>", False
    record = RequestRecord(TRACE_ID)
    with pytest.raises(QueueUnavailable) as refused:
        await enqueue(stand_in, seconds=0.4, record=record)
    assert record.retries > 0
    assert (refused.value.cause or "").endswith(
        "; what answers is not storage: look for a proxy or a gateway before it"
    )


@pytest.mark.usefixtures("faster")
async def test_storage_is_told_whose_request_it_is(stand_in: StandIn) -> None:
    """The trace id joins the log of storage with ours, whichever attempt it was."""
    stand_in.status, stand_in.body = 503, error("ServerBusy")
    with pytest.raises(QueueUnavailable):
        await enqueue(stand_in, seconds=0.4)
    assert stand_in.asked > 1
    assert {each.partition("-")[0] for each in stand_in.client_request_ids} == {TRACE_ID}
    assert len(stand_in.client_request_ids) == stand_in.asked, "or the answer to one could count for another"


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (403, "AuthorizationPermissionMismatch", "grant its identity the role Storage Queue Data Message Sender"),
        (403, "AuthenticationFailed", "grant its identity the role Storage Queue Data Message Sender"),
        (403, "AuthorizationFailure", "network rules"),
        (403, "KeyBasedAuthenticationNotPermitted", "shared keys are off"),
        (403, "AccountIsDisabled", "the storage account is disabled"),
        (403, "InsufficientAccountPermissions", "the storage account takes no writes"),
        (401, "InvalidAuthenticationInfo", "grant its identity the role Storage Queue Data Message Sender"),
        (404, "QueueNotFound", "create it: the identity may not"),
        (409, "AccountCapacityExceeded", "the storage account is full"),
        (507, "", "the storage account is full"),
    ],
)
async def test_a_fault_of_ours_comes_with_advice(stand_in: StandIn, status: int, code: str, advice: str) -> None:
    stand_in.status, stand_in.body = status, error(code) if code else b""
    stand_in.refused_to_create = True
    with pytest.raises(QueueUnavailable) as refused:
        await enqueue(stand_in)
    cause = refused.value.cause or ""
    assert cause.startswith("the queue a-queue of EVENTS_QUEUE_NAME: ")
    assert f"{status} {code}".strip() in cause
    assert advice in cause
    assert "cause" not in refused.value.body(TRACE_ID).decode()


@pytest.mark.parametrize("code", ["x" * 40_000, "Forbidden\u00ff", "a code", ""])
async def test_what_is_no_error_code_is_not_logged(stand_in: StandIn, code: str) -> None:
    stand_in.status, stand_in.body = 403, error(code)
    with pytest.raises(QueueUnavailable) as refused:
        await enqueue(stand_in)
    assert "HttpResponseError 403; " in (refused.value.cause or "").replace(
        "ClientAuthenticationError", "HttpResponseError"
    )


@pytest.mark.usefixtures("faster")
async def test_a_fault_that_passes_comes_without_advice(stand_in: StandIn) -> None:
    stand_in.status, stand_in.body = 503, error("ServerBusy")
    with pytest.raises(QueueUnavailable) as refused:
        await enqueue(stand_in, seconds=0.3)
    assert refused.value.cause == "the queue a-queue of EVENTS_QUEUE_NAME: HttpResponseError 503 ServerBusy"


@pytest.mark.parametrize(
    ("status", "code", "reachable"),
    [
        (200, "", True),
        (403, "AuthorizationPermissionMismatch", True),
        (403, "AuthenticationFailed", False),
        (403, "AuthorizationFailure", False),
        (404, "QueueNotFound", False),
        (404, "ResourceNotFound", False),
        (503, "ServerBusy", False),
    ],
)
@pytest.mark.usefixtures("faster")
async def test_whether_the_queue_can_be_reached(stand_in: StandIn, status: int, code: str, reachable: bool) -> None:
    """An identity that may only send gets no other answer than that it may not look."""
    stand_in.status, stand_in.body = status, error(code) if code else b""
    stand_in.refused_to_create = True
    deadline = asyncio.get_running_loop().time() + 0.2
    async with event_queue(stand_in.connection_string) as queue:
        looking = queue.require_reachable(deadline=deadline, record=RequestRecord(TRACE_ID))
        if reachable:
            await looking
        else:
            with pytest.raises(GaveUp):
                await looking
    assert "messages" not in stand_in.paths


def family(root: type[BaseException]) -> set[type[BaseException]]:
    """An exception and all that derive from it."""
    return {root}.union(*(family(child) for child in root.__subclasses__()))


KNOWN = ("builtins", "socket", "ssl", "events_publish")
"""What else is an OSError depends on what was imported."""


def by_name(kinds: set[type[BaseException]]) -> list[type[BaseException]]:
    return sorted(kinds, key=lambda kind: (kind.__module__, kind.__qualname__))


OF_CONNECTIONS = {each for each in family(OSError) if each.__module__.partition(".")[0] in KNOWN}


@pytest.mark.parametrize("kind", by_name(OF_CONNECTIONS))
@pytest.mark.usefixtures("faster")
async def test_every_error_of_a_connection_is_a_503(kind: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise kind.__new__(kind)

    monkeypatch.setattr(HttpClient, "exchange", fail)
    async with event_queue("UseDevelopmentStorage=true") as queue:
        deadline = asyncio.get_running_loop().time() + 0.11
        with pytest.raises(QueueUnavailable) as refused:
            await queue.enqueue(EVENTS, deadline=deadline, record=RequestRecord(TRACE_ID))
    assert kind.__name__ in (refused.value.cause or "")


def errors_of_clients() -> list[type[BaseException]]:
    """Every exception that azure-core and aiohttp's client can raise at us."""
    named = {value for value in vars(azure.core.exceptions).values() if isinstance(value, type)}
    theirs = family(azure.core.exceptions.AzureError)
    assert named & family(Exception) - theirs <= {
        azure.core.exceptions.SerializationError,  # of model classes, which what is called here does not use
        azure.core.exceptions.DeserializationError,
    }
    return by_name(theirs | family(aiohttp.ClientError))


@pytest.mark.parametrize("kind", errors_of_clients())
@pytest.mark.usefixtures("faster")
async def test_every_error_of_a_client_is_a_503(
    kind: type[BaseException], stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here of the one that makes a queue."""

    async def fail(*_: object, **__: object) -> None:
        raise kind.__new__(kind)

    monkeypatch.setattr(QueueClient, "create_queue", fail)
    stand_in.status, stand_in.body = 404, error("QueueNotFound")
    async with event_queue(stand_in.connection_string) as queue:
        deadline = asyncio.get_running_loop().time() + 0.11
        with pytest.raises(QueueUnavailable) as refused:
            await queue.enqueue(EVENTS, deadline=deadline, record=RequestRecord(TRACE_ID))
    assert kind.__name__ in (refused.value.cause or "")


@pytest.mark.parametrize(
    "name", ["core.pipeline.policies.http_logging_policy", "storage.queue._generated._utils.model_base"]
)
def test_what_the_clients_say_is_not_logged(name: str) -> None:
    """They would write a line with the headers of each request, and a traceback for each answer that is garbage."""
    assert not logging.getLogger(f"azure.{name}").isEnabledFor(logging.CRITICAL)
