"""The rules of an event's members: CloudEvents 1.0.2 in JSON, and Altinn's own attributes.

They are what is judged by, and what OpenAPI and the pages of problems tell.
"""

import binascii
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Source(NamedTuple):
    """Where a rule is written."""

    name: str
    url: str


class Rule(NamedTuple):
    """What the value of an attribute must be: in words, as a test of a string, and as JSON Schema has it."""

    must_be: str
    source: Source
    holds: Callable[[str], object]
    pattern: str | None = None
    """The same as a regular expression of the whole string."""
    format: str | None = None
    """A format of JSON Schema (Validation, section 7.3)."""


def is_text(value: str) -> bool:
    """CloudEvents §2.2, String: no control characters and no noncharacters (JSON text has no lone surrogates)."""
    # All of these are unprintable, and to ask for that first is ten times faster.
    return value.isprintable() or not _FORBIDDEN(value)


def _is_timestamp(value: str) -> bool:
    """RFC 3339 §5.6, with the calendar of §5.7: a second 60 only at the end of a month in UTC."""
    match = _TIMESTAMP(value)
    if not match:
        return False
    year, month, day, hour, minute, second = (int(part) for part in match.group(1, 2, 3, 4, 5, 6))
    leap_year = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    last_day = 29 if month == 2 and leap_year else _LAST_DAY[month - 1]
    if day > last_day or second < 60:
        return day <= last_day
    sign, offset_hour, offset_minute = match.group(7, 8, 9)
    offset = 0 if sign is None else int(sign + "1") * (60 * int(offset_hour) + int(offset_minute))
    minute_in_utc = 60 * hour + minute - offset
    return (minute_in_utc == 1439 and day == last_day) or (minute_in_utc == -1 and day == 1)


def _is_base64(value: str) -> bool:
    """As `_BASE64` has it, far faster."""
    try:
        return binascii.b2a_base64(binascii.a2b_base64(value, strict_mode=True), newline=False) == value.encode()
    except ValueError:
        return False


def _pattern(must_be: str, source: Source, pattern: str, json_schema_format: str | None = None) -> Rule:
    """A rule that is a regular expression and nothing else."""
    return Rule(must_be, source, re.compile(pattern).fullmatch, pattern, json_schema_format)


def _text(source: Source) -> Rule:
    return Rule("a non-empty string", source, bool, TEXT + "+")


def _cloudevents(heading: str, name: str) -> Source:
    return Source(
        f"CloudEvents 1.0.2, {name}", f"https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/{heading}"
    )


def _rfc(number: int, section: str) -> Source:
    return Source(f"RFC {number}, section {section}", f"https://www.rfc-editor.org/rfc/rfc{number}#section-{section}")


NAMES_SOURCE = _cloudevents("spec.md#naming-conventions", "Naming Conventions")
TYPES_SOURCE = _cloudevents("spec.md#type-system", "Type System")
DATA_SOURCE = _cloudevents("formats/json-format.md#31-handling-of-data", "JSON format, section 3.1")
JSON_SOURCE = _rfc(8259, "8")
JSON_OBJECT_SOURCE = _rfc(8259, "4")
_REQUIRED = _cloudevents("spec.md#required-attributes", "Required Attributes")
_ALTINN = Source("Altinn Events", "https://github.com/Altinn/altinn-events")

# Possessive quantifiers (`*+`) keep each pattern linear in the length of what it is given; a plus sign that is meant
# as one is escaped, so that they can be told apart. Without them the patterns are those of JSON Schema, too.

# Escapes where every dialect has the same, else the characters themselves.
_FORBIDDEN_CLASS = r"\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(1, 17)
)
_FORBIDDEN = re.compile(f"[{_FORBIDDEN_CLASS}]").search
TEXT = f"[^{_FORBIDDEN_CLASS}]"
"""The characters of any attribute that is a string."""

INTEGERS = range(-(2**31), 2**31)
EXTENSION_MUST_BE = f"a string, a boolean or a whole number from {INTEGERS.start} to {INTEGERS.stop - 1}"

ATTRIBUTE_NAME = "[a-z0-9]+"
is_attribute_name = re.compile(ATTRIBUTE_NAME).fullmatch

_RESOURCE = r"urn:[a-z0-9-]{1,30}(?::[a-z0-9()\+,\-.;$_!/]{1,100}){1,10}"

_TIMESTAMP = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.[0-9]++)?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
).fullmatch

_LAST_DAY = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_TOKEN = r"[!#$%&'*\+\-.^_`{|}~0-9A-Za-z]++"  # RFC 2045 §5.1
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*+"'  # without the tab, which no attribute may have
_MEDIA_TYPE = rf"{_TOKEN}/{_TOKEN}(?: *+; *+{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))*+"

