"""Storage by managed identity: no key in the settings, a token endpoint as on Azure, Azurite over TLS with OAuth."""

import datetime
import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from azure.storage.blob import BlobClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local import azurite
from local.up import SAMPLE
from tests.background import Background
from tests.conftest import MakeToken, Publish, StartHost
from tests.identity_endpoint import RESOURCE, IdentityEndpoint, identity_endpoint
from tests.storage import Queue

BODY = SAMPLE.read_bytes()
CLIENT_ID = "11111111-2222-3333-4444-555555555555"


class Certificate(NamedTuple):
    """A self-made certificate for 127.0.0.1, in files."""

    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "azurite")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    files = Certificate(folder / "cert.pem", folder / "key.pem")
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.fixture
def identity(background: Background) -> Iterator[IdentityEndpoint]:
    running = identity_endpoint()
    yield background.run(running.__aenter__())
    background.run(running.__aexit__(None, None, None))


def test_publish_by_managed_identity(
    background: Background,
    client: httpx.Client,
    start_host: StartHost,
    settings: dict[str, str],
    make_token: MakeToken,
    certificate: Certificate,
    identity: IdentityEndpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The right identity is asked for, once; small events lie on the queue, and the data of a large one beside it."""
    tls = ["--oauth", "basic", "--cert", str(certificate.certificate), "--key", str(certificate.key)]
    storage = background.run(azurite.start(tmp_path, azurite.Ports(0, 0, 0), *tls))
    parts = dict(part.split("=", 1) for part in storage.connection_string.rstrip(";").split(";"))
    host = start_host(
        {
            "TOKEN_ISSUERS": settings["TOKEN_ISSUERS"],
            "EVENTS_STORAGE__queueServiceUri": parts["QueueEndpoint"],
            "EVENTS_STORAGE__blobServiceUri": parts["BlobEndpoint"],
            "EVENTS_STORAGE__credential": "managedidentity",
            "EVENTS_STORAGE__clientId": CLIENT_ID,
            "MAX_EVENT_BYTES": "60000",
            "EVENTS_QUEUE_NAME": "by-identity",
            **identity.environ,
            "SSL_CERT_FILE": str(certificate.certificate),
        }
    )
    publish = Publish(client, host.events, make_token())
    assert [publish(BODY).status_code for _ in range(5)] == [200] * 5
    assert identity.asked == [{"api-version": "2019-08-01", "resource": RESOURCE, "client_id": CLIENT_ID}]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.certificate))
    with Queue(storage.connection_string, "by-identity") as queue:
        assert queue.take() == [BODY] * 5
        assert publish({**json.loads(BODY), "data": "x" * 50_000}).status_code == 200
        (message,) = queue.take()
    key = {"account_name": parts["AccountName"], "account_key": parts["AccountKey"]}
    with BlobClient.from_blob_url(json.loads(message)["dataref"], key) as blob:
        assert blob.download_blob().readall() == b'"%b"' % (b"x" * 50_000)
    assert len(identity.asked) == 1
    background.run(storage.child.stop())


def test_no_identity(
    client: httpx.Client, start_host: StartHost, settings: dict[str, str], make_token: MakeToken
) -> None:
    """An identity that gives no token is a fault of ours: 503."""
    host = start_host(
        {
            "TOKEN_ISSUERS": settings["TOKEN_ISSUERS"],
            "EVENTS_STORAGE__queueServiceUri": "https://127.0.0.1:1/account",
            "EVENTS_STORAGE__credential": "managedidentity",
            "IDENTITY_ENDPOINT": "http://127.0.0.1:1/token",
            "IDENTITY_HEADER": "x",
            "PUBLISH_TIMEOUT_SECONDS": "4",
        }
    )
    response = Publish(client, host.events, make_token())(BODY)
    assert response.status_code == 503
    assert "retry-after" in response.headers
