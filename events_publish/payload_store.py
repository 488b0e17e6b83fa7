"""The payload store: data that no message holds lies in a blob, for consumers to fetch by the event's `dataref`.

To import this takes a third of a second, and few events need it.
"""

import contextlib
import uuid
from typing import TYPE_CHECKING, Any

from azure.storage.blob import ContentSettings
from azure.storage.blob.aio import BlobClient, ContainerClient

from events_publish import storage_client, storage_session
from events_publish.attempts import Attempts, GaveUp
from events_publish.claim_check import Payload
from events_publish.request_record import RequestRecord
from events_publish.settings import HOST_REQUEST_BYTES, Connection
from events_publish.storage_fault import StorageError

if TYPE_CHECKING:
    from events_publish.credential import KeptToken

CONTAINER = "events-payloads"


class PayloadStore:
    """The container of an account that payloads are put in; made on the running loop."""

    def __init__(self, connection: Connection, credential: "KeptToken | None" = None) -> None:
        self._session = storage_session.open_session()
        # A payload goes in one request, whole or not at all.
        options = {**storage_client.options(self._session), "max_single_put_size": HOST_REQUEST_BYTES}
        if connection.connection_string is not None:
            self._client = ContainerClient.from_connection_string(connection.connection_string, CONTAINER, **options)
        else:
            signs: Any = credential
            self._client = ContainerClient(str(connection.blob_service_uri), CONTAINER, signs, **options)
        self.attempts = Attempts(f"the container {CONTAINER}", "Storage Blob Data Contributor")

    async def put(self, payload: Payload, *, deadline: float, record: RequestRecord) -> str:
        """Store a payload, and return the URL of its blob, without any signature.

        Raises:
            GaveUp: it may lie there all the same, under a URL that nobody knows.
        """
        blob = self._client.get_blob_client(str(uuid.uuid4()))
        await self.attempts.make(lambda: self._upload(blob, payload, record), deadline=deadline, record=record)
        return blob.url.partition("?")[0]

    async def delete(self, url: str, *, deadline: float, record: RequestRecord) -> None:
        """Take a payload back, if that can be done in time; else the container's lifecycle rule will."""
        blob = self._client.get_blob_client(url.rpartition("/")[2])
        with contextlib.suppress(GaveUp):
            await self.attempts.make(lambda: _delete(blob, record), deadline=deadline, record=record)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _upload(self, blob: BlobClient, payload: Payload, record: RequestRecord) -> None:
        try:
            await _upload_once(blob, payload, record)
        except StorageError as error:
            if error.fault.code != "ContainerNotFound":
                raise
            await storage_client.make_missing(error, self._client.create_container)
            await _upload_once(blob, payload, record)


async def _upload_once(blob: BlobClient, payload: Payload, record: RequestRecord) -> None:
    with storage_client.faults():
        await blob.upload_blob(
            payload.data,
            overwrite=True,  # by another attempt at the same name, with the same data
            content_settings=ContentSettings(content_type=payload.content_type),
            client_request_id=record.client_request_id(),
        )


async def _delete(blob: BlobClient, record: RequestRecord) -> None:
    with storage_client.faults():
        await blob.delete_blob(client_request_id=record.client_request_id())
