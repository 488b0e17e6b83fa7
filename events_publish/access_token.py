"""Who asks: from the Authorization header to the publisher that its access token speaks for.

A JWT of a trusted issuer, taken as a bearer token (RFC 6750) from the header alone. PyJWT checks the signature; the
claims are checked here, because PyJWT takes an `exp` that is a string.
"""

import re
from collections.abc import Mapping

from jwt import PyJWS, PyJWTError

from events_publish import json_web_token, verified_tokens
from events_publish.json_web_token import Token
from events_publish.jwk import Key
from events_publish.keys import KeySet
from events_publish.problem import InsufficientScope, InvalidToken, Unauthenticated
from events_publish.publisher import Claims, Publisher, publisher_of
from events_publish.verified_tokens import Verified, VerifiedTokens

MAX_TOKEN_BYTES = 16_384
LEEWAY_SECONDS = 30
"""How far the issuer's clock and ours may differ."""

_JWS = PyJWS()


class Authenticator:
    """Knows the issuers that are trusted, by the value of `iss`, and the tokens that it found good."""

    def __init__(self, issuers: Mapping[str, KeySet], scope: str) -> None:
        self._issuers = issuers
        self._scope = scope
        self._verified = VerifiedTokens()

    async def authenticate(self, authorization: str | None, *, now: float, deadline: float) -> Publisher:
        """The publisher behind an Authorization header.

        `now` is in seconds since 1970, `deadline` on the running loop's clock.

        Raises:
            Unauthenticated: no bearer token came.
            InvalidToken: one came, and it is not good.
            InsufficientScope: it is good, and does not hold the scope to publish with.
            KeysUnavailable: the issuer's keys cannot be fetched.
        """
        publisher = await self._publisher(authorization or "", now, deadline)
        if self._scope not in publisher.scopes:
            raise InsufficientScope(self._scope)
        return publisher

    async def _publisher(self, authorization: str, now: float, deadline: float) -> Publisher:
        digest = verified_tokens.digest(authorization)
        known = self._verified.get(digest)
        if known and now < known.token.claims["exp"] and await self._key(known.token, deadline) is known.key:
            return known.publisher
        self._verified.forget(digest)
        encoded = bearer_token(authorization)
        token = json_web_token.read(encoded)
        key = await self._key(token, deadline)
        if key is None:
            raise InvalidToken("the issuer has no key with the kid of the token")
        publisher = verify(encoded, token, key, audience=self._issuers[token.issuer].issuer.audience, now=now)
        if authorization == f"Bearer {encoded}":  # or many spellings of one would crowd out those of others
            self._verified.remember(digest, Verified(token, key, publisher, len(authorization)))
        return publisher

    async def _key(self, token: Token, deadline: float) -> Key | None:
        key_set = self._issuers.get(token.issuer)
        if key_set is None:
            raise InvalidToken("the token is of an issuer that is not trusted here")
        return await key_set.key(token.kid, deadline=deadline)


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


def verify(encoded: str, token: Token, key: Key, *, audience: str | None, now: float) -> Publisher:
    """Check signature and claims of a token; the clock is `now`, in seconds since 1970.

    Raises:
        InvalidToken: a check failed.
    """
    if token.algorithm not in key:
        raise InvalidToken("the alg of the token must be one that its key is for")
    try:
        _JWS.decode_complete(encoded, key[token.algorithm], algorithms=[token.algorithm])
    except (PyJWTError, ValueError) as error:
        raise InvalidToken("the signature of the token must be the issuer's") from error
    _check_times(token.claims, now)
    _check_audience(token.claims, audience)
    return publisher_of(token.claims)


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
