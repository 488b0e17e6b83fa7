"""The endpoint that App Service and Functions give a managed identity its tokens at."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import jwt
from aiohttp import web

from local import serving

RESOURCE = "https://storage.azure.com"
LIFETIME_SECONDS = 3600


class IdentityEndpoint:
    """Gives tokens, as its `answers` tell it to."""

    def __init__(self) -> None:
        self.url = ""
        self.header = str(uuid.uuid4())
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.audience = RESOURCE
        """Of the tokens; storage takes its own alone."""
        self.answers = asyncio.Event()
        self.answers.set()
        self.lifetime = LIFETIME_SECONDS
        self.headers: Mapping[str, str] = {}
        self.refresh_in: int | None = None
        """Seconds after which a token says that it should be renewed, if it does."""

    @property
    def environ(self) -> Mapping[str, str]:
        """What a function app is told of it."""
        return {"IDENTITY_ENDPOINT": self.url, "IDENTITY_HEADER": self.header}

    async def token(self, request: web.Request) -> web.Response:
        if request.headers.get("X-IDENTITY-HEADER") != self.header:
            return web.Response(status=401)
        self.asked.append(dict(request.query))
        await self.answers.wait()
        if self.status != 200:
            return web.json_response({"statusCode": self.status, "message": "It did not work."}, status=self.status)
        now = int(time.time())
        issuer, expires = f"https://sts.windows.net/{uuid.uuid4()}/", now + self.lifetime
        claims = {"aud": self.audience, "iss": issuer, "iat": now - 60, "nbf": now - 60, "exp": expires}
        token = jwt.encode(claims, "a secret that nobody checks, of good length", "HS256")
        answer = {"access_token": token, "expires_on": str(expires), "resource": RESOURCE, "token_type": "Bearer"}
        renewal = {} if self.refresh_in is None else {"refresh_in": self.refresh_in}
        return web.json_response(answer | renewal, headers=self.headers)


@asynccontextmanager
async def identity_endpoint() -> AsyncIterator[IdentityEndpoint]:
    """One that listens."""
    endpoint, app = IdentityEndpoint(), web.Application()
    app.router.add_get("/token", endpoint.token)
    runner = web.AppRunner(app, shutdown_timeout=1)
    endpoint.url = await serving.serve(runner, 0, "--port") + "/token"
    try:
        yield endpoint
    finally:
        await runner.cleanup()
