"""What the clients of Azure Storage have in common: how they are made, and what they keep out of the log."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport

# azure-core writes each request's headers at INFO, which costs CPU for each event; the storage clients write tracebacks
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


async def make_missing(missing: ResourceNotFoundError, code: str, make: Callable[[], Awaitable[object]]) -> None:
    """Make what storage missed with the error code `code`: Bicep has made it in Azure, on a laptop the first event does.

    Raises:
        ResourceNotFoundError: it missed something else, or does not let us make it.
    """
    if getattr(missing, "error_code", None) != code:
        raise missing
    try:
        await make()
    except ResourceExistsError as error:
        if getattr(error, "error_code", None) == code.replace("NotFound", "BeingDeleted"):
            raise
        # Else another request was faster.
    except HttpResponseError as error:
        if error.status_code in (401, 403):
            raise missing from error
        raise
