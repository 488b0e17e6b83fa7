"""What an event costs, counted and not timed: the same on a busy machine, and on a fast one.

Who makes it cost less lowers the figures here; who makes it cost more has a reason, or another look.
"""

import asyncio
import json
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType

import pytest

from benchmarks.stand_in import stand_in
from events_publish.endpoint import Endpoint
from events_publish.exchange import Request, respond
from events_publish.settings import Settings
from local import ROOT
from local.up import SAMPLE
from tests.conftest import MakeToken
from tests.identity_endpoint import identity_endpoint

TIMES = 20
"""Events that are counted, one after the other, when all that is made once is made."""

MAY_VARY = 0.05

# Of one event of local/events, from request to response.
INSTRUCTIONS = 2811
"""Of Python, in our own modules."""
FUNCTIONS = 108
"""Of Python that are entered, in our modules and in all that they use but the event loop."""
BATCH_INSTRUCTIONS = 1929
"""The same as `INSTRUCTIONS`, of each event in a batch of 100."""
PEAK_BYTES = 22_000
"""Allocated at once, at most."""

NOT_AT_START = {
    *("aiohttp", "azure.core", "azure.identity", "azure.storage", "msal", "requests", "local"),
    *("events_publish.azure_identity", "events_publish.payload_store", "events_publish.storage_client"),
    *("events_publish.openapi", "events_publish.problem_page"),
}
"""What neither the start nor the first event needs: each costs every cold start."""

_TOOL = sys.monitoring.PROFILER_ID
_EVENTS = sys.monitoring.events
_OURS = (str(ROOT / "events_publish"), str(ROOT / "function_app.py"))
_LOOP = str(Path(asyncio.__file__).parent)


class Counts:
    """What was counted."""

    def __init__(self) -> None:
        self.instructions = 0
        self.functions = Counter[str]()


@contextmanager
def counting() -> Iterator[Counts]:
    counts = Counts()

    def instruction(code: CodeType, _: int) -> object:
        if not code.co_filename.startswith(_OURS):
            return sys.monitoring.DISABLE
        counts.instructions += 1
        return None

    def start(code: CodeType, _: int) -> object:
        if code.co_filename.startswith((_LOOP, __file__)):
            return sys.monitoring.DISABLE
        counts.functions[code.co_qualname] += 1
        return None

    sys.monitoring.use_tool_id(_TOOL, "cost")
    sys.monitoring.register_callback(_TOOL, _EVENTS.INSTRUCTION, instruction)
    sys.monitoring.register_callback(_TOOL, _EVENTS.PY_START, start)
    sys.monitoring.set_events(_TOOL, _EVENTS.INSTRUCTION | _EVENTS.PY_START)
    try:
        yield counts
    finally:
        sys.monitoring.set_events(_TOOL, 0)
        sys.monitoring.free_tool_id(_TOOL)


