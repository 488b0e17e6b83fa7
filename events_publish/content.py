"""What came: from the headers and the body of a request to its events.

Structured content mode (CloudEvents HTTP binding §3.2): the body is the event, and its bytes are what is queued.
"""

import json
import re
from collections.abc import Mapping

from events_publish import envelope
from events_publish.envelope import Event, Member
from events_publish.problem import EventTooLarge, InvalidEvent, LengthRequired, UnsupportedMediaType

ACCEPTED = ("application/cloudevents+json", "application/json")

MAX_DEPTH = 64
"""Levels of nesting, the event's own braces included: here System.Text.Json, which many consumers use, stops."""


def parse(headers: Mapping[str, str], body: bytes, *, max_event_bytes: int) -> tuple[Event, ...]:
    """The events of a request; `headers` by lower-case name.

    Raises:
        UnsupportedMediaType: the content type or coding is none that is taken.
        LengthRequired: a body was announced and did not come.
        EventTooLarge: the event has more than `max_event_bytes` bytes.
        InvalidEvent: the body is not JSON, or not a valid event.
    """
    _require_structured_json(headers)
    if not body and "transfer-encoding" in headers:
        raise LengthRequired
    if len(body) > max_event_bytes:
        raise EventTooLarge(len(body), max_event_bytes)
    members = _members(body)
    faults = envelope.faults(members)
    if faults:
        raise InvalidEvent(faults)
    return (Event({name: value for name, value in members if value is not None}, body),)


def _require_structured_json(headers: Mapping[str, str]) -> None:
    media_type, parameters = _media_type(headers.get("content-type", ""))
    if media_type not in ACCEPTED:
        raise UnsupportedMediaType("Send the event as application/cloudevents+json.", ACCEPTED)
    if media_type == "application/json" and any(name.startswith("ce-") for name in headers):
        raise UnsupportedMediaType(
            "Binary content mode (ce- headers) is not supported; send the event as application/cloudevents+json.",
            ACCEPTED,
        )
    if parameters.get("charset", "utf-8").lower() != "utf-8":
        raise UnsupportedMediaType("JSON is UTF-8 (RFC 8259); leave charset out, or set it to utf-8.", ACCEPTED)
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType(
            "Send the body without a Content-Encoding.", ACCEPTED, headers={"Accept-Encoding": "identity"}
        )


_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # RFC 9110 §5.6.2
_MEDIA_TYPE = re.compile(rf"[ \t]*+({_TOKEN}/{_TOKEN})")
_PARAMETER = re.compile(rf"[ \t]*+;[ \t]*+(?:({_TOKEN})=(?:({_TOKEN})|\"((?:[^\"\\]|\\.)*+)\"))?")


def _media_type(value: str) -> tuple[str, dict[str, str]]:
    """The media type in lower case, and its parameters (RFC 9110 §8.3.1); ("", {}) where the grammar is broken."""
    match = _MEDIA_TYPE.match(value)
    if not match:
        return "", {}
    media_type = match[1].lower()
    parameters: dict[str, str] = {}
    while parameter := _PARAMETER.match(value, match.end()):
        match = parameter
        if match[1]:
            quoted = re.sub(r"\\(.)", r"\1", match[3] or "")
            if parameters.setdefault(match[1].lower(), match[2] or quoted) != (match[2] or quoted):
                return "", {}  # one parameter with two values
    return ("", {}) if value[match.end() :].strip(" \t") else (media_type, parameters)


def _members(body: bytes) -> tuple[Member, ...]:
    """The members of the JSON object in `body`; its own are kept with repeats, so are those of the objects in it."""
    if not body:
        raise _not_an_event("is empty; it must be a CloudEvent in JSON.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _not_an_event(f"must be UTF-8; the byte at offset {error.start} is not.") from error
    if text[0] == "\ufeff":
        raise _not_an_event("must not begin with a byte-order mark (RFC 8259, section 8.1).")
    try:
        value = _decode(text)
    except json.JSONDecodeError as error:
        raise _not_an_event(f"must be JSON; at line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except _NotANumber as error:
        raise _not_an_event("must be JSON, which has no NaN and no Infinity.") from error
    except RecursionError as error:
        raise _too_deep() from error
    if not isinstance(value, tuple):
        raise _not_an_event("must be a JSON object: one CloudEvent.")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise _too_deep()
    if _ESCAPED_SURROGATE.search(body) and not _is_unicode(value):
        raise _not_an_event("must not contain lone surrogates; escape a character beyond U+FFFF as a pair.")
    return value


def _not_an_event(message: str) -> InvalidEvent:
    return InvalidEvent({"$": [message]})


def _too_deep() -> InvalidEvent:
    return _not_an_event(f"must not be nested deeper than {MAX_DEPTH} levels.")


class _NotANumber(ValueError):
    """NaN, Infinity or -Infinity, which Python's json takes and JSON does not know."""


def _refuse_constant(_: str) -> object:
    raise _NotANumber


def _integer(digits: str) -> int | float:
    """An integer of any length: int() stops at 4,300 digits, and nothing here needs the value of a long one."""
    return int(digits) if len(digits) <= 20 else float("inf")


# An object becomes the tuple of its members: repeats stay visible, at the speed of json's C scanner.
_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_constant=_refuse_constant)
_DECODER_OF_LONG_INTEGERS = json.JSONDecoder(
    object_pairs_hook=tuple, parse_constant=_refuse_constant, parse_int=_integer
)


def _decode(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except (json.JSONDecodeError, _NotANumber):
        raise
    except ValueError:  # int() met more digits than it takes
        return _DECODER_OF_LONG_INTEGERS.decode(text)


_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _is_unicode(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _depth(value: object) -> int:
    """How many objects and arrays lie in one another."""
    depth, level = 0, [value]
    while level := [part for part in level if isinstance(part, (tuple, list))]:
        depth += 1
        level = [
            part
            for container in level
            for part in (container if isinstance(container, list) else [value for _, value in container])
        ]
    return depth
