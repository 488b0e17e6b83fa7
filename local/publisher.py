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
    **claims: str,
) -> str:
    """An access token of the running issuer, whose keys are in `folder`; by default with the scope to publish.

    `claims` are added or replaced.

    Raises:
        Failure: no issuer runs, or one with other keys, or the keys in `folder` were spoiled.
    """
    key = issuer.keys(folder).signing
    if issuer.fault(folder) is None:  # with a fault it cannot be asked, and need not be: its tokens are good
        await _check_published(running.issuer, key["kid"], folder)
    return issuer.access_token(
        key,
        running.issuer,
        scope=running.scope if scope is None else scope,
        consumer=consumer,
        lifetime=lifetime,
        **claims,
    )


async def _check_published(identifier: str, kid: str, folder: Path) -> None:
    try:
        async with aiohttp.ClientSession() as session, session.get(identifier + "jwk") as answer:
            published = (await answer.json())["keys"]
    except (aiohttp.ClientError, ValueError, KeyError) as error:
        raise Failure(f"No issuer answers at {identifier}; start it with `make run`.") from error
    if kid not in (key["kid"] for key in published):
        raise Failure(f"The issuer at {identifier} does not run with the keys in {folder}; start it again.")


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
