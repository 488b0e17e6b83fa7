"""Tokens for the page: good ones, and those that the endpoint refuses."""

from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local import issuer, publisher
from local.running import Running

UNKNOWN_ISSUER = "https://issuer.example/"
MAX_LIFETIME_SECONDS = 10 * 365 * 86_400


class Wanted(BaseModel):
    """What token the page asks for."""

    model_config = ConfigDict(strict=True, extra="forbid")

    scope: str
    consumer: str
    """An organisation number."""
    lifetime: int = Field(ge=-MAX_LIFETIME_SECONDS, le=MAX_LIFETIME_SECONDS)
    """In seconds; less than -30, the leeway: expired."""
    unknown_issuer: bool = False


def handler(running: Running, folder: Path) -> Handler:
    """Answers a JSON object that says what is `Wanted` with a token."""

    async def token(request: web.Request) -> web.Response:
        try:
            wanted = Wanted.model_validate_json(await request.read())
        except ValidationError as error:
            faults = [": ".join([*map(str, fault["loc"]), fault["msg"]]) for fault in error.errors()]
            return web.Response(status=400, text="\n".join(faults) + "\n")
        made = await _token(running, folder, wanted)
        return web.json_response({"token": made}, headers={"Cache-Control": "no-store"})

    return token


async def _token(running: Running, folder: Path, wanted: Wanted) -> str:
    claims = {"scope": wanted.scope, "consumer": wanted.consumer}
    if wanted.unknown_issuer:
        key = issuer.make_key("ES256")
        return issuer.access_token(key, UNKNOWN_ISSUER, lifetime=wanted.lifetime, **claims)
    return await publisher.token(running, folder, lifetime=wanted.lifetime, **claims)
