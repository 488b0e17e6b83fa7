"""The token issuers that are trusted (`TOKEN_ISSUERS`)."""

from dataclasses import dataclass

from events_publish import json_setting, secure_url
from events_publish.json_setting import Fault, InvalidJsonSetting

MUST_BE = (
    'a JSON array of at least one {"issuer": URL, "jwks_uri"?: URL, "audience"?: string}, each issuer once, its URLs'
    " https:// (http:// on loopback only)"
)


@dataclass(frozen=True)
class Issuer:
    """A token issuer that is trusted."""

    issuer: str
    """The exact value of the token's `iss` claim."""
    jwks_uri: str | None = None
    """Where its keys are; absent: discovered from its metadata (RFC 8414)."""
    audience: str | None = None
    """What `aud` must contain; absent: any."""


def parse(text: str) -> tuple[Issuer, ...]:
    """The issuers in a JSON array.

    Raises:
        InvalidJsonSetting: with all that is wrong.
    """
    entries = json_setting.read_objects(text, _MEMBERS, required=("issuer",), must_be=MUST_BE)
    if not entries:
        raise InvalidJsonSetting([Fault("", "is empty", MUST_BE)])
    issuers = tuple(Issuer(**entry) for entry in entries)
    names = [each.issuer for each in issuers]
    repeated = [index for index, name in enumerate(names) if name in names[:index]]
    if repeated:
        raise InvalidJsonSetting([Fault(f"[{index}].issuer", "is there already", "another") for index in repeated])
    return issuers


def _jwks_uri(text: str) -> str:
    return secure_url.parse(text, query=True)


def _audience(text: str) -> str:
    if not text:
        raise ValueError
    return text


_MEMBERS = {
    "issuer": json_setting.string(
        secure_url.parse, "an https:// URL (http:// on loopback only) without query, exactly as iss has it"
    ),
    "jwks_uri": json_setting.string(_jwks_uri, "an https:// URL (http:// on loopback only)"),
    "audience": json_setting.string(_audience, "a non-empty string"),
}
