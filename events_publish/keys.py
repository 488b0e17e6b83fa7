"""The keys of a token issuer: found by its metadata (RFC 8414), kept, and kept fresh."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from events_publish import jwk, secure_url
from events_publish.issuers import Issuer
from events_publish.json_client import Document
from events_publish.jwk import Key
from events_publish.problem import KeysUnavailable

FRESH_SECONDS = 600
"""How long keys are fresh, where the issuer's ``Cache-Control`` does not say: so long a removed key may still count."""

MIN_FRESH_SECONDS, MAX_FRESH_SECONDS = 60, 3600
"""Within which an issuer may say it."""

AHEAD = 0.8
"""The part of that time after which keys are fetched again, behind the request that notices."""

KEPT_SECONDS = 86_400
"""How long keys count while the issuer cannot be asked; after that there are none."""

RETRY_SECONDS = 30
"""From one fetch to the next, at least, whoever asks and for whatever `kid`."""

NO_KEYS_RETRY_SECONDS = 5
"""The same while there is no key at all."""

FETCH_SECONDS = 5
"""How long one fetch may take, metadata and keys together; a request that needs it waits no longer."""

STALE_WAIT_SECONDS = 1
"""How long a request waits for an issuer when its keys are stale because nobody has asked for them."""

type FetchJson = Callable[[str], Awaitable[Document]]
"""Gets the JSON at a URL; raises OSError when it cannot be had, ValueError when it is not JSON."""

_log = logging.getLogger(__name__)


class KeySet:
    """The keys of one issuer by `kid`: fetched when first asked for, one fetch at a time.

    A key that is still there after a fetch is still the same object, so that what it has vouched for can be remembered.
    """

    def __init__(self, issuer: Issuer, fetch: FetchJson) -> None:
        self.issuer = issuer
        self._fetch = fetch
        self._keys: Mapping[str, Key] = {}
        self._fetched_at = self._tried_at = -float("inf")
        self._fresh_seconds: float = FRESH_SECONDS
        self._failure = ""
        """Why the last fetch failed; empty where it did not."""
        self._after_a_pause = False
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str, *, deadline: float) -> Key | None:
        """The key named `kid`, or None when the issuer has none of that name; `deadline` on the loop's clock.

        Raises:
            KeysUnavailable: it is not known, and the issuer cannot be asked.
        """
        now = time.monotonic()
        self._forget_old(now)
        if kid in self._keys:
            await self._freshen(now, deadline)
        else:
            await self._fetch_if_due(now, deadline)
        if kid not in self._keys and self._failure:
            raise KeysUnavailable(self._failure)
        return self._keys.get(kid)

    def is_filled(self) -> bool:
        """Whether keys are at hand."""
        self._forget_old(time.monotonic())
        return bool(self._keys)

    async def fill(self, *, deadline: float) -> None:
        """Fetch keys, where there are none; `deadline` on the loop's clock.

        Raises:
            KeysUnavailable: there are none.
        """
        if not self.is_filled():
            await self._fetch_if_due(time.monotonic(), deadline)
        if not self.is_filled():
            raise KeysUnavailable(self._failure or f"{self.issuer.issuer} has published no key")

    def _forget_old(self, now: float) -> None:
        if now - self._fetched_at > KEPT_SECONDS:
            self._keys = {}

    async def _fetch_if_due(self, now: float, deadline: float) -> None:
        """Fetch keys, and wait for them, unless that was done a moment ago."""
        if self._fetching or now - self._tried_at > (RETRY_SECONDS if self._keys else NO_KEYS_RETRY_SECONDS):
            await self._wait(deadline)

    async def _freshen(self, now: float, deadline: float) -> None:
        """Fetch the keys behind this request; it waits, shortly, only when they are stale and nobody has tried yet."""
        age = now - self._fetched_at
        if age < AHEAD * self._fresh_seconds:
            return
        if now - self._tried_at > RETRY_SECONDS:
            self._begin(now)
        if self._fetching and age > self._fresh_seconds and self._after_a_pause:
            left = deadline - asyncio.get_running_loop().time()
            await asyncio.wait([self._fetching], timeout=min(left, STALE_WAIT_SECONDS - (now - self._tried_at)))

    async def _wait(self, deadline: float) -> None:
        """Wait for a fetch, which this request needs and may begin."""
        fetching = self._begin(time.monotonic())
        try:
            async with asyncio.timeout_at(deadline):
                await asyncio.shield(fetching)
        except TimeoutError as error:
            raise KeysUnavailable(f"the keys of {self.issuer.issuer} did not come in time") from error

    def _begin(self, now: float) -> asyncio.Task[None]:
        """Fetch in a task of its own, which no request that gives up takes with it."""
        if self._fetching is None:
            self._after_a_pause = now - self._tried_at > 2 * RETRY_SECONDS
            self._tried_at = now
            self._fetching = asyncio.create_task(self._fetch_keys())
        return self._fetching

    async def _fetch_keys(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                document = await self._fetch(self.issuer.jwks_uri or await self._discover())
            keys = jwk.signing_keys(document.value)
        except (OSError, ValueError) as error:
            # repr: a timeout has no text, and some texts are the issuer's own.
            self._failure = f"the keys of {self.issuer.issuer} cannot be fetched: {error!r:.500}"
            _log.warning("%s", self._failure)
        else:
            known = self._keys
            self._keys = {kid: known[kid] if known.get(kid) == key else key for kid, key in keys.items()}
            self._failure, self._fetched_at = "", time.monotonic()
            fresh = FRESH_SECONDS if document.fresh_seconds is None else document.fresh_seconds
            self._fresh_seconds = min(max(fresh, MIN_FRESH_SECONDS), MAX_FRESH_SECONDS)
        finally:
            self._fetching = None

    async def _discover(self) -> str:
        """The `jwks_uri` of the issuer's metadata; each place has half of the time that is left, should one hang."""
        loop, failures = asyncio.get_running_loop(), []
        end = loop.time() + FETCH_SECONDS
        for url in metadata_urls(self.issuer.issuer):
            try:
                async with asyncio.timeout((end - loop.time()) / 2):
                    return self._jwks_uri((await self._fetch(url)).value)
            except (OSError, ValueError) as error:
                failures.append(f"{url}: {error!r}")
        raise OSError("; ".join(failures))

    def _jwks_uri(self, metadata: Any) -> str:
        """The `jwks_uri` in the metadata; ValueError where there is none to be trusted."""
        if not isinstance(metadata, dict) or metadata.get("issuer") != self.issuer.issuer:
            raise ValueError("its issuer is another")  # RFC 8414 §3.3
        jwks_uri = metadata.get("jwks_uri")
        if not isinstance(jwks_uri, str):
            raise ValueError("it has no jwks_uri")
        secure_url.parse(jwks_uri, query=True)
        if urlsplit(jwks_uri).scheme not in ("https", urlsplit(self.issuer.issuer).scheme):
            raise ValueError("its jwks_uri is less safe than itself")
        return jwks_uri


def metadata_urls(issuer: str) -> list[str]:
    """Where an issuer's metadata may be: RFC 8414 §3.1 with the well-known part inserted and appended, then OIDC's."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    paths = (
        "/.well-known/oauth-authorization-server" + path,
        path + "/.well-known/oauth-authorization-server",
        path + "/.well-known/openid-configuration",
    )
    return [urlunsplit((parts.scheme, parts.netloc, each, "", "")) for each in dict.fromkeys(paths)]
