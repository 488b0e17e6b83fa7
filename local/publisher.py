"""A publisher at the keyboard: a token from the running issuer, a POST to the running host."""

from pathlib import Path

import aiohttp

from local import Failure, issuer
from local.running import Running

CONTENT_TYPE = "application/cloudevents+json"


async def token(
    running: Running,
    folder: Path,
    *,
    scope: str | None = None,
    consumer: str = issuer.CONSUMER,
    lifetime: int = issuer.LIFETIME_SECONDS,
) -> str:
    """An access token of the running issuer, whose keys are in `folder`; by default with the scope to publish.

    Raises:
        Failure: no issuer runs, or one with other keys.
    """
    try:
        async with aiohttp.ClientSession() as session, session.get(running.issuer + "jwk") as answer:
            served = (await answer.json())["keys"]
    except (aiohttp.ClientError, ValueError, KeyError) as error:
        raise Failure(f"No issuer answers at {running.issuer}; start it with `make run`.") from error
    key = issuer.keys(folder).issuer
    if key["kid"] not in (each["kid"] for each in served):
        raise Failure(f"The issuer at {running.issuer} does not run with the keys in {folder}; start it again.")
    return issuer.access_token(
        key,
        running.issuer,
        scope=running.scope if scope is None else scope,
        consumer=consumer,
        lifetime=lifetime,
    )


async def publish(running: Running, access_token: str, body: bytes) -> tuple[int, str]:
    """POST one event; returns the status and the body of the answer.

    Raises:
        Failure: no host runs.
    """
    headers = {"Authorization": f"Bearer {access_token}", "Content-Type": CONTENT_TYPE}
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(running.events, data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.text()
    except aiohttp.ClientError as error:
        raise Failure(f"No host answers at {running.host}; start one with `make run` or `func start`.") from error
