"""docs/compatibility.md is true: each line of its tables is shown by requests, or names the test that shows it."""

import ast
import json
import re
from collections.abc import Mapping
from typing import NamedTuple

import httpx
import pytest

from local import ROOT
from tests.conftest import EVENTS_PATH, Host, MakeToken, problem
from tests.host.test_contract import ATTRIBUTES, BATCH, BINARY, EVENT, JSON, LARGEST, LEAST, STRUCTURED, filled
from tests.storage import Queue

PAGE = (ROOT / "docs/compatibility.md").read_text().partition("\n## Point by point\n")[2].partition("\n## ")[0]
LINES = dict(re.findall(r"^\| (?!point )(.+?) \|(?:[^|]*\|){2} ([^|]*) \|[^|]*\|$", PAGE, re.MULTILINE))
"""The lines of the tables: from the first column to the one that says what happens here."""

KINDS = {
    400: "invalid-event",
    403: "insufficient-scope",
    405: "method-not-allowed",
    411: "length-required",
    415: "unsupported-media-type",
}


class Case(NamedTuple):
    """A request, and its answer; ``{token}`` in a header is the token."""

    status: int
    body: bytes = EVENT
    headers: Mapping[str, str] = STRUCTURED
    messages: list[bytes] | None = None
    """On the queue afterwards; left out: the body, where the answer is 200."""
    errors: frozenset[str] = frozenset()
    kind: str = ""
    with_header: str = ""
    """A header of the answer."""
    method: str = "POST"
    path: str = EVENTS_PATH
    token: Mapping[str, object] = {}
    """Claims of it that are not the usual."""
    authorization: str | None = "Bearer {token}"
    chunked: bool = False
    times: int = 1


def event(**attributes: object) -> bytes:
    """The least event, with attributes added or replaced, or with None left out."""
    merged = {**ATTRIBUTES, **attributes}
    return json.dumps({name: value for name, value in merged.items() if value is not None}).encode()


def with_null(name: str) -> bytes:
    return json.dumps({**ATTRIBUTES, name: None}).encode()


def taken(*bodies: bytes) -> tuple[Case, ...]:
    return tuple(Case(200, body) for body in bodies)


def refused(member: str, *bodies: bytes) -> tuple[Case, ...]:
    return tuple(Case(400, body, errors=frozenset([member])) for body in bodies)


def not_taken(member: str, *values: object) -> tuple[Case, ...]:
    """400 for each of these values of one member."""
    return refused(member, *(event(**{member: value}) for value in values))


NO_TEXT = (1, True, {"a": 1})
TEXT = {"Content-Type": "text/plain"}
NO_SCOPE = {"scope": "other:scope"}
LONE_SURROGATE = b'{"ext":"\\ud800",' + LEAST + b"}"
UNAUTHENTICATED = Case(401, authorization=None, kind="unauthenticated", with_header="www-authenticate")
INVALID_TOKEN = Case(401, kind="invalid-token", with_header="www-authenticate")
AS_IT_CAME = '\r\n{"data":{"b":1.50e400,"a":12345678901234567890123, "a":"æ\\u00e6"},"unknown":true,'.encode() + (
    LEAST + b"} "
)

