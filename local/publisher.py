"""A publisher at the keyboard: a token from the running issuer, POSTs to the running host."""

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import aiohttp

from events_publish import json_text
from local import Failure, issuer
from local.running import Running

CONTENT_TYPE = "application/cloudevents+json"
BATCH_CONTENT_TYPE = "application/cloudevents-batch+json"

_PATIENCE = aiohttp.ClientTimeout(total=60, connect=10)
_LONGEST_PAUSE_SECONDS = 60


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
        async with aiohttp.ClientSession(timeout=_PATIENCE) as session, session.get(identifier + "jwk") as answer:
            published = [key["kid"] for key in (await answer.json())["keys"]]
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"No issuer answers at {identifier}; start it with `make run`.") from error
    if kid not in published:
        raise Failure(f"The issuer at {identifier} does not run with the keys in {folder}; start it again.")


async def publish(running: Running, access_token: str, body: bytes) -> tuple[int, str]:
    """POST one event, once; returns the status and the body of the answer.

    Raises:
        Failure: no host runs.
    """
    async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
        try:
            answer = await _post(session, running.events, access_token, body, CONTENT_TYPE)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise no_host(running.host) from error
    return answer.status, answer.text


class Answer(NamedTuple):
    """What the host said."""

    status: int
    text: str = ""
    trace_id: str | None = None
    retry_after: int = 0

    @property
    def problem(self) -> dict[str, Any] | None:
        """The problem details; None where it is something else."""
        try:
            details = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        return details if isinstance(details, dict) else None

    @property
    def kind(self) -> str:
        """That of the problem; where there is none, the status."""
        return str((self.problem or {}).get("type", f"status {self.status}")).rpartition("/")[2]

    @property
    def is_expired_token(self) -> bool:
        return self.kind == "invalid-token" and "expired" in str((self.problem or {}).get("detail"))


async def _post(session: aiohttp.ClientSession, url: str, access_token: str, body: bytes, content_type: str) -> Answer:
    headers = {"Authorization": f"Bearer {access_token}", "Content-Type": content_type}
    async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
        retry_after = answer.headers.get("Retry-After", "")
        return Answer(
            answer.status,
            await answer.text(errors="replace"),
            answer.headers.get("Trace-Id"),
            int(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0,
        )


def no_host(url: str) -> Failure:
    return Failure(f"No host answers at {url}; start one with `make run` or `func start`.")


class Publisher:
    """Sends as a publisher should: again after a 503 or a lost connection, and with a new token when one expires."""

    def __init__(self, running: Running, folder: Path, *, retries: int, note: Callable[[str], None]) -> None:
        """`note` hears why something takes long."""
        self._running = running
        self._folder = folder
        self._retries = retries
        self._note = note
        self._renewal = asyncio.Lock()
        self.was_reached = False
        """Whether the host has been there, so that what is sent may arrive."""

    async def __aenter__(self) -> Self:
        """Begin with a token.

        Raises:
            Failure: as `token`.
        """
        self._token = await token(self._running, self._folder)
        self._session = aiohttp.ClientSession(timeout=_PATIENCE)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def send(self, body: bytes, *, batch: bool = False) -> Answer:
        """POST an event or a batch until it is judged; of a batch that the queue took in part, then only the rest.

        Raises:
            Failure: no host runs, or it was lost for good; or as `token`.
        """
        whole = rest = _Batch.of(body) if batch else None
        retried = 0
        while True:
            try:
                answer = await self._send_once(rest.body if rest else body, batch=batch)
                self.was_reached = True
                if rest and whole:
                    rest = rest.without_enqueued(answer.problem)
                    answer = whole.restated(answer, rest)
                if answer.status != 503 or retried == self._retries:
                    return answer
                why, pause = f"503 {answer.kind}", min(answer.retry_after, _LONGEST_PAUSE_SECONDS)
            except (aiohttp.ClientError, TimeoutError) as error:
                self.was_reached |= not isinstance(error, aiohttp.ClientConnectorError)
                if retried == self._retries or not self.was_reached:
                    raise no_host(self._running.host) from error
                why, pause = "The connection was lost", 0
            retried += 1
            # What was refused together should not come back together.
            seconds = pause + random.uniform(0.1, min(2**retried, _LONGEST_PAUSE_SECONDS))
            self._note(f"{why}; sent again in {seconds:.1f} s ({retried} of {self._retries})")
            await asyncio.sleep(seconds)

    async def _send_once(self, body: bytes, *, batch: bool) -> Answer:
        used = self._token
        answer = await self._post(body, batch=batch)
        if not answer.is_expired_token:
            return answer
        async with self._renewal:
            if self._token == used:  # of those on their way at once, the first renews it for all
                self._token = await token(self._running, self._folder)
        return await self._post(body, batch=batch)

    async def _post(self, body: bytes, *, batch: bool) -> Answer:
        content_type = BATCH_CONTENT_TYPE if batch else CONTENT_TYPE
        return await _post(self._session, self._running.events, self._token, body, content_type)


class _Batch(NamedTuple):
    """Events of a batch, as they came, by their index in it."""

    events: dict[int, str]
    text: str

    @classmethod
    def of(cls, body: bytes) -> "_Batch | None":
        """None: it is none, and the endpoint says why."""
        try:
            text = json_text.decode(body)
            return cls({index: element.text for index, element in enumerate(json_text.elements(text))}, text)
        except json_text.NotJson:
            return None

    @property
    def body(self) -> bytes:
        return self.text.encode()

    def without_enqueued(self, problem: dict[str, Any] | None) -> "_Batch":
        """Those that the queue did not take, where a problem tells which."""
        indices = list(self.events)
        try:
            left = {indices[index]: self.events[indices[index]] for index in (problem or {})["notEnqueued"]}
        except (KeyError, IndexError, TypeError):
            return self
        return _Batch(left, f"[{','.join(left.values())}]")

    def restated(self, answer: Answer, rest: "_Batch") -> Answer:
        """An answer about the rest as one about all of it."""
        if answer.status == 200 or len(rest.events) == len(self.events):
            return answer
        indices = {"enqueued": [*(self.events.keys() - rest.events)], "notEnqueued": [*rest.events]}
        return answer._replace(text=json.dumps({**(answer.problem or {}), **indices}, indent=2, ensure_ascii=False))
