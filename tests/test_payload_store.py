"""Payloads beside the queue: first the blob, then the message; back only where no message can lead to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import pytest
from azure.storage.blob import ContainerClient

from events_publish import attempts, claim_check, payload_store
from events_publish.envelope import Event
from events_publish.event_queue import EventQueue
from events_publish.payload_store import CONTAINER, PayloadStore
from events_publish.problem import QueueUnavailable
from events_publish.request_record import RequestRecord
from events_publish.settings import Connection
from tests import storage_stand_in
from tests.storage import connection_parts, event_queue
from tests.storage_stand_in import StandIn, error

DATA = json.dumps("x" * claim_check.MESSAGE_BYTES)
EVENT = f'{{"id":"1","data":{DATA}}}'.encode()


@pytest.fixture
def container(storage: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContainerClient]:
    """A container of its own, which does not exist yet."""
    name = "payloads-of-a-test"
    monkeypatch.setattr(payload_store, "CONTAINER", name)
    with ContainerClient.from_connection_string(storage, name) as container:
        yield container
        if container.exists():
            container.delete_container()


class Stores(NamedTuple):
    """A queue that answers what it is told to, and real blobs."""

    queue: EventQueue
    stand_in: StandIn

    async def enqueue(self, seconds: float = 10) -> RequestRecord:
        record = RequestRecord("0af7651916cd43dd8448eb211c80319c")
        deadline = asyncio.get_running_loop().time() + seconds
        event = Event({}, EVENT, claim_check.payload(EVENT))
        await self.queue.enqueue([event], deadline=deadline, record=record)
        return record


@pytest.fixture
async def stores(storage: str) -> AsyncIterator[Stores]:
    stand_in, runner = await storage_stand_in.start()
    blobs = connection_parts(storage)["BlobEndpoint"]
    key = ";".join(f"{name}={value}" for name, value in connection_parts(storage).items() if name.startswith("Account"))
    async with event_queue(f"{key};QueueEndpoint={stand_in.url}/account;BlobEndpoint={blobs}") as queue:
        yield Stores(queue, stand_in)
    await runner.cleanup()


async def test_the_container_is_made_by_one_of_many(container: ContainerClient, stores: Stores) -> None:
    await asyncio.gather(*(stores.enqueue() for _ in range(10)))
    assert len(list(container.list_blobs())) == 10
    assert stores.stand_in.asked == 10


async def test_the_message_leads_to_the_data(container: ContainerClient, stores: Stores) -> None:
    await stores.enqueue()
    (blob,) = container.list_blobs()
    (message,) = stores.stand_in.messages
    assert json.loads(message) == {"id": "1", "dataref": f"{container.url}/{blob.name}"}
    assert container.download_blob(blob.name).readall() == DATA.encode()
    assert blob.content_settings.content_type == "application/json"


@pytest.mark.parametrize(("status", "code"), [(403, "AuthenticationFailed"), (413, "RequestBodyTooLarge"), (409, "")])
async def test_what_was_surely_refused_leaves_nothing(
    container: ContainerClient, stores: Stores, status: int, code: str
) -> None:
    stores.stand_in.status, stores.stand_in.body = status, error(code)
    with pytest.raises(QueueUnavailable):
        await stores.enqueue()
    assert list(container.list_blobs()) == []


@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize(
    ("status", "echoes"),
    [(201, True), (201, False), (408, True), (500, True), (503, True), (503, False), (400, False), (403, False)],
)
async def test_what_may_be_on_the_queue_keeps_its_data(
    container: ContainerClient, stores: Stores, status: int, echoes: bool
) -> None:
    """A payload that no message leads to does no harm; a message that leads nowhere has lost its data.

    Nor is it sure what a gateway refuses in storage's place.
    """
    stores.stand_in.status, stores.stand_in.body, stores.stand_in.echoes = status, b"<html>", echoes
    with pytest.raises(QueueUnavailable):
        await stores.enqueue(0.5)
    assert len(list(container.list_blobs())) == 1


async def test_an_attempt_that_was_cut_keeps_its_data(
    container: ContainerClient, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "ATTEMPT_SECONDS", 0.5)
    stores.stand_in.gate = asyncio.Event()
    with pytest.raises(QueueUnavailable):
        await stores.enqueue(1)
    stores.stand_in.gate.set()
    assert len(list(container.list_blobs())) == 1


async def test_no_message_without_its_data() -> None:
    """Where the payload cannot be stored, nothing is put on the queue, and the log says what is needed."""
    queue_service, queue_runner = await storage_stand_in.start()
    blob_service, blob_runner = await storage_stand_in.start()
    blob_service.status, blob_service.body = 403, error("AuthorizationPermissionMismatch")
    blobs = f"BlobEndpoint={blob_service.url}/account"
    async with event_queue(f"{queue_service.connection_string};{blobs}") as queue:
        with pytest.raises(QueueUnavailable) as refused:
            await Stores(queue, queue_service).enqueue()
    assert queue_service.asked == 0
    assert refused.value.cause == (
        f"the container {CONTAINER}: HttpResponseError 403 AuthorizationPermissionMismatch; grant its identity the role"
        " Storage Blob Data Contributor on it, or set right what EVENTS_STORAGE signs with"
    )
    await queue_runner.cleanup()
    await blob_runner.cleanup()


async def test_a_signature_does_not_travel(container: ContainerClient, storage: str) -> None:
    """A connection string may sign with a shared access signature, which is a secret."""
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    parts = connection_parts(storage)
    signature = generate_account_sas(
        parts["AccountName"],
        parts["AccountKey"],
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, write=True, create=True),
        "2099-01-01T00:00:00Z",
    )
    container.create_container()
    connection = Connection(f"BlobEndpoint={parts['BlobEndpoint']};SharedAccessSignature={signature}")
    record = RequestRecord("0af7651916cd43dd8448eb211c80319c")
    payloads = PayloadStore(connection)
    url = await payloads.put(claim_check.payload(EVENT), deadline=asyncio.get_running_loop().time() + 10, record=record)
    await payloads.close()
    (blob,) = container.list_blobs()
    assert url == f"{container.url}/{blob.name}"
