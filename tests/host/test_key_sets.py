"""The keys of an issuer in the days when it rotates them, breaks, or is attacked: through the host, in real time."""

import json
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from local import issuer, serving
from local.issuer import JWK, Fault
from local.up import SAMPLE
from tests.background import Background
from tests.conftest import MakeToken, Publish, StartHost, problem

BODY = SAMPLE.read_bytes()

HONOURED_SECONDS = 30
"""From when a key is published to when its tokens are taken, at most."""

RECOVERY_SECONDS = 10
"""From when an issuer works to when its tokens are taken, at most, where there was no key."""

SPARE_SECONDS = 2  # what a busy machine may add


class Counting(issuer.Issuer):
    """The local issuer; counts how often its keys are fetched."""

    fetches = 0

    async def jwk_set(self, request: web.Request) -> web.Response:
        self.fetches += 1
        return await super().jwk_set(request)


class Rehearsal:
    """An issuer of its own, and a host that trusts it; an attacker's token has a `kid` that nobody knows."""

    def __init__(
        self,
        folder: Path,
        background: Background,
        start_host: StartHost,
        settings: dict[str, str],
        make_token: MakeToken,
        client: httpx.Client,
    ) -> None:
        self.folder = folder
        self.issuer = Counting(folder)
        self._background = background
        self._make_token = make_token
        self._client = client
        self._runner = web.AppRunner(self.issuer.app(), access_log=None)
        self.issuer.identifier = background.run(serving.serve(self._runner, 0, "--port")) + "/"
        self._host = start_host({**settings, "TOKEN_ISSUERS": json.dumps([{"issuer": self.issuer.identifier}])})

    def publish(self, key: JWK | None = None) -> httpx.Response:
        """Publish with a new token, signed with `key`, or with the newest one."""
        key = key or issuer.keys(self.folder).signing
        return self._publish(self._make_token(key=key, iss=self.issuer.identifier))

    def attack(self) -> httpx.Response:
        claims = {"iss": self.issuer.identifier}
        return self._publish(
            f"{_part({'alg': 'RS256', 'kid': str(uuid.uuid4())})}.{_part(claims)}.{_part('signature')}"
        )

    def _publish(self, token: str) -> httpx.Response:
        return Publish(self._client, self._host.events, token)(BODY)

    def close(self) -> None:
        self._background.run(self._runner.cleanup())


def _part(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture
def rehearsal(
    tmp_path: Path,
    background: Background,
    start_host: StartHost,
    settings: dict[str, str],
    make_token: MakeToken,
    client: httpx.Client,
) -> Iterator[Rehearsal]:
    rehearsal = Rehearsal(tmp_path, background, start_host, settings, make_token, client)
    yield rehearsal
    rehearsal.close()


def test_a_thousand_unknown_kids(rehearsal: Rehearsal) -> None:
    """They cause no fetch within 30 s of the last one; publishers go on."""
    began = time.monotonic()
    assert rehearsal.publish().status_code == 200
    with ThreadPoolExecutor(8) as attackers:
        for response in attackers.map(lambda _: rehearsal.attack(), range(1000)):
            problem(response, 401, "invalid-token")
    assert rehearsal.publish().status_code == 200
    assert rehearsal.issuer.fetches <= 1 + (time.monotonic() - began) // 30


@pytest.mark.long
@pytest.mark.parametrize("fault", Fault)
def test_no_keys_at_first(rehearsal: Rehearsal, fault: Fault) -> None:
    """503 while the issuer has its fault; once it works: 200 within 10 s, without a restart."""
    issuer.set_fault(rehearsal.folder, fault)
    problem(rehearsal.publish(), 503, "keys-unavailable")
    issuer.set_fault(rehearsal.folder, None)
    end = time.monotonic() + RECOVERY_SECONDS + SPARE_SECONDS
    while (response := rehearsal.publish()).status_code != 200:
        problem(response, 503, "keys-unavailable")
        assert time.monotonic() < end
        time.sleep(0.25)


@pytest.mark.long
def test_a_rotation(rehearsal: Rehearsal) -> None:
    """Under attack, too: a new key counts within 30 s, a removed one for no longer than the issuer says."""
    old = issuer.keys(rehearsal.folder).signing
    began = time.monotonic()
    assert rehearsal.publish(old).status_code == 200

    new = issuer.rotate(rehearsal.folder, "ES256")
    end = time.monotonic() + HONOURED_SECONDS + SPARE_SECONDS
    while (response := rehearsal.publish(new)).status_code != 200:
        problem(response, 401, "invalid-token")
        assert time.monotonic() < end
        assert rehearsal.publish(old).status_code == 200
        rehearsal.attack()
        time.sleep(0.5)

    issuer.retire(rehearsal.folder, old["kid"])
    end = time.monotonic() + issuer.KEYS_MAX_AGE_SECONDS + SPARE_SECONDS
    while (response := rehearsal.publish(old)).status_code != 401:
        assert response.status_code == 200
        assert time.monotonic() < end
        assert rehearsal.publish(new).status_code == 200
        rehearsal.attack()
        time.sleep(0.5)
    assert rehearsal.publish(new).status_code == 200
    assert rehearsal.issuer.fetches <= 1 + (time.monotonic() - began) // 30


@pytest.mark.long
def test_an_outage(rehearsal: Rehearsal) -> None:
    """An issuer that hangs holds up those who need it, and nobody else; then it works again, with another key."""
    assert rehearsal.publish().status_code == 200
    old = issuer.keys(rehearsal.folder).signing
    new = issuer.rotate(rehearsal.folder)
    issuer.set_fault(rehearsal.folder, Fault.SLOW)
    time.sleep(31)
    with ThreadPoolExecutor(8) as others:
        waiting = [others.submit(rehearsal.publish, new) for _ in range(8)]
        slowest = 0.0
        while not all(each.done() for each in waiting):
            began = time.monotonic()
            assert rehearsal.publish(old).status_code == 200
            slowest = max(slowest, time.monotonic() - began)
        for each in waiting:
            problem(each.result(), 503, "keys-unavailable")
    assert slowest < 1, "5 s is what those wait who need the issuer"

    issuer.set_fault(rehearsal.folder, None)
    end = time.monotonic() + 30 + SPARE_SECONDS
    while rehearsal.publish(new).status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.5)
    assert rehearsal.publish(old).status_code == 200
