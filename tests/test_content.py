"""From headers and body to events."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events_publish import content
from events_publish.envelope import Event
from events_publish.problem import (
    EventTooLarge,
    InvalidEvent,
    LengthRequired,
    Problem,
    RequestTooLarge,
    UnsupportedMediaType,
)
from events_publish.settings import Limits
from tests.conftest import MakeEvent

HEADERS = {"content-type": "application/cloudevents+json"}
LEAST = b'"specversion":"1.0","id":"1","type":"t","source":"s","resource":"urn:a:b"'


def parse(body: bytes, headers: dict[str, str] | None = None, limit: int = 49_152) -> tuple[Event, ...]:
    return content.parse(HEADERS if headers is None else headers, body, Limits(limit, 100, 1_000_000))


def body_faults(body: bytes) -> list[str]:
    """The one message about the body as a whole."""
    with pytest.raises(InvalidEvent) as refused:
        parse(body)
    assert refused.value.errors is not None
    assert refused.value.errors.keys() == {"$"}
    return list(refused.value.errors["$"])


def test_the_bytes_that_came_are_the_event() -> None:
    body = b' {\n  "data": {"b": 1.50, "a": 1E400, "a": "\\u00e6"}, ' + LEAST + b' , "ext": null}\r\n'
    (event,) = parse(body)
    assert event.body is body
    assert event.attributes.keys() == {"specversion", "id", "type", "source", "resource"}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents+json",
        "Application/CloudEvents+JSON",
        "application/cloudevents+json; charset=utf-8",
        'application/cloudevents+json ; charset="UTF-8"; a="\\"b;c"',
        "application/cloudevents+json;charset=utf-8;charset=utf-8;",
        "application/json",
    ],
)
def test_content_types_that_are_taken(content_type: str) -> None:
    assert len(parse(b"{" + LEAST + b"}", {"content-type": content_type})) == 1


def test_the_identity_coding_is_none() -> None:
    assert parse(b"{" + LEAST + b"}", {**HEADERS, "content-encoding": " Identity"})


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"content-type": ""}, id="empty"),
        pytest.param({"content-type": "text/plain"}, id="another"),
        pytest.param({"content-type": "application/cloudevents"}, id="no format"),
        pytest.param({"content-type": "application/cloudevents+xml"}, id="another format"),
        pytest.param({"content-type": "application/cloudevents+json,text/plain"}, id="two"),
        pytest.param({"content-type": "application/cloudevents+json charset=utf-8"}, id="no semicolon"),
        pytest.param({"content-type": "application/cloudevents+json; charset=latin1"}, id="charset"),
        pytest.param({"content-type": "application/json; charset=utf-8; charset=latin1"}, id="two charsets"),
        pytest.param({**HEADERS, "content-encoding": "gzip"}, id="gzip"),
    ],
)
def test_content_types_that_are_not(headers: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMediaType) as refused:
        parse(b"{" + LEAST + b"}", headers)
    assert refused.value.headers["Accept-Post"] == ", ".join(content.ACCEPTED)
    assert ("Accept-Encoding" in refused.value.headers) == ("content-encoding" in headers)


def test_a_body_that_was_announced_and_did_not_come() -> None:
    with pytest.raises(LengthRequired):
        parse(b"", {**HEADERS, "transfer-encoding": "chunked"})


def test_the_size_of_a_request() -> None:
    body = b"[" + b" " * 100 + b"]"
    assert content.parse({"content-type": content.BATCH}, body, Limits(10, 1, len(body))) == ()
    with pytest.raises(RequestTooLarge, match=f"has {len(body)} bytes; a request may have at most {len(body) - 1}"):
        content.parse({"content-type": content.BATCH}, body, Limits(10, 1, len(body) - 1))


def test_size() -> None:
    body = b"{" + LEAST + b"}"
    assert parse(body, limit=len(body))
    with pytest.raises(EventTooLarge) as refused:
        parse(body, limit=len(body) - 1)
    assert refused.value.errors == {"$": [f"has {len(body)} bytes; at most {len(body) - 1} are taken."]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b" ", "must be JSON (RFC 8259); at line 1, column 2", id="blank"),
        pytest.param(b"\xef\xbb\xbf{}", "byte-order mark", id="BOM"),
        pytest.param(b"{\n  ]", "must be JSON (RFC 8259); at line 2, column 3", id="not JSON"),
        pytest.param(b"{} {}", "must be JSON (RFC 8259); at line 1, column 4", id="trailing text"),
        pytest.param(b'{"a": "\n"}', "must be JSON", id="control character"),
        pytest.param(b"{'a': 1}", "must be JSON", id="single quotes"),
        pytest.param(b'{"a": 1,}', "must be JSON", id="trailing comma"),
        pytest.param(b'{"a": 01}', "must be JSON", id="leading zero"),
        pytest.param(b'{"data": NaN}', "no NaN", id="NaN"),
        pytest.param(b'{"data": [-Infinity]}', "no NaN", id="Infinity"),
        pytest.param(b'{"a": ' + b"1" * 5000 + b", NaN", "must be JSON", id="long integer, then not JSON"),
        pytest.param(b'{"a": "\xff"}', "must be UTF-8 (RFC 8259, section 8.1); the byte at offset 7", id="not UTF-8"),
        pytest.param(b'{"a": "\xed\xa0\x80"}', "must be UTF-8", id="surrogate in UTF-8"),
        pytest.param('{"a": 1}'.encode("utf-16"), "must be UTF-8", id="UTF-16"),
        pytest.param(b'{"data": "\\ud800"}', "lone surrogates", id="lone high surrogate"),
        pytest.param(b'{"data": {"\\uDFFF": 1}}', "lone surrogates", id="lone low surrogate in a name"),
        pytest.param(b'{"data": "\\ude00\\ud83d"}', "lone surrogates", id="pair the wrong way round"),
        pytest.param(b"[" * 40_000, "deeper than 64", id="too deep to parse"),
        pytest.param(b"null", "must be a JSON object", id="null"),
        pytest.param(b"[]", "must be a JSON object", id="array"),
        pytest.param(b'"a"', "must be a JSON object", id="string"),
    ],
)
def test_bodies_that_are_no_event(body: bytes, message: str) -> None:
    (fault,) = body_faults(body)
    assert message in fault


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth(opening: bytes, closing: bytes) -> None:
    """64 levels are taken, the event's own braces included; 65 are not; brackets in strings and beside do not count."""

    def event(levels: int) -> bytes:
        data = opening * levels + b"1" + closing * levels
        return b'{"data":[' + b"{}," * 100 + b'"[[[[",' + data + b"]," + LEAST + b"}"

    assert parse(event(62))
    assert "deeper than 64" in body_faults(event(63))[0]
    exactly = b'{"data":' + opening * 64 + b"1" + closing * 64 + b"," + LEAST + b"}"
    assert "deeper than 64" in body_faults(exactly)[0]


