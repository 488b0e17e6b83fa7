"""The rules for one event, attribute by attribute."""

import json
from typing import Any

import pytest

from events_publish import envelope
from tests.conftest import MakeEvent


def faults(event: dict[str, Any]) -> dict[str, list[str]]:
    return envelope.faults(tuple(event.items()))


def param(attribute: str, value: object) -> Any:
    return pytest.param(attribute, value, id=f"{attribute}={json.dumps(value)[:60]}")


VALID: list[tuple[str, object]] = [
    ("id", "1"),
    ("id", "id with spaces, ÆØÅ and 😀"),
    ("type", "x"),
    ("source", "https://example.no/a?b=c#d"),
    ("source", "/relative/path"),
    ("source", "a"),
    ("source", "a:b"),
    ("source", "./a:b"),
    ("source", "?q"),
    ("source", "#f"),
    ("source", "//host:80/path"),
    ("source", "urn:uuid:288f71f2-8cbd-3442-1532-ac14f3fd9faa"),
    ("source", "mailto:cncf-wg-serverless@lists.cncf.io"),
    ("source", "http://user:pw@[2001:db8::1]:8080/"),
    ("source", "http://[v1.fe80::a+en1]/"),
    ("source", "http://[V1.a]/"),
    ("source", "http://1.2.3.4/%C3%A6"),
    ("source", "http://"),
    ("resource", "urn:altinn:resource:dodsbo.domstoladmin.api"),
    ("resource", "urn:" + "n" * 30 + (":" + "x" * 100) * 10),
    ("resource", "urn:-:a"),
    ("resource", "urn:a:()+,-.;$_!/"),
    ("resourceinstance", "a"),
    ("alternativesubject", "/person/16069412345"),
    ("subject", "s"),
    ("subject", None),
    ("time", "2020-02-20T08:00:06.4014168Z"),
    ("time", "2020-02-20t08:00:06z"),
    ("time", "2020-02-20T08:00:06+01:00"),
    ("time", "2020-02-20T08:00:06-00:00"),
    ("time", "2020-02-29T08:00:06.12345678901234567890Z"),
    ("time", "2000-02-29T00:00:00Z"),
    ("time", "2016-12-31T23:59:60Z"),
    ("time", "1990-12-31T15:59:60-08:00"),
    ("time", "0000-01-01T00:00:00Z"),
    ("time", None),
    ("datacontenttype", "application/json"),
    ("datacontenttype", 'text/plain; charset="utf-8"; a=b'),
    ("datacontenttype", "Application/Vnd.x+JSON"),
    ("dataschema", "https://example.no/schema#part"),
    ("dataschema", "urn:x:y"),
    ("data", {"any": ["thing", 1.5, None]}),
    ("data", "text"),
    ("data", 0),
    ("data_base64", ""),
    ("data_base64", "AQID"),
    ("data_base64", "AQ=="),
    ("myextension", ""),
    ("ext1", "text"),
    ("1", True),
    ("ext", False),
    ("ext", 2147483647),
    ("ext", -2147483648),
    ("ext", None),
    ("averylongextensionnamebeyondtwentycharacters", "x"),
]

NO_TEXT: tuple[object, ...] = ("", 1, True, ["a"], {"a": 1})

