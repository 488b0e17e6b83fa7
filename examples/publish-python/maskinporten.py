"""An access token by the JWT-bearer grant (RFC 7523), as Maskinporten gives it."""

import time
import uuid
from collections.abc import Generator
from typing import Any

import httpx
import jwt

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class AccessToken(httpx.Auth):
    """Puts a token on each request: it is kept until shortly before it expires, and renewed once when it is refused.

    `key` is a JWK. Where the issuer gives no token, the request fails with httpx.HTTPStatusError.
    """

    requires_response_body = True

    def __init__(self, issuer: str, client_id: str, key: dict[str, Any], scope: str) -> None:
        self._issuer, self._client_id, self._key, self._scope = issuer, client_id, jwt.PyJWK(key), scope
        self._token = ""
        self._renew_at = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        if time.monotonic() >= self._renew_at:
            yield from self._renew(request)
        request.headers["Authorization"] = f"Bearer {self._token}"
        answer = yield request
        if answer.status_code == 401 and "invalid_token" in answer.headers.get("WWW-Authenticate", ""):
            yield from self._renew(request)
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _renew(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        well_known = self._issuer.rstrip("/") + "/.well-known/oauth-authorization-server"
        metadata = yield httpx.Request("GET", well_known, extensions=request.extensions)  # with its time limits
        endpoint = metadata.raise_for_status().json()["token_endpoint"]
        now = int(time.time())
        grant = {"iss": self._client_id, "aud": self._issuer, "scope": self._scope, "iat": now, "exp": now + 100}
        claims = {**grant, "jti": str(uuid.uuid4())}
        assertion = jwt.encode(claims, self._key, "RS256", {"kid": self._key.key_id})
        form = {"grant_type": GRANT_TYPE, "assertion": assertion}
        answer = yield httpx.Request("POST", endpoint, data=form, extensions=request.extensions)
        token = answer.raise_for_status().json()
        self._token, self._renew_at = token["access_token"], time.monotonic() + token["expires_in"] - 30
