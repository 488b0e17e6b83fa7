"""The identity that a connection without a connection string signs in with, and its tokens."""

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self

from events_publish import storage_fault
from events_publish.managed_identity import AccessToken, ManagedIdentity
from events_publish.settings import Connection
from events_publish.storage_fault import NoToken, StorageFault

if TYPE_CHECKING:
    from azure.core.credentials import TokenRequestOptions

FETCH_SECONDS = 10
"""How long fetching a token may take."""

PATIENCE_SECONDS = 2
"""How long one who needs a token waits for it; and after which another fetch is begun, should the first one hang."""

PAUSE_SECONDS = 0.5
"""For which a failure counts for all who need a token: they stand in line for it, and would each try in vain."""

AHEAD_SECONDS = 300
"""Before its end a token is renewed, where it does not say itself when it should be."""

RETRY_SECONDS = 30
"""From one attempt to renew a token to the next, at least, while the token is good."""

_log = logging.getLogger(__name__)


class Identity(Protocol):
    """What tokens are had from."""

    async def token(self, scope: str, tenant_id: str | None = None) -> AccessToken:
        """A token; raises one of `storage_fault.FAULTS`."""

    async def close(self) -> None: ...


def credential(connection: Connection) -> "KeptToken | None":
    """The credential of an identity-based connection; None for a connection string, which has its own."""
    return None if connection.connection_string is not None else KeptToken(lambda: identity(connection))


def identity(connection: Connection) -> Identity:
    """That of the function where the platform gives it one, else what azure-identity finds."""
    endpoint, header = connection.identity_endpoint, connection.identity_header
    if connection.credential == "managedidentity" and endpoint and header:
        return ManagedIdentity(endpoint, header, connection.client_id)
    from events_publish.azure_identity import AzureIdentity  # a heavy import that the function in Azure does not need

    return AzureIdentity(connection)


class KeptToken:
    """The token of an identity for storage: fetched once for all who need it, and renewed behind those who use it.

    To the clients of storage it is a credential, an `azure.core.credentials_async.AsyncTokenCredential`.
    azure-identity's credentials have callers wait for the next token, and fail without it, from the middle of a token's
    life on: an identity endpoint that is down would take hours of a good token with it.
    """

    def __init__(self, make_identity: Callable[[], Identity]) -> None:
        self._make_identity = make_identity
        self._identity: asyncio.Task[Identity] | None = None
        self._tenant_id: str | None = None
        """Of the tokens, where it is not the identity's own."""
        self._token: AccessToken | None = None
        self._fetches: set[asyncio.Task[AccessToken]] = set()
        self._failure: StorageFault | None = None
        """Of the last fetch, where it failed."""
        self._tried_at = self._failed_at = -float("inf")

    async def get_token_info(self, *scopes: str, options: "TokenRequestOptions | None" = None) -> AccessToken:
        """The token that is at hand as long as it is good; where there is none, or storage wants another's, a new one.

        Raises:
            NoToken: the identity gives none.
        """
        (scope,) = scopes
        tenant_id = options.get("tenant_id") if options else None
        if tenant_id and tenant_id != self._tenant_id:
            # Storage refused the token that it was shown, and named the tenant that it trusts.
            self._tenant_id, self._token, self._fetches = tenant_id, None, set()
        now = time.time()
        if self._token is None or self._token.expires_on <= now:
            return await self._fetched(scope)
        is_due = now >= (self._token.refresh_on or self._token.expires_on - AHEAD_SECONDS)
        if is_due and time.monotonic() - self._tried_at >= RETRY_SECONDS:
            self._begin(scope)
        return self._token

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        """As `get_token_info`, which the clients of storage prefer."""
        return await self.get_token_info(*scopes)

    async def close(self) -> None:
        """Close the connections to the identity's endpoint."""
        for fetch in self._fetches:
            fetch.cancel()
        if self._identity:
            with contextlib.suppress(Exception):  # it could not be made
                await (await self._identity).close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _fetched(self, scope: str) -> AccessToken:
        """A new token, soon; or the failure that has just kept another from it."""
        if self._failure and time.monotonic() - self._failed_at < PAUSE_SECONDS:
            raise NoToken(self._failure)
        if not self._fetches or time.monotonic() - self._tried_at >= PATIENCE_SECONDS:
            self._begin(scope)
        ended, _ = await asyncio.wait(self._fetches, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not ended:
            self._fail(storage_fault.read(TimeoutError()))
        if self._failure:
            raise NoToken(self._failure)
        return ended.pop().result()

    def _begin(self, scope: str) -> None:
        """Fetch a token in a task of its own, which no request that gives up takes with it."""
        self._tried_at = time.monotonic()
        fetch = asyncio.create_task(self._fetch(scope))
        self._fetches.add(fetch)
        fetch.add_done_callback(functools.partial(self._keep, self._tenant_id))

    def _keep(self, tenant_id: str | None, fetch: asyncio.Task[AccessToken]) -> None:
        self._fetches.discard(fetch)
        if fetch.cancelled() or tenant_id != self._tenant_id:
            return
        failure = fetch.exception()
        if isinstance(failure, NoToken):
            self._fail(failure.fault)
        elif failure is None:
            self._token, self._failure = fetch.result(), None

    def _fail(self, fault: StorageFault) -> None:
        self._failure, self._failed_at = fault, time.monotonic()
        _log.warning("The identity gives no new token for EVENTS_STORAGE: %s", fault.reason)

    async def _fetch(self, scope: str) -> AccessToken:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                identity = await self._made_identity()
                return await identity.token(scope, self._tenant_id)
        except storage_fault.FAULTS as error:
            raise NoToken(storage_fault.read(error)) from error

    async def _made_identity(self) -> Identity:
        """The identity, made in a thread, for an import may take long; whoever needs it after a failure tries again."""
        if self._identity is None or (self._identity.done() and self._identity.exception()):
            self._identity = asyncio.create_task(asyncio.to_thread(self._make_identity))
        try:
            return await asyncio.shield(self._identity)
        except Exception as error:  # for want of a file handle or a thread, say
            raise NoToken(storage_fault.read(error)) from error
