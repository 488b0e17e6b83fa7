"""Tokens, checked with plain values: no clock, no network."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from events_publish import access_token
from events_publish.keys import Key
from events_publish.problem import InvalidToken, Unauthenticated

NOW = 1_700_000_000
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY = Key(PRIVATE.public_key(), frozenset({"RS256", "PS512"}))
CLAIMS = {"iss": "https://maskinporten.no/", "exp": NOW + 60, "scope": "a b"}


def sign(claims: dict[str, Any], algorithm: str = "RS256", private: Any = PRIVATE, **header: Any) -> str:
    return jwt.api_jws.encode(json.dumps(claims).encode(), private, algorithm, {"kid": "k", "typ": None, **header})


def verify(claims: dict[str, Any], audience: str | None = None) -> access_token.Publisher:
    return access_token.verify(access_token.read(sign(claims)), KEY, audience=audience, now=NOW)


def b64(text: str) -> str:
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def test_publisher() -> None:
    """Who a token speaks for, as Altinn's exchange writes it."""
    claims = {
        **CLAIMS,
        "consumer": {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"},
        "urn:altinn:org": "ttd",
        "client_id": "c",
        "urn:altinn:scope": "c",
    }
    assert verify(claims) == access_token.Publisher("0192:991825827", "ttd", "c", frozenset("abc"), claims)


def test_publisher_of_a_bare_token() -> None:
    assert verify(CLAIMS) == access_token.Publisher(None, None, None, frozenset("ab"), CLAIMS)
    odd = {**CLAIMS, "consumer": "0192:991825827", "urn:altinn:org": 1, "client_id": None, "scope": 5}
    assert verify(odd) == access_token.Publisher(None, None, None, frozenset(), odd)


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        pytest.param({"scope": ["a", "b", 1]}, {"a", "b"}, id="an array"),
        pytest.param({"scope": "a", "urn:altinn:scope": ["b"]}, {"a", "b"}, id="both claims"),
        pytest.param({"urn:altinn:scope": "b"}, {"b"}, id="the other claim"),
        pytest.param({"scope": {"a": 1}}, set(), id="another type"),
    ],
)
def test_scopes(claims: dict[str, Any], scopes: set[str]) -> None:
    assert verify({"iss": "i", "exp": NOW, **claims}).scopes == scopes


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
    token = access_token.read(sign(CLAIMS, "PS512"))
    assert access_token.verify(token, KEY, audience=None, now=NOW)
    with pytest.raises(InvalidToken, match="alg"):
        access_token.verify(access_token.read(sign(CLAIMS, "RS384")), KEY, audience=None, now=NOW)


def test_an_elliptic_curve() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    key = Key(private.public_key(), frozenset({"ES256"}))
    token = access_token.read(sign(CLAIMS, "ES256", private))
    assert access_token.verify(token, key, audience=None, now=NOW)
    with pytest.raises(InvalidToken, match="signature"):
        access_token.verify(token._replace(encoded=token.encoded[:-8] + "AAAAAAAA"), key, audience=None, now=NOW)


def jwt_of(header: str, claims: str, signature: str = "AAAA") -> str:
    return f"{b64(header)}.{b64(claims)}.{signature}"


HEADER = '{"alg":"RS256","kid":"k"}'
ISS = '{"iss":"i"}'


@pytest.mark.parametrize(
    ("token", "message"),
    [
        pytest.param(jwt_of('{"alg":"RS256","kid":"k","crit":["exp"],"exp":1}', ISS), "crit", id="crit"),
        pytest.param(sign(CLAIMS) + "=", "base64url", id="padding"),
        pytest.param(sign(CLAIMS).replace(".", ". ", 1), "base64url", id="white space"),
        pytest.param(jwt_of(HEADER, ISS, ""), "base64url", id="no signature"),
        pytest.param(jwt_of(HEADER, ISS, "A"), "base64url", id="impossible length"),
        pytest.param(jwt_of(HEADER, ISS, "++++"), "base64url", id="ordinary base64"),
        pytest.param(jwt_of('{"alg":"RS256","alg":"RS256","kid":"k"}', ISS), "repeated", id="alg twice"),
        pytest.param(jwt_of(HEADER, '{"iss":"i","iss":"i"}'), "repeated", id="iss twice"),
        pytest.param(jwt_of(HEADER, '{"a":{"b":1,"b":2},"iss":"i"}'), "repeated", id="a name twice further down"),
        pytest.param(jwt_of(HEADER, "[" * 12_000), "JSON", id="deep"),
        pytest.param(jwt_of(HEADER, '{"a":' + "1" * 5000 + "}"), "JSON", id="a very long number"),
        pytest.param(jwt_of(HEADER, '"i"'), "JSON object", id="a string"),
        pytest.param(jwt_of('{"alg":"RS256","kid":1}', ISS), "kid", id="kid is a number"),
        pytest.param(jwt_of('{"kid":"k"}', ISS), "alg", id="no alg"),
        pytest.param(jwt_of(HEADER, '{"iss":1}'), "iss", id="iss is a number"),
        pytest.param(jwt_of(HEADER, "{}"), "iss", id="no iss"),
    ],
)
def test_unreadable(token: str, message: str) -> None:
    with pytest.raises(InvalidToken, match=message):
        access_token.read(token)


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
