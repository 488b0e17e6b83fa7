"""Attempts: again and again, within the time that there is, and so many at once."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from events_publish import attempts, places, storage_fault
from events_publish.attempts import Attempts, GaveUp, TooManyWait
from events_publish.request_record import RequestRecord
from events_publish.storage_fault import CLIENT_REQUEST_ID, REFUSED_IDENTITY, StorageError
from tests.clock import VirtualTimeLoop


def failed(status: int, **headers: str) -> StorageError:
    """What storage answers, as far as its faults show it."""
    by_name = {CLIENT_REQUEST_ID: "t", **{name.lower(): value for name, value in headers.items()}}
    return StorageError(storage_fault.of_answer(status, "", by_name))


class Service:
    """A service that fails in the given ways, one after the other, and then works."""

    def __init__(self, *failures: Exception | float) -> None:
        self._failures = list(failures)
        self.asked_at: list[float] = []
        self.cut_after: list[float] = []

    async def ask(self) -> str:
        """Fails; where a number is given it hangs for so many seconds."""
        loop = asyncio.get_running_loop()
        self.asked_at.append(loop.time())
        if not self._failures:
            return "done"
        failure = self._failures.pop(0)
        if isinstance(failure, Exception):
            raise failure
        try:
            await asyncio.sleep(failure)
        except asyncio.CancelledError:
            self.cut_after.append(loop.time() - self.asked_at[-1])
            raise
        return "late"


@pytest.fixture
def record() -> RequestRecord:
    return RequestRecord("0af7651916cd43dd8448eb211c80319c")


async def make(service: Service, seconds: float, record: RequestRecord) -> str:
    deadline = asyncio.get_running_loop().time() + seconds
    return await Attempts("the service", "Reader").make(service.ask, deadline=deadline, record=record)


def test_pauses_double_and_are_jittered(record: RequestRecord) -> None:
    service = Service(*[failed(503)] * 4)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(make(service, 10, record)) == "done"
    assert record.retries == 4
    pauses = [after - before for before, after in zip(service.asked_at, service.asked_at[1:], strict=False)]
    for pause, longest in zip(pauses, (0.1, 0.2, 0.4, 0.8), strict=True):
        assert longest / 2 <= pause <= longest + 0.01  # the loop's clock ticks in so much


@pytest.mark.parametrize(
    "retry_after",
    [
        pytest.param(lambda: "1", id="seconds"),
        pytest.param(lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True), id="date"),
    ],
)
async def test_retry_after_is_kept(record: RequestRecord, retry_after: Callable[[], str]) -> None:
    service = Service(failed(503, **{"Retry-After": retry_after()}))
    assert await make(service, 10, record) == "done"
    assert 0.9 < service.asked_at[1] - service.asked_at[0] < 2.5


async def test_a_retry_after_beyond_the_time_is_not_waited_for(record: RequestRecord) -> None:
    service = Service(failed(503, **{"Retry-After": "8"}))
    with pytest.raises(GaveUp, match="the service: HttpResponseError 503"):
        await make(service, 10, record)
    assert len(service.asked_at) == 1


@pytest.mark.parametrize(
    "retry_after",
    ["", "soon", "-1", "1.5", "Mon, 23 Nov 2020 12:00:00 GMT", "Mon, 23 Nov 2026 12:00:00 +99999999999999999999"],
)
async def test_a_retry_after_that_says_nothing(record: RequestRecord, retry_after: str) -> None:
    assert await make(Service(failed(503, **{"Retry-After": retry_after})), 10, record) == "done"


@pytest.mark.usefixtures("faster")
async def test_an_attempt_is_cut_only_where_another_can_follow(record: RequestRecord) -> None:
    """The last has all the time that is left."""
    service = Service(9.0, 9.0, 9.0)
    with pytest.raises(GaveUp) as gave_up:
        await make(service, 0.55, record)
    first, *_, last = service.cut_after
    assert first == pytest.approx(0.1, abs=0.05)
    assert sum(service.cut_after) <= 0.6
    assert last >= 0.1
    assert not gave_up.value.nothing_done, "an attempt that was cut may have worked"


async def test_none_begins_with_too_little_time(record: RequestRecord) -> None:
    service = Service()
    with pytest.raises(GaveUp, match="too little time") as gave_up:
        await make(service, attempts.ATTEMPT_SECONDS - 0.1, record)
    assert service.asked_at == []
    assert gave_up.value.nothing_done


@pytest.mark.parametrize(
    ("failures", "nothing_done"),
    [
        pytest.param([failed(403)], True, id="refused"),
        pytest.param([failed(429), failed(403)], True, id="refused twice"),
        pytest.param([failed(503), failed(403)], False, id="busy, then refused"),
        pytest.param([TimeoutError(), failed(403)], False, id="cut, then refused"),
        pytest.param([ConnectionResetError(), failed(403)], False, id="reset, then refused"),
        pytest.param([failed(408), failed(403)], False, id="408"),
        pytest.param([ValueError("unreadable"), failed(403)], False, id="unreadable"),
        pytest.param([failed(307)], False, id="redirect"),
    ],
)
async def test_whether_nothing_was_done(
    record: RequestRecord, failures: list[Exception | float], nothing_done: bool
) -> None:
    """It is sure only where each attempt was refused."""
    with pytest.raises(GaveUp) as gave_up:
        await make(Service(*failures), 10, record)
    assert gave_up.value.nothing_done == nothing_done
    assert record.retries == len(failures) - 1


async def test_a_defect_is_not_an_attempt_that_failed(record: RequestRecord) -> None:
    with pytest.raises(AssertionError):
        await make(Service(AssertionError("ours")), 10, record)


class Line:
    """Callers of a service that answers when it is told to."""

    def __init__(self, most: int) -> None:
        self.attempts = Attempts("the service", "Reader", most=most)
        self.go = asyncio.Event()
        self.under_way = self.most_under_way = 0
        self.callers: list[asyncio.Task[None]] = []

    async def call(self, number: int, seconds: float = 10) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        record = RequestRecord("")
        self.callers += [
            asyncio.create_task(self.attempts.make(self._serve, deadline=deadline, record=record))
            for _ in range(number)
        ]
        await asyncio.sleep(0)

    async def _serve(self) -> None:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.go.wait()
        finally:
            self.under_way -= 1

    def has_room(self, seconds: float = 10) -> bool:
        try:
            self.attempts.require_room(asyncio.get_running_loop().time() + seconds)
        except TooManyWait as gave_up:
            assert gave_up.nothing_done
            return False
        return True


async def test_so_many_at_once() -> None:
    line = Line(most=3)
    await line.call(10)
    line.go.set()
    await asyncio.gather(*line.callers)
    assert line.most_under_way == 3


async def test_a_line_that_does_not_move_takes_no_more() -> None:
    """At once, before the first of those that hang is cut; and as soon as it moves, there is room again."""
    line = Line(most=2)
    await line.call(2)
    await asyncio.sleep(0.5)
    assert line.has_room(), "nobody waits"
    await line.call(8)
    assert not line.has_room(), "eight wait for two that take half a second and more"
    line.go.set()
    await asyncio.gather(*line.callers)
    assert line.has_room()


async def test_one_that_hangs_does_not_close_the_line() -> None:
    line = Line(most=50)
    await line.call(1)
    await asyncio.sleep(1.5)
    await line.call(59)
    assert line.has_room(), "ten wait, but one in fifty hangs"
    line.go.set()
    await asyncio.gather(*line.callers)


async def test_whoever_has_too_little_time_is_told_so(record: RequestRecord) -> None:
    service = Service()
    with pytest.raises(GaveUp, match="too little time") as gave_up:
        await make(service, 1, record)
    assert gave_up.value.nothing_done
    assert not service.asked_at


async def test_whoever_has_little_time_left_does_not_join_the_line() -> None:
    line = Line(most=1)
    await line.call(1)
    await asyncio.sleep(0.2)
    await line.call(1)
    assert line.has_room(attempts.ATTEMPT_SECONDS + 1)
    assert not line.has_room(attempts.ATTEMPT_SECONDS + 0.1)
    line.go.set()
    await asyncio.gather(*line.callers)


@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize(("wait", "seconds"), [(1, 0.2), (0.05, 10)], ids=["for their time", "at all"])
async def test_whoever_waited_for_too_long_leaves_the_line(
    wait: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "LONGEST_WAIT_SECONDS", wait)
    line = Line(most=1)
    await line.call(1)
    await line.call(1, seconds)
    with pytest.raises(TooManyWait) as gave_up:
        await line.callers[1]
    assert gave_up.value.nothing_done
    line.go.set()
    await line.callers[0]
    assert line.most_under_way == 1


async def test_too_many_wait_tells_what_storage_did_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the function sees whether it is load alone, or storage that fails; and what to do about that."""
    monkeypatch.setattr(places, "SILENT_SECONDS", 60)  # a busy machine
    line = Line(most=1)

    async def fail() -> None:
        raise failed(403)

    async def why() -> str:
        await line.call(2)
        await asyncio.sleep(0.6)
        with pytest.raises(TooManyWait) as gave_up:
            line.attempts.require_room(asyncio.get_running_loop().time() + 10)
        line.go.set()
        await asyncio.gather(*line.callers)
        line.go.clear()
        return str(gave_up.value)

    assert await why() == "the service: too many wait"
    with pytest.raises(GaveUp):
        await line.attempts.make(fail, deadline=float("inf"), record=RequestRecord(""))
    advice = REFUSED_IDENTITY.format(role="Reader")
    assert (
        await why() == f"the service: too many wait, and the last attempt failed with HttpResponseError 403; {advice}"
    )
    assert await why() == "the service: too many wait", "the last attempt worked"
