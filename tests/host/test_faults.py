"""What the function depends on goes away, and comes back."""

import json
import os
import signal
import time
from pathlib import Path

import httpx

from local import azurite, issuer
from local.up import SAMPLE
from tests.background import Background
from tests.conftest import QUEUE_NAME, MakeToken, Publish, StartHost, problem
from tests.storage import Queue, connection_parts

BODY = SAMPLE.read_bytes()
BUDGET_SECONDS = 4
SPARE_SECONDS = 3  # what a busy machine may add


def ports(connection_string: str) -> azurite.Ports:
    """Where an Azurite listens, to start another in its place."""
    parts = connection_parts(connection_string)
    urls = [parts[f"{service.capitalize()}Endpoint"] for service in azurite.Ports._fields]
    return azurite.Ports(*(httpx.URL(url).port or 0 for url in urls))


def unavailable(response: httpx.Response, kind: str) -> None:
    problem(response, 503, kind)
    assert 1 <= int(response.headers["retry-after"]) <= 5


def test_azurite_is_killed_and_comes_back(
    background: Background,
    client: httpx.Client,
    start_host: StartHost,
    settings: dict[str, str],
    make_token: MakeToken,
    tmp_path: Path,
) -> None:
    """503 within the budget while the queue is away; 200 after, without a restart; nothing accepted is lost."""
    storage = background.run(azurite.start(tmp_path, azurite.Ports(0, 0, 0)))
    host = start_host(
        {**settings, "EVENTS_STORAGE": storage.connection_string, "PUBLISH_TIMEOUT_SECONDS": str(BUDGET_SECONDS)}
    )
    publish = Publish(client, host.events, make_token())
    assert publish(BODY).status_code == 200
    with Queue(storage.connection_string, QUEUE_NAME) as queue:
        assert queue.take() == [BODY]

    os.kill(storage.child.pid, signal.SIGKILL)
    background.run(storage.child.wait())
    began = time.monotonic()
    unavailable(publish(BODY), "queue-unavailable")
    assert time.monotonic() - began < BUDGET_SECONDS + SPARE_SECONDS

    storage = background.run(azurite.start(tmp_path, ports(storage.connection_string)))
    assert publish(BODY).status_code == 200
    with Queue(storage.connection_string, QUEUE_NAME) as queue:
        assert queue.take() == [BODY]
    background.run(storage.child.stop())


def test_a_wrong_account_key(
    client: httpx.Client, start_host: StartHost, settings: dict[str, str], make_token: MakeToken, storage: str
) -> None:
    """A fault of ours: 503, never a publisher's 401 or 403."""
    key = storage.partition("AccountKey=")[2].partition(";")[0]
    host = start_host({**settings, "EVENTS_STORAGE": storage.replace(key, "c2VjcmV0")})
    unavailable(Publish(client, host.events, make_token())(BODY), "queue-unavailable")


def test_the_queue_is_created_once_it_is_missed(
    client: httpx.Client, start_host: StartHost, settings: dict[str, str], make_token: MakeToken, storage: str
) -> None:
    host = start_host({**settings, "EVENTS_QUEUE_NAME": "made-when-missed"})
    publish = Publish(client, host.events, make_token())
    assert publish(BODY).status_code == 200
    with Queue(storage, "made-when-missed") as queue:
        assert queue.take() == [BODY]
        queue.client.delete_queue()
        assert publish(BODY).status_code == 200
        assert queue.take() == [BODY]


def test_no_keys_yet(
    background: Background,
    client: httpx.Client,
    start_host: StartHost,
    settings: dict[str, str],
    make_token: MakeToken,
    tmp_path: Path,
) -> None:
    """While the issuer has never been reached: 503. Once it answers: 200 within 10 s, without a restart."""
    runner, identifier = background.run(issuer.start(tmp_path, 0))
    port = httpx.URL(identifier).port
    assert port
    background.run(runner.cleanup())
    host = start_host({**settings, "TOKEN_ISSUERS": json.dumps([{"issuer": identifier}])})
    token = make_token(key=issuer.keys(tmp_path).signing, iss=identifier)
    publish = Publish(client, host.events, token)
    unavailable(publish(BODY), "keys-unavailable")

    runner, _ = background.run(issuer.start(tmp_path, port))
    end = time.monotonic() + 10
    while (response := publish(BODY)).status_code != 200:
        unavailable(response, "keys-unavailable")
        assert time.monotonic() < end
        time.sleep(0.25)
    background.run(runner.cleanup())
    assert publish(BODY).status_code == 200, "known keys are kept while the issuer is down"


def test_the_scope_is_a_setting(
    client: httpx.Client, start_host: StartHost, settings: dict[str, str], make_token: MakeToken
) -> None:
    host = start_host({**settings, "PUBLISH_SCOPE": "my:scope", "EVENTS_QUEUE_NAME": "another-scope"})
    assert Publish(client, host.events, make_token(scope="my:scope"))(BODY).status_code == 200
    assert Publish(client, host.events, make_token())(BODY).status_code == 403
