"""Whether the function is alive, and whether it could publish."""

import asyncio
import json
import os
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from events_publish import health
from events_publish.endpoint import Endpoint
from events_publish.exchange import Request, respond
from events_publish.settings import Settings
from local import azurite
from local.up import SAMPLE
from tests import storage_stand_in
from tests.background import Background
from tests.conftest import TRACE_ID, Host, MakeToken, Publish, StartHost, problem
from tests.host.test_faults import ports
from tests.storage import Queue

HEALTH = "/events/api/v1/health"
READY = HEALTH + "/ready"


def well(response: httpx.Response) -> None:
    assert response.status_code == 200
    assert response.json() == {"status": "pass"}
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert TRACE_ID.fullmatch(response.headers["trace-id"])


@pytest.mark.parametrize("path", [HEALTH, READY])
def test_it_is_well(client: httpx.Client, host: Host, path: str) -> None:
    """Whoever asks: it takes no token."""
    well(client.get(host.url + path))
    assert client.head(host.url + path).status_code == 200
    refused = client.post(host.url + path)
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "GET, HEAD"


def test_ready_before_the_first_event(
    client: httpx.Client, start_host: StartHost, settings: dict[str, str], storage: str
) -> None:
    """The queue that is missing is made, as the first event would make it; nothing is put on it."""
    host = start_host({**settings, "EVENTS_QUEUE_NAME": "made-by-a-look"})
    well(client.get(host.url + READY))
    with Queue(storage, "made-by-a-look") as queue:
        assert queue.client.get_queue_properties().approximate_message_count == 0


@pytest.mark.long
def test_storage_goes_and_comes_back(
    background: Background,
    client: httpx.Client,
    start_host: StartHost,
    settings: dict[str, str],
    make_token: MakeToken,
    tmp_path: Path,
) -> None:
    """Alive all the time; ready again, with its first 200, within the 5 s that a verdict counts."""
    storage = background.run(azurite.start(tmp_path, azurite.Ports(0, 0, 0)))
    host = start_host({**settings, "EVENTS_STORAGE": storage.connection_string, "PUBLISH_TIMEOUT_SECONDS": "4"})
    os.kill(storage.child.pid, signal.SIGKILL)
    background.run(storage.child.wait())
    details = problem(client.get(host.url + READY), 503, "not-ready")
    assert details["detail"] == "An event that came now could not be published."
    well(client.get(host.url + HEALTH))

    storage = background.run(azurite.start(tmp_path, ports(storage.connection_string)))
    end = time.monotonic() + health.VERDICT_SECONDS + 3
    while client.get(host.url + READY).status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert Publish(client, host.events, make_token())(SAMPLE.read_bytes()).status_code == 200
    background.run(storage.child.stop())


def test_no_keys(client: httpx.Client, start_host: StartHost, settings: dict[str, str]) -> None:
    issuers = json.dumps([{"issuer": "http://127.0.0.1:1/"}])
    host = start_host({**settings, "TOKEN_ISSUERS": issuers})
    problem(client.get(host.url + READY), 503, "not-ready")
    well(client.get(host.url + HEALTH))


def test_keys_of_one_of_two_issuers(client: httpx.Client, start_host: StartHost, settings: dict[str, str]) -> None:
    """Are enough: its publishers can publish."""
    issuers = [{"issuer": "http://127.0.0.1:1/"}, *json.loads(settings["TOKEN_ISSUERS"])]
    host = start_host({**settings, "TOKEN_ISSUERS": json.dumps(issuers)})
    well(client.get(host.url + READY))


async def test_many_who_ask_ask_once(settings: dict[str, str]) -> None:
    """A verdict counts for all who ask within 5 s: nobody can make the function ask storage without end."""
    stand_in, runner = await storage_stand_in.start()
    stand_in.status, stand_in.body = 200, b""
    endpoint = Endpoint(Settings.from_environ({**settings, "EVENTS_STORAGE": stand_in.connection_string}))
    for _ in range(2):
        answers = await asyncio.gather(*(respond(endpoint.ready, Request("GET", {})) for _ in range(50)))
        assert {answer.status for answer in answers} == {200}
    assert stand_in.asked == 1
    await endpoint.close()
    await runner.cleanup()


@pytest.mark.usefixtures("faster")
async def test_a_queue_that_hangs(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict comes in time all the same, those who gave up waiting take nobody's away, and it is soon asked again."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/account"
        connection = f"AccountName=account;AccountKey=c2VjcmV0;QueueEndpoint={address}"
        endpoint = Endpoint(Settings.from_environ({**settings, "EVENTS_STORAGE": connection}))
        monkeypatch.setattr(health, "VERDICT_SECONDS", 0.5)
        began = time.monotonic()
        impatient = asyncio.create_task(respond(endpoint.ready, Request("GET", {})))
        await asyncio.sleep(0.1)
        impatient.cancel()
        assert (await respond(endpoint.ready, Request("GET", {}))).status == 503
        assert time.monotonic() - began < 2
        await asyncio.sleep(began + health.VERDICT_SECONDS + 0.05 - time.monotonic())
        asked_again = time.monotonic()
        assert (await respond(endpoint.ready, Request("GET", {}))).status == 503
        assert time.monotonic() - asked_again > 0.1
        await endpoint.close()
