"""What Altinn Authorization is asked about, and what its answers mean."""

from typing import Any

import pytest

from events_publish.publisher import publisher_of
from events_publish.xacml import Attribute, is_permit, resource_attributes, subject_attributes

EVENT = {"id": "1", "type": "t", "source": "/s", "resource": "urn:altinn:resource:example.api"}
CONSUMER = {"consumer": {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}}


def pairs(attributes: list[Attribute]) -> dict[str, str]:
    assert len({each["AttributeId"] for each in attributes}) == len(attributes)
    return {each["AttributeId"]: each["Value"] for each in attributes}


@pytest.mark.parametrize(
    ("claims", "attributes"),
    [
        pytest.param({}, {}, id="nothing that it takes"),
        pytest.param({"sub": "s", "client_id": "c", "pid": "p"}, {}, id="claims that it does not take"),
        pytest.param({"scope": "a b"}, {"urn:scope": "a b"}, id="scope"),
        pytest.param({"urn:altinn:authlevel": 3}, {"urn:altinn:authlevel": "3"}, id="a number"),
        pytest.param({"urn:x:y": True, "urn:x:z": {"a": 1}}, {"urn:x:y": "true"}, id="a boolean, and an object"),
        pytest.param(
            {"urn:altinn:orgNumber": "1", **CONSUMER},
            {"urn:altinn:organizationnumber": "1", "urn:altinn:organization:identifier-no": "1"},
            id="the number that the exchange wrote",
        ),
        pytest.param(
            {"urn:altinn:orgNumber": "1", "urn:altinn:organization:identifier-no": "2"},
            {"urn:altinn:organization:identifier-no": "2"},
            id="the number in its newer form",
        ),
        pytest.param(
            {"urn:altinn:userid": 7, "urn:altinn:partyid": 8, "urn:altinn:orgNumber": "1"},
            {"urn:altinn:userid": "7"},
            id="one identity only",
        ),
        pytest.param(
            {"authorization_details": [{"type": "urn:altinn:systemuser", "systemuser_id": ["u1", "u2"]}], **CONSUMER},
            {"urn:altinn:systemuser:uuid": "u1"},
            id="a system user replaces everything",
        ),
        pytest.param(
            {"authorization_details": {"type": "urn:altinn:systemuser", "systemuser_id": ["u1"]}},
            {"urn:altinn:systemuser:uuid": "u1"},
            id="details that are one object",
        ),
        pytest.param({"authorization_details": [{"type": "x", "systemuser_id": ["u"]}, 1]}, {}, id="other details"),
        pytest.param({"authorization_details": [{"type": "urn:altinn:systemuser"}]}, {}, id="a system user without id"),
    ],
)
def test_who_asks(claims: dict[str, Any], attributes: dict[str, str]) -> None:
    assert pairs(subject_attributes(publisher_of({"iss": "i", **claims}))) == attributes


def test_each_of_several_scopes_is_an_attribute() -> None:
    attributes = subject_attributes(publisher_of({"iss": "i", "scope": ["a", "b", ["c"]]}))
    assert [(each["AttributeId"], each["Value"]) for each in attributes] == [("urn:scope", "a"), ("urn:scope", "b")]


@pytest.mark.parametrize(
    ("subject", "attributes"),
    [
        ("/user/1", {"urn:altinn:userid": "1"}),
        ("/org/ttd", {"urn:altinn:org": "ttd"}),
        ("/party/1", {"urn:altinn:partyid": "1"}),
        ("/organisation/991825827", {"urn:altinn:organization:identifier-no": "991825827"}),
        ("/systemuser/u", {"urn:altinn:systemuser:uuid": "u"}),
        ("urn:altinn:party:uuid:u", {"urn:altinn:party:uuid": "u"}),
        ("urn:altinn:person:identifier-no:1", {"urn:altinn:person:identifier-no": "1"}),
        ("/person/1", {}),
        ("anything else", {}),
        ("urn:altinn", {}),
        ("urn:altinn:resource:other.api", {}),
        ("urn:altinn:resource:instance-id:i", {}),
        ("urn:altinn:eventtype:other", {}),
        ("urn:altinn:event-id:2", {}),
        ("urn:altinn:app:other", {}),
    ],
)
def test_whom_the_event_is_about(subject: str, attributes: dict[str, str]) -> None:
    """A subject never says what is published: it would be a way to ask about another resource."""
    asked = pairs(resource_attributes({**EVENT, "subject": subject}))
    assert asked == {
        "urn:altinn:event-id": "1",
        "urn:altinn:eventtype": "t",
        "urn:altinn:eventsource": "/s",
        "urn:altinn:resource": "example.api",
        **attributes,
    }


def test_a_party_is_a_number() -> None:
    (party,) = [
        each
        for each in resource_attributes({**EVENT, "subject": "/party/1"})
        if each["AttributeId"] == "urn:altinn:partyid"
    ]
    assert party["DataType"] == "http://www.w3.org/2001/XMLSchema#integer"


@pytest.mark.parametrize(
    ("answer", "permit"),
    [
        ({"Response": [{"Decision": "Permit"}]}, True),
        ({"response": [{"decision": "Permit", "obligations": [{}]}]}, True),
        ({"Response": [{"Decision": "Deny"}]}, False),
        ({"Response": [{"Decision": "NotApplicable"}]}, False),
        ({"Response": [{"Decision": "Indeterminate"}]}, False),
        ({"Response": [{"Decision": "permit"}]}, False),
        ({"Response": [{"Decision": ["Permit"]}]}, False),
        ({"Response": [{"Decision": "Permit"}, {"Decision": "Deny"}]}, False),
        ({"Response": [{}]}, False),
        ({"Response": ["Permit"]}, False),
    ],
)
def test_only_a_permit_permits(answer: object, permit: bool) -> None:
    assert is_permit(answer) == permit
