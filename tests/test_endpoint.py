"""The way of a request, without a host around it."""

import json
from typing import Any

import pytest

from events_publish import exchange, policy
from events_publish.endpoint import Endpoint
from events_publish.exchange import Request, respond
from events_publish.settings import Settings
from tests.conftest import Issuer, MakeEvent, MakeToken
from tests.storage import Queue


def request(token: str, event: dict[str, Any], trace_parent: str = "") -> Request:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return Request("POST", headers, json.dumps(event).encode(), trace_parent)


async def test_it_works_without_a_host(
    settings: dict[str, str], make_token: MakeToken, make_event: MakeEvent, queue: Queue
) -> None:
    publish = Endpoint(Settings.from_environ(settings))
    for _ in range(2):  # a second time after close(), which lets go of everything
        assert (await respond(publish.events, request(make_token(), make_event()))).status == 200
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
    response = await respond(publish.events, request(make_token(), make_event()))
    await publish.close()
    assert response.status == 500
    assert b"internals" not in response.body
    assert json.loads(response.body)["type"].endswith("/internal-error")
    (record,) = caplog.records
    assert record.exc_info is not None
    assert response.headers["Trace-Id"] in record.getMessage()


@pytest.mark.parametrize("trace_parent", ["", "nonsense", f"00-{'0' * 32}-b7ad6b7169203331-01", None])
def test_a_trace_id_is_made_where_the_host_has_none(trace_parent: Any) -> None:
    first, second = exchange._trace_id(trace_parent), exchange._trace_id(trace_parent)
    assert len(first) == 32
    assert first != second


async def test_keys_at_a_given_place(
    settings: dict[str, str],
    token_issuer: Issuer,
    make_token: MakeToken,
    make_event: MakeEvent,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fetched without the proxies of the environment, which would be looked up on each call."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    issuers = json.dumps([{"issuer": token_issuer.identifier, "jwks_uri": token_issuer.identifier + "jwk"}])
    publish = Endpoint(Settings.from_environ({**settings, "TOKEN_ISSUERS": issuers}))
    assert (await respond(publish.events, request(make_token(), make_event()))).status == 200
    await publish.close()
