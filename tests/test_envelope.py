"""The rules for one event, attribute by attribute."""

import json
import re
from ipaddress import IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events_publish import envelope
from events_publish.rules import ATTRIBUTES, is_text
from tests import grammar, rules
from tests.conftest import MakeEvent


def faults(event: dict[str, Any]) -> dict[str, list[str]]:
    return envelope.faults(tuple(event.items()))


@pytest.mark.parametrize(("attribute", "value"), [rules.param(*row) for row in rules.VALID])
def test_valid(make_event: MakeEvent, attribute: str, value: object) -> None:
    event = make_event()
    event[attribute] = value
    assert faults(event) == {}


@pytest.mark.parametrize(("attribute", "value"), [rules.param(*row) for row in rules.INVALID])
def test_invalid(make_event: MakeEvent, attribute: str, value: object) -> None:
    """The one wrong attribute is named, and no other."""
    event = make_event()
    event[attribute] = value
    found = faults(event)
    assert found.keys() == {rules.named(attribute)}
    assert all(len(messages) == 1 for messages in found.values())


def test_every_attribute_has_rows() -> None:
    for rows in (rules.VALID, rules.INVALID):
        assert ATTRIBUTES.keys() - {name for name, _ in rows} <= {"specversion"}
    assert {name for name, _ in rules.INVALID} >= ATTRIBUTES.keys()
    assert grammar.FAULTY.keys() == ATTRIBUTES.keys() | {"extension"}


def test_missing_is_the_same_as_null(make_event: MakeEvent) -> None:
    event = make_event(id=None)
    assert (
        faults(event)
        == faults({**event, "id": None})
        == {"id": ["is required and missing (CloudEvents 1.0.2, Required Attributes)."]}
    )


def test_data_and_data_base64(make_event: MakeEvent) -> None:
    assert faults(make_event(data=1, data_base64="AQID")).keys() == {"data_base64"}
    assert faults({**make_event(data=1), "data_base64": None}) == {}


@pytest.mark.parametrize("data", [1, True, {}, [None]])
@pytest.mark.parametrize("datacontenttype", ["text/plain", "application/xml; a=json", "application/json-seq"])
def test_data_of_another_type_than_json_is_a_string(make_event: MakeEvent, data: object, datacontenttype: str) -> None:
    assert faults(make_event(datacontenttype=datacontenttype, data=data)).keys() == {"data"}
    for json_type in (None, "application/json", "Text/JSON ; a=b", "image/svg+json", "a/{b}+json; c=d; c=e"):
        assert faults(make_event(datacontenttype=json_type, data=data)) == {}
    assert faults(make_event(datacontenttype="none", data=data)).keys() == {"datacontenttype"}
    for text in ("", "text", None):
        assert faults(make_event(datacontenttype=datacontenttype, data=text)) == {}


def assert_judged_as_ipaddress_does(address: str) -> None:
    try:
        is_address = bool(IPv6Address(address))
    except ValueError:
        is_address = False
    assert bool(ATTRIBUTES["source"].holds(f"http://[{address}]/")) == is_address


@pytest.mark.property
@given(st.text("0123456789abcdefF:.", max_size=45) | st.ip_addresses(v=6).map(str))
def test_ip_addresses_in_uris(address: str) -> None:
    """RFC 3986's grammar of IPv6 addresses, beside the standard library's."""
    assert_judged_as_ipaddress_does(address)


@pytest.mark.parametrize("end", ["", "f", "1.2.3.255", "1.2.3.256", "01.2.3.4"])
@pytest.mark.parametrize("before", range(9))
def test_ip_addresses_at_the_edge(before: int, end: str) -> None:
    for after in range(9):
        for middle in ("", ":"):
            assert_judged_as_ipaddress_does("1:" * before + middle + "2:" * after + end)


@pytest.mark.property
@given(grammar.events() | grammar.faulty_events())
def test_patterns_are_the_rules(event: dict[str, Any]) -> None:
    """What OpenAPI says of an attribute with a pattern is what is judged by."""
    for name, rule in ATTRIBUTES.items():
        value = event.get(name)
        if rule.pattern and isinstance(value, str):
            matches = bool(re.fullmatch(rule.pattern, value))
            assert matches == (bool(rule.holds(value)) and is_text(value))


def test_repeated_members(make_event: MakeEvent) -> None:
    """Named once, however often they come; also when one of them is null."""
    members = (*make_event().items(), ("id", "2"), ("id", None), ("ext", "a"), ("ext", "a"))
    assert {name: len(messages) for name, messages in envelope.faults(members).items()} == {"id": 1, "ext": 1}


def test_all_faults_at_once(make_event: MakeEvent) -> None:
    event = make_event(id=None, source="has space", resource=5, time="now", Ext="x", ext=1.5)
    assert faults(event).keys() == {"id", "source", "resource", "time", "Ext", "ext"}


def test_a_very_long_name_is_shortened(make_event: MakeEvent) -> None:
    (name,) = faults({**make_event(), "N" * 5000: "x", "N" * 4999: "x"})
    assert name == "N" * 100 + "…"
    assert faults({**make_event(), "N" * 100: "x"}).keys() == {"N" * 100}
    assert [len(messages) for messages in faults({**make_event(), "N" * 102: "x", "N" * 101: "x"}).values()] == [1]


@pytest.mark.parametrize("attribute", [*ATTRIBUTES, "extension"])
def test_a_refused_value_is_not_repeated(make_event: MakeEvent, attribute: str) -> None:
    event = {**make_event(), attribute: "16069412345 \n"}
    assert faults(event).keys() == {attribute}
    assert "16069412345" not in json.dumps(faults(event))
