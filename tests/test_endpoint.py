"""The way of a request, without a host around it."""

import json
import logging
from typing import Any

import aiohttp
import azure.core.exceptions
import pytest

from events_publish import endpoint, event_queue, policy
from events_publish.endpoint import Endpoint, Request
from events_publish.envelope import Event
from events_publish.event_queue import EventQueue
from events_publish.problem import QueueUnavailable
from events_publish.settings import Connection, Settings
from tests.conftest import MakeEvent, MakeToken
from tests.storage import Queue


def request(token: str, event: dict[str, Any], trace_parent: str = "") -> Request:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return Request("POST", headers, json.dumps(event).encode(), trace_parent)


async def test_it_works_without_a_host(
    settings: dict[str, str], make_token: MakeToken, make_event: MakeEvent, queue: Queue
) -> None:
    publish = Endpoint(Settings.from_environ(settings))
    for _ in range(2):  # a second time after close(), which lets go of everything
        assert (await publish.respond(request(make_token(), make_event()))).status == 200
        await publish.close()
    assert [json.loads(body) for body in queue.take()] == [make_event(), make_event()]


async def test_a_defect_is_a_bare_500(
    settings: dict[str, str],
    make_token: MakeToken,
    make_event: MakeEvent,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The publisher learns nothing of it but the trace id, under which the log has it all."""

    async def broken(*_: object) -> None:
        raise KeyError("internals")

    monkeypatch.setattr(policy, "authorise", broken)
    publish = Endpoint(Settings.from_environ(settings))
    response = await publish.respond(request(make_token(), make_event()))
    await publish.close()
    assert response.status == 500
    assert b"internals" not in response.body
    assert json.loads(response.body)["type"].endswith("/internal-error")
    (record,) = caplog.records
    assert record.exc_info is not None
    assert response.headers["Trace-Id"] in record.getMessage()


@pytest.mark.parametrize("trace_parent", ["", "nonsense", f"00-{'0' * 32}-b7ad6b7169203331-01", None])
def test_a_trace_id_is_made_where_the_host_has_none(trace_parent: Any) -> None:
    first, second = endpoint._trace_id(trace_parent), endpoint._trace_id(trace_parent)
    assert len(first) == 32
    assert first != second


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
            await queue.enqueue((Event({}, b"{}"),), deadline=float("inf"))
    assert kind.__name__ in caplog.text


def test_requests_to_storage_are_not_logged() -> None:
    """azure-core would write a line with the headers of each."""
    assert event_queue.__name__
    assert not logging.getLogger("azure.core.pipeline.policies.http_logging_policy").isEnabledFor(logging.INFO)
