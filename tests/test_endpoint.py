"""The way of a request, without a host around it."""

import asyncio
import json
import logging
from typing import Any

import pytest
from aiohttp import web

from events_publish import exchange, json_client, policy
from events_publish.endpoint import Endpoint
from events_publish.exchange import Request, respond
from events_publish.settings import Settings
from local import serving
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

    async def broken(*_: object, **__: object) -> None:
        raise KeyError("internals")

    monkeypatch.setattr(policy, "authorise", broken)
    publish = Endpoint(Settings.from_environ(settings))
    response = await respond(publish.events, request(make_token(), make_event()))
    await publish.close()
    assert response.status == 500
    assert b"internals" not in response.body
    assert json.loads(response.body)["type"].endswith("/internal-error")
    defect, record = caplog.records
    assert defect.exc_info
    assert defect.exc_info[0] is KeyError
    assert response.headers["Trace-Id"] in defect.getMessage()
    line = json.loads(record.getMessage())
    assert (line["outcome"], line["status"], line["traceId"]) == ("failed", 500, response.headers["Trace-Id"])


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


async def test_the_log_says_who_and_nothing_that_can_be_used(
    settings: dict[str, str], make_token: MakeToken, make_event: MakeEvent, caplog: pytest.LogCaptureFixture
) -> None:
    """No part of a token, no key of a subscription and nothing personal, whatever happens; at any level."""
    caplog.set_level(logging.DEBUG)
    policy = json.dumps([{"resources": ["urn:altinn:resource:example.*"]}])
    pdp = {"PDP_URL": "http://127.0.0.1:1/decision", "PDP_SUBSCRIPTION_KEY": "subscription-secret"}
    publish = Endpoint(Settings.from_environ({**settings, **pdp, "PUBLISH_POLICY": policy}))
    good = make_token()
    event = make_event(subject="/person/personal", source="https://example.no/personal", data="personal")
    admin = "altinn:events.publish altinn:events.publish.admin"
    expected = [
        (200, make_token(scope=admin), event),
        (400, good, {**event, "time": "personal"}),
        (401, make_token(lifetime=-60), event),
        (401, good[:-8] + "AAAAAAAA", event),
        (401, "personal", event),
        (403, make_token(scope="personal"), event),
        (403, good, {**event, "resource": "urn:altinn:resource:other"}),
        (503, good, event),
    ]
    answered = [(await respond(publish.events, request(token, event))).status for _, token, event in expected]
    await publish.close()
    assert answered == [status for status, _, _ in expected]
    lines = [json.loads(each.getMessage()) for each in caplog.records if each.name == "events_publish.exchange"]
    assert [line["status"] for line in lines] == answered
    who = {"consumer": "0192:991825827", "org": None, "client": "local-client"}
    known = [who, who, None, None, None, None, who, who]
    assert [line.get("publisher") for line in lines] == known
    assert [line["reason"] for line in lines[1:]] == [
        "invalid-event",
        *["invalid-token"] * 3,
        "insufficient-scope",
        "publish-forbidden",
        "policy-unavailable",
    ]
    assert lines[1]["members"] == ["time"]
    assert lines[-1]["cause"].startswith("Altinn Authorization: ")
    parts = {part for _, token, _ in expected for part in token.split(".")}
    assert not [part for part in (*parts, "personal", "subscription-secret") if part in caplog.text]


async def test_a_decision_point_that_hangs_holds_up_no_keys(
    settings: dict[str, str],
    token_issuer: Issuer,
    make_token: MakeToken,
    make_event: MakeEvent,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though both be on one host, as Altinn's are, and every connection to the one is taken."""
    monkeypatch.setattr(json_client, "CONCURRENT_EXCHANGES", 1)
    asked, end = asyncio.Event(), asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        asked.set()
        await end.wait()
        return web.Response(status=500)

    async def jwk_set(_: web.Request) -> web.Response:
        return web.json_response({"keys": [public]})

    public = {name: token_issuer.keys.signing[name] for name in ("kty", "kid", "n", "e")}
    app = web.Application()
    app.router.add_post("/decision", hang)
    app.router.add_get("/jwk", jwk_set)
    runner = web.AppRunner(app)
    host = await serving.serve(runner, 0, "--port")
    issuers = [{"issuer": token_issuer.identifier}, {"issuer": "https://other.example/", "jwks_uri": host + "/jwk"}]
    publish = Endpoint(
        Settings.from_environ({**settings, "TOKEN_ISSUERS": json.dumps(issuers), "PDP_URL": host + "/decision"})
    )
    waiting = asyncio.create_task(respond(publish.events, request(make_token(), make_event())))
    await asyncio.wait_for(asked.wait(), 5)
    token = make_token(iss="https://other.example/", scope="altinn:events.publish altinn:events.publish.admin")
    async with asyncio.timeout(2):
        assert (await respond(publish.events, request(token, make_event()))).status == 200
    end.set()
    assert (await waiting).status == 503
    await publish.close()
    await runner.cleanup()
