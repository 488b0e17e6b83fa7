"""The client libraries of Azure Storage, for what is not done for each event: payloads, and queues that are missing.

To import this takes a fifth of a second, so it waits until it is needed.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import aiohttp
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport

from events_publish import storage_fault, storage_session
from events_publish.settings import Connection
from events_publish.storage_fault import NOT_STORAGE, StorageError, StorageFault
from events_publish.storage_session import OddAnswer

if TYPE_CHECKING:
    from events_publish.credential import KeptToken

# azure-core writes each request's headers at INFO, which costs CPU for each payload; the storage clients write tracebacks
# for what they cannot read. What matters of it is in the records of requests.
for _name in ("azure.core", "azure.storage"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


def options(session: aiohttp.ClientSession) -> dict[str, Any]:
    """The options of a client whose attempts are made, bounded and repeated by `Attempts`."""
    return {
        "transport": AioHttpTransport(session=session, session_owner=False),
        "retry_total": 0,
        "permit_redirects": False,  # events and credentials go nowhere else
    }


@contextlib.contextmanager
def faults(*, of_storage: bool = True) -> Iterator[None]:
    """What a client raises within is a StorageError; else `of_storage` the client is that of an identity's endpoint."""
    try:
        yield
    except (AzureError, aiohttp.ClientError) as error:
        raise StorageError(_fault(error, of_storage=of_storage)) from error


async def make_missing(missing: StorageError, make: Callable[[], Awaitable[object]]) -> None:
    """Make the queue or container that storage missed: Bicep has made it in Azure, on a laptop the first event does.

    Raises:
        StorageError: it does not let us make it.
    """
    try:
        with faults():
            await make()
    except StorageError as error:
        if error.fault.status in (401, 403):
            raise missing from error
        if error.fault.status != 409 or error.fault.code == missing.fault.code.replace("NotFound", "BeingDeleted"):
            raise
        # Else another request was faster.


async def create_queue(connection: Connection, name: str, credential: "KeptToken | None") -> None:
    """Raises as the client does."""
    from azure.storage.queue.aio import QueueClient

    async with storage_session.open_session() as session:
        if connection.connection_string is not None:
            client = QueueClient.from_connection_string(connection.connection_string, name, **options(session))
        else:
            signs: Any = credential
            client = QueueClient(str(connection.queue_service_uri), name, signs, **options(session))
        await client.create_queue()


def _fault(error: AzureError | aiohttp.ClientError, *, of_storage: bool) -> StorageFault:
    status = getattr(error, "status_code", None)
    if isinstance(error, HttpResponseError) and isinstance(status, int):
        code = getattr(error, "error_code", None) or ""
        code = str(getattr(code, "value", code))  # an enum's member where the client knows the code
        response: Any = error.response
        headers = {} if response is None else response.headers
        by_name = {name.lower(): value for name, value in headers.items()}
        return storage_fault.of_answer(status, code, by_name, of_storage=of_storage)
    if isinstance(error, ClientAuthenticationError):  # by the client itself: there is nothing to sign in with
        return StorageFault(type(error).__name__, may_pass=False, nothing_done=True)
    inner = getattr(error, "inner_exception", None) or error
    return StorageFault(
        type(inner if isinstance(inner, (aiohttp.ClientError, OSError)) else error).__name__,
        may_pass=True,
        nothing_done=isinstance(inner, aiohttp.ClientConnectorError),
        advice=NOT_STORAGE if isinstance(inner, OddAnswer) else "",
    )
