"""Tokens, checked with plain values: no clock, no network."""

import asyncio
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import RSAAlgorithm

from events_publish import access_token, json_web_token
from events_publish.access_token import Authenticator
from events_publish.issuers import Issuer
from events_publish.json_client import Document
from events_publish.jwk import Key
from events_publish.keys import KeySet
from events_publish.problem import InsufficientScope, InvalidToken, Unauthenticated
from events_publish.publisher import Publisher

NOW = 1_700_000_000
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY: Key = {"RS256": PRIVATE.public_key(), "PS512": PRIVATE.public_key()}
CLAIMS = {"iss": "https://maskinporten.no/", "exp": NOW + 60, "scope": "a b"}


def sign(claims: dict[str, Any], algorithm: str = "RS256", private: Any = PRIVATE, **header: Any) -> str:
    return jwt.api_jws.encode(json.dumps(claims).encode(), private, algorithm, {"kid": "k", "typ": None, **header})


def verify_encoded(encoded: str, key: Key = KEY, audience: str | None = None) -> Publisher:
    return access_token.verify(encoded, json_web_token.read(encoded), key, audience=audience, now=NOW)


def verify(claims: dict[str, Any], audience: str | None = None) -> Publisher:
    return verify_encoded(sign(claims), audience=audience)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": NOW - 29}, id="expired within the leeway"),
        pytest.param({"exp": NOW + 0.5}, id="a fraction"),
        pytest.param({"nbf": NOW + 30}, id="nbf within the leeway"),
        pytest.param({"iat": NOW + 30}, id="iat within the leeway"),
        pytest.param({"aud": "unspecified"}, id="an audience, where none is configured"),
    ],
)
def test_good_claims(claims: dict[str, Any]) -> None:
    assert verify({**CLAIMS, **claims})


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": NOW - 30}, id="expired"),
        pytest.param({"exp": None}, id="exp is null"),
        pytest.param({"exp": str(NOW + 60)}, id="exp is a string"),
        pytest.param({"exp": True}, id="exp is a boolean"),
        pytest.param({"exp": [NOW]}, id="exp is an array"),
        pytest.param({"exp": float("nan")}, id="exp is NaN"),
        pytest.param({"exp": float("inf")}, id="exp is infinite"),
        pytest.param({"exp": 10**400}, id="exp is beyond a float"),
        pytest.param({"nbf": -(10**400)}, id="nbf is beyond a float"),
        pytest.param({"nbf": NOW + 31}, id="nbf in the future"),
        pytest.param({"nbf": None}, id="nbf is null"),
        pytest.param({"iat": NOW + 31}, id="iat in the future"),
        pytest.param({"iat": "now"}, id="iat is a string"),
    ],
)
def test_bad_claims(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        verify({**CLAIMS, **claims})


def test_exp_is_required() -> None:
    with pytest.raises(InvalidToken, match="exp claim"):
        verify({"iss": "i"})


@pytest.mark.parametrize(
    ("aud", "good"), [("us", True), (["them", "us"], True), ("them", False), ([], False), (None, False), (1, False)]
)
def test_audience(aud: object, good: bool) -> None:
    claims = {**CLAIMS, "aud": aud}
    if good:
        assert verify(claims, audience="us")
    else:
        with pytest.raises(InvalidToken, match="audience"):
            verify(claims, audience="us")


def test_only_the_algorithms_of_the_key() -> None:
    assert verify_encoded(sign(CLAIMS, "PS512"))
    with pytest.raises(InvalidToken, match="alg"):
        verify_encoded(sign(CLAIMS, "RS384"))


def test_an_elliptic_curve() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    token = sign(CLAIMS, "ES256", private)
    assert verify_encoded(token, {"ES256": private.public_key()})
    with pytest.raises(InvalidToken, match="signature"):
        verify_encoded(token[:-8] + "AAAAAAAA", {"ES256": private.public_key()})


@pytest.mark.parametrize("authorization", [None, "", "  ", "Basic a", "Bearerabc", "a.b.c"])
def test_no_bearer_token(authorization: str | None) -> None:
    with pytest.raises(Unauthenticated) as refused:
        access_token.bearer_token(authorization)
    assert type(refused.value) is Unauthenticated


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer  ", "Bearer a,Bearer a", "Bearer a b", "Bearer ,", "Bearer =a"]
)
def test_a_malformed_bearer_token(authorization: str) -> None:
    with pytest.raises(InvalidToken):
        access_token.bearer_token(authorization)


def test_bearer_token() -> None:
    assert access_token.bearer_token("bEARER   a-._~+/==  ") == "a-._~+/=="
    assert access_token.bearer_token("Bearer " + "a" * access_token.MAX_TOKEN_BYTES)
    with pytest.raises(InvalidToken, match="longer"):
        access_token.bearer_token("Bearer " + "a" * (access_token.MAX_TOKEN_BYTES + 1))