INVALID: list[tuple[str, object]] = [
    *[(name, value) for name in ("id", "type", "source", "resource") for value in (None, *NO_TEXT)],
    *[(name, value) for name in ("resourceinstance", "alternativesubject", "subject") for value in NO_TEXT],
    *[("specversion", value) for value in (*NO_TEXT, None, "0.3", "1.0.2", 1.0)],
    *[(name, f"a{char}b") for name in ("id", "type", "subject", "ext") for char in "\x00\n\x1f\x7f\x85\x9f"],
    *[("id", f"a{char}b") for char in ("\ufdd0", "\ufdef", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff")],
    ("source", "has space"),
    ("source", "http://exa mple.no"),
    ("source", "1:b"),
    ("source", ":a"),
    ("source", "%zz"),
    ("source", "http://[::1"),
    ("source", "http://[1::2::3]/"),
    ("source", "http://[fe80::1%25en0]/"),
    ("source", "http://[]/"),
    ("source", "http://h:port/"),
    ("source", "a#b#c"),
    ("source", "æ"),
    ("source", "a\\b"),
    ("source", "<a>"),
    ("source", "a\n"),
    ("resource", "this-is.not-urn"),
    ("resource", "URN:a:b"),
    ("resource", "urn:A:b"),
    ("resource", "urn:a:B"),
    ("resource", "urn:a"),
    ("resource", "urn:a:"),
    ("resource", "urn::b"),
    ("resource", "urn:a::b"),
    ("resource", "urn:a:b "),
    ("resource", "urn:a:b\n"),
    ("resource", "urn:a:b%20"),
    ("resource", "urn:" + "n" * 31 + ":a"),
    ("resource", "urn:a:" + "x" * 101),
    ("resource", "urn:a" + ":x" * 11),
    ("time", ""),
    ("time", 1582185606),
    ("time", "2020-02-20"),
    ("time", "2020-02-20T08:00:06"),
    ("time", "2020-02-20 08:00:06Z"),
    ("time", "2020-02-30T08:00:06Z"),
    ("time", "2019-02-29T08:00:06Z"),
    ("time", "1900-02-29T08:00:06Z"),
    ("time", "2020-04-31T08:00:06Z"),
    ("time", "2020-13-01T08:00:06Z"),
    ("time", "2020-00-01T08:00:06Z"),
    ("time", "2020-01-00T08:00:06Z"),
    ("time", "2020-02-20T24:00:00Z"),
    ("time", "2020-02-20T08:60:00Z"),
    ("time", "2020-02-20T08:00:61Z"),
    ("time", "2020-02-20T08:00:60Z"),
    ("time", "2016-12-31T23:59:60+01:00"),
    ("time", "2020-02-20T08:00:06.Z"),
    ("time", "2020-02-20T08:00:06,5Z"),
    ("time", "2020-02-20T08:00:06+24:00"),
    ("time", "2020-02-20T08:00:06+0100"),
    ("time", "2020-02-20T08:00:06Z\n"),
    ("time", "٢٠٢٠-02-20T08:00:06Z"),
    ("datacontenttype", ""),
    ("datacontenttype", "json"),
    ("datacontenttype", "application/"),
    ("datacontenttype", "application/json;"),
    ("datacontenttype", "application/json; charset"),
    ("datacontenttype", "text/plain; a b=c"),
    ("datacontenttype", 'text/plain; a="é"'),
    ("datacontenttype", 'text/plain; a="b'),
    ("datacontenttype", 5),
    ("dataschema", ""),
    ("dataschema", "/relative"),
    ("dataschema", "schema"),
    ("dataschema", "http://[x]/"),
    ("data_base64", "A"),
    ("data_base64", "AQ"),
    ("data_base64", "AQ=="[:-1]),
    ("data_base64", "AQ==\n"),
    ("data_base64", "AQ==AQ=="),
    ("data_base64", "A-_="),
    ("data_base64", "!!!Zm9v"),
    ("data_base64", "æ"),
    ("data_base64", 7),
    ("ext", 2147483648),
    ("ext", -2147483649),
    ("ext", 1.0),
    ("ext", 1.5),
    ("ext", {"a": 1}),
    ("ext", []),
    ("Ext", "x"),
    ("ext_1", "x"),
    ("ID", None),
    ("", None),
    ("ext-1", "x"),
    ("æ", "x"),
    ("", "x"),
    ("ext\n", "x"),
]


@pytest.mark.parametrize(("attribute", "value"), [param(*row) for row in VALID])
def test_valid(make_event: MakeEvent, attribute: str, value: object) -> None:
    event = make_event()
    event[attribute] = value
    assert faults(event) == {}


@pytest.mark.parametrize(("attribute", "value"), [param(*row) for row in INVALID])
def test_invalid(make_event: MakeEvent, attribute: str, value: object) -> None:
    """The one wrong attribute is named, and no other."""
    event = make_event()
    event[attribute] = value
    found = faults(event)
    assert found.keys() == {attribute}
    assert len(found[attribute]) == 1


def test_missing_is_the_same_as_null(make_event: MakeEvent) -> None:
    event = make_event(id=None)
    assert faults(event) == faults({**event, "id": None}) == {"id": ["is required and missing."]}


def test_data_and_data_base64(make_event: MakeEvent) -> None:
    assert faults(make_event(data=1, data_base64="AQID")) == {"data_base64": ["must not be there together with data."]}
    assert faults({**make_event(data=1), "data_base64": None}) == {}


def test_repeated_members(make_event: MakeEvent) -> None:
    """Named once, however often they come; also when one of them is null."""
    members = (*make_event().items(), ("id", "2"), ("id", None), ("ext", "a"), ("ext", "a"))
    assert {name: len(messages) for name, messages in envelope.faults(members).items()} == {"id": 1, "ext": 1}


def test_all_faults_at_once(make_event: MakeEvent) -> None:
    event = make_event(id=None, source="has space", resource=5, time="now", Ext="x", ext=1.5)
    assert faults(event).keys() == {"id", "source", "resource", "time", "Ext", "ext"}


def test_a_very_long_name_is_shortened(make_event: MakeEvent) -> None:
    (name,) = faults({**make_event(), "N" * 5000: "x"})
    assert name == "N" * 100 + "…"


@pytest.mark.parametrize("attribute", [*envelope.RULES, "extension"])
def test_a_refused_value_is_not_repeated(make_event: MakeEvent, attribute: str) -> None:
    event = {**make_event(), attribute: "16069412345 \n"}
    assert faults(event).keys() == {attribute}
    assert "16069412345" not in json.dumps(faults(event))
