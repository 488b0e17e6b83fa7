"""Altinn Authorization: how it is asked, and for how long its answer counts."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from events_publish import pdp
from events_publish.envelope import Event
from events_publish.pdp import Pdp
from events_publish.problem import PolicyUnavailable
from events_publish.publisher import publisher_of
from events_publish.settings import DecisionPoint
from tests.clock import Clock

CLAIMS = {
    "iss": "https://issuer.example/",
    "jti": "session-1",
    "scope": "altinn:events.publish",
    "consumer": {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"},
}
PERMIT = {"Response": [{"Decision": "Permit"}]}
DENY = {"Response": [{"Decision": "Deny"}]}


def event(**attributes: object) -> Event:
    least = {"id": "1", "type": "t", "source": "/s", "resource": "urn:altinn:resource:example.api"}
    return Event({**least, **attributes}, b"{}")


class Point:
    """A decision point that answers what the test says, and keeps what it was asked."""

    def __init__(self, answer: Any = PERMIT) -> None:
        self.answer = answer
        self.asked: list[Any] = []
        self.pdp = Pdp(DecisionPoint("https://pdp.example/decision", "key"), self.post)

    async def post(self, url: str, value: Any, headers: Mapping[str, str]) -> Any:
        assert (url, headers["Ocp-Apim-Subscription-Key"]) == ("https://pdp.example/decision", "key")
        self.asked.append(value)
        await asyncio.sleep(0)
        answer = self.answer(value) if callable(self.answer) else self.answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def refused(self, *events: Event, **claims: object) -> list[int]:
        deadline = asyncio.get_running_loop().time() + 10
        return await self.pdp.refused(publisher_of({**CLAIMS, **claims}), events, deadline=deadline)


async def test_the_request() -> None:
    """As Altinn's own publish endpoint makes it."""
    point = Point()
    assert await point.refused(event(resourceinstance="i")) == []

    def attribute(name: str, value: str, issuer: str = "Altinn", *, include: bool = False) -> dict[str, object]:
        return {
            "AttributeId": name,
            "Value": value,
            "DataType": "string",
            "Issuer": issuer,
            "IncludeInResult": include,
        }

    issuer = "https://issuer.example/"
    assert point.asked == [
        {
            "Request": {
                "ReturnPolicyIdList": False,
                "AccessSubject": [
                    {
                        "Attribute": [
                            attribute("urn:scope", "altinn:events.publish", issuer),
                            attribute("urn:altinn:sessionid", "session-1", issuer),
                            attribute("urn:altinn:organizationnumber", "991825827", issuer),
                            attribute("urn:altinn:organization:identifier-no", "991825827", issuer),
                        ]
                    }
                ],
                "Action": [{"Attribute": [attribute("urn:oasis:names:tc:xacml:1.0:action:action-id", "publish")]}],
                "Resource": [
                    {
                        "Attribute": [
                            attribute("urn:altinn:event-id", "1", include=True),
                            attribute("urn:altinn:eventtype", "t"),
                            attribute("urn:altinn:eventsource", "/s"),
                            attribute("urn:altinn:resource", "example.api"),
                            attribute("urn:altinn:resource:instance-id", "i"),
                        ]
                    }
                ],
            }
        }
    ]


@pytest.mark.parametrize(
    "answer",
    [None, "Permit", [], {}, {"Response": []}, {"Response": {"Decision": "Permit"}}, OSError("down"), ValueError("no")],
)
async def test_what_is_no_answer(answer: Any) -> None:
    with pytest.raises(PolicyUnavailable):
        await Point(answer).refused(event())


async def test_a_batch_is_asked_about_event_by_event() -> None:
    """Of those that differ in nothing that is decided by, one."""

    def answer(request: Any) -> Any:
        return DENY if "other.api" in str(request) else PERMIT

    point = Point(answer)
    other = event(resource="urn:altinn:resource:other.api")
    assert await point.refused(event(), other, event(id="2"), event(type="t2"), other) == [1, 4]
    assert len(point.asked) == 3


async def test_one_failure_leaves_no_answer() -> None:
    point = Point(lambda request: OSError("down") if "t7" in str(request) else PERMIT)
    with pytest.raises(PolicyUnavailable):
        await point.refused(*(event(type=f"t{number}") for number in range(50)))
    assert len(point.asked) < 50, "the others are given up"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """That of `pdp`."""
    clock = Clock()
    monkeypatch.setattr(pdp, "time", clock)
    return clock


async def test_a_permit_is_remembered_for_30_s(clock: Clock) -> None:
    point = Point()
    for _ in range(3):
        assert await point.refused(event()) == []
    assert len(point.asked) == 1
    point.answer = DENY
    clock.now += 29.9
    assert await point.refused(event()) == []
    clock.now += 0.2
    assert await point.refused(event()) == [0]
    point.answer = PERMIT
    assert await point.refused(event()) == [], "a refusal is not remembered"


@pytest.mark.parametrize(
    ("attributes", "claims"),
    [
        ({"type": "t2"}, {}),
        ({"source": "/s2"}, {}),
        ({"resource": "urn:altinn:resource:example.ap"}, {}),
        ({"resourceinstance": "i"}, {}),
        ({"subject": "/org/ttd"}, {}),
        ({"resource": "urn:altinn:event-id:example.api"}, {}),
        ({"subject": "urn:altinn:sessionid:2"}, {}),
        ({}, {"iss": "https://other.example/"}),
        ({}, {"scope": "altinn:events.publish more"}),
        ({}, {"consumer": {"authority": "iso6523-actorid-upis", "ID": "0192:991825828"}}),
        ({}, {"urn:altinn:org": "ttd"}),
        ({}, {"authorization_details": [{"type": "urn:altinn:systemuser", "systemuser_id": ["u"]}]}),
    ],
)
async def test_a_permit_is_for_the_same_question_only(attributes: dict[str, str], claims: dict[str, Any]) -> None:
    point = Point()
    assert await point.refused(event()) == []
    point.answer = DENY
    assert await point.refused(event(**attributes), **claims) == [0]


async def test_resources_that_look_like_an_id() -> None:
    """What is left out of the question is the event's id and the token's, and nothing that is named like them."""
    for name in ("event-id", "sessionid"):
        point = Point()
        assert await point.refused(event(resource=f"urn:altinn:{name}:a")) == []
        point.answer = DENY
        assert await point.refused(event(resource=f"urn:altinn:{name}:b")) == [0]


@pytest.mark.parametrize(("attributes", "claims"), [({"id": "2", "time": "x", "ext": 1}, {}), ({}, {"jti": "2"})])
async def test_what_a_permit_does_not_hang_on(attributes: dict[str, Any], claims: dict[str, Any]) -> None:
    point = Point()
    assert await point.refused(event()) == []
    point.answer = DENY
    assert await point.refused(event(**attributes), **claims) == []


async def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdp, "MAX_REMEMBERED", 3)
    point = Point()
    for number in range(5):
        await point.refused(event(type=f"t{number}"))
    assert len(point.pdp._permits) == 3
    await point.refused(event(type="t4"))
    assert len(point.asked) == 5
    await point.refused(event(type="t0"))
    assert len(point.asked) == 6


async def test_no_longer_than_the_request_has() -> None:
    point = Point()

    async def hang(*_: object) -> None:
        await asyncio.sleep(60)

    with pytest.raises(PolicyUnavailable):
        await Pdp(DecisionPoint("https://pdp.example/"), hang).refused(
            publisher_of(CLAIMS), [event()], deadline=asyncio.get_running_loop().time() + 0.05
        )
    assert point.asked == []
