"""The stand-in for Altinn Authorization, as a policy enforcement point meets it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import Failure, pdp
from local.pdp import Answer, Pdp
from tests.background import Background

KEY = {"Ocp-Apim-Subscription-Key": "secret"}
DECISIONS = [Answer.PERMIT, Answer.DENY, Answer.NOT_APPLICABLE, Answer.INDETERMINATE]


def category(name: str, value: Any) -> list[dict[str, Any]]:
    return [{"Attribute": [{"AttributeId": name, "Value": value, "DataType": "string", "Issuer": "Altinn"}]}]


REQUEST = {
    "Request": {
        "AccessSubject": category("urn:altinn:org", "ttd"),
        "Action": category("urn:oasis:names:tc:xacml:1.0:action:action-id", "publish"),
        "Resource": category("urn:altinn:resource", "example.api"),
    }
}


@pytest.fixture
def decision_point(background: Background, tmp_path: Path) -> Iterator[Pdp]:
    running = background.run(pdp.start(tmp_path, 0))
    yield running
    background.run(running.runner.cleanup())


def decision(response: httpx.Response) -> str:
    """The one decision of an answer, in the form that Altinn gives it."""
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/json")
    (result,) = response.json()["response"]
    assert result["status"]["statusCode"]["value"].startswith("urn:oasis:names:tc:xacml:1.0:status:")
    return str(result["decision"])


def test_it_permits_where_nothing_else_is_said(client: httpx.Client, decision_point: Pdp) -> None:
    assert decision_point.url.endswith("/authorization/api/v1/decision")
    assert decision(client.post(decision_point.url, json=REQUEST, headers=KEY)) == "Permit"


def test_answers(client: httpx.Client, decision_point: Pdp, tmp_path: Path) -> None:
    """Each from the next request on."""
    for wanted in DECISIONS:
        pdp.set_answer(tmp_path, wanted)
        assert pdp.answer(tmp_path) is wanted
        assert decision(client.post(decision_point.url, json=REQUEST, headers=KEY)) == wanted


def test_what_was_asked_can_be_looked_at(client: httpx.Client, decision_point: Pdp) -> None:
    """As it came, newest last, with its headers; the oldest make room."""
    camel_case = {"request": {name[0].lower() + name[1:]: value for name, value in REQUEST["Request"].items()}}
    client.post(decision_point.url, json=REQUEST, headers=KEY)
    client.post(decision_point.url, json=camel_case, headers={**KEY, "X-Forwarded-For": "192.0.2.1"})
    client.post(decision_point.url, json={}, headers=KEY)
    first, second = decision_point.received
    assert (first.body, second.body) == (REQUEST, camel_case)
    assert second.headers["ocp-apim-subscription-key"] == "secret"
    assert second.headers["X-Forwarded-For"] == "192.0.2.1"
    assert decision_point.received.maxlen == 1000


@pytest.mark.parametrize("headers", [{}, {"Ocp-Apim-Subscription-Key": ""}])
def test_no_subscription_key(client: httpx.Client, decision_point: Pdp, headers: dict[str, str]) -> None:
    response = client.post(decision_point.url, json=REQUEST, headers=headers)
    assert response.status_code == 401
    assert response.json()["statusCode"] == 401
    assert response.json()["message"].startswith("Access denied due to missing subscription key. ")
    assert not decision_point.received


def changed(name: str, value: Any) -> dict[str, Any]:
    return {"Request": {**REQUEST["Request"], name: value}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "Expecting value", id="nothing"),
        pytest.param(b"\xff", "can't decode", id="not UTF-8"),
        pytest.param([], "member Request", id="an array"),
        pytest.param({}, "member AccessSubject", id="no request"),
        pytest.param({"Request": []}, "member AccessSubject", id="the request is an array"),
        pytest.param(changed("Action", None), "Action must be", id="no action"),
        pytest.param(changed("Resource", []), "Resource must be", id="no resource"),
        pytest.param(changed("AccessSubject", {}), "AccessSubject must be", id="the subject is an object"),
        pytest.param(changed("Action", ["publish"]), "member Attribute", id="the action is a string"),
        pytest.param(changed("Action", [{"Attribute": []}]), "Action.Attribute must be", id="no attribute"),
        pytest.param(changed("Action", [{"Attribute": [1]}]), "member AttributeId", id="the attribute is a number"),
        pytest.param(changed("Resource", category("urn:altinn:resource", 1)), "Attribute.Value must be", id="a number"),
        pytest.param(changed("Resource", [{"Attribute": [{"Value": ""}]}]), "AttributeId must be", id="no id"),
    ],
)
def test_what_is_no_decision_request(client: httpx.Client, decision_point: Pdp, body: Any, message: str) -> None:
    """It is told what is wrong."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = client.post(decision_point.url, content=content, headers={**KEY, "Content-Type": "application/json"})
    assert response.status_code == 400
    assert message in response.text
    assert not decision_point.received


def test_another_content_type(client: httpx.Client, decision_point: Pdp) -> None:
    headers = {**KEY, "Content-Type": "application/xacml+json"}
    assert client.post(decision_point.url, content=json.dumps(REQUEST), headers=headers).status_code == 400


def test_faults(client: httpx.Client, decision_point: Pdp, tmp_path: Path) -> None:
    pdp.set_answer(tmp_path, Answer.DOWN)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):  # as the system tells it
        client.post(decision_point.url, json=REQUEST, headers=KEY)
    pdp.set_answer(tmp_path, Answer.GARBAGE)
    garbage = client.post(decision_point.url, json=REQUEST, headers=KEY)
    assert (garbage.status_code, garbage.headers["content-type"]) == (200, "text/html; charset=utf-8")
    pdp.set_answer(tmp_path, Answer.SLOW)
    with pytest.raises(httpx.ReadTimeout):
        client.post(decision_point.url, json=REQUEST, headers=KEY, timeout=0.2)
    assert not decision_point.received


def test_a_spoiled_answer(client: httpx.Client, decision_point: Pdp, tmp_path: Path) -> None:
    (tmp_path / "pdp-answer").write_text("Maybe")
    with pytest.raises(
        Failure, match="must say one of Permit, Deny, NotApplicable, Indeterminate, down, slow, garbage;"
    ):
        pdp.answer(tmp_path)
    response = client.post(decision_point.url, json=REQUEST, headers=KEY)
    assert response.status_code == 500
    assert response.text.startswith(f"{tmp_path / 'pdp-answer'} must say one of")


async def test_a_port_that_is_taken(decision_point: Pdp, tmp_path: Path) -> None:
    port = httpx.URL(decision_point.url).port
    assert port
    with pytest.raises(Failure, match="choose another with --pdp-port"):
        await pdp.start(tmp_path, port)
