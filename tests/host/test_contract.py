"""The HTTP contract, row by row, through the real host: request, answer, member named, messages on the queue."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from events_publish import content
from tests import rules
from tests.conftest import TRACE_ID, Host, MakeEvent, MakeToken, Publish, problem
from tests.headers import encoded
from tests.storage import Queue

STRUCTURED = {"Content-Type": content.STRUCTURED}
BATCH = {"Content-Type": content.BATCH}
JSON = {"Content-Type": "application/json"}

LEAST = b'"specversion":"1.0","id":"1","type":"t","source":"s","resource":"urn:a:b"'
EVENT = b"{" + LEAST + b"}"

BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t", "ce-source": "s", "ce-resource": "urn:a:b"}
ATTRIBUTES = {name.removeprefix("ce-"): value for name, value in BINARY.items()}

VALID = [rules.param(*row) for row in rules.VALID]
INVALID = [rules.param(*row) for row in rules.INVALID]


def binary(attribute: str, value: object) -> bool:
    """Whether a row of the rules can be sent in binary mode, where every value is a string in a header."""
    in_header = attribute not in ("data", "data_base64", "datacontenttype")
    return in_header and isinstance(value, str) and bool(re.fullmatch("[a-z0-9$_-]+", attribute))


@pytest.mark.parametrize(("attribute", "value"), VALID)
def test_a_valid_attribute(
    publish: Publish, queue: Queue, make_event: MakeEvent, attribute: str, value: object
) -> None:
    body = json.dumps({**make_event(), attribute: value}, indent=1).encode()
    assert publish.send(body, STRUCTURED).status_code == 200
    assert queue.take() == [body]


@pytest.mark.parametrize(("attribute", "value"), INVALID)
def test_an_invalid_attribute(
    publish: Publish, queue: Queue, make_event: MakeEvent, attribute: str, value: object
) -> None:
    body = json.dumps({**make_event(), attribute: value}).encode()
    details = problem(publish.send(body, STRUCTURED), 400, "invalid-event")
    assert details["errors"].keys() == {rules.named(attribute)}
    assert queue.take() == []


@pytest.mark.parametrize(("attribute", "value"), [row for row in VALID if binary(*row.values)])
def test_a_valid_attribute_in_binary_mode(publish: Publish, queue: Queue, attribute: str, value: str) -> None:
    assert publish.send(b"", {**BINARY, f"ce-{attribute}": encoded(value)}).status_code == 200
    assert [json.loads(message) for message in queue.take()] == [{**ATTRIBUTES, attribute: value}]


@pytest.mark.parametrize(("attribute", "value"), [row for row in INVALID if binary(*row.values)])
def test_an_invalid_attribute_in_binary_mode(publish: Publish, queue: Queue, attribute: str, value: str) -> None:
    response = publish.send(b"", {**BINARY, f"ce-{attribute}": encoded(value)})
    assert problem(response, 400, "invalid-event")["errors"].keys() == {rules.named(attribute)}
    assert queue.take() == []


def test_all_of_them_in_batches(publish: Publish, queue: Queue, make_event: MakeEvent) -> None:
    """Every valid row is taken, byte for byte; one with an invalid row is refused as a whole, and names them all."""
    valid = [json.dumps({**make_event(), attribute: value}).encode() for attribute, value in rules.VALID]
    assert publish.send(b" [ " + b" ,\n".join(valid) + b" ] ", BATCH).status_code == 200
    assert sorted(queue.take()) == sorted(valid)
    for first in range(0, len(rules.INVALID), 99):
        rows = rules.INVALID[first : first + 99]
        invalid = [json.dumps({**make_event(), attribute: value}).encode() for attribute, value in rows]
        details = problem(publish.send(b"[" + b",".join([*invalid, EVENT]) + b"]", BATCH), 400, "invalid-event")
        assert list(details["errors"]) == [
            f"[{index}].{rules.named(attribute)}" for index, (attribute, _) in enumerate(rows)
        ]
        assert queue.take() == []


@pytest.mark.parametrize(
    ("headers", "messages"),
    [
        pytest.param(STRUCTURED, [EVENT], id="structured"),
        pytest.param({"Content-Type": 'Application/CloudEvents+JSON ; charset="UTF-8"'}, [EVENT], id="by grammar"),
        pytest.param(JSON, [EVENT], id="application/json"),
        pytest.param({**STRUCTURED, **BINARY, "ce-id": "2"}, [EVENT], id="structured, whatever the ce- headers say"),
        pytest.param(
            {**JSON, **BINARY},
            [EVENT[:-1] + b',"datacontenttype":"application/json","data":' + EVENT + b"}"],
            id="application/json in binary mode",
        ),
        pytest.param({**STRUCTURED, "Content-Encoding": "Identity, identity"}, [EVENT], id="identity is no coding"),
        pytest.param({**STRUCTURED, "Content-Encoding": ""}, [EVENT], id="nor is an empty one"),
    ],
)
def test_a_mode_that_is_taken(
    publish: Publish, queue: Queue, headers: Mapping[str, str], messages: list[bytes]
) -> None:
    assert publish.send(EVENT, headers).status_code == 200
    assert queue.take() == messages


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Content-Type": "text/plain"}, id="another"),
        pytest.param({"Content-Type": "application/cloudevents"}, id="no format"),
        pytest.param({"Content-Type": "application/cloudevents+xml", **BINARY}, id="another format, with headers"),
        pytest.param({"Content-Type": "application/cloudevents+json x", **BINARY}, id="broken, with headers"),
        pytest.param({"Content-Type": "application/cloudevents+json, text/plain"}, id="two"),
        pytest.param({"Content-Type": "application/cloudevents+json; charset=latin1"}, id="charset"),
        pytest.param({"Content-Type": "application/cloudevents-batch+json; charset=latin1"}, id="charset of a batch"),
        pytest.param({"Content-Type": "application/json; charset=utf-16"}, id="charset of JSON"),
        pytest.param({"Content-Type": "application/x+json; charset=utf-16", **BINARY}, id="charset in binary mode"),
        pytest.param({**STRUCTURED, "Content-Encoding": "gzip"}, id="gzip"),
        pytest.param({**STRUCTURED, "Content-Encoding": "identity, gzip"}, id="gzip after identity"),
        pytest.param({"Content-Type": "image/png", "Content-Encoding": "br", **BINARY}, id="coding in binary mode"),
    ],
)
def test_a_content_type_that_is_not_taken(publish: Publish, queue: Queue, headers: Mapping[str, str]) -> None:
    response = publish.send(EVENT, headers)
    problem(response, 415, "unsupported-media-type")
    assert response.headers["accept-post"] == ", ".join(content.ACCEPTED)
    assert response.headers.get("accept-encoding") == ("identity" if "Content-Encoding" in headers else None)
    assert queue.take() == []


BODIES = [
    pytest.param(b"", id="empty"),
    pytest.param(b" ", id="blank"),
    pytest.param(b"{", id="cut off"),
    pytest.param(EVENT + b"x", id="trailing text"),
    pytest.param(b"\xef\xbb\xbf" + EVENT, id="byte-order mark"),
    pytest.param(b'{"data":NaN,' + LEAST + b"}", id="NaN"),
    pytest.param(b'{"data":[-Infinity],' + LEAST + b"}", id="Infinity"),
    pytest.param(b'{"data":"\xff",' + LEAST + b"}", id="not UTF-8"),
    pytest.param(EVENT.decode().encode("utf-16"), id="UTF-16"),
    pytest.param(b"[" * 40_000, id="deep"),
    pytest.param(b'{"data":[' + b"9" * 5000 + b",NaN]," + LEAST + b"}", id="long integer, then NaN"),
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("headers", [STRUCTURED, BATCH], ids=["structured", "batch"])
def test_a_body_that_is_not_json(publish: Publish, queue: Queue, headers: Mapping[str, str], body: bytes) -> None:
    assert problem(publish.send(body, headers), 400, "invalid-event")["errors"].keys() == {"$"}
    assert queue.take() == []


@pytest.mark.parametrize("body", BODIES[1:])
@pytest.mark.parametrize("media_type", ["application/json", "image/svg+json; a=b"])
def test_data_that_is_not_json(publish: Publish, queue: Queue, media_type: str, body: bytes) -> None:
    response = publish.send(body, {**BINARY, "Content-Type": media_type})
    assert problem(response, 400, "invalid-event")["errors"].keys() == {"data"}
    assert queue.take() == []


REPEATED = EVENT[:-1] + b',"i\\u0064":"2"}'
DEEP = b'{"data":{"a":1,"b":' + b"[" * 63 + b"]" * 63 + b"}," + LEAST + b"}"
SURROGATE = b'{"data":"\\ud800",' + LEAST + b"}"


@pytest.mark.parametrize(
    ("body", "member"),
    [
        pytest.param(b"[]", "$", id="an array"),
        pytest.param(b"null", "$", id="null"),
        pytest.param(DEEP, "$", id="65 levels"),
        pytest.param(SURROGATE, "$", id="lone surrogate"),
        pytest.param(REPEATED, "id", id="a member there twice"),
    ],
)
def test_json_that_is_no_event(publish: Publish, queue: Queue, body: bytes, member: str) -> None:
    assert problem(publish.send(body, STRUCTURED), 400, "invalid-event")["errors"].keys() == {member}
    inside = publish.send(b"[" + EVENT + b"," + body + b"]", BATCH)
    named = "[1]" if member == "$" else f"[1].{member}"
    assert problem(inside, 400, "invalid-event")["errors"].keys() == {named}
    assert queue.take() == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"data":' + b"[" * 63 + b"]" * 63 + b"," + LEAST + b"}", id="64 levels"),
        pytest.param(b'{"data":{"n":' + b"9" * 5000 + b',"e":1E+400,"f":1.50},' + LEAST + b"}", id="big numbers"),
        pytest.param(b'{"data":{"a":1,"a":2},' + LEAST + b"}", id="repeats in data"),
        pytest.param(b'{"data":"\\u0000\\ud83d\\ude00",' + LEAST + b"}", id="escapes in data"),
        pytest.param(b'\n{"data":null,' + LEAST + b" }\t", id="white space"),
    ],
)
def test_json_at_the_edge(publish: Publish, queue: Queue, body: bytes) -> None:
    assert publish.send(body, STRUCTURED).status_code == 200
    assert queue.take() == [body]
    assert publish.send(b"[" + body + b"," + EVENT + b"]", BATCH).status_code == 200
    assert sorted(queue.take()) == sorted([body.strip(), EVENT])


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        pytest.param(b"[]", [], id="empty"),
        pytest.param(b" [ ] ", [], id="empty, with white space"),
        pytest.param(b"[" + EVENT + b"]", [EVENT], id="one"),
        pytest.param(b"[" + EVENT + b"," + EVENT + b"]", [EVENT, EVENT], id="the same twice"),
        pytest.param(b"[" + b",".join([EVENT] * 100) + b"]", [EVENT] * 100, id="as many as are taken"),
    ],
)
def test_a_batch(publish: Publish, queue: Queue, body: bytes, messages: list[bytes]) -> None:
    assert publish.send(body, BATCH).status_code == 200
    assert queue.take() == messages


@pytest.mark.parametrize(
    ("body", "members"),
    [
        pytest.param(EVENT, {"$"}, id="an event"),
        pytest.param(b"[" + EVENT + b",]", {"$"}, id="comma at the end"),
        pytest.param(b"[" + EVENT + b" " + EVENT + b"]", {"$"}, id="no comma"),
        pytest.param(b"[" + EVENT + b"] []", {"$"}, id="two arrays"),
        pytest.param(b"[" + EVENT, {"$"}, id="not closed"),
        pytest.param(b"[" + EVENT + b",1,[],null]", {"[1]", "[2]", "[3]"}, id="elements that are no events"),
        pytest.param(
            b'[{"id":"1"}]', {f"[0].{name}" for name in ("specversion", "type", "source", "resource")}, id="missing"
        ),
    ],
)
def test_a_batch_that_is_none(publish: Publish, queue: Queue, body: bytes, members: set[str]) -> None:
    assert problem(publish.send(body, BATCH), 400, "invalid-event")["errors"].keys() == members
    assert queue.take() == []


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        pytest.param("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀", id="the example of the binding"),
        pytest.param("%e2%82%ac", "€", id="lower-case digits"),
        pytest.param("%41%2fb", "A/b", id="needlessly encoded"),
        pytest.param("a+b", "a+b", id="a plus is a plus"),
        pytest.param("%2541", "%41", id="decoded once"),
        pytest.param("a b", "a b", id="a bare space"),
        pytest.param('"a b"', "a b", id="quoted"),
        pytest.param(r'"a\"b\\c\d"', 'a"b\\cd', id="quoted, with escapes"),
        pytest.param('"%22"', '"', id="quoted and encoded"),
        pytest.param(r"a\b", r"a\b", id="a backslash outside quotes"),
    ],
)
def test_header_values(publish: Publish, queue: Queue, value: str, attribute: str) -> None:
    assert publish.send(b"", {**BINARY, "ce-subject": value}).status_code == 200
    assert [json.loads(message) for message in queue.take()] == [{**ATTRIBUTES, "subject": attribute}]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("%C0%A0", id="overlong"),
        pytest.param("%ED%A0%80", id="surrogate"),
        pytest.param("%E2%82", id="cut off"),
        pytest.param("%FF", id="not UTF-8"),
        pytest.param("100%", id="a bare percent sign"),
        pytest.param("%4", id="one digit"),
        pytest.param("%zz", id="no digits"),
        pytest.param("€", id="not ASCII"),
        pytest.param('"a', id="a quote that is not closed"),
        pytest.param('say "hi" now', id="quotes in its midst"),
        pytest.param('"a""b"', id="two quoted strings"),
        pytest.param('"a\\"', id="a quote whose end is escaped"),
        pytest.param("a\tb", id="a tab"),
        pytest.param("%0A", id="a control character"),
        pytest.param("%C2%85", id="a control character beyond ASCII"),
        pytest.param("%EF%BF%BF", id="a noncharacter"),
        pytest.param("", id="empty"),
        pytest.param('""', id="empty quotes"),
    ],
)
def test_header_values_that_are_not_taken(publish: Publish, queue: Queue, value: str) -> None:
    response = publish.send(b"", {**BINARY, "ce-subject": value})
    details = problem(response, 400, "invalid-event")
    assert details["errors"].keys() == {"subject"}
    assert len(details["errors"]["subject"]) == 1
    assert queue.take() == []


@pytest.mark.parametrize(
    ("content_type", "body", "members"),
    [
        pytest.param(None, b"", {}, id="nothing"),
        pytest.param("application/json", b"", {}, id="no body, no data"),
        pytest.param("application/json; charset=utf-8", b' {"a": 1.50} ', {"data": {"a": 1.5}}, id="JSON"),
        pytest.param("Application/Vnd.X+JSON", b"[1]", {"data": [1]}, id="a +json type"),
        pytest.param("application/json", b'"x"', {"data": "x"}, id="JSON string"),
        pytest.param("application/json", b"null", {"data": None}, id="JSON null"),
        pytest.param("text/plain", 'Å\x00\n"'.encode(), {"data": 'Å\x00\n"'}, id="text"),
        pytest.param("TEXT/XML; charset=UTF-8", "<å/>".encode(), {"data": "<å/>"}, id="text in UTF-8"),
        pytest.param("text/plain; charset=us-ascii", b"a", {"data": "a"}, id="text in US-ASCII"),
        pytest.param(
            "text/plain; charset=us-ascii", "å".encode(), {"data_base64": "w6U="}, id="text that is not US-ASCII"
        ),
        pytest.param("text/plain; charset=iso-8859-1", b"a", {"data_base64": "YQ=="}, id="text in another charset"),
        pytest.param("text/plain", b"\xe5", {"data_base64": "5Q=="}, id="text that is not UTF-8"),
        pytest.param("application/xml", b"<a/>", {"data_base64": "PGEvPg=="}, id="another type"),
        pytest.param("application/xjson", b"1", {"data_base64": "MQ=="}, id="a type that is not JSON"),
        pytest.param("text/plain; charset=utf8", b"a", {"data_base64": "YQ=="}, id="a charset that is none"),
        pytest.param("application/octet-stream", b"\x00\xff", {"data_base64": "AP8="}, id="bytes"),
        pytest.param(None, b'{"a": 1}', {"data": {"a": 1}}, id="no type, JSON"),
        pytest.param(None, b"a", {"data_base64": "YQ=="}, id="no type, not JSON"),
    ],
)
def test_data_in_binary_mode(
    publish: Publish, queue: Queue, content_type: str | None, body: bytes, members: dict[str, object]
) -> None:
    headers = BINARY if content_type is None else {**BINARY, "Content-Type": content_type}
    assert publish.send(body, headers).status_code == 200
    expected = ATTRIBUTES if content_type is None else {**ATTRIBUTES, "datacontenttype": content_type}
    assert [json.loads(message) for message in queue.take()] == [{**expected, **members}]


def test_depth_in_binary_mode(publish: Publish, queue: Queue) -> None:
    """It counts in the event as it lies on the queue, its own braces included."""
    assert publish.send(b"[" * 63 + b"]" * 63, {**BINARY, **JSON}).status_code == 200
    assert len(queue.take()) == 1
    response = publish.send(b"[" * 64 + b"]" * 64, {**BINARY, **JSON})
    assert problem(response, 400, "invalid-event")["errors"].keys() == {"data"}
    assert queue.take() == []


def test_the_size_in_binary_mode_is_that_of_its_json(publish: Publish, queue: Queue) -> None:
    details = problem(publish.send(b"\xff" * 36_900, BINARY), 413, "event-too-large")
    size = len(EVENT) + len(b',"data_base64":""') + 49_200
    assert details["errors"] == {"$": [f"has {size} bytes; at most 49152 are taken."]}
    assert queue.take() == []


def test_a_header_that_cannot_be_decoded_is_not_called_missing(publish: Publish) -> None:
    details = problem(publish.send(b"", {**BINARY, "ce-id": "100%"}), 400, "invalid-event")
    assert ["hexadecimal" in message for message in details["errors"]["id"]] == [True]


def test_an_answer_is_no_multiple_of_what_came(publish: Publish, queue: Queue) -> None:
    """However many faults there are, and however they are spread."""
    name = "A" * 100
    many = b"{" + b"".join(b'"%s%04d":0,' % (name.encode(), number) for number in range(440)) + LEAST + b"}"
    rows = [
        (b"[" + b",".join([many] * 100) + b"]", BATCH),
        (json.dumps({"😀" * 20 + str(number): 0 for number in range(400)}, ensure_ascii=False).encode(), STRUCTURED),
        (b"", {**BINARY, f"ce-{'x' * 20_000}": "%"}),
    ]
    for body, headers in rows:
        response = publish.send(body, headers)
        assert len(problem(response, 400, "invalid-event")["errors"]) <= 100
        assert len(response.content) < 30_000
    assert queue.take() == []


def test_json_data_in_binary_mode_is_kept_byte_for_byte(publish: Publish, queue: Queue) -> None:
    data = b' {"b":1.50E+400, "a":"\\u00e6","a":12345678901234567890123}\r\n'
    assert publish.send(data, {**BINARY, **JSON}).status_code == 200
    assert queue.take() == [EVENT[:-1] + b',"datacontenttype":"application/json","data":' + data + b"}"]


@pytest.mark.parametrize(
    ("headers", "members"),
    [
        pytest.param({"ce-id": "1"}, {"specversion", "type", "source", "resource"}, id="no specversion"),
        pytest.param(
            {**JSON, "ce-ext": "1"}, {"specversion", "id", "type", "source", "resource"}, id="only an extension"
        ),
        pytest.param({**BINARY, "ce-datacontenttype": "text/plain"}, {"datacontenttype"}, id="ce-datacontenttype"),
        pytest.param({**BINARY, "ce-data": "x"}, {"data"}, id="ce-data"),
        pytest.param({**BINARY, "ce-data_base64": "AQID"}, {"data_base64"}, id="ce-data_base64"),
        pytest.param({**BINARY, "ce-my-ext": "x"}, {"my-ext"}, id="a hyphen in a name"),
        pytest.param({**BINARY, "ce-": "x"}, {'""'}, id="no name"),
        pytest.param({**BINARY, "Content-Type": "nonsense"}, {"datacontenttype"}, id="Content-Type"),
        pytest.param({**BINARY, "Content-Type": "text/plain;"}, {"datacontenttype"}, id="Content-Type by RFC 2045"),
        pytest.param({**BINARY, "ce-id": "%", "ce-type": "", "ce-time": "now"}, {"id", "type", "time"}, id="several"),
    ],
)
def test_an_invalid_event_in_binary_mode(
    publish: Publish, queue: Queue, headers: Mapping[str, str], members: set[str]
) -> None:
    assert problem(publish.send(b"", headers), 400, "invalid-event")["errors"].keys() == members
    assert queue.take() == []


def filled(size: int) -> bytes:
    """An event of so many bytes."""
    return b'{"data":"' + b"x" * (size - len(EVENT) - len(b'"data":"",')) + b'",' + LEAST + b"}"


LARGEST = 49_152


@pytest.mark.parametrize(
    ("headers", "body", "kind", "members"),
    [
        pytest.param(STRUCTURED, filled(LARGEST + 1), "event-too-large", {"$"}, id="an event"),
        pytest.param(
            BATCH,
            b"[" + filled(LARGEST + 1) + b"," + EVENT + b"," + filled(LARGEST + 2) + b",1]",
            "event-too-large",
            {"[0]", "[2]"},
            id="events of a batch",
        ),
        pytest.param(BATCH, b"[" + b",".join([EVENT] * 101) + b"]", "batch-too-large", None, id="a batch"),
        pytest.param(BATCH, b" " * 5_242_881, "request-too-large", None, id="a request"),
        pytest.param(BINARY, b"\xff" * 36_900, "event-too-large", {"$"}, id="base64 of the data"),
        pytest.param(
            {**BINARY, "Content-Type": "text/plain"}, b'"' * 25_000, "event-too-large", {"$"}, id="escaped text"
        ),
    ],
)
def test_too_large(
    publish: Publish, queue: Queue, headers: Mapping[str, str], body: bytes, kind: str, members: set[str] | None
) -> None:
    details = problem(publish.send(body, headers), 413, kind)
    assert details.get("errors", {}).keys() == (members or set())
    assert any(limit in json.dumps(details) for limit in ("49152", "100 events", "5242880"))
    assert queue.take() == []


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(STRUCTURED, filled(LARGEST), id="an event"),
        pytest.param(BATCH, b"[" + b",".join([filled(LARGEST)] * 50) + b"]", id="a batch of them"),
        pytest.param(BINARY, b"\xff" * 36_750, id="data in binary mode"),
    ],
)
def test_as_large_as_may_be(publish: Publish, queue: Queue, headers: Mapping[str, str], body: bytes) -> None:
    assert publish.send(body, headers).status_code == 200
    assert len(queue.take()) == (50 if headers is BATCH else 1)


@pytest.mark.parametrize("headers", [STRUCTURED, BATCH, BINARY], ids=["structured", "batch", "binary"])
def test_a_chunked_body(
    client: httpx.Client, host: Host, make_token: MakeToken, queue: Queue, headers: Mapping[str, str]
) -> None:
    authorization = {"Authorization": f"Bearer {make_token()}"}
    response = client.post(host.events, content=iter([EVENT]), headers={**authorization, **headers})
    problem(response, 411, "length-required")
    assert queue.take() == []


def test_the_order_of_checks(client: httpx.Client, host: Host, make_token: MakeToken) -> None:
    """Method, token, scope, content type, size, JSON, envelope: each fault hides those after it."""
    too_large, not_json, invalid = b"{" * 6_000_000, b"{", b"{}"
    no_scope = {"Authorization": f"Bearer {make_token(scope='other')}"}
    good = {"Authorization": f"Bearer {make_token()}"}
    text = {"Content-Type": "text/plain"}
    rows: list[tuple[str, dict[str, str], bytes, int]] = [
        ("PUT", text, too_large, 405),
        ("POST", text, too_large, 401),
        ("POST", {**no_scope, **text}, too_large, 403),
        ("POST", {**good, **text}, too_large, 415),
        ("POST", {**good, **STRUCTURED}, too_large, 413),
        ("POST", {**good, **STRUCTURED}, not_json, 400),
        ("POST", {**good, **STRUCTURED}, invalid, 400),
    ]
    answers = [client.request(method, host.events, headers=headers, content=body) for method, headers, body, _ in rows]
    assert [answer.status_code for answer in answers] == [status for *_, status in rows]
    assert answers[-2].json()["errors"].keys() == {"$"}
    assert "id" in answers[-1].json()["errors"]


# What the HTTP parser of the local host lets through besides GET, HEAD and POST; CONNECT asks for no path.
METHODS = (  # noqa: SIM905  # shorter to read
    "PUT DELETE PATCH OPTIONS TRACE QUERY COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND"
    " REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE"
    " MKCALENDAR LINK UNLINK SOURCE"
).split()


@pytest.mark.parametrize("method", ["GET", "HEAD", *METHODS])
@pytest.mark.parametrize("path", ["events", "problems/invalid-event", "openapi.json"])
def test_method(client: httpx.Client, host: Host, path: str, method: str) -> None:
    """Refused before anything else, also without a token."""
    allowed = ["POST", "OPTIONS"] if path == "events" else ["GET", "HEAD"]
    response = client.request(method, f"{host.url}/events/api/v1/{path}")
    assert TRACE_ID.fullmatch(response.headers["trace-id"])
    if method in allowed:
        assert response.status_code == 200
    else:
        assert response.status_code == 405
        assert response.headers["allow"] == ", ".join(allowed)
        if method != "HEAD":
            problem(response, 405, "method-not-allowed")


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        pytest.param({}, {}, id="no handshake"),
        pytest.param(
            {"WebHook-Request-Origin": "eventgrid.azure.net"},
            {"webhook-allowed-origin": "eventgrid.azure.net", "webhook-allowed-rate": "*"},
            id="as Event Grid asks",
        ),
        pytest.param(
            {
                "WebHook-Request-Origin": "a.example",
                "WebHook-Request-Rate": "120",
                "WebHook-Request-Callback": "https://a.example/x",
            },
            {"webhook-allowed-origin": "a.example", "webhook-allowed-rate": "120"},
            id="with a rate",
        ),
        pytest.param(
            {"WebHook-Request-Origin": "a.example", "WebHook-Request-Rate": "many"},
            {"webhook-allowed-origin": "a.example", "webhook-allowed-rate": "*"},
            id="with a rate that is none",
        ),
        pytest.param({"WebHook-Request-Rate": "120"}, {}, id="a rate alone"),
        pytest.param({"WebHook-Request-Origin": ""}, {}, id="empty origin"),
        pytest.param({"WebHook-Request-Origin": "ø.example"}, {}, id="origin that is no name"),
        pytest.param({"WebHook-Request-Origin": "a b"}, {}, id="origin with a space"),
        pytest.param({"WebHook-Request-Origin": "a,b"}, {}, id="two origins"),
        pytest.param({"WebHook-Request-Origin": "*"}, {}, id="all origins"),
        pytest.param({"WebHook-Request-Origin": "a" * 256}, {}, id="a very long origin"),
        pytest.param(
            {"WebHook-Request-Origin": "a", "WebHook-Request-Rate": "0"},
            {"webhook-allowed-origin": "a", "webhook-allowed-rate": "*"},
            id="no requests per minute",
        ),
        pytest.param(
            {"WebHook-Request-Origin": "a", "WebHook-Request-Rate": "1" * 30_000},
            {"webhook-allowed-origin": "a", "webhook-allowed-rate": "*"},
            id="a very high rate",
        ),
    ],
)
def test_the_webhook_handshake(
    client: httpx.Client, host: Host, asked: dict[str, str], allowed: dict[str, str]
) -> None:
    headers = [(name.encode(), value.encode()) for name, value in asked.items()]
    response = client.options(host.events, headers=headers)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["allow"] == "POST, OPTIONS"
    assert {name: value for name, value in response.headers.items() if name.startswith("webhook-")} == allowed


def test_all_faults_at_once(publish: Publish, make_event: MakeEvent) -> None:
    """Each with what would be right and where that is written; nothing of what came."""
    secret = "16069412345"
    faulty: dict[str, Any] = make_event(
        id=None, source=f"{secret} ", time=secret, Ext=secret, ext=[secret], data=1, data_base64=secret
    )
    response = publish(faulty)
    details = problem(response, 400, "invalid-event")
    assert details["errors"].keys() == {"id", "source", "time", "Ext", "ext", "data_base64"}
    assert all("(CloudEvents" in text or "(RFC" in text for (text, *_) in details["errors"].values())
    assert secret not in response.text
