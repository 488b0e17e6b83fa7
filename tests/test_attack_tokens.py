"""One token, spelt in many ways: it may not crowd out those of others."""

import json

import pytest
from jwt.algorithms import RSAAlgorithm

from events_publish import verified_tokens
from events_publish.access_token import Authenticator
from events_publish.issuers import Issuer
from events_publish.json_client import Document
from events_publish.keys import KeySet
from tests.test_access_token import CLAIMS, NOW, PRIVATE, sign

ISSUER = str(CLAIMS["iss"])


@pytest.mark.xfail(reason="a token is remembered by its header, in whatever letters and spaces that comes")
async def test_one_token_in_many_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified_tokens, "MAX_TOKENS", 5)

    async def fetch(_: str) -> Document:
        key = json.loads(RSAAlgorithm.to_jwk(PRIVATE.public_key()))
        return Document({"keys": [{**key, "kid": "k"}]})

    authenticator = Authenticator({ISSUER: KeySet(Issuer(ISSUER, jwks_uri=ISSUER + "jwks"), fetch)}, "a")
    await authenticator.authenticate("Bearer " + sign({**CLAIMS, "jti": "another's"}), now=NOW, deadline=1e9)
    one = sign(CLAIMS)
    for spaces in range(1, 10):
        await authenticator.authenticate("Bearer" + " " * spaces + one, now=NOW, deadline=1e9)
    assert len(authenticator._verified) == 2
