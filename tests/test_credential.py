"""The token that the function signs in to storage with: kept as long as it is good, whatever becomes of its endpoint."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from events_publish import credential, storage_fault
from events_publish.azure_identity import AzureIdentity
from events_publish.credential import KeptToken
from events_publish.managed_identity import AccessToken, ManagedIdentity
from events_publish.settings import Connection
from events_publish.storage_fault import NoToken
from tests.identity_endpoint import RESOURCE, IdentityEndpoint, identity_endpoint

SCOPE = f"{RESOURCE}/.default"


@pytest.fixture
async def endpoint(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IdentityEndpoint]:
    async with identity_endpoint() as endpoint:
        for name, value in endpoint.environ.items():
            monkeypatch.setenv(name, value)
        yield endpoint


@pytest.fixture(params=[ManagedIdentity, AzureIdentity], ids=["ours", "azure-identity"])
async def kept(endpoint: IdentityEndpoint, request: pytest.FixtureRequest) -> AsyncIterator[KeptToken]:
    """A token of a managed identity: by our own call, and by azure-identity, which knows more kinds of them."""
    known = (endpoint.url, endpoint.header) if request.param is ManagedIdentity else (None, None)
    connection = Connection(None, "https://x/", None, "managedidentity", "a-client", *known)
    assert isinstance(credential.identity(connection), request.param)
    kept = credential.credential(connection)
    assert kept
    yield kept
    endpoint.answers.set()
    await kept.close()


async def token(kept: KeptToken) -> str:
    return (await kept.get_token_info(SCOPE)).token


async def is_renewed(kept: KeptToken, first: str) -> None:
    """There is soon another token than the first."""
    for _ in range(500):
        with contextlib.suppress(NoToken):
            if await token(kept) != first:
                return
        await asyncio.sleep(0.01)
    pytest.fail("it was not renewed")


@pytest.fixture
def always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is to be renewed as soon as it is there, and again at once."""
    monkeypatch.setattr(credential, "AHEAD_SECONDS", 10**6)
    monkeypatch.setattr(credential, "RETRY_SECONDS", 0)


def test_a_connection_string_needs_none() -> None:
    assert credential.credential(Connection("UseDevelopmentStorage=true")) is None


async def test_many_ask_once(endpoint: IdentityEndpoint, kept: KeptToken) -> None:
    assert len(set(await asyncio.gather(*(token(kept) for _ in range(100))))) == 1
    await token(kept)
    assert len(endpoint.asked) == 1


