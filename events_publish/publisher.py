"""The publisher that an access token speaks for."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

type Claims = Mapping[str, Any]
"""The claims of a verified token, by name."""


class Publisher(NamedTuple):
    """Who an access token speaks for, and what it may do."""

    consumer: str | None
    """``0192:`` and an organisation number, from `consumer.ID`."""
    org: str | None
    """`urn:altinn:org`, a short name such as ``ttd``."""
    client_id: str | None
    scopes: frozenset[str]
    claims: Claims

    @property
    def name(self) -> str:
        """What to call it: the organisation, or what else the token says."""
        if self.consumer or self.org:
            return self.consumer or f"org:{self.org}"
        return f"client:{self.client_id}" if self.client_id else "the holder of the token"


def publisher_of(claims: Claims) -> Publisher:
    """The publisher in the claims of Maskinporten's and Altinn's tokens; what is of another form is not there."""
    return Publisher(
        consumer=_organisation(claims.get("consumer")),
        org=_name(claims.get("urn:altinn:org")),
        client_id=_name(claims.get("client_id")),
        scopes=_scopes(claims.get("scope")) | _scopes(claims.get("urn:altinn:scope")),
        claims=claims,
    )


def _organisation(consumer: object) -> str | None:
    """The Norwegian organisation (ISO 6523, 0192); Maskinporten may add parts after its number."""
    if not isinstance(consumer, dict) or consumer.get("authority") != "iso6523-actorid-upis":
        return None
    identifier = consumer.get("ID")
    match = re.match(r"0192:[0-9]{9}(?=:|\Z)", identifier) if isinstance(identifier, str) else None
    return match[0] if match else None


def _name(claim: object) -> str | None:
    """A name that can be shown and logged."""
    return claim if isinstance(claim, str) and re.fullmatch(r"[!-~]{1,255}", claim) else None


def _scopes(claim: object) -> frozenset[str]:
    if isinstance(claim, str):
        return frozenset(claim.split(" "))
    if isinstance(claim, list):
        return frozenset(scope for scope in claim if isinstance(scope, str))
    return frozenset()
