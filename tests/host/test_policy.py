"""Who may publish what, as a publisher meets it: the operator's policy, and Altinn Authorization's decisions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import pdp
from tests.background import Background
from tests.conftest import Host, MakeEvent, MakeToken, Publish, StartHost, problem
from tests.storage import Queue

QUEUE = "policy"
US, OTHERS, REVOKED = "991825827", "910753614", "974760673"
RESOURCE = "urn:altinn:resource:dodsbo.domstoladmin.api"

POLICY = [
    {"effect": "deny", "publishers": [REVOKED, "client:revoked"]},
    {"effect": "deny", "resources": ["urn:altinn:resource:closed.*"]},
    {"publishers": ["0192:" + US], "resources": ["urn:altinn:resource:dodsbo.*"]},
    {"publishers": ["org:ttd"], "types": ["no.altinn.test.*"], "sources": ["https://api.test.no/*"]},
    {"publishers": ["scope:altinn:serviceowner"], "resources": ["urn:altinn:resource:owned"]},
]


def publisher(client: httpx.Client, host: Host, make_token: MakeToken, **claims: Any) -> Publish:
    return Publish(client, host.events, make_token(**claims))


@pytest.fixture
def own_queue(storage: str) -> Iterator[Queue]:
    with Queue(storage, QUEUE) as queue:
        queue.clear()
        yield queue


@pytest.fixture(scope="module")
def policy_host(start_host: StartHost, settings: dict[str, str]) -> Host:
    return start_host({**settings, "PUBLISH_POLICY": json.dumps(POLICY), "EVENTS_QUEUE_NAME": QUEUE})


TTD = {"urn:altinn:org": "ttd", "consumer": OTHERS}
TEST_EVENT = {"type": "no.altinn.test.a", "source": "https://api.test.no/a", "resource": "urn:altinn:resource:any"}
BOTH_SCOPES = "altinn:events.publish altinn:serviceowner"


@pytest.mark.parametrize(
    ("claims", "attributes", "refused"),
    [
        pytest.param({"consumer": US}, {"resource": RESOURCE}, None, id="a publisher on its resource"),
        pytest.param({"consumer": US}, {"resource": "urn:altinn:resource:dodsboer"}, f"0192:{US}", id="on another's"),
        pytest.param({"consumer": OTHERS}, {"resource": RESOURCE}, f"0192:{OTHERS}", id="another publisher"),
        pytest.param({"consumer": REVOKED}, {"resource": RESOURCE}, f"0192:{REVOKED}", id="a revoked publisher"),
        pytest.param(
            {"consumer": US, "client_id": "revoked"}, {"resource": RESOURCE}, f"0192:{US}", id="a revoked client"
        ),
        pytest.param({"consumer": "unknown"}, {"resource": RESOURCE}, "client:local-client", id="of no organisation"),
        pytest.param(
            {"consumer": "unknown", "client_id": None},
            {"resource": RESOURCE},
            "the holder of the token",
            id="of nobody",
        ),
        pytest.param(TTD, TEST_EVENT, None, id="an org, by type and source"),
        pytest.param(TTD, {**TEST_EVENT, "source": "HTTPS://API.test.no/x/../a"}, None, id="source in other letters"),
        pytest.param(
            TTD, {**TEST_EVENT, "source": "https://api.test.no.evil.no/"}, f"0192:{OTHERS}", id="other source"
        ),
        pytest.param(TTD, {**TEST_EVENT, "type": "no.altinn.prod.a"}, f"0192:{OTHERS}", id="other type"),
        pytest.param(
            TTD,
            {**TEST_EVENT, "resource": "urn:altinn:resource:closed.now"},
            f"0192:{OTHERS}",
            id="the deny comes first",
        ),
        pytest.param({"scope": BOTH_SCOPES}, {"resource": "urn:altinn:resource:owned"}, None, id="by scope"),
        pytest.param({}, {"resource": "urn:altinn:resource:owned"}, f"0192:{US}", id="without that scope"),
    ],
)
def test_policy(
    client: httpx.Client,
    policy_host: Host,
    own_queue: Queue,
    make_token: MakeToken,
    make_event: MakeEvent,
    claims: dict[str, Any],
    attributes: dict[str, str],
    refused: str | None,
) -> None:
    """What is refused is a 403 that names publisher and resource, and leaves nothing on the queue."""
    event = make_event(**attributes)
    response = publisher(client, policy_host, make_token, **claims)(event)
    if refused is None:
        assert response.status_code == 200
        assert [json.loads(body) for body in own_queue.take()] == [event]
        return
    details = problem(response, 403, "publish-forbidden")
    assert details["detail"] == f"{refused} may not publish this event on {attributes['resource']}."
    assert "www-authenticate" not in response.headers
    assert own_queue.take() == []


def test_binary_mode_is_judged_alike(
    client: httpx.Client, policy_host: Host, own_queue: Queue, make_token: MakeToken
) -> None:
    publish = publisher(client, policy_host, make_token)
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t", "ce-source": "/s"}
    assert publish.send(b"", {**headers, "ce-resource": RESOURCE}).status_code == 200
    problem(publish.send(b"", {**headers, "ce-resource": "urn:altinn:resource:other"}), 403, "publish-forbidden")
    assert len(own_queue.take()) == 1


def test_one_refused_event_refuses_its_batch(
    client: httpx.Client, policy_host: Host, own_queue: Queue, make_token: MakeToken, make_event: MakeEvent
) -> None:
    events = [make_event(resource=f"urn:altinn:resource:{name}") for name in ("dodsbo.a", "b", "dodsbo.c", "closed.d")]
    publish = publisher(client, policy_host, make_token)
    batch = {"content_type": "application/cloudevents-batch+json"}
    details = problem(publish(json.dumps(events).encode(), **batch), 403, "publish-forbidden")
    assert details["detail"] == f"0192:{US} may not publish 2 of the 4 events; errors says which."
    assert details["errors"] == {
        "[1]": [f"may not be published on urn:altinn:resource:b by 0192:{US}."],
        "[3]": [f"may not be published on urn:altinn:resource:closed.d by 0192:{US}."],
    }
    assert own_queue.take() == []
    assert publish(json.dumps([events[0], events[2]]).encode(), **batch).status_code == 200
    assert len(own_queue.take()) == 2


def test_nothing_is_decided_before_the_event_is_valid(
    client: httpx.Client, policy_host: Host, make_token: MakeToken, make_event: MakeEvent
) -> None:
    publish = publisher(client, policy_host, make_token, consumer=REVOKED)
    problem(publish(make_event(id=None, resource=RESOURCE)), 400, "invalid-event")


def test_a_policy_in_a_file_beside_the_app(
    start_host: StartHost,
    app_folder: Path,
    client: httpx.Client,
    settings: dict[str, str],
    make_token: MakeToken,
    make_event: MakeEvent,
) -> None:
    (app_folder / "policy.json").write_text('[{"resources": ["urn:altinn:resource:dodsbo.*"]}]')
    host = start_host({**settings, "PUBLISH_POLICY": "@policy.json", "EVENTS_QUEUE_NAME": QUEUE})
    publish = publisher(client, host, make_token)
    assert publish(make_event(resource=RESOURCE)).status_code == 200
    problem(publish(make_event()), 403, "publish-forbidden")


@pytest.fixture(scope="module")
def pdp_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pdp")


@pytest.fixture(scope="module")
def decision_point(background: Background, pdp_folder: Path) -> Iterator[pdp.Pdp]:
    started = background.run(pdp.start(pdp_folder, 0))
    yield started
    background.run(started.runner.cleanup())


@pytest.fixture(scope="module")
def pdp_host(start_host: StartHost, settings: dict[str, str], decision_point: pdp.Pdp) -> Host:
    """Asks the decision point, and has a policy, too."""
    policy = [{"effect": "deny", "resources": ["urn:altinn:resource:closed.*"]}, {}]
    return start_host(
        {
            **settings,
            "PUBLISH_POLICY": json.dumps(policy),
            "PDP_URL": decision_point.url,
            "PDP_SUBSCRIPTION_KEY": "a-secret-key",
            "EVENTS_QUEUE_NAME": QUEUE,
            "PUBLISH_TIMEOUT_SECONDS": "4",
        }
    )


@pytest.fixture
def ask(decision_point: pdp.Pdp, pdp_folder: Path) -> Iterator[pdp.Pdp]:
    """The decision point, which permits, and has not been asked."""
    pdp.set_answer(pdp_folder, pdp.Answer.PERMIT)
    decision_point.received.clear()
    yield decision_point
    pdp.set_answer(pdp_folder, pdp.Answer.PERMIT)


def resource_of(request: pdp.DecisionRequest) -> dict[str, str]:
    (resource,) = request.body["Request"]["Resource"]
    return {each["AttributeId"]: each["Value"] for each in resource["Attribute"]}


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        (pdp.Answer.PERMIT, 200, None),
        (pdp.Answer.DENY, 403, "publish-forbidden"),
        (pdp.Answer.NOT_APPLICABLE, 403, "publish-forbidden"),
        (pdp.Answer.INDETERMINATE, 403, "publish-forbidden"),
        (pdp.Answer.DOWN, 503, "policy-unavailable"),
        (pdp.Answer.GARBAGE, 503, "policy-unavailable"),
        (pdp.Answer.SLOW, 503, "policy-unavailable"),
    ],
)
def test_decisions(
    client: httpx.Client,
    pdp_host: Host,
    pdp_folder: Path,
    own_queue: Queue,
    make_token: MakeToken,
    make_event: MakeEvent,
    answer: pdp.Answer,
    status: int,
    kind: str | None,
) -> None:
    """Permit passes, all else refuses, and no answer in time is a 503; then nothing is on the queue."""
    pdp.set_answer(pdp_folder, answer)
    event = make_event(type=f"no.example.{answer.lower()}")
    response = publisher(client, pdp_host, make_token)(event)
    assert response.status_code == status
    if kind:
        problem(response, status, kind)
        assert ("retry-after" in response.headers) == (status == 503)
    assert [json.loads(body) for body in own_queue.take()] == ([event] if status == 200 else [])


def test_what_is_asked(
    client: httpx.Client, pdp_host: Host, ask: pdp.Pdp, make_token: MakeToken, make_event: MakeEvent
) -> None:
    event = make_event(type="no.example.asked", resourceinstance="i", subject="/party/1")
    assert publisher(client, pdp_host, make_token)(event).status_code == 200
    (request,) = ask.received
    assert request.headers["Ocp-Apim-Subscription-Key"] == "a-secret-key"
    assert "Authorization" not in request.headers
    assert resource_of(request) == {
        "urn:altinn:event-id": "1",
        "urn:altinn:eventtype": "no.example.asked",
        "urn:altinn:eventsource": "https://example.no/api",
        "urn:altinn:resource": "example.api",
        "urn:altinn:partyid": "1",
        "urn:altinn:resource:instance-id": "i",
    }


def test_a_permit_is_remembered_and_a_refusal_is_not(
    client: httpx.Client,
    pdp_host: Host,
    pdp_folder: Path,
    ask: pdp.Pdp,
    make_token: MakeToken,
    make_event: MakeEvent,
) -> None:
    publish = publisher(client, pdp_host, make_token)
    pdp.set_answer(pdp_folder, pdp.Answer.DENY)
    event = make_event(type="no.example.remembered")
    for _ in range(2):
        problem(publish(event), 403, "publish-forbidden")
    pdp.set_answer(pdp_folder, pdp.Answer.PERMIT)
    assert publish(event).status_code == 200
    assert len(ask.received) == 3
    pdp.set_answer(pdp_folder, pdp.Answer.DOWN)
    assert publish({**event, "id": "2"}).status_code == 200
    another = publisher(client, pdp_host, make_token, consumer=OTHERS)
    problem(another(event), 503, "policy-unavailable")


def test_a_batch_is_asked_about_event_by_event(
    client: httpx.Client, pdp_host: Host, ask: pdp.Pdp, own_queue: Queue, make_token: MakeToken, make_event: MakeEvent
) -> None:
    events = [make_event(id=str(number), type=f"no.example.batch.{number % 12}") for number in range(24)]
    publish = publisher(client, pdp_host, make_token)
    response = publish(json.dumps(events).encode(), content_type="application/cloudevents-batch+json")
    assert response.status_code == 200
    asked = [resource_of(request)["urn:altinn:eventtype"] for request in ask.received]
    assert sorted(asked) == sorted({event["type"] for event in events})
    assert len(own_queue.take()) == 24


def test_both_must_permit(
    client: httpx.Client, pdp_host: Host, ask: pdp.Pdp, make_token: MakeToken, make_event: MakeEvent
) -> None:
    """What the policy refuses is not asked about."""
    event = make_event(resource="urn:altinn:resource:closed.now")
    problem(publisher(client, pdp_host, make_token)(event), 403, "publish-forbidden")
    assert not ask.received


ADMIN = "altinn:events.publish.admin"


def test_the_admin_scope_skips_the_decision_point_only(
    client: httpx.Client,
    pdp_host: Host,
    pdp_folder: Path,
    ask: pdp.Pdp,
    make_token: MakeToken,
    make_event: MakeEvent,
) -> None:
    pdp.set_answer(pdp_folder, pdp.Answer.DENY)
    admin = publisher(client, pdp_host, make_token, scope=f"altinn:events.publish {ADMIN}")
    assert admin(make_event(type="no.example.admin")).status_code == 200
    problem(admin(make_event(resource="urn:altinn:resource:closed.now")), 403, "publish-forbidden")
    alone = publisher(client, pdp_host, make_token, scope=ADMIN)
    problem(alone(make_event()), 403, "insufficient-scope")
    problem(publisher(client, pdp_host, make_token)(make_event()), 403, "publish-forbidden")
    assert len(ask.received) == 1