class Issuing:
    """An issuer of the tests, whose keys can be changed; the key set of it asks anew when it is told to."""

    def __init__(self) -> None:
        self.jwks = {"keys": [self.jwk()]}
        self.key_set = KeySet(Issuer("https://maskinporten.no/", "https://maskinporten.no/jwk"), self.fetch)
        self.authenticator = Authenticator({"https://maskinporten.no/": self.key_set}, "a")

    @staticmethod
    def jwk(**members: Any) -> dict[str, Any]:
        return {**RSAAlgorithm.to_jwk(PRIVATE.public_key(), as_dict=True), "kid": "k", **members}

    async def fetch(self, _: str) -> Document:
        return Document(self.jwks)

    async def refresh(self) -> None:
        await self.key_set._begin(0)

    async def authenticate(self, token: str, now: float = NOW) -> Publisher:
        deadline = asyncio.get_running_loop().time() + 10
        return await self.authenticator.authenticate(f"Bearer {token}", now=now, deadline=deadline)


@pytest.fixture
def issuing() -> Issuing:
    return Issuing()


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature was checked."""
    found: list[str] = []
    real = access_token.verify

    def verify(encoded: str, *values: Any, **options: Any) -> Publisher:
        found.append(encoded)
        return real(encoded, *values, **options)

    monkeypatch.setattr(access_token, "verify", verify)
    return found


async def test_a_token_is_verified_once(issuing: Issuing, checked: list[str]) -> None:
    token = sign(CLAIMS)
    first = await issuing.authenticate(token)
    assert await issuing.authenticate(token) == first
    assert checked == [token]
    assert await issuing.authenticate(sign({**CLAIMS, "exp": NOW + 61})) != first
    assert len(checked) == 2


async def test_one_token_in_many_spellings(issuing: Issuing) -> None:
    """… crowds out none of others."""
    for spaces in range(1, 10):
        spelt = "Bearer" + " " * spaces + sign(CLAIMS)
        await issuing.authenticator.authenticate(spelt, now=NOW, deadline=float("inf"))
    assert len(issuing.authenticator._verified) == 1


async def test_what_was_refused_is_not_remembered(issuing: Issuing, checked: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(InvalidToken, match="expired"):
            await issuing.authenticate(sign({**CLAIMS, "exp": NOW - 60}))
    assert len(checked) == 2


async def test_a_remembered_token_ends_with_its_exp(issuing: Issuing, checked: list[str]) -> None:
    """In the leeway after that it is verified each time, and then it is expired like any other."""
    token = sign(CLAIMS)
    for now in (NOW, NOW + 59.9, NOW + 60, NOW + 89.9):
        assert await issuing.authenticate(token, now)
    assert len(checked) == 3
    with pytest.raises(InvalidToken, match="expired"):
        await issuing.authenticate(token, NOW + 90)


async def test_a_remembered_token_goes_with_its_key(issuing: Issuing) -> None:
    token = sign(CLAIMS)
    assert await issuing.authenticate(token)
    issuing.jwks = {"keys": [issuing.jwk(kid="another")]}
    await issuing.refresh()
    with pytest.raises(InvalidToken, match="no key"):
        await issuing.authenticate(token)


async def test_a_remembered_token_goes_when_its_kid_becomes_another_key(issuing: Issuing) -> None:
    token = sign(CLAIMS)
    assert await issuing.authenticate(token)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    issuing.jwks = {"keys": [{**RSAAlgorithm.to_jwk(other, as_dict=True), "kid": "k"}]}
    await issuing.refresh()
    with pytest.raises(InvalidToken, match="signature"):
        await issuing.authenticate(token)
    issuing.jwks = {"keys": [issuing.jwk(alg="PS512")]}
    await issuing.refresh()
    with pytest.raises(InvalidToken, match="alg"):
        await issuing.authenticate(token)


async def test_a_remembered_token_stays_when_its_key_does(issuing: Issuing, checked: list[str]) -> None:
    assert await issuing.authenticate(sign(CLAIMS))
    issuing.jwks = {"keys": [issuing.jwk(kid="new"), issuing.jwk(x5t="of no interest")]}
    await issuing.refresh()
    assert await issuing.authenticate(sign(CLAIMS))
    assert len(checked) == 1


async def test_the_scope_is_checked_on_each_request(issuing: Issuing) -> None:
    token = sign({**CLAIMS, "scope": "b"})
    for _ in range(2):
        with pytest.raises(InsufficientScope):
            await issuing.authenticate(token)
