"""The payload store: data that no message holds lies in a blob, for consumers to fetch by the event's `dataref`."""

import contextlib
import uuid
from typing import TYPE_CHECKING

import aiohttp
from azure.core.exceptions import ResourceNotFoundError

from events_publish import storage_client
from events_publish.attempts import Attempts, GaveUp
from events_publish.claim_check import Payload
from events_publish.request_record import RequestRecord
from events_publish.settings import HOST_REQUEST_BYTES, Connection

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.blob.aio import BlobClient, ContainerClient

CONTAINER = "events-payloads"


class PayloadStore:
    """The container of an account that payloads are put in; its client is made for the first."""

    def __init__(
        self, connection: Connection, session: aiohttp.ClientSession, credential: "AsyncTokenCredential | None" = None
    ) -> None:
        self._connection = connection
        self._session = session
        self._credential = credential
        self._client: ContainerClient | None = None
        self.attempts = Attempts(f"the container {CONTAINER}", "Storage Blob Data Contributor")

    async def put(self, payload: Payload, *, deadline: float, record: RequestRecord) -> str:
        """Store a payload, and return the URL of its blob, without any signature.

        Raises:
            GaveUp: it may lie there all the same, under a URL that nobody knows.
        """
        blob = self._container().get_blob_client(str(uuid.uuid4()))
        await self.attempts.make(lambda: self._upload(blob, payload, record), deadline=deadline, record=record)
        return blob.url.partition("?")[0]

    async def delete(self, url: str, *, deadline: float, record: RequestRecord) -> None:
        """Take a payload back, if that can be done in time; else the container's lifecycle rule will."""
        blob = self._container().get_blob_client(url.rpartition("/")[2])
        with contextlib.suppress(GaveUp):
            await self.attempts.make(
                lambda: blob.delete_blob(client_request_id=record.trace_id), deadline=deadline, record=record
            )

    async def _upload(self, blob: "BlobClient", payload: Payload, record: RequestRecord) -> None:
        try:
            await self._upload_once(blob, payload, record)
        except ResourceNotFoundError as error:
            await storage_client.make_missing(error, "ContainerNotFound", self._container().create_container)
            await self._upload_once(blob, payload, record)

    async def _upload_once(self, blob: "BlobClient", payload: Payload, record: RequestRecord) -> None:
        from azure.storage.blob import ContentSettings

        await blob.upload_blob(
            payload.data,
            overwrite=True,  # by another attempt at the same name, with the same data
            content_settings=ContentSettings(content_type=payload.content_type),
            client_request_id=record.trace_id,
        )

    def _container(self) -> "ContainerClient":
        if self._client is None:
            # A heavy import that few events need.
            from azure.storage.blob.aio import ContainerClient

            connection = self._connection
            # A payload goes in one request, whole or not at all.
            options = {**storage_client.options(self._session), "max_single_put_size": HOST_REQUEST_BYTES}
            if connection.connection_string is not None:
                self._client = ContainerClient.from_connection_string(
                    connection.connection_string, CONTAINER, **options
                )
            else:
                self._client = ContainerClient(str(connection.blob_service_uri), CONTAINER, self._credential, **options)
        return self._client