# A line of the page, and what shows it: requests, or a test by its name.
SHOWN: dict[str, tuple[Case | str, ...]] = {
    # HTTP and content types
    "`application/cloudevents+json`, in any case, with `charset=utf-8`; a slash after the path": (
        Case(200),
        Case(200, headers={"Content-Type": "Application/CloudEvents+JSON; charset=utf-8"}),
        Case(200, path=EVENTS_PATH + "/"),
    ),
    "`application/json`": (Case(200, headers=JSON),),
    "`application/cloudevents-batch+json`": (
        Case(200, b"[" + EVENT + b"," + EVENT + b"]", BATCH, [EVENT, EVENT]),
        "tests/host/test_contract.py::test_a_batch_that_is_none",
    ),
    "Attributes in `ce-` headers, data in the body": (
        Case(200, b"[1]", {**BINARY, **JSON}, [EVENT[:-1] + b',"datacontenttype":"application/json","data":[1]}']),
    ),
    "`application/cloudevents+xml`, or any other type without `ce-` headers": (
        Case(415, headers={"Content-Type": "application/cloudevents+xml"}, with_header="accept-post"),
        Case(415, headers=TEXT, with_header="accept-post"),
    ),
    "No `Content-Type`": (
        Case(415, headers={}),
        Case(200, b"1", BINARY, [EVENT[:-1] + b',"data":1}']),
    ),
    "Wrong content type and no token": (UNAUTHENTICATED._replace(headers=TEXT),),
    "`charset` other than UTF-8": (
        Case(415, EVENT.decode().encode("utf-16"), {"Content-Type": "application/cloudevents+json; charset=utf-16"}),
        Case(415, headers={"Content-Type": "application/cloudevents+json; charset=latin1"}),
    ),
    "A chunked body, without `Content-Length`": (Case(411, chunked=True),),
    "A body over 30,000,000 bytes": (
        Case(413, b" " * 30_000_001, kind="request-too-large"),
        "tests/host/test_contract.py::test_too_large",
    ),
    "`PUT`, `DELETE`": tuple(Case(405, method=method, with_header="allow") for method in ("PUT", "DELETE")),
    "`OPTIONS`": (Case(200, method="OPTIONS", messages=[]),),
    "`GET` on `/events`": (Case(405, method="GET"),),
    "`POST /app`, any other path": (
        Case(404, path="/events/api/v1/app"),
        Case(404, path="/events/api/v1/other"),
    ),
    # Token
    "No token, another scheme, or one that is no JWT": (
        UNAUTHENTICATED,
        UNAUTHENTICATED._replace(authorization="Basic dXNlcjpwdw=="),
        INVALID_TOKEN._replace(authorization="Bearer abc"),
    ),
    "A token in the cookie `.ALTINNTOKEN` or `AltinnStudioRuntime`": tuple(
        UNAUTHENTICATED._replace(headers={**STRUCTURED, "Cookie": f"{cookie}={{token}}"})
        for cookie in (".ALTINNTOKEN", "AltinnStudioRuntime")
    ),
    "`PlatformAccessToken` beside a token without the scope": (
        Case(403, headers={**STRUCTURED, "PlatformAccessToken": "{token}"}, token=NO_SCOPE),
    ),
    "Expired, or with a bad signature": (
        INVALID_TOKEN._replace(token={"lifetime": -3600}),
        INVALID_TOKEN._replace(authorization="Bearer {token}AAAA"),
    ),
    "Expired for less than 30 s": (Case(200, token={"lifetime": -15}),),
    "No `exp`": (INVALID_TOKEN._replace(token={"exp": None}), "tests/test_access_token.py::test_exp_is_required"),
    "From Maskinporten, not exchanged": (Case(200),),
    "Another issuer in `iss`, signed with a known key": (
        INVALID_TOKEN._replace(token={"iss": "https://maskinporten.example/"}),
    ),
    "`aud`": (
        *(Case(200, token={"aud": audience}) for audience in ("unspecified", ["a", "b"])),
        "tests/test_access_token.py::test_audience",
    ),
    "Signed by an algorithm with a shared secret": (
        "tests/host/test_token.py::test_an_unsigned_token",
        "tests/test_jwk.py::test_algorithms",
    ),
    "Three parts that cannot be decoded": (INVALID_TOKEN._replace(authorization="Bearer a.b.c"),),
    "Keys of the issuer out of reach": ("tests/host/test_faults.py::test_no_keys_yet",),
    "Scope missing, or only `altinn:events.publish.admin`": (
        Case(403, token=NO_SCOPE, with_header="www-authenticate"),
        Case(403, token={"scope": "altinn:events.publish.admin"}),
    ),
    "Scope in `scope`, while `urn:altinn:scope` has another": (
        Case(200, token={"urn:altinn:scope": "other:scope"}),
        Case(200, token={"scope": "other:scope", "urn:altinn:scope": "altinn:events.publish"}),
    ),
    "A resource that is not registered, or another's": (
        *taken(event(resource="urn:altinn:resource:nobodys")),
        "tests/host/test_policy.py::test_decisions",
        "tests/host/test_policy.py::test_the_admin_scope_skips_the_decision_point_only",
    ),
    "Altinn Authorization out of reach": ("tests/host/test_policy.py::test_decisions",),
    "A `subject` that is a URN of a resource or an app": ("tests/test_xacml.py::test_whom_the_event_is_about",),
    "A `subject` with a national identity number": ("tests/test_xacml.py::test_whom_the_event_is_about",),
    # Envelope
    "Empty, no JSON, a comment, a comma at the end, not UTF-8, deeper than 64 levels, an array, a number": refused(
        "$",
        b"",
        b"{",
        b"{/**/" + LEAST + b"}",
        b"{" + LEAST + b",}",
        b'{"ext":"\xe6",' + LEAST + b"}",
        b'{"data":' + b"[" * 64 + b"]" * 64 + b"," + LEAST + b"}",
        b"[" + EVENT + b"]",
        b"1",
    ),
    "A byte-order mark": refused("$", b"\xef\xbb\xbf" + EVENT),
    "A member twice": refused("id", EVENT[:-1] + b',"id":"2"}'),
    "`specversion` missing, `null`, a number, `0.3`, `1.0.2`": (
        *not_taken("specversion", None, 1.0, "0.3", "1.0.2"),
        *refused("specversion", with_null("specversion")),
    ),
    "`id`, `type`, `source` missing, `null` or empty": tuple(
        case
        for name in ("id", "type", "source")
        for case in (*not_taken(name, None, ""), *refused(name, with_null(name)))
    ),
    "A number, boolean or object in `id`, `type`, `source`, `subject`, `time`": tuple(
        case for name in ("id", "type", "source", "subject", "time") for case in not_taken(name, *NO_TEXT)
    ),
    "`subject`, `time` missing or `null`": taken(EVENT, with_null("subject"), with_null("time")),
    "`subject` empty": not_taken("subject", ""),
    "An `id` that is no UUID": taken(event(id="no UUID")),
    "`source` relative, such as `/a` or `word`": taken(event(source="/a"), event(source="word")),
    "`source` with a space, a letter beyond ASCII or a control character": not_taken("source", "a b", "/æ", "/a\x01"),
    "`source` such as `http://` or `c:a`": taken(event(source="http://"), event(source="c:a")),
    "`resource` missing, `null` or empty": (
        *not_taken("resource", None, ""),
        *refused("resource", with_null("resource")),
    ),
    "`resource` that is no URN, a number, a boolean": not_taken("resource", "this-is.not-urn", *NO_TEXT),
    "`resource` that is another URN, such as `urn:isbn:1` or `urn:altinn:resource:app_ttd_x`": taken(
        event(resource="urn:isbn:1"), event(resource="urn:altinn:resource:app_ttd_x")
    ),
    "`resource` with capitals, a space, an empty part, or one of `% = @ * ' ~ ? #`": not_taken(
        "resource", "urn:A:b", "urn:a:B", "urn:a:b ", "urn:a::b", *(f"urn:a:b{char}" for char in "%=@*'~?#")
    ),
    "`resourceinstance` empty, a number or a boolean": not_taken("resourceinstance", "", *NO_TEXT),
    "`alternativesubject` empty": not_taken("alternativesubject", ""),
    "`alternativesubject` in a form of its own": taken(event(alternativesubject="of its own")),
    "`time` as RFC 3339 has it, with `Z` or an offset": taken(
        event(time="2020-02-20T08:00:06.4014168Z"), event(time="2020-02-20T08:00:06+01:00")
    ),
    "`time` without an offset, without a time of day, or with a space for the `T`": not_taken(
        "time", "2020-02-20T08:00:06", "2020-02-20", "2020-02-20 08:00:06Z"
    ),
    "`time` with `t` or `z`, second 60, an offset beyond 14 hours, the year 0000": taken(
        event(time="2020-02-20t08:00:06Z"),
        event(time="2020-02-20T08:00:06z"),
        event(time="2016-12-31T23:59:60Z"),
        event(time="2020-02-20T08:00:06+15:00"),
        event(time="0000-01-01T00:00:00Z"),
    ),
    "`time` with a point and no digits after it": not_taken("time", "2020-02-20T08:00:06.Z"),
    "An extension that is a 32-bit integer, a boolean or a string": taken(
        event(ext=-2147483648), event(ext=False), event(ext="x")
    ),
    "An extension that is `1.0`, `1e2`, beyond 32 bits, an object or an array": (
        *not_taken("ext", 1.0, 2147483648, {"a": 1}, [1]),
        *refused("ext", b'{"ext":1e2,' + LEAST + b"}"),
    ),
    "An extension whose name has a capital, `_` or `-`": tuple(
        case
        for name in ("Ext", "my_ext", "my-ext")
        for case in (*not_taken(name, "x"), *refused(name, with_null(name)))
    ),
    "A control character or a noncharacter in an attribute": (
        *not_taken("id", "a\n", "a\x85", "a\uffff"),
        *not_taken("ext", "\x00", "\ufdd0"),
    ),
    "A lone surrogate in an attribute": refused("$", LONE_SURROGATE),
    "`datacontenttype` that is no media type, `dataschema` relative or empty": (
        *not_taken("datacontenttype", "json"),
        *not_taken("dataschema", "/relative", ""),
    ),
    "`datacontenttype` such as `text/plain;`, a letter beyond ASCII in `dataschema`": (
        *not_taken("datacontenttype", "text/plain;"),
        *not_taken("dataschema", "https://example.no/æ"),
    ),
    # Data
    "`data` beside `data_base64`": refused("data_base64", event(data=1, data_base64="AQ==")),
    "`data_base64` that is no base64, or no string": not_taken("data_base64", "!!!Zm9v", "A", 7),
    "`data_base64` whose last bits are not zero": not_taken("data_base64", "AR=="),
    "`data_base64` with white space": not_taken("data_base64", "AQ==\n", "AQ ID"),
    "`data` that is no string, where `datacontenttype` is not JSON": refused(
        "data", event(datacontenttype="text/plain", data={"a": 1}), event(datacontenttype="text/plain", data=5)
    ),
    "`data` that is `null`": taken(with_null("data")),
    "`data` without `datacontenttype`": taken(event(data={"a": 1})),
    # What is on the queue
    "The event": taken(AS_IT_CAME),
    "Letters beyond ASCII": taken(EVENT.replace(b'"1"', '"æ😀"'.encode())),
    "Extensions": taken(event(ext=7, flag=True, text="7")),
    "`time` with more than 7 digits of a second": taken(event(time="2020-02-20T08:00:06.1234567890123Z")),
    "`id` and `time`": taken(event(id="any", time="2020-02-20T08:00:06+01:00")),
    "A resource that begins with `urn:altinn:resource:altinnapp.`": taken(
        event(resource="urn:altinn:resource:altinnapp.ttd.x", source="https://ttd.apps.altinn.no/ttd/x")
    ),
    "The same `source` and `id` again": (Case(200, times=2, messages=[EVENT, EVENT]),),
    "The message": ("tests/host/test_publish.py::test_the_message_is_base64_and_never_expires",),
    "How long it lies there": ("tests/host/test_publish.py::test_the_message_is_base64_and_never_expires",),
    # Answers
    "The event is accepted": (Case(200, with_header="trace-id"),),
    "A fault in the event": (Case(400, event(id=None, resource="x"), errors=frozenset(["id", "resource"])),),
    "401 and 403": (UNAUTHENTICATED, Case(403, token=NO_SCOPE)),
    "Too large for the queue": (
        Case(413, filled(LARGEST + 1), errors=frozenset(["$"]), kind="event-too-large"),
        "tests/host/test_contract.py::test_as_large_as_may_be",
    ),
    "The queue out of reach": ("tests/host/test_faults.py::test_azurite_is_killed_and_comes_back",),
    "A batch that got half through": ("tests/test_event_queue.py::test_a_batch_that_gets_part_of_the_way",),
}

