"""The rules for one event, attribute by attribute."""

import json
from typing import Any

import pytest

from events_publish import envelope
from events_publish.rules import BY_NAME
from tests import rules
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
    assert found.keys() == {attribute}
    assert len(found[attribute]) == 1


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
    for text in ("", "text", None):
        assert faults(make_event(datacontenttype=datacontenttype, data=text)) == {}


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


@pytest.mark.parametrize("attribute", [*BY_NAME, "extension"])
def test_a_refused_value_is_not_repeated(make_event: MakeEvent, attribute: str) -> None:
    event = {**make_event(), attribute: "16069412345 \n"}
    assert faults(event).keys() == {attribute}
    assert "16069412345" not in json.dumps(faults(event))
