"""Who gets in, and what the others are told."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from local import issuer
from local.up import SAMPLE
from tests.conftest import Host, Issuer, MakeToken, problem
from tests.storage import Queue

BODY = SAMPLE.read_bytes()


@pytest.fixture
def foreign(tmp_path: Path) -> dict[str, Any]:
    """A key that no trusted issuer has."""
    return issuer.keys(tmp_path).signing


def post(client: httpx.Client, host: Host, *authorization: str) -> httpx.Response:
    headers = [(b"Content-Type", b"application/cloudevents+json")]
    headers += [(b"Authorization", each.encode()) for each in authorization]
    return client.post(host.events, content=BODY, headers=headers)


def b64(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refused(response: httpx.Response, queue: Queue) -> str:
    """The description of an ``invalid_token`` refusal, which the challenge and the problem share."""
    details = problem(response, 401, "invalid-token")
    assert response.headers["www-authenticate"] == (
        f'Bearer realm="events", error="invalid_token", error_description="{details["detail"]}"'
    )
    assert queue.take() == []
    return str(details["detail"])


def test_a_good_token(client: httpx.Client, host: Host, queue: Queue, make_token: MakeToken) -> None:
    assert post(client, host, f"Bearer {make_token()}").status_code == 200
    assert post(client, host, f"bearer   {make_token()}").status_code == 200
    assert queue.take() == [BODY, BODY]


@pytest.mark.parametrize("authorization", [[], [""], ["Basic dXNlcjpwdw=="], ["Digest a=b"]])
def test_no_bearer_token(client: httpx.Client, host: Host, queue: Queue, authorization: list[str]) -> None:
    response = post(client, host, *authorization)
    problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"] == 'Bearer realm="events"'
    assert queue.take() == []


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(["Bearer"], id="no token"),
        pytest.param(["Bearer a b"], id="a space in it"),
        pytest.param(["Bearer a.b.c", "Bearer a.b.c"], id="two headers"),
        pytest.param(["Bearer " + "a" * 16_385], id="too long"),
        pytest.param(["Bearer æ"], id="not of the alphabet"),
        pytest.param(["Bearer abc"], id="no JWT"),
        pytest.param(["Bearer a.b.c.d.e"], id="five parts"),
        pytest.param(["Bearer a.b.c"], id="not base64url"),
        pytest.param(["Bearer ////.e30.e30"], id="not JSON"),
        pytest.param([f"Bearer {b64([])}.{b64({})}.AAAA"], id="header is an array"),
        pytest.param([f"Bearer {b64({'alg': 'RS256'})}.{b64({})}.AAAA"], id="no kid"),
    ],
)
def test_a_malformed_token(client: httpx.Client, host: Host, queue: Queue, authorization: list[str]) -> None:
    refused(post(client, host, *authorization), queue)


def test_an_expired_token(client: httpx.Client, host: Host, queue: Queue, make_token: MakeToken) -> None:
    """30 s of leeway, and not more."""
    assert post(client, host, f"Bearer {make_token(lifetime=-15)}").status_code == 200
    assert queue.take() == [BODY]
    assert refused(post(client, host, f"Bearer {make_token(lifetime=-31)}"), queue) == "the token has expired"


def test_a_token_of_another_issuer(
    client: httpx.Client, host: Host, queue: Queue, make_token: MakeToken, foreign: dict[str, Any]
) -> None:
    token = make_token(key=foreign, iss="https://maskinporten.example/")
    assert "not trusted" in refused(post(client, host, f"Bearer {token}"), queue)


def test_a_token_with_another_key(
    client: httpx.Client,
    host: Host,
    queue: Queue,
    make_token: MakeToken,
    foreign: dict[str, Any],
    token_issuer: Issuer,
) -> None:
    assert "no key" in refused(post(client, host, f"Bearer {make_token(key=foreign)}"), queue)
    disguised = {**foreign, "kid": token_issuer.keys.signing["kid"]}
    assert "signature" in refused(post(client, host, f"Bearer {make_token(key=disguised)}"), queue)


def test_an_unsigned_token(
    client: httpx.Client, host: Host, queue: Queue, make_token: MakeToken, token_issuer: Issuer
) -> None:
    header, claims, signature = make_token().split(".")
    kid = token_issuer.keys.signing["kid"]
    unsigned = b64({"alg": "none", "kid": kid})
    refused(post(client, host, f"Bearer {unsigned}.{claims}."), queue)
    assert "alg" in refused(post(client, host, f"Bearer {unsigned}.{claims}.{signature}"), queue)
    secret = json.dumps(token_issuer.keys.signing["n"]).encode()
    hmac = jwt.encode({"iss": token_issuer.identifier}, secret, algorithm="HS256", headers={"kid": kid})
    assert "alg" in refused(post(client, host, f"Bearer {hmac}"), queue)
    assert "base64url" in refused(post(client, host, f"Bearer {header}.{claims}.{signature}="), queue)


def test_a_changed_token(client: httpx.Client, host: Host, queue: Queue, make_token: MakeToken) -> None:
    header, _, signature = make_token(scope="other").split(".")
    claims = make_token().split(".")[1]
    assert "signature" in refused(post(client, host, f"Bearer {header}.{claims}.{signature}"), queue)


@pytest.mark.parametrize("scope", ["", "other:scope", "altinn:events.publish.admin", "Altinn:events.publish"])
def test_a_token_without_the_scope(
    client: httpx.Client, host: Host, queue: Queue, make_token: MakeToken, scope: str
) -> None:
    response = post(client, host, f"Bearer {make_token(scope=scope)}")
    problem(response, 403, "insufficient-scope")
    assert response.headers["www-authenticate"] == (
        'Bearer realm="events", error="insufficient_scope", scope="altinn:events.publish"'
    )
    assert queue.take() == []


def test_a_token_in_the_query_is_ignored(client: httpx.Client, host: Host, queue: Queue, make_token: MakeToken) -> None:
    headers = {"Content-Type": "application/cloudevents+json"}
    response = client.post(host.events, params={"access_token": make_token()}, content=BODY, headers=headers)
    problem(response, 401, "unauthenticated")
    assert queue.take() == []
