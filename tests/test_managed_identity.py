"""What the endpoint of a managed identity answers."""

import time
from typing import Any

import pytest

from events_publish import managed_identity, storage_fault
from events_publish.managed_identity import AccessToken, ManagedIdentity
from tests.identity_endpoint import RESOURCE, identity_endpoint

SCOPE = f"{RESOURCE}/.default"


@pytest.mark.parametrize(("client_id", "asked"), [("a-client", {"client_id": "a-client"}), (None, {})])
async def test_which_identity_is_asked_for(client_id: str | None, asked: dict[str, str]) -> None:
    """One that was made for it, or that of the function app itself."""
    async with identity_endpoint() as endpoint:
        identity = ManagedIdentity(endpoint.url, endpoint.header, client_id)
        token = await identity.token(SCOPE, tenant_id="another")
        await identity.close()
    assert endpoint.asked == [{"api-version": "2019-08-01", "resource": RESOURCE, **asked}]
    assert token.expires_on > time.time()


@pytest.mark.parametrize(
    ("answer", "refresh_in"),
    [
        ({"expires_on": 86_400}, 43_200),
        ({"expires_on": 7_199}, None),
        ({"expires_on": 86_400, "refresh_in": "100"}, 100),
    ],
)
def test_when_there_should_be_another(answer: dict[str, Any], refresh_in: int | None) -> None:
    """As azure-identity has it: from the middle of a long life on, unless the endpoint says otherwise."""
    now = int(time.time())
    found = managed_identity.access_token(
        {"access_token": "t", **answer, "expires_on": str(now + answer["expires_on"])}
    )
    assert found[:2] == AccessToken("t", now + answer["expires_on"])[:2]
    refresh_on = found.refresh_on and found.refresh_on - now
    assert refresh_on == (refresh_in and pytest.approx(refresh_in, abs=2))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "a",
        {},
        {"access_token": "t"},
        {"expires_on": "1"},
        {"access_token": 1, "expires_on": "1"},
        {"access_token": "t\r\nA: b", "expires_on": "1"},
        {"access_token": "\xe5", "expires_on": "1"},
        {"access_token": "t", "expires_on": "soon"},
        {"access_token": "t", "expires_on": None},
        {"access_token": "t", "expires_on": float("inf")},
        {"access_token": "t", "expires_on": "9" * 5000},
        {"access_token": "t", "expires_on": "1", "refresh_in": []},
    ],
)
def test_answers_that_have_no_token(answer: Any) -> None:
    """Each is a fault that may pass."""
    with pytest.raises(storage_fault.FAULTS):
        managed_identity.access_token(answer)
