"""Problems: one family, each kind with what RFC 9457 and its status ask for."""

import json

import pytest

from events_publish import problem, problem_page
from events_publish.problem import Problem

EXAMPLES = list(problem_page.EXAMPLES.values())

HEADERS = {
    "unauthenticated": "WWW-Authenticate",
    "invalid-token": "WWW-Authenticate",
    "insufficient-scope": "WWW-Authenticate",
    "method-not-allowed": "Allow",
    "unsupported-media-type": "Accept-Post",
    "keys-unavailable": "Retry-After",
    "policy-unavailable": "Retry-After",
    "overloaded": "Retry-After",
    "queue-unavailable": "Retry-After",
    "not-ready": "Retry-After",
}


def test_every_kind_has_an_example() -> None:
    assert {kind: type(example) for kind, example in problem_page.EXAMPLES.items()} == problem.kinds()


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
        **example.extensions,
    }
    assert set(example.headers) == ({HEADERS[example.kind]} if example.kind in HEADERS else set())


def test_retry_after_is_jittered() -> None:
    waits = {problem.QueueUnavailable().headers["Retry-After"] for _ in range(200)}
    assert waits == {"1", "2", "3", "4", "5"}


def test_thousands_of_faults_are_cut_short() -> None:
    """An answer is not a multiple of what came."""
    refused = problem.InvalidEvent({f"A{number}": ["is wrong."] for number in range(5000)})
    assert refused.errors is not None
    assert len(refused.errors) == 100
    assert refused.detail == "More than 100 members are at fault; errors says what is wrong with the first 100."
    whole = problem.InvalidEvent({f"A{number}": ["is wrong."] for number in range(100)})
    assert whole.detail == "100 members are at fault; errors says what is wrong."
    assert (
        len(problem.EventTooLarge({f"[{number}]": ["is."] for number in range(101)}, "Too large.").errors or ()) == 100
    )
    assert problem.InvalidEvent({"$": ["is wrong."]}).detail.startswith("The body as a whole is at fault")
