"""What Altinn Authorization is asked and what it answers: XACML 3.0 in JSON, as Altinn Events has it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from events_publish import rules
from events_publish.publisher import Claims, Publisher

ACTION = "urn:oasis:names:tc:xacml:1.0:action:action-id"
EVENT_ID = "urn:altinn:event-id"
SESSION_ID = "urn:altinn:sessionid"
SYSTEM_USER = "urn:altinn:systemuser:uuid"

type Attribute = dict[str, Any]


def decision_request(subject: list[Attribute], resource: list[Attribute]) -> dict[str, object]:
    """The request for a decision on action ``publish``, as Altinn's own publish endpoint makes it."""
    return {
        "Request": {
            "ReturnPolicyIdList": False,
            "AccessSubject": [{"Attribute": subject}],
            "Action": [{"Attribute": [_attribute(ACTION, "publish")]}],
            "Resource": [{"Attribute": resource}],
        }
    }


def question(subject: list[Attribute], resource: list[Attribute]) -> bytes:
    """A digest of all that is asked but the ids of event and token: what has the same, has the same answer."""
    who = [each for each in subject if each["AttributeId"] != SESSION_ID]
    _event_id, *what = resource
    return hashlib.sha256(json.dumps([who, what]).encode()).digest()


def is_permit(answer: object) -> bool:
    """Whether an answer is one Permit and nothing else; obligations are not looked at, as in Altinn Events.

    Raises:
        ValueError: it is no answer to a request for a decision.
    """
    results = _member(answer, "response")
    if not isinstance(results, list) or not results:
        raise ValueError("it is no XACML response")
    return [_member(result, "decision") for result in results] == ["Permit"]


def subject_attributes(publisher: Publisher) -> list[Attribute]:
    """Who asks: the claims of the token that Altinn's policy enforcement point takes, named as it names them."""
    claims = publisher.claims
    identity = next((name for name in _IDENTITIES if name in claims), None)
    system_user = _system_user(claims)
    if system_user and not identity:
        return [_attribute(SYSTEM_USER, system_user, claims)]  # and nothing else
    named = {"urn:scope": claims.get("scope"), SESSION_ID: claims.get("jti")}
    named |= {name: claim for name, claim in claims.items() if name.startswith("urn:") and name not in _NOT_AS_THEY_ARE}
    if identity:
        named[identity] = claims[identity]
    else:
        named |= _organisation(publisher)
    return [_attribute(name, text, claims) for name, claim in named.items() for text in _texts(claim)]


def resource_attributes(event: Mapping[str, object]) -> list[Attribute]:
    """What is to be published; a URN is an attribute's name up to its last colon, and its value."""
    resource, _, name = str(event["resource"]).rpartition(":")
    attributes = [
        {**_attribute(EVENT_ID, str(event["id"])), "IncludeInResult": True},
        _attribute("urn:altinn:eventtype", str(event["type"])),
        _attribute("urn:altinn:eventsource", str(event["source"])),
        _attribute(resource, name),
    ]
    attributes += _event_subject(str(event.get("subject", "")), resource)
    if "resourceinstance" in event:
        attributes.append(_attribute("urn:altinn:resource:instance-id", str(event["resourceinstance"])))
    return attributes


def _event_subject(subject: str, resource: str) -> list[Attribute]:
    """Whom the event is about, where its subject has one of Altinn's forms."""
    for prefix, name in _SUBJECTS.items():
        if subject.startswith(prefix):
            return [_attribute(name, subject.removeprefix(prefix))]
    name, _, value = subject.rpartition(":")
    if not rules.ATTRIBUTES["resource"].holds(subject) or name == resource or name.startswith(_WHAT):
        return []
    return [_attribute(name, value)]


_SUBJECTS = {
    "/user/": "urn:altinn:userid",
    "/org/": "urn:altinn:org",
    "/party/": "urn:altinn:partyid",
    "/organisation/": "urn:altinn:organization:identifier-no",
    "/systemuser/": SYSTEM_USER,
}

_WHAT = ("urn:altinn:resource", "urn:altinn:app", "urn:altinn:event", "urn:altinn:instance", "urn:altinn:task")
"""Attributes that say what is published: a subject that is one of these would ask about another resource."""

_IDENTITIES = ("urn:altinn:person:uuid", "urn:altinn:userid", "urn:altinn:partyid", "urn:altinn:resource")
"""Only the first of these that a token has is sent: were they of different parties, it would be unclear who asks."""

_ORGANISATION_CLAIM = "urn:altinn:orgNumber"
_ORGANISATION_IDENTIFIER = "urn:altinn:organization:identifier-no"
_NOT_AS_THEY_ARE = (*_IDENTITIES, _ORGANISATION_CLAIM, _ORGANISATION_IDENTIFIER)


def _organisation(publisher: Publisher) -> dict[str, object]:
    """Its number; where Altinn's exchange has not written it, that of the consumer in Maskinporten's token."""
    if _ORGANISATION_IDENTIFIER in publisher.claims:
        return {_ORGANISATION_IDENTIFIER: publisher.claims[_ORGANISATION_IDENTIFIER]}
    consumer = publisher.consumer.removeprefix("0192:") if publisher.consumer else None
    number = publisher.claims.get(_ORGANISATION_CLAIM, consumer)
    return {"urn:altinn:organizationnumber": number, _ORGANISATION_IDENTIFIER: number}


def _system_user(claims: Claims) -> str | None:
    """The first `systemuser_id` of `authorization_details` (RFC 9396) of type ``urn:altinn:systemuser``."""
    details = claims.get("authorization_details")
    for each in details if isinstance(details, list) else [details]:
        if isinstance(each, dict) and each.get("type") == "urn:altinn:systemuser":
            ids = _texts(each.get("systemuser_id"))
            if ids:
                return ids[0]
    return None


def _texts(claim: object) -> list[str]:
    """A claim as text; each element of an array is a claim of its own, and what has no plain text is left out."""
    if isinstance(claim, list):
        return [text for each in claim if not isinstance(each, list) for text in _texts(each)]
    if isinstance(claim, bool):
        return [str(claim).lower()]
    return [str(claim)] if isinstance(claim, str | int) else []


def _attribute(name: str, value: str, claims: Claims | None = None) -> Attribute:
    """An attribute; its issuer is that of the claims, or Altinn."""
    issuer = str(claims["iss"]) if claims else "Altinn"
    kind = "http://www.w3.org/2001/XMLSchema#integer" if claims is None and name == "urn:altinn:partyid" else "string"
    return {"AttributeId": name, "Value": value, "DataType": kind, "Issuer": issuer, "IncludeInResult": False}


def _member(value: object, name: str) -> object:
    """A member of a JSON object by its name in any case: Altinn writes ``Response`` and ``response``."""
    members = value if isinstance(value, dict) else {}
    return next((member for each, member in members.items() if each.lower() == name), None)
