"""The rules for one event: CloudEvents 1.0.2 in JSON, and Altinn's `resource` and `alternativesubject`.

`faults` takes the members of an event as they were parsed and names everything that is wrong with them. It reads and
never rewrites, since the bytes that came are what goes on the queue, and never repeats a value: it may be personal.
"""

import binascii
import re
from collections import Counter
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address
from typing import NamedTuple

type Member = tuple[str, object]
"""A name and its value, as `json` reads it with ``object_pairs_hook=tuple``."""

REQUIRED = ("specversion", "id", "type", "source", "resource")


class Event(NamedTuple):
    """One valid event: its attributes and data by name, and its JSON as it came."""

    attributes: Mapping[str, object]
    body: bytes


class Rule(NamedTuple):
    """What the value of an attribute must be: in words, and as a test of a string."""

    must_be: str
    holds: Callable[[str], object]


def faults(members: tuple[Member, ...]) -> dict[str, list[str]]:
    """All that is wrong with an event, by member name; empty when it is valid.

    A member that is ``null`` counts as absent (CloudEvents JSON format §2.2); its name counts all the same, since a
    reader that does not tell ``ID`` from ``id`` would take it for the other.
    """
    found: dict[str, list[str]] = {}
    names = dict(members)
    event = {name: value for name, value in members if value is not None}
    if len(names) != len(members):
        for name in _repeated(members):
            found[_shown(name)] = ["must be there once; it is there more than once."]
    for name in REQUIRED:
        if name not in event:
            found.setdefault(name, []).append("is required and missing.")
    for name in names:
        fault = _fault(name, event.get(name))
        if fault:
            found.setdefault(_shown(name), []).append(fault)
    if "data" in event and "data_base64" in event:
        found.setdefault("data_base64", []).append("must not be there together with data.")
    return found


def _fault(name: str, value: object) -> str | None:
    """What is wrong with one member, or None."""
    rule = RULES.get(name)
    if rule is None and name != "data" and not _ATTRIBUTE_NAME(name):
        return "is not an attribute name; use lower-case letters a-z and digits only."
    if value is None or name == "data":
        return None
    if rule is None:
        return _extension_fault(value)
    if not isinstance(value, str):
        return f"must be {rule.must_be}; it is not a string."
    if not rule.holds(value):
        return f"must be {rule.must_be}."
    return None if _is_text(value) else _FORBIDDEN_CHARACTERS


def _extension_fault(value: object) -> str | None:
    if isinstance(value, str):
        return None if _is_text(value) else _FORBIDDEN_CHARACTERS
    if isinstance(value, bool) or (isinstance(value, int) and -(2**31) <= value < 2**31):
        return None
    return "must be a string, a boolean or a whole number from -2147483648 to 2147483647."


def _repeated(members: tuple[Member, ...]) -> list[str]:
    return [name for name, times in Counter(name for name, _ in members).items() if times > 1]


def _shown(name: str) -> str:
    """A member name as a problem shows it: whole, unless it is absurdly long."""
    return name if len(name) <= 100 else name[:100] + "…"


def _is_text(value: str) -> bool:
    """CloudEvents §2.2, String: no control characters, noncharacters or lone surrogates."""
    # All of these are unprintable, and to ask for that first is ten times faster.
    return value.isprintable() or not _FORBIDDEN(value)


def _is_timestamp(value: str) -> bool:
    """RFC 3339 §5.6, with the calendar of §5.7: a second 60 only where a leap second can fall."""
    match = _TIMESTAMP(value)
    if not match:
        return False
    year, month, day, hour, minute, second = (int(part) for part in match.group(1, 2, 3, 4, 5, 6))
    leap_year = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if day > _DAYS[month - 1] or (month == 2 and day == 29 and not leap_year):
        return False
    if second < 60:
        return True
    sign, offset_hour, offset_minute = match.group(7, 8, 9)
    offset = 0 if sign is None else int(sign + "1") * (60 * int(offset_hour) + int(offset_minute))
    return (60 * hour + minute - offset) % 1440 == 1439