@pytest.mark.parametrize(
    "data",
    [
        b"1" * 10_000,
        b"-" + b"1" * 10_000,
        b"1e99999",
        b"0.1234567890123456789012345678901234567890",
        b'"\\ud83d\\ude00"',
        b'"\\\\ud800"',
        b'{"a": 1, "a": 2}',
        b'"\\u0000"',
        b'"\xf0\x9f\x98\x80"',
    ],
)
def test_inside_data_json_rules(data: bytes) -> None:
    assert parse(b'{"data":' + data + b"," + LEAST + b"}")


@pytest.mark.parametrize("value", [b"1" * 5000, b"12345678901234567890", b"2147483648", b"1.0", b"1e2", b"-1e400"])
def test_an_extension_is_a_32_bit_integer(value: bytes) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse(b'{"ext":' + value + b"," + LEAST + b"}")
    assert refused.value.errors is not None
    assert refused.value.errors.keys() == {"ext"}


def test_a_long_integer_in_data_does_not_spoil_an_extension() -> None:
    assert parse(b'{"ext":7,"data":' + b"1" * 5000 + b"," + LEAST + b"}")


@pytest.mark.parametrize("name", [b'"id"', b'"i\\u0064"'])
def test_members_are_repeated_also_when_they_are_spelt_with_escapes(name: bytes) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse(b"{" + name + b':"2",' + LEAST + b"}")
    assert refused.value.errors is not None
    assert refused.value.errors.keys() == {"id"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
EXTENSIONS = st.dictionaries(
    st.from_regex(r"x[a-z0-9]{0,20}", fullmatch=True),
    st.booleans() | st.integers(-(2**31), 2**31 - 1) | st.text(st.characters(categories=["L", "N", "P", "S"])),
    max_size=3,
)


@pytest.mark.property
@given(data=JSON, extensions=EXTENSIONS, ascii_only=st.booleans(), indent=st.none() | st.integers(0, 2))
def test_any_valid_event_is_taken(data: Any, extensions: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    event = {**json.loads(b"{" + LEAST + b"}"), **extensions, "data": data}
    body = json.dumps(event, ensure_ascii=ascii_only, indent=indent).encode()
    assert [event.body for event in parse(body)] == [body]


@pytest.mark.property
@given(st.binary() | st.builds(lambda text: b"{" + LEAST + b"," + text + b"}", st.binary()))
def test_no_body_breaks_it(body: bytes) -> None:
    """Whatever comes, the answer is an event or a problem."""
    try:
        parse(body)
    except Problem as refused:
        assert refused.status == 400


@pytest.mark.property
@given(JSON)
def test_no_json_breaks_it(value: Any) -> None:
    try:
        parse(json.dumps(value).encode())
    except Problem as refused:
        assert refused.status in (400, 413)


@pytest.mark.property
@given(st.text(), st.sampled_from(["content-type", "content-encoding"]))
def test_no_header_breaks_it(value: str, name: str) -> None:
    with contextlib.suppress(UnsupportedMediaType):
        parse(b"{" + LEAST + b"}", {**HEADERS, name: value})


def test_a_problem_is_json_with_every_fault(make_event: MakeEvent) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse(json.dumps(make_event(id=None, time="now")).encode())
    assert json.loads(refused.value.body("0" * 32)) == {
        "type": "/events/api/v1/problems/invalid-event",
        "title": "The event is not valid",
        "status": 400,
        "detail": "2 members are at fault; errors says what is wrong.",
        "traceId": "0" * 32,
        "errors": {
            "id": ["is required and missing (CloudEvents 1.0.2, Required Attributes)."],
            "time": ["must be a timestamp with Z or an offset, such as 2020-02-20T08:00:06Z (RFC 3339, section 5.6)."],
        },
    }