CASES = {line: [case for case in shown if isinstance(case, Case)] for line, shown in SHOWN.items()}


@pytest.fixture(scope="module")
def usual_token(make_token: MakeToken) -> str:
    """One for all cases that want no other: to sign one takes longer than all the rest of a case."""
    return make_token()


@pytest.mark.parametrize("line", [line for line, cases in CASES.items() if cases])
def test_line(
    client: httpx.Client, host: Host, queue: Queue, make_token: MakeToken, usual_token: str, line: str
) -> None:
    expected: list[bytes] = []
    for case in CASES[line]:
        token = make_token(**case.token) if case.token else usual_token
        given = {**case.headers, **({"Authorization": case.authorization} if case.authorization else {})}
        for _ in range(case.times):
            response = client.request(
                case.method,
                host.url + case.path,
                content=iter([case.body]) if case.chunked else case.body,
                headers={name: value.replace("{token}", token) for name, value in given.items()},
            )
            assert response.status_code == case.status, case.body[:200]
        kind = case.kind or KINDS.get(case.status)
        if kind:
            assert problem(response, case.status, kind).get("errors", {}).keys() == case.errors
        else:
            assert response.content == b""
        assert not case.with_header or case.with_header in response.headers
        accepted = [case.body] if case.status == 200 else []
        expected += accepted if case.messages is None else case.messages
    assert queue.take() == expected


