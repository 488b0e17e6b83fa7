"""A JSON Web Token (RFC 7519) in compact form (RFC 7515 §7.1), taken apart; nothing of it is verified here."""

import json
import re
from base64 import urlsafe_b64decode
from typing import NamedTuple

from events_publish.problem import InvalidToken
from events_publish.publisher import Claims

TYPES = frozenset({"jwt", "at+jwt"})
"""What `typ` may be, where there is one: Maskinporten's tokens have none, Altinn's ``JWT``, RFC 9068's ``at+jwt``."""


class Token(NamedTuple):
    """What a token says of itself."""

    algorithm: str
    kid: str
    issuer: str
    claims: Claims


def read(encoded: str) -> Token:
    """Take a token apart, to learn which key it asks for. Of its header only `alg`, `kid`, `typ` and `crit` are read.

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
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in TYPES:
        raise InvalidToken("the typ of the token must be JWT or at+jwt, or left out")
    algorithm, kid, issuer = header.get("alg"), header.get("kid"), claims.get("iss")
    if not isinstance(algorithm, str) or not isinstance(kid, str):
        raise InvalidToken("the header of the token must have an alg and a kid")
    if not isinstance(issuer, str):
        raise InvalidToken("the token must have an iss claim")
    return Token(algorithm, kid, issuer, claims)


def _object(part: str, name: str) -> Claims:
    try:
        value = json.loads(_bytes(part, name).decode(), object_pairs_hook=_unrepeated)
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"the {name} of the token must be JSON without repeated names") from error
    if not isinstance(value, dict):
        raise InvalidToken(f"the {name} of the token must be a JSON object")
    return value


_BASE64URL = re.compile("(?:[A-Za-z0-9_-]{4})*+(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?")


def _bytes(part: str, name: str) -> bytes:
    """RFC 7515 §2: base64url without padding, each byte string in one spelling only (RFC 4648 §3.5)."""
    if not part or not _BASE64URL.fullmatch(part):
        raise InvalidToken(f"the {name} of the token must be base64url without padding")
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _unrepeated(members: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(members)
    if len(result) != len(members):
        raise ValueError
    return result
