"""A stand-in for the decision endpoint of Altinn Authorization, a policy decision point (XACML 3.0, JSON profile).

It decides nothing: what it answers lies in a folder, and is read at each request.
"""

import json
from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from local import faults, serving, state_file

PATH = "/authorization/api/v1/decision"
KEY_HEADER = "Ocp-Apim-Subscription-Key"

MAX_RECEIVED = 1000

_CATEGORIES = ("AccessSubject", "Action", "Resource")
_STATUS = "urn:oasis:names:tc:xacml:1.0:status:"

# The words of Azure API Management, which stands before Altinn's.
_NO_KEY = (
    "Access denied due to missing subscription key."
    " Make sure to include subscription key when making requests to an API."
)


class Answer(StrEnum):
    """What the stand-in answers: a decision, or a fault."""

    PERMIT = "Permit"
    DENY = "Deny"
    NOT_APPLICABLE = "NotApplicable"
    INDETERMINATE = "Indeterminate"
    DOWN = "down"
    SLOW = "slow"
    GARBAGE = "garbage"


class DecisionRequest(NamedTuple):
    """What was asked, and how."""

    headers: Mapping[str, str]
    body: dict[str, Any]


class Pdp(NamedTuple):
    """A running stand-in."""

    runner: web.AppRunner
    url: str
    received: deque[DecisionRequest]
    """The requests that it answered with a decision, newest last."""


def answer(folder: Path) -> Answer:
    """What the stand-in of `folder` answers now.

    Raises:
        Failure: the file was spoiled.
    """
    return state_file.choice(_answer_file(folder), Answer) or Answer.PERMIT


def set_answer(folder: Path, answer: Answer) -> None:
    """Have the stand-in of `folder` answer this from now on.

    Raises:
        Failure: the folder cannot be written.
    """
    state_file.write(_answer_file(folder), answer)


async def start(folder: Path, port: int) -> Pdp:
    """Serve the stand-in on loopback; its runner is to be cleaned up.

    Raises:
        Failure: the port is taken.
    """
    received = deque[DecisionRequest](maxlen=MAX_RECEIVED)
    app = web.Application()
    faults.have_faults(app, lambda: answer(folder))

    async def decide(request: web.Request) -> web.Response:
        if not request.headers.get(KEY_HEADER):
            return web.json_response({"statusCode": 401, "message": _NO_KEY}, status=401)
        try:
            body = _decision_request(await request.read(), request.content_type)
        except ValueError as error:
            # Altinn would answer 200 and Indeterminate, which hides the mistake.
            return web.Response(text=f"{error}\n", status=400)
        received.append(DecisionRequest(request.headers, body))
        return web.json_response(_response(answer(folder)))

    app.router.add_post(PATH, decide)
    runner = web.AppRunner(app, access_log=None)
    url = await serving.serve(runner, port, "--pdp-port")
    return Pdp(runner, url + PATH, received)


def _answer_file(folder: Path) -> Path:
    return folder / "pdp-answer"


def _decision_request(body: bytes, content_type: str) -> dict[str, Any]:
    """The decision request that a body is; ValueError where it is none.

    Names of members are compared as Altinn's parser does, without regard to case.
    """
    if content_type != "application/json":
        raise ValueError("Content-Type must be application/json: Altinn takes anything else for XML")
    parsed: dict[str, Any] = json.loads(body)
    request = _member(parsed, "Request")
    for name in _CATEGORIES:
        for category in _objects(_member(request, name), name):
            for attribute in _objects(_member(category, "Attribute"), f"{name}.Attribute"):
                for member in ("AttributeId", "Value"):
                    if not isinstance(_member(attribute, member), str):
                        raise ValueError(f"{name}.Attribute.{member} must be a string")
    return parsed


def _objects(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{name} must be a non-empty array of objects")
    return value


def _member(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"an object with the member {name} must be there")
    return next((found for key, found in value.items() if key.lower() == name.lower()), None)


def _response(decision: Answer) -> dict[str, Any]:
    """In the form of Altinn's: all members, with the names of ASP.NET Core's JSON."""
    status = _STATUS + ("syntax-error" if decision is Answer.INDETERMINATE else "ok")
    result = {
        "decision": decision,
        "status": {
            "statusMessage": None,
            "statusDetails": None,
            "statusCode": {"value": status, "statusCode": None},
        },
        "obligations": None,
        "associateAdvice": None,
        "category": None,
        "policyIdentifierList": None,
    }
    return {"response": [result]}
