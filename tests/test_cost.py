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

TIMES = 20
"""Events that are counted, one after the other, when all that is made once is made."""

MAY_VARY = 1.05

# Of one event of local/events, from request to response.
INSTRUCTIONS = 2811
"""Of Python, in our own modules."""
FUNCTIONS = 108
"""Of Python that are entered, in our modules and in all that they use but the event loop."""
BATCH_INSTRUCTIONS = 1929
"""The same as `INSTRUCTIONS`, of each event in a batch of 100."""
PEAK_BYTES = 22_000
"""Allocated at once, at most."""

MODULES = 130
"""That are loaded at start beyond those of azure.functions."""

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
    assert counts.instructions / TIMES <= INSTRUCTIONS * MAY_VARY
    assert counts.functions.total() / TIMES <= FUNCTIONS * MAY_VARY, counts.functions.most_common(50)


async def test_instructions_of_a_batch(publisher: Publisher) -> None:
    batch = json.dumps([json.loads(EVENT)] * 100).encode()
    await publisher.publish(1, batch, "application/cloudevents-batch+json")
    with counting() as counts:
        await publisher.publish(1, batch, "application/cloudevents-batch+json")
    assert counts.instructions / 100 <= BATCH_INSTRUCTIONS * MAY_VARY


async def test_memory_of_an_event(publisher: Publisher) -> None:
    """What it takes while it is under way."""
    with tracing() as traced:
        await publisher.publish(TIMES, EVENT)
        before, _ = traced()
        tracemalloc.reset_peak()
        await publisher.publish(TIMES, EVENT)
        _, peak = traced()
    assert peak - before <= PEAK_BYTES * MAY_VARY


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


def test_what_is_loaded_at_start() -> None:
    """With a connection string: what the first request does not need costs every cold start."""
    environ = {
        "EVENTS_STORAGE": "UseDevelopmentStorage=true",
        "TOKEN_ISSUERS": '[{"issuer": "https://maskinporten.no/"}]',
    }
    code = (
        "import sys, azure.functions; known = {*sys.modules}; import function_app; print(*sys.modules.keys() - known)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    loaded = set(ended.stdout.split())
    assert {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) <= {
        "aiohappyeyeballs",
        "cryptography",
        "events_publish",
        "function_app",
        "httptools",
        "jwt",
        *("_cffi_backend", "_openssl"),  # cryptography's
        *("_cython_3_3_0", "cython_runtime"),  # httptools'
    }
    assert len(loaded) <= MODULES * MAY_VARY
