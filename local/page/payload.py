"""The data of a large event, which lies beside the queue (the claim check)."""

import re

from aiohttp import web
from aiohttp.typedefs import Handler
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from events_publish.payload_store import CONTAINER
from local import Failure
from local.running import Running


def handler(running: Running) -> Handler:
    """Answers with the data that the query's `dataref` leads to, and its content type in `Payload-Content-Type`.

    Only what lies in the stack's own container is followed: a small event may have a `dataref` to anywhere.
    """

    async def get(request: web.Request) -> web.Response:
        dataref = request.query.get("dataref", "")
        async with ContainerClient.from_connection_string(running.storage, CONTAINER, retry_total=0) as container:
            if not re.fullmatch(re.escape(container.url) + "/[0-9a-f-]{36}", dataref):
                return web.Response(status=400, text=f"It leads elsewhere than into {container.url}.\n")
            try:
                blob = await container.download_blob(dataref.rpartition("/")[2])
                content = await blob.readall()
            except ResourceNotFoundError:
                return web.Response(status=404, text="It is not there any more.\n")
            except AzureError as error:
                raise Failure("The payload cannot be read; storage does not answer.") from error
            headers = {
                "Payload-Content-Type": str(blob.properties.content_settings.content_type),
                "X-Content-Type-Options": "nosniff",
            }
            return web.Response(body=content, content_type="application/octet-stream", headers=headers)

    return get
