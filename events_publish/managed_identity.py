"""The managed identity of a function app, by the endpoint that Azure Functions gives it.

https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import json
import time
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from events_publish import http_client, storage_fault
from events_publish.http_client import HttpClient, Origin
from events_publish.storage_fault import StorageError

LONG_SECONDS = 7200
"""A token that is good for longer is renewed from the middle of its life on, as azure-identity does it."""


class AccessToken(NamedTuple):
    """A token of Microsoft Entra; the times are in seconds since 1970."""

    token: str
    expires_on: int
    refresh_on: int | None = None
    """From when on there should be another."""


class ManagedIdentity:
    """The identity `client_id`, or that of the system, which `endpoint` knows the function by the secret `header` at."""

    def __init__(self, endpoint: str, header: str, client_id: str | None) -> None:
        self._endpoint = endpoint
        self._header = header
        self._client_id = client_id
        self._http = HttpClient()

    async def token(self, scope: str, tenant_id: str | None = None) -> AccessToken:  # noqa: ARG002  # it has one only
        """A new token, or one that the endpoint has kept.

        Raises:
            StorageError, OSError, ValueError: there is none.
        """
        query = {"api-version": "2019-08-01", "resource": scope.removesuffix("/.default")}
        if self._client_id:
            query["client_id"] = self._client_id
        url = urlsplit(f"{self._endpoint}?{urlencode(query)}")
        request = http_client.head("GET", url, {"X-IDENTITY-HEADER": self._header}) + b"\r\n"
        answer = await self._http.exchange(Origin.of(url), request, check=http_client.require_plain)
        if answer.status != 200:
            raise StorageError(storage_fault.of_answer(answer.status, "", answer.headers, of_storage=False))
        return access_token(json.loads(answer.body))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def access_token(answer: Any) -> AccessToken:
    """The token in an answer; raises LookupError, TypeError, ValueError or OverflowError where it has none."""
    now = int(time.time())
    token, expires_on = answer["access_token"], int(answer["expires_on"])
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise TypeError
    if "refresh_in" in answer:
        return AccessToken(token, expires_on, now + int(answer["refresh_in"]))
    return AccessToken(token, expires_on, (now + expires_on) // 2 if expires_on - now >= LONG_SECONDS else None)
