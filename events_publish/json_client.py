"""JSON from other services over HTTP, within bounds of size and time."""

import asyncio
import functools
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from events_publish import http_client
from events_publish.http_client import HttpClient, Origin
from events_publish.http_connection import Answer, Disconnected, LongAnswer

MAX_DOCUMENT_BYTES = 262_144
"""Of one answer: some hundred keys with their certificates."""

SECONDS = 5
"""How long one exchange may take, at most."""

CONCURRENT_EXCHANGES = 100
"""With one service or several, at most."""


class Document(NamedTuple):
    """The JSON of an answer."""

    value: Any
    fresh_seconds: float | None = None
    """How long it may be kept (RFC 9111 §4.2.1), where the answer says so."""


class JsonClient:
    """Asks other services; redirects are not followed, since only the URL that was asked is trusted."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._room = asyncio.Semaphore(CONCURRENT_EXCHANGES)

    async def get(self, url: str) -> Document:
        """The document at `url`.

        Raises:
            OSError: it cannot be had.
            ValueError: it is not JSON.
        """
        return await self._exchange("GET", url, {})

    async def post(self, url: str, value: object, headers: Mapping[str, str]) -> Any:
        """What the service at `url` answers to `value`; raises as `get` does."""
        body = json.dumps(value).encode()  # with escapes: a claim may have a lone surrogate
        headers = {"Content-Type": "application/json", **headers}
        return (await self._exchange("POST", url, headers, body)).value

    async def _ask(self, origin: Origin, request: bytes) -> Answer:
        ask = functools.partial(
            self._http.exchange, origin, request, max_bytes=MAX_DOCUMENT_BYTES, check=http_client.require_plain
        )
        try:
            return await ask()
        except (Disconnected, ConnectionError):
            # A server may end a connection whenever it likes; a question can be asked twice (RFC 9110 §9.2.2).
            return await ask()

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Document:
        parts = urlsplit(url)
        length = {"Content-Length": str(len(body))} if body else {}
        request = http_client.head(method, parts, {"Accept": "application/json", **headers, **length}) + b"\r\n" + body
        try:
            async with asyncio.timeout(SECONDS), self._room:
                answer = await self._ask(Origin.of(parts), request)
        except LongAnswer:
            raise OSError(f"{url} answers more than {MAX_DOCUMENT_BYTES} bytes") from None
        except OSError as error:
            # Neither the error's text nor its cause: they may have what was sent, a key among it.
            raise OSError(f"{url} cannot be reached: {error.strerror or type(error).__name__}") from None
        if answer.status != 200:
            raise OSError(f"{url} answers {answer.status}")
        try:
            return Document(json.loads(answer.body), _fresh_seconds(answer.headers))
        except (ValueError, RecursionError):
            raise ValueError(f"{url} answers what is not JSON") from None


_MAX_AGE = re.compile(r'(?:^|,)\s*max-age\s*=\s*"?([0-9]{1,9})"?\s*(?=,|$)', re.IGNORECASE)
_NOT_KEPT = re.compile(r"(?:^|,)\s*(?:no-cache|no-store)\b", re.IGNORECASE)


def _fresh_seconds(headers: Mapping[str, str]) -> float | None:
    """Cache-Control, less the Age of the answer (RFC 9111 §4.2)."""
    cache_control = headers.get("cache-control", "")
    if _NOT_KEPT.search(cache_control):
        return 0
    max_age = _MAX_AGE.search(cache_control)
    if not max_age:
        return None
    age = headers.get("age", "")
    return max(0, int(max_age[1]) - (int(age) if re.fullmatch("[0-9]{1,9}", age) else 0))
