"""Binary content mode (CloudEvents HTTP binding §3.1): the attributes in ``ce-`` headers, the data in the body."""

import binascii
import contextlib
import json
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from events_publish import envelope, json_text, media_type
from events_publish.envelope import Event
from events_publish.json_text import NotJson
from events_publish.media_type import MediaType
from events_publish.problem import InvalidEvent

PREFIX = "ce-"

NOT_IN_A_HEADER = {
    "data": "is the body in binary mode; leave ce-data out (CloudEvents HTTP binding, section 3.1.2).",
    "data_base64": "is the body in binary mode; leave ce-data_base64 out (CloudEvents HTTP binding, section 3.1.2).",
    "datacontenttype": "is the Content-Type in binary mode; leave ce-datacontenttype out"
    " (CloudEvents HTTP binding, section 3.1.1).",
}
"""What is wrong with a header of that name."""


def event(headers: Mapping[str, str], content_type: MediaType, body: bytes) -> Event:
    """The event of a request in binary content mode; `headers` by lower-case name.

    Raises:
        InvalidEvent: it is not a valid event.
    """
    attributes, wrong = _attributes(headers)
    declared = headers.get("content-type", "").strip(" \t")
    if declared:
        attributes["datacontenttype"] = declared
    data: _Data | None = None
    try:
        data = _data(body, content_type, declared=bool(declared))
    except NotJson as error:
        wrong["data"] = str(error)
    members = {**attributes, data.name: data.value} if data else attributes
    faults = envelope.faults(tuple(members.items()))
    if wrong or faults:
        raise InvalidEvent({**faults, **{envelope.shown(name): [message] for name, message in wrong.items()}})
    return Event(attributes, _json(attributes, data))


def _attributes(headers: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """The attributes in the headers, and what is wrong with those that cannot be one."""
    attributes: dict[str, object] = {}
    wrong: dict[str, str] = {}
    for header, value in headers.items():
        if header.startswith(PREFIX):
            name = header.removeprefix(PREFIX)
            if name in NOT_IN_A_HEADER:
                wrong[name] = NOT_IN_A_HEADER[name]
                continue
            try:
                attributes[name] = _decode(value)
            except ValueError as error:
                wrong[name] = str(error)
    return attributes, wrong


def _decode(value: str) -> str:
    """A header value as the attribute that it stands for (CloudEvents HTTP binding §3.1.3.2).

    Raises:
        ValueError: it cannot be decoded; the message tells what it must be.
    """
    if not value.isascii():  # what a byte beyond ASCII means in a header is anybody's guess
        raise ValueError(f"must be printable ASCII, all else percent-encoded as UTF-8 {_BINDING}.")
    if '"' in value:
        quoted = _QUOTED_STRING(value)
        if not quoted:  # what an unquoted sender meant would be changed without a word
            raise ValueError(f"must be quoted as a whole where it has quotes, or have each as %22 {_BINDING}.")
        value = _ESCAPED(r"\1", quoted[1])
    if "%" not in value:
        return value
    if _BROKEN_ESCAPE(value):
        raise ValueError(f"must have two hexadecimal digits after each %, or write a percent sign as %25 {_BINDING}.")
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"must be UTF-8 once it is percent-decoded {_BINDING}.") from error


_BINDING = "(CloudEvents HTTP binding, section 3.1.3.2)"

_QUOTED_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)"').fullmatch  # RFC 9110 §5.6.4
_ESCAPED = re.compile(r"\\(.)").sub
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})").search


class _Data(NamedTuple):
    """The member that the body becomes, and its value as JSON."""

    name: str
    value: object
    json: bytes


def _data(body: bytes, content_type: MediaType, *, declared: bool) -> _Data | None:
    """The body as the event's data (CloudEvents JSON format §3.1); `declared`: a Content-Type came.

    Raises:
        NotJson: the media type is JSON and the body is not.
    """
    if not body:
        return None
    if media_type.is_json(content_type.essence):
        return _json_data(body)
    if not declared:  # JSON, as in the JSON format, and as SDKs send it
        with contextlib.suppress(NotJson):
            return _json_data(body)
    if content_type.essence.startswith("text/") and content_type.charset in (None, "utf-8", "us-ascii"):
        try:
            text = body.decode("ascii" if content_type.charset == "us-ascii" else "utf-8")
        except UnicodeDecodeError:
            pass  # not the text that it says it is: kept byte for byte
        else:
            return _Data("data", text, _to_json(text))
    encoded = binascii.b2a_base64(body, newline=False).decode()
    return _Data("data_base64", encoded, _to_json(encoded))


def _json_data(body: bytes) -> _Data:
    return _Data("data", json_text.parse(json_text.decode(body), max_depth=json_text.MAX_DEPTH - 1), body)


def _json(attributes: Mapping[str, object], data: _Data | None) -> bytes:
    """The event in the JSON format; data that came as JSON stays as it came."""
    event = _to_json(attributes)
    return event if data is None else event[:-1] + f',"{data.name}":'.encode() + data.json + b"}"


def _to_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
