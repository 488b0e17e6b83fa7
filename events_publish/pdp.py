"""Altinn Authorization, asked whether a publisher may publish: a policy decision point."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from events_publish import xacml
from events_publish.envelope import Event
from events_publish.problem import PolicyUnavailable
from events_publish.publisher import Publisher
from events_publish.settings import DecisionPoint

REMEMBERED_SECONDS = 30
"""How long a Permit counts; a refusal is asked for anew each time."""

MAX_REMEMBERED = 10_000

CONCURRENT = 10
"""Decisions asked for at once, for one request."""

type PostJson = Callable[[str, object, Mapping[str, str]], Awaitable[Any]]
"""Posts JSON to a URL, and gives the JSON of the answer; raises OSError or ValueError."""


class Pdp:
    """The decision point, and the Permits that it gave lately."""

    def __init__(self, endpoint: DecisionPoint, post: PostJson) -> None:
        self._endpoint = endpoint
        self._post = post
        self._permits: dict[bytes, float] = {}

    async def refused(self, publisher: Publisher, events: Sequence[Event], *, deadline: float) -> list[int]:
        """The indices of the events that `publisher` may not publish; `deadline` on the running loop's clock.

        Raises:
            PolicyUnavailable: a decision could not be had.
        """
        subject = xacml.subject_attributes(publisher)
        resources = [xacml.resource_attributes(event.attributes) for event in events]
        questions = [xacml.question(subject, resource) for resource in resources]
        open_questions = {each: index for index, each in enumerate(questions) if not self._is_permitted(each)}
        permitted = set(questions) - open_questions.keys()
        limit = asyncio.Semaphore(CONCURRENT)

        async def ask(question: bytes, index: int) -> None:
            async with limit:
                asked_at = time.monotonic()
                if await self._decide(xacml.decision_request(subject, resources[index])):
                    self._remember(question, asked_at)
                    permitted.add(question)

        asked = [asyncio.create_task(ask(question, index)) for question, index in open_questions.items()]
        try:
            async with asyncio.timeout_at(deadline):
                await asyncio.gather(*asked)
        except (OSError, ValueError) as error:
            raise PolicyUnavailable(f"Altinn Authorization: {error!r:.500}") from error
        finally:
            for task in asked:
                task.cancel()
        return [index for index, question in enumerate(questions) if question not in permitted]

    async def _decide(self, request: object) -> bool:
        key = self._endpoint.subscription_key
        headers = {"Accept": "application/json", **({"Ocp-Apim-Subscription-Key": key} if key else {})}
        return xacml.is_permit(await self._post(self._endpoint.url, request, headers))

    def _is_permitted(self, question: bytes) -> bool:
        return self._permits.get(question, 0) > time.monotonic()

    def _remember(self, question: bytes, asked_at: float) -> None:
        self._permits.pop(question, None)  # so that the first is always the one that was remembered first
        self._permits[question] = asked_at + REMEMBERED_SECONDS
        while len(self._permits) > MAX_REMEMBERED:
            del self._permits[next(iter(self._permits))]
