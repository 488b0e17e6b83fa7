"""The same messages to the endpoint and to the readers of the SDKs: where they part, and why we are where we are.

docs/sdks.md shows `ROWS` as a table; `table()` makes it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from local import ROOT
from tests.clients import sdks
from tests.clients.events import Event, as_dotnet_reads
from tests.clients.sdks import STRUCTURED, Message, Reading
from tests.conftest import Publish
from tests.headers import canonical
from tests.storage import Queue

BASE: Event = {
    "specversion": "1.0",
    "id": "1",
    "type": "t",
    "source": "/s",
    "resource": "urn:altinn:resource:a",
    "time": "2020-02-20T08:00:06Z",
}

GONE, NOW, NEW = "(gone)", "(now)", "(new)"
"""What a reader may make of a member: drop it, set it to the time of reading, or invent a value."""


class Input(NamedTuple):
    """What is sent, and the event that it means to whoever reads it to the letter."""

    message: Message
    meant: Event


class Verdict(NamedTuple):
    """What a reader does; `changes` are the members that it reads as something else than is meant."""

    reads: bool
    changes: Event

    def __str__(self) -> str:
        return "reads" + "".join(_told(*change) for change in self.changes.items()) if self.reads else "refuses"


def _told(name: str, value: Any) -> str:
    if value in (GONE, NOW, NEW):
        return {GONE: f", drops `{name}`", NOW: f", sets `{name}` to now", NEW: f", makes up `{name}`"}[value]
    return f", `{name}` as `{json.dumps(value, ensure_ascii=False)}`"


class Row(NamedTuple):
    """An input, and what becomes of it: a status (and the members at fault) here, a verdict from each reader."""

    name: str
    given: Input
    ours: str
    python: Verdict
    javascript: Verdict
    dotnet: Verdict | None
    why: str

    def __str__(self) -> str:
        ours = re.sub(r"[^ ,]*[^ ,\d][^ ,]*", r"`\g<0>`", self.ours)
        cells = [self.name, ours, self.python, self.javascript, self.dotnet or "–", self.why]
        return "| " + " | ".join(map(str, cells)) + " |"


def event(**changes: Any) -> Input:
    """`BASE` with changes, in structured mode; ... leaves a member out."""
    meant = {name: value for name, value in {**BASE, **changes}.items() if value is not ...}
    return Input(Message(STRUCTURED, json.dumps(meant).encode()), meant)


def written(members: str | bytes, **meant: Any) -> Input:
    """`BASE` and, as they are written here, more members, in structured mode."""
    more = members if isinstance(members, bytes) else members.encode()
    return Input(Message(STRUCTURED, json.dumps(BASE).encode()[:-1] + b"," + more + b"}"), BASE | meant)


def typed(content_type: str, **headers: str) -> Input:
    """`BASE` as JSON, with another content type."""
    return Input(Message({"content-type": content_type, **_with_hyphens(headers)}, json.dumps(BASE).encode()), BASE)


def binary(meant: Event, content_type: str | None = None, body: bytes = b"", **headers: str) -> Input:
    """`BASE` in binary mode, with changes of headers; `meant` is what they mean."""
    sent = {f"ce-{name}": value for name, value in BASE.items()} | _with_hyphens(headers)
    declared = {} if content_type is None else {"content-type": content_type}
    type_of_data = {} if content_type is None else {"datacontenttype": content_type}
    return Input(Message(sent | declared, body), BASE | type_of_data | meant)


def _with_hyphens(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def reads(**changes: Any) -> Verdict:
    return Verdict(reads=True, changes=changes)


READS = reads()
REFUSES = Verdict(reads=False, changes={})

# fmt: off
ROWS: list[Row] = [
    # JSON
    Row("a member twice", written('"id": "2"'), "400 id", reads(id="2"), reads(id="2"), reads(id="2"),
        "these readers take the last, others the first"),
    Row("a member twice, once escaped", written(r'"i\u0064": "2"'), "400 id", reads(id="2"), reads(id="2"),
        reads(id="2"), "the same name, by JSON's rules"),
    Row("a member twice, then `null`", written('"id": null'), "400 id", REFUSES, reads(id=NEW), READS,
        "three readers, three meanings"),
    Row("a member of `data` twice", written('"data": {"a": 1, "a": 2}', data={"a": 2}), "200", READS, READS, READS,
        "the data are the publisher's own"),
    Row("`ID` beside `id`", event(ID="2"), "400 ID", REFUSES, READS, REFUSES, "names are lower-case"),
    Row("a byte-order mark", Input(Message(STRUCTURED, b"\xef\xbb\xbf" + json.dumps(BASE).encode()), BASE), "400 $",
        REFUSES, REFUSES, READS, "RFC 8259 forbids it, and two of three readers stop at it"),
    Row("`NaN`", written('"data": NaN', data=float("nan")), "400 $", READS, REFUSES, REFUSES, "it is not JSON"),
    Row("a lone surrogate in `data`", written(r'"data": "\ud800"', data="\ud800"), "400 $", READS, READS, REFUSES,
        "it is no character; .NET cannot hold it"),
    Row("a lone surrogate in a name within `data`", written(r'"data": {"\ud800": 1}', data={"\ud800": 1}), "400 $",
        READS, READS, READS, "no character there either"),
    Row("bytes that are not UTF-8", written(b'"ext": "\xff"'), "400 $", REFUSES, reads(ext="\ufffd"), REFUSES,
        "JSON is UTF-8; to replace a byte is to change the event"),
    Row("64 levels of nesting", written(f'"data": {nested(63)}', data=json.loads(nested(63))), "200",
        READS, READS, READS, "the event's own braces are one of them"),
    Row("65 levels of nesting", written(f'"data": {nested(64)}', data=json.loads(nested(64))), "400 $",
        READS, READS, REFUSES, ".NET's JSON reader stops at 64, and with it most consumers here"),
    # numbers and other data
    Row("an integer beyond 2^53 in `data`", event(data=9007199254740993), "200", READS, reads(data=9007199254740992),
        READS, "it is JSON, and goes on as it came; what a consumer can hold is its own limit"),
    Row("`data` that is `false`", event(data=False), "200", READS, reads(data=GONE), READS, "any JSON value is data"),
    Row("`data` beside `data_base64`", event(data=1, data_base64="AQI="), "400 data_base64", REFUSES,
        reads(data_base64="AQI=", data=GONE), REFUSES, "the JSON format has them exclude each other"),
    Row("`data_base64` with a line break", event(data_base64="AQ\nI="), "400 data_base64", reads(data_base64="AQI="),
        reads(data_base64="AQI="), reads(data_base64="AQI="), "RFC 4648 forbids it where nothing else is said"),
    Row("`data_base64` that is no base64", event(data_base64="?"), "400 data_base64", reads(data_base64=""),
        reads(data_base64=""), REFUSES, "to drop what is no base64 is to lose data"),
    Row("`data_base64` whose last bits are not zero", event(data_base64="AR=="), "400 data_base64",
        reads(data_base64="AQ=="), reads(data_base64="AQ=="), REFUSES, "RFC 4648 leaves it to the reader"),
    Row("an object as `text/plain`", event(datacontenttype="text/plain", data={"a": 1}), "400 data", READS, READS, REFUSES,
        "the JSON format wants a string here, and leaves it to the reader"),
    Row("an object as `Application/JSON`", event(datacontenttype="Application/JSON", data={"a": 1}), "200", READS,
        READS, REFUSES, "case means nothing in a media type"),
    Row("a parameter of `datacontenttype` twice", event(datacontenttype="text/plain; a=b; a=c", data="a"), "200",
        READS, READS, REFUSES, "RFC 2045 does not forbid it"),
    # attributes
    Row("no `id`", event(id=...), "400 id", reads(id=NEW), reads(id=NEW), REFUSES,
        "required; an id made up by the consumer is another at each reading"),
    Row("`specversion` 0.3", event(specversion="0.3"), "400 specversion", READS, READS, REFUSES,
        "another version, with other attributes"),
    Row("`specversion` 1.0.2", event(specversion="1.0.2"), "400 specversion", REFUSES, READS, REFUSES,
        "events of 1.0.2 say 1.0"),
    Row("an empty `subject`", event(subject=""), "400 subject", REFUSES, reads(subject=GONE), REFUSES,
        "it is there and says nothing; leave it out"),
    Row("a `subject` that is `null`", event(subject=None), "200", REFUSES, READS, READS,
        "the JSON format has it count as absent"),
    Row("a control character in an attribute", event(subject="a\nb"), "400 subject", READS, READS, REFUSES,
        "CloudEvents forbids it"),
    Row("a relative `source`", event(source="../a?b#c"), "200", READS, READS, READS, "it is a URI reference"),
    Row("a space in `source`", event(source="/a b"), "400 source", READS, READS, READS, "it is no URI reference"),
    Row("a `source` of one letter before a colon", event(source="a:b"), "200", READS, READS, REFUSES,
        "it is a URI; .NET takes it for a path on a disk"),
    # extensions
    Row("capitals in an extension's name", event(partitionKey="a"), "400 partitionKey", REFUSES, READS, REFUSES,
        "names are lower-case letters and digits"),
    Row("an object as extension", event(ext={"a": 1}), "400 ext", READS, READS, REFUSES,
        "CloudEvents has no such type"),
    Row("`1.0` as extension", written('"ext": 1.0', ext=1.0), "400 ext", READS, reads(ext=1), REFUSES,
        "an integer is written without a fraction"),
    Row("2^31 as extension", event(ext=2**31), "400 ext", READS, READS, REFUSES, "CloudEvents integers have 32 bits"),
    Row("`schemaurl` as extension", event(schemaurl="/a"), "200", READS, REFUSES, READS,
        "in 1.0 a name like any other; JavaScript still has it for 0.3"),
    Row("`datacontentencoding` as extension", event(datacontentencoding="base64", data="AQI="), "200", READS,
        reads(datacontentencoding=GONE, data=GONE, data_base64="AQI="), READS, "likewise"),
    # time
    Row("no `time`", event(time=...), "200", reads(time=NOW), reads(time=NOW), READS,
        "optional; Python and JavaScript say when they read it instead"),
    Row("a lower-case `t` in `time`", event(time="2020-02-20t08:00:06Z"), "200", READS, READS, REFUSES,
        "RFC 3339 allows it"),
    Row("a leap second", event(time="2016-12-31T23:59:60Z"), "200", REFUSES, reads(time=NOW), REFUSES,
        "RFC 3339 allows it"),
    Row("ten digits of a second", event(time="2020-02-20T08:00:06.0123456789Z"), "200",
        reads(time="2020-02-20T08:00:06.012345Z"), reads(time="2020-02-20T08:00:06.123Z"),
        reads(time="2020-02-20T08:00:06.0123456Z"), "RFC 3339 allows any number; V8 misreads ten that begin with 0"),
    Row("a space for the `T` in `time`", event(time="2020-02-20 08:00:06Z"), "400 time",
        reads(time="2020-02-20T08:00:06Z"), reads(time="2020-02-20T08:00:06Z"), REFUSES,
        "RFC 3339's grammar has a T; the space is for print"),
    Row("no offset in `time`", event(time="2020-02-20T08:00:06"), "400 time", REFUSES,
        reads(time="2020-02-20T08:00:06Z"), REFUSES, "it names no instant"),
    Row("30 February", event(time="2020-02-30T08:00:06Z"), "400 time", REFUSES, reads(time="2020-03-01T08:00:06Z"),
        REFUSES, "there is none"),
    # content types
    Row("`Application/CloudEvents+JSON`", typed("Application/CloudEvents+JSON"), "200", READS, REFUSES, None,
        "case means nothing in a media type"),
    Row("`application/cloudevents+json;charset=UTF-8`", typed("application/cloudevents+json;charset=UTF-8"), "200",
        READS, REFUSES, None, "nor do spaces before a parameter"),
    Row("`application/cloudevents+json; charset=latin1`", typed("application/cloudevents+json; charset=latin1"), "415",
        READS, REFUSES, None, "JSON is UTF-8"),
    Row("`application/json`", typed("application/json"), "200", READS, REFUSES, None,
        "what many clients send, and nothing else that it could be"),
    Row("structured mode with `ce-` headers", typed("application/cloudevents+json", ce_id="2"), "200",
        REFUSES, READS, None, "the content type tells the mode, and the body holds the event"),
    # binary mode
    Row("`100%` in a header", binary({"subject": "100%"}, ce_subject="100%"), "400 subject", READS, READS, None,
        "a percent sign is sent as %25; to guess is to guess wrong for 50%AB"),
    Row("`%C0%A0` in a header", binary({"subject": "%C0%A0"}, ce_subject="%C0%A0"), "400 subject",
        reads(subject="\ufffd\ufffd"), READS, None, "the binding's own example of what must be refused"),
    Row("`%e2%82%ac` in a header", binary({"subject": "€"}, ce_subject="%e2%82%ac"), "200", READS,
        reads(subject="%e2%82%ac"), None, "percent-encoded in lower case; JavaScript does not decode"),
    Row("`%2541` in a header", binary({"subject": "%41"}, ce_subject="%2541"), "200", READS, reads(subject="%2541"),
        None, "decoded once"),
    Row('`"a b"` in a header', binary({"subject": "a b"}, ce_subject='"a b"'), "200", reads(subject='"a b"'),
        reads(subject='"a b"'), None, "the binding has quotes undone"),
    Row('`"a` in a header', binary({"subject": '"a'}, ce_subject='"a'), "400 subject", READS, READS, None,
        "quotes that are not closed"),
    Row('`say "hi"` in a header', binary({"subject": 'say "hi"'}, ce_subject='say "hi"'), "400 subject", READS, READS,
        None, "what is quoted, and what is meant? a quote is sent as %22"),
    Row("letters beyond ASCII in a header", binary({"subject": "å"}, ce_subject="å"), "400 subject", READS, READS, None,
        "headers are ASCII; percent-encode them"),
    Row("`/a%20b` in `ce-source`", binary({"source": "/a b"}, ce_source="/a%20b"), "400 source", READS,
        reads(source="/a%20b"), None, "decoded it is no URI reference; its percent sign is sent as %25"),
    Row("`ce-datacontenttype`", binary({"data": 1}, "application/json", b"1", ce_datacontenttype="text/plain"),
        "400 datacontenttype", READS, reads(datacontenttype="text/plain", data="1"), None,
        "the Content-Type says it, and the binding forbids both"),
    Row("text as `application/json`", binary({"data": "text"}, "application/json", b"text"), "400 data", READS, READS,
        None, "it is not JSON; what the SDKs send for a string unless you quote it"),
    Row("`application/a+json` with an object", binary({"data": {"a": 1}}, "application/a+json", b'{"a": 1}'), "200",
        READS, reads(data='{"a": 1}'), None, "it is JSON"),
    Row("`application/xml` with text", binary({"data_base64": "PGEvPg=="}, "application/xml", b"<a/>"), "200",
        reads(data_base64=GONE, data="<a/>"), READS, None, "what its bytes mean is between it and its reader"),
    Row("`text/plain` that is not UTF-8", binary({"data_base64": "/w=="}, "text/plain", b"\xff"), "200", READS,
        reads(data_base64=GONE, data="\ufffd"), None, "kept byte for byte"),
    Row("an object without a content type", binary({"data": {"a": 1}}, None, b'{"a":1}'), "200", READS,
        reads(data=GONE, data_base64="eyJhIjoxfQ=="), None, "JSON where it is that, as in the JSON format"),
    Row("text without a content type", binary({"data_base64": "dGV4dA=="}, None, b"text"), "200",
        reads(data_base64=GONE, data="text"), READS, None, "nothing says what it is"),
]
# fmt: on

by_name = pytest.mark.parametrize("row", ROWS, ids=[row.name.replace("`", "") for row in ROWS])


@pytest.fixture(scope="module")
def by_python() -> dict[str, Reading]:
    return by_row(sdks.python([row.given.message for row in ROWS]))


@pytest.fixture(scope="module")
def by_javascript() -> dict[str, Reading]:
    return by_row(sdks.javascript([row.given.message for row in ROWS]))


@pytest.fixture(scope="module")
def by_dotnet(dotnet_reader: str) -> dict[str, Reading]:
    return by_row(sdks.dotnet(dotnet_reader, [row.given.message for row in ROWS]))


def by_row(readings: Sequence[Reading]) -> dict[str, Reading]:
    return {row.name: reading for row, reading in zip(ROWS, readings, strict=True)}


@by_name
def test_ours(publish: Publish, queue: Queue, row: Row) -> None:
    message, meant = row.given
    answer = publish.send(message.body, message.headers)
    faults = ", ".join(answer.json().get("errors", {})) if answer.content else ""
    assert f"{answer.status_code} {faults}".strip() == row.ours
    bodies = queue.take()
    if row.ours != "200":
        assert bodies == []
    elif "ce-specversion" in message.headers:
        assert [comparable(json.loads(body)) for body in bodies] == [comparable(meant)]
    else:
        assert bodies == [message.body]


@by_name
def test_python(by_python: dict[str, Reading], row: Row) -> None:
    check(by_python[row.name], row.given.meant, row.python)


@by_name
def test_javascript(by_javascript: dict[str, Reading], row: Row) -> None:
    check(by_javascript[row.name], row.given.meant, row.javascript)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name.replace("`", "")) for row in ROWS if row.dotnet])
def test_dotnet(by_dotnet: dict[str, Reading], row: Row) -> None:
    assert row.dotnet
    reading = by_dotnet[row.name]
    changes = as_dotnet_reads(row.dotnet.changes, canonical)
    check(reading, as_dotnet_reads(row.given.meant, canonical), Verdict(row.dotnet.reads, changes))


def check(reading: Reading, meant: Event, verdict: Verdict) -> None:
    if not verdict.reads:
        assert reading.event is None
        return
    assert reading.event is not None, reading.error
    read = dict(reading.event)
    for name, value in verdict.changes.items():
        if value == NOW:
            assert abs(datetime.fromisoformat(read.pop(name)) - datetime.now(UTC)).total_seconds() < 600
        elif value == NEW:
            assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", read.pop(name))
    others = {name: value for name, value in {**meant, **verdict.changes}.items() if value not in (GONE, NOW, NEW)}
    assert comparable(read) == comparable(others)


def comparable(read: Event) -> str:
    """Text, for 1 is not True there and NaN is NaN; a null attribute counts as absent."""
    present = {name: value for name, value in read.items() if value is not None}
    return json.dumps({**present, "time": sdks.instant(read.get("time"))}, sort_keys=True)


def table() -> list[str]:
    head = ["| input | events_publish | Python SDK | JavaScript SDK | .NET SDK | why |", "|---|---|---|---|---|---|"]
    return [*head, *map(str, ROWS)]


def test_the_documented_table() -> None:
    page = (ROOT / "docs/sdks.md").read_text()
    assert [line for line in page.splitlines() if line.startswith("|")] == table()
