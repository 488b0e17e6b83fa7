"""A client library made for Maskinporten gets its token from the local issuer, and publishes with it."""

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pymaskinporten import MaskinportenClient, MaskinportenSecrets, MaskinportenTokenError, request_token

from local import issuer
from local.issuer import JWK
from local.up import SAMPLE
from tests.conftest import PUBLISH_SCOPE, Host, Issuer, Publish
from tests.storage import Queue


def pem(key: JWK) -> str:
    private: bytes = jwt.PyJWK(key).key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private.decode()


def secrets(token_issuer: Issuer, **replaced: str) -> MaskinportenSecrets:
    key = token_issuer.keys.client
    return MaskinportenSecrets(
        **{
            "PRIVATE_KEY": pem(key),
            "MASKINPORTEN_CLIENT_ID": issuer.CLIENT_ID,
            "KID": key["kid"],
            "SCOPE": PUBLISH_SCOPE,
            **replaced,
        }
    )


@pytest.fixture(autouse=True)
def _maskinporten_is_here(monkeypatch: pytest.MonkeyPatch, token_issuer: Issuer) -> None:
    """The one thing that is changed about the library: where Maskinporten is."""
    monkeypatch.setitem(request_token.ISSUER_URLS, "test", token_issuer.identifier)


def test_its_token_publishes(client: httpx.Client, token_issuer: Issuer, host: Host, queue: Queue) -> None:
    token = MaskinportenClient(secrets(token_issuer)).get_token()
    assert Publish(client, host.events, token)(SAMPLE.read_bytes()).status_code == 200
    assert queue.take() == [SAMPLE.read_bytes()]


def test_it_is_told_why_it_gets_none(token_issuer: Issuer) -> None:
    """In the form that it reads Maskinporten's refusals in."""
    with pytest.raises(MaskinportenTokenError) as refused:
        request_token.request_maskinporten_token("test", secrets(token_issuer, MASKINPORTEN_CLIENT_ID="stranger"))
    assert (refused.value.status, refused.value.code) == (400, "invalid_grant")