def _is_uri_reference(value: str) -> bool:
    """RFC 3986 §4.1, not empty (CloudEvents §3.1.1)."""
    match = _URI_REFERENCE(value)
    return bool(value and match and _has_good_host(match))


def _is_uri(value: str) -> bool:
    """RFC 3986 §3: a scheme is there; a fragment is tolerated."""
    match = _URI_REFERENCE(value)
    return bool(match and match["scheme"] and _has_good_host(match))


def _has_good_host(match: re.Match[str]) -> bool:
    if match["ipv6"] is None:
        return True
    try:
        IPv6Address(match["ipv6"])
    except ValueError:
        return False
    return True


def _is_base64(value: str) -> bool:
    """RFC 4648 §4: the alphabet and the padding, nothing between or after."""
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        return False
    return True


# Possessive quantifiers (`*+`) keep each pattern linear in the length of what it is given.

_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
).search
_FORBIDDEN_CHARACTERS = "must not contain control characters, noncharacters or lone surrogates."

_ATTRIBUTE_NAME = re.compile(r"[a-z0-9]+").fullmatch

_RESOURCE = re.compile(r"urn:[a-z0-9-]{1,30}(?::[a-z0-9()+,\-.;$_!/]{1,100}){1,10}").fullmatch

_TIMESTAMP = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.[0-9]++)?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
).fullmatch

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_TOKEN = r"[!#$%&'*+\-.^_`{|}~0-9A-Za-z]++"  # RFC 2045 §5.1
_QUOTED = r"\"(?:[\t !#-\[\]-~]|\\[\t -~])*+\""
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:[ \t]*+;[ \t]*+{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))*+").fullmatch

_UNRESERVED = r"A-Za-z0-9\-._~!$&'()*+,;="  # with the sub-delims
_ESCAPED = r"%[0-9A-Fa-f]{2}"
_PCHAR = rf"(?:[{_UNRESERVED}:@]|{_ESCAPED})"
_URI_REFERENCE = re.compile(
    rf"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+\-.]*+):|(?![^/?#]*:))"  # else the first segment has no colon (§4.2)
    rf"(?://(?:(?:[{_UNRESERVED}:]|{_ESCAPED})*@)?"
    rf"(?:\[(?:(?P<ipv6>[0-9A-Fa-f:.]++)|[vV][0-9A-Fa-f]++\.[{_UNRESERVED}:]++)\]|(?:[{_UNRESERVED}]|{_ESCAPED})*+)"
    rf"(?::[0-9]*+)?(?:/{_PCHAR}*+)*+"
    rf"|/?(?:{_PCHAR}++(?:/{_PCHAR}*+)*+)?)"
    rf"(?:\?(?:{_PCHAR}|[/?])*+)?(?:#(?:{_PCHAR}|[/?])*+)?"
).fullmatch

RULES: Mapping[str, Rule] = {
    "specversion": Rule('"1.0"', "1.0".__eq__),
    "id": Rule("a non-empty string", bool),
    "type": Rule("a non-empty string", bool),
    "source": Rule("a non-empty URI reference (RFC 3986), best an absolute URI", _is_uri_reference),
    "resource": Rule(
        "a URN: urn:, a namespace of 1 to 30 of a-z 0-9 -, then 1 to 10 parts, each a colon and"
        " 1 to 100 of a-z 0-9 ( ) + , - . ; $ _ ! /",
        _RESOURCE,
    ),
    "resourceinstance": Rule("a non-empty string", bool),
    "alternativesubject": Rule("a non-empty string", bool),
    "subject": Rule("a non-empty string", bool),
    "time": Rule("an RFC 3339 timestamp such as 2020-02-20T08:00:06Z", _is_timestamp),
    "datacontenttype": Rule("a media type such as application/json (RFC 2046)", _MEDIA_TYPE),
    "dataschema": Rule("an absolute URI (RFC 3986)", _is_uri),
    "data_base64": Rule("base64 with its padding (RFC 4648)", _is_base64),
}
"""The rules by attribute name; `data` may be any JSON value, and every other member is an extension."""
