"""The signing keys of a token issuer, found by its metadata (RFC 8414) and kept (RFC 7517)."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from jwt import PyJWK, PyJWTError

from events_publish.problem import KeysUnavailable
from events_publish.settings import Issuer

MAX_AGE_SECONDS = 3600
"""After this the keys are fetched again, behind the request that notices."""

UNKNOWN_KEY_SECONDS = 30
"""How long after a fetch an unknown kid does not cause another."""

NO_KEYS_SECONDS = 5
"""The same while there is no key at all."""

WAIT_SECONDS = 5
"""How long one request waits for keys."""

_ALGORITHMS = {
    "RSA": frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    "P-256": frozenset({"ES256"}),
    "P-384": frozenset({"ES384"}),
    "P-521": frozenset({"ES512"}),
}
_MIN_RSA_BITS = 2048

type FetchJson = Callable[[str], Awaitable[Any]]
"""Gets the JSON at a URL; raises OSError when it cannot be had, ValueError when it is not JSON."""

_log = logging.getLogger(__name__)


class Key(NamedTuple):
    """A public key, and the JWS algorithms that it may verify."""

    material: Any
    algorithms: frozenset[str]


class KeySet:
    """The keys of one issuer by `kid`: fetched when first asked for, kept when the issuer is down."""

    def __init__(self, issuer: Issuer, fetch: FetchJson) -> None:
        self.issuer = issuer
        self._fetch = fetch
        self._keys: Mapping[str, Key] = {}
        self._tried_at = self._fetched_at = -float("inf")
        self._failed = False
        self._refreshing: asyncio.Task[None] | None = None

    async def key(self, kid: str, *, deadline: float) -> Key | None:
        """The key named `kid`, or None when the issuer has none of that name; `deadline` on the loop's clock.

        Raises:
            KeysUnavailable: it is not known, and the issuer cannot be asked.
        """
        now = time.monotonic()
        if kid in self._keys:
            if now - self._fetched_at > MAX_AGE_SECONDS and now - self._tried_at > UNKNOWN_KEY_SECONDS:
                self._refresh()
            return self._keys[kid]
        if now - self._tried_at > (UNKNOWN_KEY_SECONDS if self._keys else NO_KEYS_SECONDS):
            await self._wait(self._refresh(), deadline)
        if kid not in self._keys and self._failed:
            raise KeysUnavailable
        return self._keys.get(kid)

    def _refresh(self) -> asyncio.Task[None]:
        """Fetch the keys in a task of its own: one at a time, whoever asks."""
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._fetch_keys())
        return self._refreshing

    async def _wait(self, refreshing: asyncio.Task[None], deadline: float) -> None:
        try:
            async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + WAIT_SECONDS)):
                await asyncio.shield(refreshing)
        except TimeoutError as error:
            raise KeysUnavailable from error

    async def _fetch_keys(self) -> None:
        self._failed = True  # until it has worked
        try:
            keys = _signing_keys(await self._fetch(self.issuer.jwks_uri or await self._discover()))
            if not keys:
                raise ValueError("there is no key in it that signs")
        except (OSError, ValueError, RecursionError) as error:
            # repr: an error may be without a text, and some texts are the issuer's own.
            _log.warning("The keys of %s cannot be fetched: %.300r", self.issuer.issuer, error)
        else:
            self._keys, self._failed, self._fetched_at = keys, False, time.monotonic()
        finally:
            self._tried_at = time.monotonic()
            self._refreshing = None

    async def _discover(self) -> str:
        """The `jwks_uri` of the issuer's metadata, whose `issuer` must be the one that is trusted (RFC 8414 §3.3)."""
        failures = []
        for url in metadata_urls(self.issuer.issuer):
            try:
                return self._jwks_uri(url, await self._fetch(url))
            except (OSError, ValueError, RecursionError) as error:
                failures.append(f"{url}: {error!r}")
        raise OSError("; ".join(failures))

    def _jwks_uri(self, url: str, metadata: Any) -> str:
        """The `jwks_uri` in the metadata that lies at `url`; ValueError where there is none to be trusted."""
        if not isinstance(metadata, dict) or metadata.get("issuer") != self.issuer.issuer:
            raise ValueError("its issuer is another")
        jwks_uri = metadata.get("jwks_uri")
        if not isinstance(jwks_uri, str) or urlsplit(jwks_uri).scheme not in ("https", urlsplit(url).scheme):
            raise ValueError("it has no jwks_uri that is as safe as itself")
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


def _signing_keys(jwks: Any) -> dict[str, Key]:
    """The keys of a JWK Set that verify signatures; those that are unknown or unfit are passed over (RFC 7517 §5)."""
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is not a JWK Set")
    found = {}
    for jwk in listed:
        key = _signing_key(jwk) if isinstance(jwk, dict) else None
        if key:
            found[jwk["kid"]] = key
    return found


def _signing_key(jwk: dict[str, Any]) -> Key | None:
    if "d" in jwk:
        return None  # a private key that lies in public signs nothing that can be trusted
    algorithms = _ALGORITHMS.get(str(jwk.get("crv") if jwk.get("kty") == "EC" else jwk.get("kty")))
    if algorithms is None or not isinstance(jwk.get("kid"), str) or jwk.get("use", "sig") != "sig":
        return None
    if "alg" in jwk:
        algorithms = frozenset(each for each in algorithms if each == jwk["alg"])
    try:
        material = PyJWK(jwk, algorithm=next(iter(algorithms), None)).key
    except (PyJWTError, ValueError, TypeError):
        return None
    if not algorithms or (jwk["kty"] == "RSA" and material.key_size < _MIN_RSA_BITS):
        return None
    return Key(material, algorithms)
