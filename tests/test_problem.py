"""Problems: one family, each kind with what RFC 9457 and its status ask for."""

import json

import pytest

from events_publish import problem
from events_publish.problem import Problem

EXAMPLES = [
    problem.InvalidEvent({"id": ["is wrong."]}),
    problem.Unauthenticated("Send a token."),
    problem.InvalidToken("the token has expired"),
    problem.InsufficientScope("a:b"),
    problem.MethodNotAllowed(["POST", "OPTIONS"]),
    problem.LengthRequired(),
    problem.EventTooLarge(2, 1),
    problem.UnsupportedMediaType("Send JSON.", ["application/json"]),
    problem.KeysUnavailable("Try again."),
    problem.QueueUnavailable("Try again."),
    problem.InternalError(),
]

HEADERS = {401: "WWW-Authenticate", 403: "WWW-Authenticate", 405: "Allow", 415: "Accept-Post", 503: "Retry-After"}


def leaves(kind: type[Problem]) -> set[type[Problem]]:
    """The kinds that are raised: those with a `kind` of their own."""
    own = {kind} if "kind" in vars(kind) else set()
    return own.union(*(leaves(child) for child in kind.__subclasses__()))


def test_every_kind_is_an_example_here() -> None:
    assert {type(example) for example in EXAMPLES} == leaves(Problem)
    kinds = [example.kind for example in EXAMPLES]
    assert len(set(kinds)) == len(kinds)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.kind))
def test_each_is_a_problem_details_object(example: Problem) -> None:
    details = json.loads(example.body("0af7651916cd43dd8448eb211c80319c"))
    assert details.pop("errors", None) == example.errors
    assert details == {
        "type": f"/events/api/v1/problems/{example.kind}",
        "title": example.title,
        "status": example.status,
        "detail": example.detail,
        "traceId": "0af7651916cd43dd8448eb211c80319c",
    }
    assert set(example.headers) == {HEADERS[example.status]} if example.status in HEADERS else not example.headers


def test_retry_after_is_jittered() -> None:
    waits = {problem.QueueUnavailable("Try again.").headers["Retry-After"] for _ in range(200)}
    assert waits == {"1", "2", "3", "4", "5"}


def test_thousands_of_faults_are_cut_short() -> None:
    """An answer is not a multiple of what came."""
    refused = problem.InvalidEvent({f"A{number}": ["is wrong."] for number in range(5000)})
    assert refused.errors is not None
    assert len(refused.errors) == 100
    assert refused.detail == "5000 members are at fault; errors says what is wrong with the first 100."