class Publisher:
    """Publishes to an endpoint in this process, whose queue acknowledges at once."""

    def __init__(self, endpoint: Endpoint, token: str) -> None:
        self.endpoint = endpoint
        self._token = token

    async def publish(self, times: int, body: bytes, content_type: str = "application/cloudevents+json") -> None:
        headers = {"authorization": f"Bearer {self._token}", "content-type": content_type}
        for _ in range(times):
            request = Request("POST", headers, body, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            assert (await respond(self.endpoint.events, request)).status == 200


@pytest.fixture
async def publisher(settings: dict[str, str], make_token: MakeToken) -> AsyncIterator[Publisher]:
    async with stand_in() as queue:
        endpoint = Endpoint(Settings.from_environ({**settings, "EVENTS_STORAGE": queue.connection_string}))
        publisher = Publisher(endpoint, make_token())
        await publisher.publish(10, EVENT)
        yield publisher
        await endpoint.close()


EVENT = SAMPLE.read_bytes()


async def test_instructions_of_an_event(publisher: Publisher) -> None:
    with counting() as counts:
        await publisher.publish(TIMES, EVENT)
    assert counts.instructions / TIMES == pytest.approx(INSTRUCTIONS, rel=MAY_VARY)
    assert counts.functions.total() / TIMES == pytest.approx(FUNCTIONS, rel=MAY_VARY), counts.functions.most_common(50)


async def test_instructions_of_a_batch(publisher: Publisher) -> None:
    batch = json.dumps([json.loads(EVENT)] * 100).encode()
    await publisher.publish(1, batch, "application/cloudevents-batch+json")
    with counting() as counts:
        await publisher.publish(1, batch, "application/cloudevents-batch+json")
    assert counts.instructions / 100 == pytest.approx(BATCH_INSTRUCTIONS, rel=MAY_VARY)


async def test_memory_of_an_event(publisher: Publisher) -> None:
    """What it takes while it is under way."""
    with tracing() as traced:
        await publisher.publish(TIMES, EVENT)
        before, _ = traced()
        tracemalloc.reset_peak()
        await publisher.publish(TIMES, EVENT)
        _, peak = traced()
    assert 0 < peak - before <= PEAK_BYTES


@pytest.mark.long
async def test_an_event_leaves_nothing_behind(publisher: Publisher) -> None:
    with tracing() as traced:
        # Python keeps 2,000 tuples of each length for later, and asyncio some hundred timers that were cancelled.
        await publisher.publish(2500, EVENT)
        before, _ = traced()
        await publisher.publish(1500, EVENT)
        after, _ = traced()
    assert (after - before) / 1500 < 15, "a number has more"


@contextmanager
def tracing() -> Iterator[Callable[[], tuple[int, int]]]:
    """Gives what tells the bytes that are allocated, and the most that were."""
    tracemalloc.start()
    try:
        yield tracemalloc.get_traced_memory
    finally:
        tracemalloc.stop()


START = "import function_app, sys; print(*sys.modules)"
FIRST_EVENT = """
import asyncio, function_app, sys
from pathlib import Path
from events_publish.exchange import Request, respond
headers = {"authorization": sys.argv[1], "content-type": "application/cloudevents+json"}
request = Request("POST", headers, Path(sys.argv[2]).read_bytes())
print(asyncio.run(respond(function_app.endpoint.events, request)).status)
print(*sys.modules)
"""


async def loaded_by(code: str, *arguments: str, **environ: str) -> list[str]:
    """What a process of its own prints that runs `code`."""
    command = [sys.executable, "-c", code, *arguments]
    ended = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    printed: list[str] = ended.stdout.split()
    return printed


async def test_what_is_loaded_at_start() -> None:
    loaded = await loaded_by(
        START,
        EVENTS_STORAGE="UseDevelopmentStorage=true",
        TOKEN_ISSUERS='[{"issuer": "https://maskinporten.no/"}]',
    )
    assert not NOT_AT_START & set(loaded)


@pytest.mark.parametrize("by", ["connection string", "managed identity"])
async def test_what_the_first_event_loads(by: str, settings: dict[str, str], make_token: MakeToken) -> None:
    """Nor may it be loaded when an event comes: that is a cold start, too."""
    async with stand_in() as queue, identity_endpoint() as identity:
        environ = {**settings, "EVENTS_STORAGE": queue.connection_string}
        if by == "managed identity":
            del environ["EVENTS_STORAGE"]
            # Nobody is there, but a token is fetched first.
            environ |= {"EVENTS_STORAGE__queueServiceUri": "https://127.0.0.1:1", "PUBLISH_TIMEOUT_SECONDS": "4"}
            environ |= {"EVENTS_STORAGE__credential": "managedidentity", **identity.environ}
        status, *loaded = await loaded_by(FIRST_EVENT, f"Bearer {make_token()}", str(SAMPLE), **environ)
    assert status == ("200" if by == "connection string" else "503")
    assert len(identity.asked) == (by == "managed identity")
    assert not NOT_AT_START & set(loaded)