_BASE64 = (  # the bits that are left over are zero (RFC 4648 §3.5), or not every reader takes it
    r"(?:[A-Za-z0-9\+/]{4})*+(?:[A-Za-z0-9\+/][AQgw]==|[A-Za-z0-9\+/]{2}[AEIMQUYcgkosw048]=)?"
)

# RFC 3986, appendix A.
_UNRESERVED = r"A-Za-z0-9\-._~!$&'()*\+,;="  # with the sub-delims
_ESCAPED = r"%[0-9A-Fa-f]{2}"
_PCHAR = rf"(?:[{_UNRESERVED}:@]|{_ESCAPED})"
_SEGMENTS = rf"(?:/{_PCHAR}*+)*+"
_H16 = "[0-9A-Fa-f]{1,4}"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LS32 = rf"(?:{_H16}:{_H16}|{_OCTET}(?:\.{_OCTET}){{3}})"
_IPV6 = "|".join(
    [f"(?:{_H16}:){{6}}{_LS32}"]
    + [f"(?:(?:{_H16}:){{0,{before}}}{_H16})?::(?:{_H16}:){{{4 - before}}}{_LS32}" for before in range(5)]
    + [f"::(?:{_H16}:){{5}}{_LS32}", f"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}", f"(?:(?:{_H16}:){{0,6}}{_H16})?::"]
)
_IP_LITERAL = rf"\[(?:{_IPV6}|[vV][0-9A-Fa-f]++\.[{_UNRESERVED}:]++)\]"
_AUTHORITY = rf"//(?:(?:[{_UNRESERVED}:]|{_ESCAPED})*@)?(?:{_IP_LITERAL}|(?:[{_UNRESERVED}]|{_ESCAPED})*+)(?::[0-9]*+)?"
_ROOTED = rf"{_AUTHORITY}{_SEGMENTS}|/(?:{_PCHAR}++{_SEGMENTS})?"
_QUERY = rf"\?(?:{_PCHAR}|[/?])*+"
_FRAGMENT = rf"#(?:{_PCHAR}|[/?])*+"
_URI = rf"[A-Za-z][A-Za-z0-9\+\-.]*+:(?:{_ROOTED}|{_PCHAR}++{_SEGMENTS})?(?:{_QUERY})?(?:{_FRAGMENT})?"
_FIRST_SEGMENT = rf"(?:[{_UNRESERVED}@]|{_ESCAPED})++"  # no colon, or it would be a scheme
_RELATIVE = (
    rf"(?:{_ROOTED}|{_FIRST_SEGMENT}{_SEGMENTS})(?:{_QUERY})?(?:{_FRAGMENT})?|{_QUERY}(?:{_FRAGMENT})?|{_FRAGMENT}"
)

REQUIRED: Mapping[str, Source] = {
    "specversion": _REQUIRED,
    "id": _REQUIRED,
    "type": _REQUIRED,
    "source": _REQUIRED,
    "resource": _ALTINN,
}
"""The attributes that every event has, and where that is written."""

ATTRIBUTES: Mapping[str, Rule] = {
    "specversion": _pattern('"1.0"', _cloudevents("spec.md#specversion", "specversion"), r"1\.0"),
    "id": _text(_cloudevents("spec.md#id", "id")),
    "type": _text(_cloudevents("spec.md#type", "type")),
    "source": _pattern(
        "a URI reference such as https://example.no/a, in which a space is %20 and a letter such as å is %C3%A5",
        _rfc(3986, "4.1"),
        f"{_URI}|{_RELATIVE}",
        "uri-reference",
    ),
    "resource": _pattern(
        "a URN such as urn:altinn:resource:dodsbo.domstoladmin.api: urn:, a namespace of 1 to 30 of a-z 0-9 -, then 1"
        " to 10 parts, each a colon and 1 to 100 of a-z 0-9 ( ) + , - . ; $ _ ! /",
        _ALTINN,
        _RESOURCE,
    ),
    "resourceinstance": _text(_ALTINN),
    "alternativesubject": _text(_ALTINN),
    "subject": _text(_cloudevents("spec.md#subject", "subject")),
    "time": Rule(
        "a timestamp with Z or an offset, such as 2020-02-20T08:00:06Z",
        _rfc(3339, "5.6"),
        _is_timestamp,
        format="date-time",
    ),
    "datacontenttype": _pattern("a media type such as application/json", _rfc(2045, "5.1"), _MEDIA_TYPE),
    "dataschema": _pattern("an absolute URI", _rfc(3986, "3"), _URI, "uri"),
    "data_base64": Rule("base64 with its padding", _rfc(4648, "4"), _is_base64, _BASE64),
}
"""The rules by attribute name; `data` may be any JSON value, and every other member is an extension."""