def test_each_line_is_shown() -> None:
    """So that page and test cannot drift apart."""
    assert len(re.findall(r"^\| (?!point )", PAGE, re.MULTILINE)) == len(LINES)
    assert list(SHOWN) == list(LINES)
    assert all(SHOWN.values())


@pytest.mark.parametrize("line", LINES)
def test_the_page_says_what_the_cases_show(line: str) -> None:
    """Statuses, and for a 400 the members at fault, in the column of what happens here."""
    cases = CASES[line]
    statuses = {int(status) for status in re.findall(r"\b[2-5]\d\d\b", LINES[line])}
    assert statuses == {case.status for case in cases} or not cases
    at_fault = re.search(r"400 (`[^`]+`(?:, `[^`]+`)*)", LINES[line])
    members = set(re.findall("`([^`]+)`", at_fault[1])) if at_fault else set()
    assert members == {member for case in cases if case.status == 400 for member in case.errors}
    headers = {header.lower() for header in re.findall(r"with `([A-Z][\w-]+)`", LINES[line])}
    assert headers <= {case.with_header for case in cases} or not cases


def test_the_tests_that_are_named_exist() -> None:
    named = {shown.partition("::")[::2] for line in SHOWN.values() for shown in line if isinstance(shown, str)}
    for path, function in named:
        module = ast.parse((ROOT / path).read_text())
        names = {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert function in names, path
