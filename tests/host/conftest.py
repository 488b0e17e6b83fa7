"""What the attacks share: a forge of the issuer's tokens, and a queue on which nothing may be left."""

from collections.abc import Iterator

import httpx
import jwt
import pytest

from local.up import SAMPLE
from tests.conftest import QUEUE_NAME, Issuer, problem
from tests.forge import Forge
from tests.storage import Queue

BODY = SAMPLE.read_bytes()


@pytest.fixture(scope="module")
def forge(token_issuer: Issuer) -> Forge:
    """Makes tokens of the issuer that the shared host trusts."""
    jwk = token_issuer.keys.signing
    return Forge(token_issuer.identifier, jwk["kid"], "RS256", jwt.PyJWK(jwk).key)


@pytest.fixture(scope="module")
def messages(storage: str) -> Iterator[Queue]:
    """The queue: when a module is through, all that is on it has been taken by a test that expected it."""
    with Queue(storage, QUEUE_NAME) as queue:
        queue.clear()
        yield queue
        assert queue.take() == []


def post(client: httpx.Client, url: str, *headers: tuple[str, str]) -> httpx.Response:
    """POSTs an event with these headers, which may be UTF-8."""
    sent = [("Content-Type", "application/cloudevents+json"), *headers]
    return client.post(url, content=BODY, headers=[(name.encode(), value.encode()) for name, value in sent])


def bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


def refused(response: httpx.Response, token: str, kind: str = "invalid-token") -> None:
    """401 with the challenge that RFC 6750 §3 has, and nothing of the token in the answer."""
    details = problem(response, 401, kind)
    because = f', error="invalid_token", error_description="{details["detail"]}"' if kind == "invalid-token" else ""
    assert response.headers["www-authenticate"] == 'Bearer realm="events"' + because
    assert not [part for part in token.split(".") if len(part) > 8 and part in response.text]
