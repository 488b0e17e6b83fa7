"""The endpoint: the way of an event, and the owner of what requests share."""

import asyncio
import time

from events_publish import content, health, policy, webhook
from events_publish.access_token import Authenticator
from events_publish.credential import credential
from events_publish.event_queue import EventQueue
from events_publish.exchange import READ, Request, Response, require_method
from events_publish.health import Readiness
from events_publish.http_client import HttpClient
from events_publish.json_client import JsonClient
from events_publish.keys import KeySet
from events_publish.pdp import Pdp
from events_publish.settings import Settings

METHODS = ("POST", "OPTIONS")


class Endpoint:
    """``/events`` and ``/health/ready``, for one event loop; what requests share is made by the first that needs it."""

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
        settings, shared, record = self._settings, self._share(), request.record
        deadline = asyncio.get_running_loop().time() + settings.publish_timeout_seconds
        record.publisher = publisher = await shared.authenticator.authenticate(
            request.headers.get("authorization"), now=time.time(), deadline=deadline
        )
        record.events = events = content.parse(request.headers, request.body, settings.limits)
        await policy.authorise(publisher, events, policy=settings.policy, pdp=shared.pdp, deadline=deadline)
        await shared.queue.enqueue(events, deadline=deadline, record=record)

    async def ready(self, request: Request) -> Response:
        """Whether an event that came now could be published.

        Raises:
            MethodNotAllowed, NotReady
        """
        require_method(request, READ)
        await self._share().readiness.require(request.record)
        return health.WELL

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
        self._http = HttpClient()
        self._credential = credential(settings.storage)
        self.queue = EventQueue(settings.storage, settings.queue_name, self._credential, number=settings.queue_shards)
        fetch = JsonClient(self._http).get
        key_sets = {each.issuer: KeySet(each, fetch) for each in settings.issuers}
        self.authenticator = Authenticator(key_sets, settings.publish_scope)
        self.readiness = Readiness(key_sets.values(), self.queue)
        self.pdp = Pdp(settings.decision_point, JsonClient(self._http).post) if settings.decision_point else None
        # While the first request waits for keys.
        self._connecting = asyncio.create_task(self.queue.connect())

    async def close(self) -> None:
        self._connecting.cancel()
        await self._http.close()
        await self.queue.close()
        if self._credential:
            await self._credential.close()
