"""The endpoint: the way of an event, and the owner of what requests share."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import aiohttp

from events_publish import access_token, content, policy, webhook
from events_publish.event_queue import EventQueue
from events_publish.exchange import Request, Response, require_method
from events_publish.keys import KeySet
from events_publish.settings import Connection, Settings

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

METHODS = ("POST", "OPTIONS")

CONNECTIONS = 100
"""Kept open to the queue at most: as many as there are requests at once on one instance."""

MAX_KEY_DOCUMENT_BYTES = 1_048_576


class Endpoint:
    """``/events``, for one event loop; what requests share is made by the first that needs it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._shared: _Shared | None = None

    async def events(self, request: Request) -> Response:
        """Publish, or answer the handshake of webhooks.

        Raises:
            Problem: a step refused.
        """
        require_method(request, METHODS)
        if request.method == "OPTIONS":
            return Response(200, {"Allow": ", ".join(METHODS), **webhook.consent(request.headers)})
        await self.publish(request)
        return Response(200)

    async def publish(self, request: Request) -> None:
        """Put the events of a request on the queue.

        Raises:
            Problem: a step refused.
        """
        settings, shared = self._settings, self._share()
        deadline = asyncio.get_running_loop().time() + settings.publish_timeout_seconds
        publisher = await access_token.authenticate(
            request.headers.get("authorization"),
            issuers=shared.issuers,
            scope=settings.publish_scope,
            now=time.time(),
            deadline=deadline,
        )
        events = content.parse(request.headers, request.body, settings.limits)
        await policy.authorise(publisher, events)
        await shared.queue.enqueue(events, deadline=deadline)

    async def close(self) -> None:
        """Close the connections; the next request makes new ones."""
        shared, self._shared = self._shared, None
        if shared:
            await shared.close()

    def _share(self) -> "_Shared":
        if self._shared is None:
            self._shared = _Shared(self._settings)
        return self._shared


class _Shared:
    """The connections, keys and credential that all requests of one event loop use."""

    def __init__(self, settings: Settings) -> None:
        # trust_env would look for .netrc and proxies on each call.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )
        self._credential = _credential(settings.storage)
        self.queue = EventQueue(settings.storage, settings.queue_name, self._session, self._credential)
        self.issuers: Mapping[str, KeySet] = {
            issuer.issuer: KeySet(issuer, self._fetch_json) for issuer in settings.issuers
        }

    async def _fetch_json(self, url: str) -> Any:
        """The JSON at `url`, bounded in time and size; raises OSError or ValueError (`keys.FetchJson`)."""
        try:
            async with self._session.get(url, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=5)) as answer:
                if answer.status != 200:
                    raise OSError(f"it answers {answer.status}")
                document = b""
                async for chunk in answer.content.iter_any():
                    document += chunk
                    if len(document) > MAX_KEY_DOCUMENT_BYTES:
                        raise OSError("it is too large")
                return json.loads(document)
        except aiohttp.ClientError as error:
            raise OSError(str(error)) from error

    async def close(self) -> None:
        await self._session.close()
        if self._credential:
            await self._credential.close()


def _credential(connection: Connection) -> "AsyncTokenCredential | None":
    """The identity that a connection without a connection string uses."""
    if connection.connection_string is not None:
        return None
    # A heavy import that a connection string does not need.
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    if connection.credential == "managedidentity":
        return ManagedIdentityCredential(client_id=connection.client_id)
    return DefaultAzureCredential(managed_identity_client_id=connection.client_id)
