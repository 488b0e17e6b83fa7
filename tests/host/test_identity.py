"""The function with the settings that would be deployed: a token endpoint as on Azure, Azurite over TLS, and no key."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from azure.storage.blob import BlobClient

from local import azurite
from local.up import SAMPLE
from tests import certificates
from tests.background import Background
from tests.certificates import Certificate
from tests.conftest import Host, MakeToken, Publish, host_of, problem, wait_until
from tests.identity_endpoint import RESOURCE, IdentityEndpoint, identity_endpoint
from tests.infra.deployment import PARAMETERS, Deployment
from tests.storage import Queue, connection_parts

BODY = SAMPLE.read_bytes()
CLIENT_ID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificates.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def identity(background: Background) -> Iterator[IdentityEndpoint]:
    running = identity_endpoint()
    yield background.run(running.__aenter__())
    background.run(running.__aexit__(None, None, None))


class Storage(NamedTuple):
    """Azurite with TLS, which takes tokens of Microsoft Entra."""

    connection_string: str
    parts: dict[str, str]


@pytest.fixture(scope="module")
def entra_storage(
    background: Background, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storage]:
    tls = ["--oauth", "basic", "--cert", str(certificate.certificate), "--key", str(certificate.key)]
    started = background.run(azurite.start(tmp_path_factory.mktemp("azurite"), azurite.Ports(0, 0, 0), *tls))
    yield Storage(started.connection_string, connection_parts(started.connection_string))
    background.run(started.child.stop())


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate of `entra_storage`, by the clients of these tests."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.certificate))


class Deployed(NamedTuple):
    """The function as it would be deployed, with its log."""

    publish: Publish
    log: list[str]


type Deploy = Callable[..., Deployed]


@pytest.fixture
def deploy(
    background: Background,
    app_folder: Path,
    client: httpx.Client,
    settings: dict[str, str],
    make_token: MakeToken,
    certificate: Certificate,
    identity: IdentityEndpoint,
    entra_storage: Storage,
) -> Iterator[Deploy]:
    """Starts the function with the app settings that would be deployed, where what only Azure knows is at hand here."""
    hosts: list[Host] = []
    identity.status, identity.audience = 200, RESOURCE
    identity.asked.clear()

    def deploy(**changed: str) -> Deployed:
        known = {
            "clientId": CLIENT_ID,
            "primaryEndpoints.queue": entra_storage.parts["QueueEndpoint"] + "/",
            "primaryEndpoints.blob": entra_storage.parts["BlobEndpoint"] + "/",
            "ConnectionString": "InstrumentationKey=00000000-0000-0000-0000-000000000000",
        }
        predicted = Deployment("prod").app_settings_where(known)
        here = {"TOKEN_ISSUERS": settings["TOKEN_ISSUERS"], "SSL_CERT_FILE": str(certificate.certificate)}
        log: list[str] = []
        environ = {**predicted, **here, **identity.environ, **changed}
        hosts.append(background.run(host_of(app_folder, environ, show=log.append)))
        return Deployed(Publish(client, hosts[-1].events, make_token()), log)

    yield deploy
    for host in hosts:
        background.run(host.child.stop())


@pytest.mark.usefixtures("trusted")
def test_publish_by_managed_identity(deploy: Deploy, identity: IdentityEndpoint, entra_storage: Storage) -> None:
    """A hundred events are on the queue with one token: for the right identity and resource, with the header."""
    publish, _ = deploy(EVENTS_QUEUE_NAME="by-identity")
    assert [publish(BODY).status_code for _ in range(100)] == [200] * 100
    assert identity.asked == [{"api-version": "2019-08-01", "resource": RESOURCE, "client_id": CLIENT_ID}]
    with Queue(entra_storage.connection_string, "by-identity") as queue:
        assert queue.take() == [BODY] * 100


@pytest.mark.usefixtures("trusted")
def test_large_events_by_managed_identity(deploy: Deploy, identity: IdentityEndpoint, entra_storage: Storage) -> None:
    """The data lies beside the queue, with the same token."""
    publish, _ = deploy(EVENTS_QUEUE_NAME="large-by-identity", MAX_EVENT_BYTES="60000")
    assert publish({**json.loads(BODY), "data": "x" * 50_000}).status_code == 200
    with Queue(entra_storage.connection_string, "large-by-identity") as queue:
        (message,) = queue.take()
    key = {"account_name": entra_storage.parts["AccountName"], "account_key": entra_storage.parts["AccountKey"]}
    with BlobClient.from_blob_url(json.loads(message)["dataref"], key) as blob:
        assert blob.download_blob().readall() == b'"%b"' % (b"x" * 50_000)
    assert len(identity.asked) == 1


def test_identity_endpoint_down(deploy: Deploy, identity: IdentityEndpoint) -> None:
    """503 within the budget, and 200 when it is back: nobody need restart anything."""
    publish, log = deploy(EVENTS_QUEUE_NAME="recovered", PUBLISH_TIMEOUT_SECONDS="4")
    identity.status = 500
    began = time.monotonic()
    response = publish(BODY)
    assert time.monotonic() - began < 5
    problem(response, 503, "queue-unavailable")
    assert "retry-after" in response.headers
    wait_until(lambda: any("no token could be had" in line for line in log))
    identity.status = 200
    wait_until(lambda: publish(BODY).status_code == 200)


def test_no_identity(deploy: Deploy) -> None:
    """An identity whose endpoint is not there is a fault of ours: 503."""
    publish, _ = deploy(IDENTITY_ENDPOINT="http://127.0.0.1:1/token", PUBLISH_TIMEOUT_SECONDS="4")
    response = publish(BODY)
    assert response.status_code == 503
    assert "retry-after" in response.headers


def test_token_refused_by_storage(deploy: Deploy, identity: IdentityEndpoint) -> None:
    """503, and the log names the role to grant."""
    identity.audience = "https://vault.azure.net"
    publish, log = deploy(EVENTS_QUEUE_NAME="refused")
    problem(publish(BODY), 503, "queue-unavailable")
    wait_until(lambda: any('"cause"' in line for line in log))
    (record,) = [line for line in log if '"cause"' in line]
    assert "AuthenticationFailed" in record
    assert "grant its identity the role Storage Queue Data Message Sender" in record
    assert "eyJ" not in "".join(log)


@pytest.mark.parametrize("name", PARAMETERS)
def test_it_starts_with_what_would_be_deployed(
    name: str, background: Background, app_folder: Path, client: httpx.Client
) -> None:
    """Each setting is one that the function takes, also where none of what Azure knows is to be had."""
    known = dict.fromkeys(("primaryEndpoints.queue", "primaryEndpoints.blob"), "https://127.0.0.1:1/account/")
    predicted = Deployment(name).app_settings_where({**known, "clientId": CLIENT_ID, "ConnectionString": "x"})
    host = background.run(host_of(app_folder, predicted))
    assert client.get(f"{host.url}/events/api/v1/health").status_code == 200
    background.run(host.child.stop())
