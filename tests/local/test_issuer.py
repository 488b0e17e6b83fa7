"""The issuer, as a client library meets it."""

import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from local import issuer
from tests.conftest import PUBLISH_SCOPE, Host, Issuer, Publish


def grant(token_issuer: Issuer, **claims: Any) -> str:
    now = int(time.time())
    key = token_issuer.keys.client
    payload = {
        "iss": issuer.CLIENT_ID,
        "aud": token_issuer.identifier,
        "scope": PUBLISH_SCOPE,
        "iat": now,
        "exp": now + 100,
        **claims,
    }
    return jwt.encode(payload, jwt.PyJWK(key).key, "RS256", {"kid": key["kid"]})


def ask(client: httpx.Client, token_issuer: Issuer, **form: str) -> httpx.Response:
    metadata = client.get(token_issuer.identifier + ".well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == token_issuer.identifier
    return client.post(metadata["token_endpoint"], data={"grant_type": metadata["grant_types_supported"][0], **form})


def test_a_grant_becomes_a_token_that_publishes(client: httpx.Client, token_issuer: Issuer, host: Host) -> None:
    answer = ask(client, token_issuer, assertion=grant(token_issuer)).json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "altinn:events.publish")
    header = jwt.get_unverified_header(answer["access_token"])
    assert header.keys() == {"alg", "kid"}
    publish = Publish(client, host.events, answer["access_token"])
    assert publish(b"{}").status_code == 400, "the token is good, the event is not"


def test_a_grant_for_a_resource(client: httpx.Client, token_issuer: Issuer) -> None:
    assertion = grant(token_issuer, resource="https://events.example.no")
    token = ask(client, token_issuer, assertion=assertion).json()["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == "https://events.example.no"


@pytest.mark.parametrize(
    ("claims", "form", "error"),
    [
        pytest.param({}, {"grant_type": "password"}, "unsupported_grant_type", id="another grant"),
        pytest.param({}, {"assertion": "a.b.c"}, "invalid_grant", id="no JWT"),
        pytest.param({"aud": "https://other.example/"}, {}, "invalid_grant", id="for another issuer"),
        pytest.param({"iss": "stranger"}, {}, "invalid_grant", id="of an unknown client"),
        pytest.param({"iat": 1, "exp": 2}, {}, "invalid_grant", id="expired"),
        pytest.param({"exp": str(int(time.time()) + 60)}, {}, "invalid_grant", id="exp is a string"),
        pytest.param({"exp": 9_999_999_999}, {}, "invalid_grant", id="lives too long"),
        pytest.param({"scope": ""}, {}, "invalid_scope", id="no scope"),
        pytest.param({"scope": ["a"]}, {}, "invalid_scope", id="scope is an array"),
    ],
)
def test_a_grant_that_is_refused(
    client: httpx.Client, token_issuer: Issuer, claims: dict[str, Any], form: dict[str, str], error: str
) -> None:
    answer = ask(client, token_issuer, **{"assertion": grant(token_issuer, **claims), **form})
    assert answer.status_code == 400
    assert answer.json()["error"] == error


def test_keys_survive_and_are_private(tmp_path: Path) -> None:
    assert issuer.keys(tmp_path / "new") == issuer.keys(tmp_path / "new")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()} == {0o600}


def test_only_the_public_half_is_served(client: httpx.Client, token_issuer: Issuer) -> None:
    (key,) = client.get(token_issuer.identifier + "jwk").json()["keys"]
    assert key.keys() == {"kty", "kid", "use", "alg", "n", "e"}