async def test_those_who_give_up_take_it_from_nobody(endpoint: IdentityEndpoint, kept: KeptToken) -> None:
    endpoint.answers.clear()
    impatient, patient = (asyncio.create_task(token(kept)) for _ in range(2))
    await asyncio.sleep(0.05)
    impatient.cancel()
    endpoint.answers.set()
    assert await patient
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("refresh_in", [None, 0], ids=["near its end", "when it says so"])
@pytest.mark.usefixtures("always_due")
async def test_a_token_is_renewed_behind_those_who_use_it(
    endpoint: IdentityEndpoint, kept: KeptToken, refresh_in: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.refresh_in = refresh_in
    if refresh_in is None:
        endpoint.lifetime = 200
        monkeypatch.setattr("azure.identity._internal.utils.DEFAULT_TOKEN_REFRESH_RETRY_DELAY", -1)
    else:
        monkeypatch.setattr(credential, "AHEAD_SECONDS", 0)
    first = await token(kept)
    endpoint.answers.clear()
    assert [await token(kept) for _ in range(3)] == [first] * 3, "nobody waits"
    endpoint.answers.set()
    await is_renewed(kept, first)


@pytest.mark.usefixtures("always_due")
async def test_a_good_token_outlives_its_endpoint(
    endpoint: IdentityEndpoint, kept: KeptToken, caplog: pytest.LogCaptureFixture
) -> None:
    """Which fails, and then hangs; when it is back, there is a new one."""
    endpoint.refresh_in = 0
    first = await token(kept)
    endpoint.status = 500
    for _ in range(500):
        assert await token(kept) == first
        await asyncio.sleep(0.01)
        if caplog.messages:
            break
    assert caplog.messages[0].startswith("The identity gives no new token for EVENTS_STORAGE: ")
    assert "500" in caplog.messages[0]
    assert first not in caplog.text
    endpoint.status = 200
    endpoint.answers.clear()
    async with asyncio.timeout(1):
        assert [await token(kept) for _ in range(10)] == [first] * 10
    endpoint.answers.set()
    await is_renewed(kept, first)


async def test_a_good_token_is_not_renewed_again_and_again(endpoint: IdentityEndpoint, kept: KeptToken) -> None:
    endpoint.refresh_in = 0
    for _ in range(10):
        await token(kept)
        await asyncio.sleep(0.01)
    assert len(endpoint.asked) == 1


async def test_an_old_token_is_not_shown(endpoint: IdentityEndpoint, kept: KeptToken) -> None:
    endpoint.lifetime = 1
    first = await token(kept)
    await asyncio.sleep(1.1)
    assert await token(kept) != first


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
async def test_no_token(endpoint: IdentityEndpoint, kept: KeptToken, status: int) -> None:
    """Nothing was done, whoever runs the function is told what to look at, and the next attempt may work."""
    endpoint.status = status
    with pytest.raises(NoToken) as refused:
        await token(kept)
    fault = storage_fault.read(refused.value)
    assert fault.nothing_done
    assert fault.may_pass == (status in storage_fault.MAY_PASS)
    assert fault.advice == storage_fault.NO_TOKEN
    endpoint.status = 200
    await is_renewed(kept, "")


async def test_an_endpoint_that_hangs(
    kept: KeptToken, endpoint: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for without end; there is soon a token when it is well again, though what hung never ends."""
    monkeypatch.setattr(credential, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(credential, "PAUSE_SECONDS", 0)
    well, endpoint.answers = endpoint.answers, asyncio.Event()
    for _ in range(3):
        with pytest.raises(NoToken) as refused:
            await token(kept)
        assert storage_fault.read(refused.value)[:3] == ("TimeoutError", True, True)
    endpoint.answers = well
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(NoToken):
                assert await token(kept)
                break


async def test_an_endpoint_that_is_slow(
    kept: KeptToken, endpoint: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gives at last is good, though nobody waited for so long."""
    monkeypatch.setattr(credential, "PATIENCE_SECONDS", 0.1)
    endpoint.answers.clear()
    with pytest.raises(NoToken):
        await token(kept)
    endpoint.answers.set()
    await is_renewed(kept, "")
    assert len(endpoint.asked) == 1


async def test_a_failure_is_that_of_all_who_stand_in_line(endpoint: IdentityEndpoint, kept: KeptToken) -> None:
    """One after the other, as azure-core lets them: each would try in vain, and for too long."""
    endpoint.status = 500
    for _ in range(20):
        with pytest.raises(NoToken):
            await token(kept)
    assert len(endpoint.asked) < 10


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x"])
async def test_an_answer_that_is_not_encoded_as_it_says(
    kept: KeptToken, endpoint: IdentityEndpoint, coding: str
) -> None:
    endpoint.headers = {"Content-Encoding": coding}
    with contextlib.suppress(NoToken):  # some clients take it as it is
        assert await token(kept)


def test_what_a_token_endpoint_answers_is_not_logged() -> None:
    """azure-identity would write it as a warning, the token in it."""
    assert not logging.getLogger("azure.identity.aio._internal").isEnabledFor(logging.ERROR)


async def test_a_token_of_another_tenant_while_one_is_fetched() -> None:
    """Whoever was told of another tenant does not get the token that is still on its way."""
    may_end = asyncio.Event()

    class OfTenants:
        async def token(self, _: str, tenant_id: str | None = None) -> AccessToken:
            if tenant_id is None:
                await may_end.wait()
            return AccessToken(f"of-{tenant_id}", 2**31)

        async def close(self) -> None: ...

    kept = KeptToken(OfTenants)
    first = asyncio.create_task(token(kept))
    await asyncio.sleep(0.05)
    other = await kept.get_token_info(SCOPE, options={"tenant_id": "x"})
    assert other.token == "of-x"
    may_end.set()
    await first
    assert await token(kept) == "of-x"
    await kept.close()


async def test_an_identity_that_could_not_be_made(caplog: pytest.LogCaptureFixture) -> None:
    """… for want of a file handle, say, is made again by the next who needs it."""

    class Made:
        async def token(self, *_: str, **__: object) -> AccessToken:
            return AccessToken("a-token", 2**31)

        async def close(self) -> None:
            pass

    faults: list[Exception] = [RuntimeError("no thread"), OSError("Too many open files"), ValueError("half a file")]

    def make() -> Any:
        if faults:
            raise faults.pop()
        return Made()

    kept = KeptToken(make)
    for reason in ("ValueError", "OSError", "RuntimeError"):
        with pytest.raises(NoToken, match=reason):
            await token(kept)
        await asyncio.sleep(credential.PAUSE_SECONDS)
    assert await token(kept) == "a-token"
    assert "Traceback" not in caplog.text
    await kept.close()


async def test_closing_after_an_identity_could_not_be_made() -> None:
    def make() -> Any:
        raise ValueError

    kept = KeptToken(make)
    with pytest.raises(NoToken):
        await token(kept)
    await kept.close()
