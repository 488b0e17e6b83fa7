"""Who asks: from the Authorization header to the publisher that its access token speaks for.

A JWT (RFC 7519) of a trusted issuer, taken as a bearer token (RFC 6750) from the header alone. PyJWT checks the
signature; the claims are checked here, because PyJWT takes an `exp` that is a string, and repeated claims.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, NamedTuple

from jwt import PyJWS, PyJWTError

from events_publish.keys import Key, KeySet
from events_publish.problem import InsufficientScope, InvalidToken, Unauthenticated

MAX_TOKEN_BYTES = 16_384
LEEWAY_SECONDS = 30
"""How far the issuer's clock and ours may differ."""

_JWS = PyJWS()

type Claims = Mapping[str, Any]


class Publisher(NamedTuple):
    """Who an access token speaks for, and what it may do."""

    consumer: str | None
    """`consumer.ID`: ``0192:`` and an organisation number."""
    org: str | None
    """`urn:altinn:org`, a short name such as ``ttd``."""
    client_id: str | None
    scopes: frozenset[str]
    claims: Claims


class Token(NamedTuple):
    """A JWT taken apart, nothing of it verified."""

    encoded: str
    algorithm: str
    kid: str
    issuer: str
    claims: Claims


async def authenticate(
    authorization: str | None, *, issuers: Mapping[str, KeySet], scope: str, now: float, deadline: float
) -> Publisher:
    """The publisher behind an Authorization header; `issuers` by the value of `iss`.

    `now` is in seconds since 1970, `deadline` on the running loop's clock.

    Raises:
        Unauthenticated: no bearer token came.
        InvalidToken: one came, and it is not good.
        InsufficientScope: it is good, and does not hold `scope`.
        KeysUnavailable: the issuer's keys cannot be fetched.
    """
    token = read(bearer_token(authorization))
    if token.issuer not in issuers:
        raise InvalidToken("the token is of an issuer that is not trusted here")
    key_set = issuers[token.issuer]
    key = await key_set.key(token.kid, deadline=deadline)
    if key is None:
        raise InvalidToken("the issuer has no key with the kid of the token")
    publisher = verify(token, key, audience=key_set.issuer.audience, now=now)
    if scope not in publisher.scopes:
        raise InsufficientScope(scope)
    return publisher


def bearer_token(authorization: str | None) -> str:
    """The token of an Authorization header (RFC 6750 §2.1).

    Raises:
        Unauthenticated: there is no header, or another scheme.
        InvalidToken: the token is empty, too long, doubled, or not of a token's alphabet.
    """
    scheme, _, credentials = (authorization or "").strip(" \t").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    encoded = credentials.strip(" \t")
    if len(encoded) > MAX_TOKEN_BYTES:
        raise InvalidToken(f"the token must not be longer than {MAX_TOKEN_BYTES} bytes")
    if not re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", encoded):
        raise InvalidToken("the Authorization header must be the word Bearer, a space and one token")
    return encoded


def read(encoded: str) -> Token:
    """Take a JWT in compact form apart, to learn which key it asks for.

    Raises:
        InvalidToken: it is not a signed JWT whose header we understand in full.
    """
    parts = encoded.split(".")
    if len(parts) != 3:
        raise InvalidToken("the token must be a signed JWT: three parts with a dot between")
    header, claims = _object(parts[0], "header"), _object(parts[1], "claims")
    _bytes(parts[2], "signature")
    if "crit" in header:
        raise InvalidToken("the token must not have a crit header")
    algorithm, kid, issuer = header.get("alg"), header.get("kid"), claims.get("iss")
    if not isinstance(algorithm, str) or not isinstance(kid, str):
        raise InvalidToken("the header of the token must have an alg and a kid")
    if not isinstance(issuer, str):
        raise InvalidToken("the token must have an iss claim")
    return Token(encoded, algorithm, kid, issuer, claims)


def verify(token: Token, key: Key, *, audience: str | None, now: float) -> Publisher:
    """Check signature and claims of a token; the clock is `now`, in seconds since 1970.

    Raises:
        InvalidToken: a check failed.
    """
    if token.algorithm not in key.algorithms:
        raise InvalidToken("the alg of the token must be one that its key is for")
    try:
        _JWS.decode_complete(token.encoded, key.material, algorithms=[token.algorithm])
    except (PyJWTError, ValueError) as error:
        raise InvalidToken("the signature of the token must be the issuer's") from error
    claims = token.claims
    _check_times(claims, now)
    _check_audience(claims, audience)
    consumer = claims.get("consumer")
    return Publisher(
        consumer=_string(consumer.get("ID")) if isinstance(consumer, dict) else None,
        org=_string(claims.get("urn:altinn:org")),
        client_id=_string(claims.get("client_id")),
        scopes=_scopes(claims.get("scope")) | _scopes(claims.get("urn:altinn:scope")),
        claims=claims,
    )


def _check_times(claims: Claims, now: float) -> None:
    """RFC 7519 §4.1.4 to §4.1.6: a NumericDate is a JSON number; at `exp` itself the token is expired."""
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name)
        if (name == "exp" or name in claims) and not _is_number(value):
            raise InvalidToken(f"the {name} claim of the token must be a number")
    if now >= claims["exp"] + LEEWAY_SECONDS:
        raise InvalidToken("the token has expired")
    if claims.get("nbf", now) > now + LEEWAY_SECONDS:
        raise InvalidToken("the token is not valid yet")
    if claims.get("iat", now) > now + LEEWAY_SECONDS:
        raise InvalidToken("the token was issued in the future")


def _is_number(value: object) -> bool:
    """Whether it is a NumericDate that time can reach: neither NaN nor a number beyond all clocks."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53


def _check_audience(claims: Claims, audience: str | None) -> None:
    """RFC 7519 §4.1.3, where an audience is configured: Maskinporten sends none, or ``unspecified``."""
    if audience is None:
        return
    value = claims.get("aud")
    if audience not in (value if isinstance(value, list) else [value]):
        raise InvalidToken("the token must be for the audience of this endpoint")


def _scopes(claim: object) -> frozenset[str]:
    if isinstance(claim, str):
        return frozenset(claim.split(" "))
    if isinstance(claim, list):
        return frozenset(scope for scope in claim if isinstance(scope, str))
    return frozenset()


def _string(claim: object) -> str | None:
    return claim if isinstance(claim, str) else None


def _object(part: str, name: str) -> Claims:
    try:
        value = json.loads(_bytes(part, name).decode(), object_pairs_hook=_unrepeated)
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"the {name} of the token must be JSON without repeated names") from error
    if not isinstance(value, dict):
        raise InvalidToken(f"the {name} of the token must be a JSON object")
    return value


def _bytes(part: str, name: str) -> bytes:
    """RFC 7515 §2: base64url without padding, each byte string in one spelling only."""
    try:
        decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise InvalidToken(f"the {name} of the token must be base64url") from error
    if not re.fullmatch(r"[A-Za-z0-9_-]+", part):
        raise InvalidToken(f"the {name} of the token must be base64url without padding")
    return decoded


def _unrepeated(members: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(members)
    if len(result) != len(members):
        raise ValueError
    return result
