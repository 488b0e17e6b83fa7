"""Tokens taken apart: what is understood in full, and nothing else."""

import json
from base64 import urlsafe_b64encode

import pytest

from events_publish import json_web_token
from events_publish.problem import InvalidToken

HEADER = '{"alg":"RS256","kid":"k"}'
ISS = '{"iss":"i"}'


def b64(text: str) -> str:
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def jwt_of(header: str = HEADER, claims: str = ISS, signature: str = "AAAA") -> str:
    return f"{b64(header)}.{b64(claims)}.{signature}"


def test_read() -> None:
    assert json_web_token.read(jwt_of()) == json_web_token.Token("RS256", "k", "i", {"iss": "i"})


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+JWT", "application/jwt"])
def test_types(typ: str) -> None:
    assert json_web_token.read(jwt_of(json.dumps({"alg": "RS256", "kid": "k", "typ": typ})))


@pytest.mark.parametrize("typ", ["", "logout+jwt", "dpop+jwt", "text/jwt", "JWT ", None, 1, ["JWT"]])
def test_other_types(typ: object) -> None:
    with pytest.raises(InvalidToken, match="typ"):
        json_web_token.read(jwt_of(json.dumps({"alg": "RS256", "kid": "k", "typ": typ})))


@pytest.mark.parametrize(
    ("token", "message"),
    [
        pytest.param(jwt_of('{"alg":"RS256","kid":"k","crit":["exp"],"exp":1}'), "crit", id="crit"),
        pytest.param(jwt_of(signature="AAAA="), "base64url", id="padding"),
        pytest.param(jwt_of().replace(".", ". ", 1), "base64url", id="white space"),
        pytest.param(jwt_of() + "\n", "base64url", id="a line end"),
        pytest.param(jwt_of(signature=""), "base64url", id="no signature"),
        pytest.param(jwt_of(signature="A"), "base64url", id="impossible length"),
        pytest.param(jwt_of(signature="++++"), "base64url", id="ordinary base64"),
        pytest.param(jwt_of(signature="AB"), "base64url", id="spare bits that are not zero"),
        pytest.param(jwt_of(signature="AAB"), "base64url", id="spare bits that are not zero, of three"),
        pytest.param(jwt_of('{"alg":"RS256","alg":"RS256","kid":"k"}'), "repeated", id="alg twice"),
        pytest.param(jwt_of(claims='{"iss":"i","iss":"i"}'), "repeated", id="iss twice"),
        pytest.param(jwt_of(claims='{"iss":"i","\\u0069ss":"i"}'), "repeated", id="iss twice, once with an escape"),
        pytest.param(jwt_of(claims='{"a":{"b":1,"b":2},"iss":"i"}'), "repeated", id="a name twice further down"),
        pytest.param(jwt_of(claims="[" * 12_000), "JSON", id="deep"),
        pytest.param(jwt_of(claims='{"a":' + "1" * 5000 + "}"), "JSON", id="a very long number"),
        pytest.param(jwt_of(claims='"i"'), "JSON object", id="a string"),
        pytest.param(jwt_of('{"alg":"RS256","kid":1}'), "kid", id="kid is a number"),
        pytest.param(jwt_of('{"kid":"k"}'), "alg", id="no alg"),
        pytest.param(jwt_of(claims='{"iss":1}'), "iss", id="iss is a number"),
        pytest.param(jwt_of(claims="{}"), "iss", id="no iss"),
    ],
)
def test_unreadable(token: str, message: str) -> None:
    with pytest.raises(InvalidToken, match=message):
        json_web_token.read(token)
