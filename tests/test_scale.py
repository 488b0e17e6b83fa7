"""The simulation of scale agrees with what can be reckoned by hand: Little's law, and the limits that it is given."""

import itertools
import math
import re
import sys
from pathlib import Path

import pygal
import pytest

from benchmarks import plot, scale
from benchmarks.scale import CONCURRENCIES, LINES, SIZES, Limits, Measured, Moment, chart, keep_full, ramp, throughput
from local import ROOT

MEASURED = Measured(worker_cpu_ms=2, host_cpu_ms=1, storage_p50_ms=10, storage_p99_ms=40, start_seconds=2)
LIMITS = Limits()
CPU, STORAGE = 0.003, MEASURED.storage_seconds


def test_what_an_event_needs_of_an_instance() -> None:
    """A quarter of a core takes four times as long; of two cores Python has one."""
    assert [MEASURED.cpu_seconds(size) for size in SIZES] == pytest.approx([0.012, 0.003, 0.002])
    assert pytest.approx(STORAGE, rel=1e-3) == 0.010 * math.exp((math.log(4) / 2.3263) ** 2 / 2)


@pytest.mark.parametrize("in_flight", [1, 2, 8, 32, 100])
def test_throughput_has_the_bounds_of_a_queueing_network(in_flight: int) -> None:
    """It grows with what is in flight, to what the core does; below lies what each would have if all got in its way."""
    rate = throughput(in_flight, CPU, STORAGE)
    assert rate <= min(in_flight / (CPU + STORAGE), 1 / CPU) * (1 + 1e-9)
    assert rate >= in_flight / (in_flight * CPU + STORAGE) * (1 - 1e-9)
    assert rate > throughput(in_flight - 1, CPU, STORAGE) or rate == pytest.approx(1 / CPU)


def test_one_at_once_is_one_event_in_cpu_and_storage() -> None:
    """With Python's default an instance waits for storage, and does nothing else."""
    assert throughput(1, CPU, STORAGE) == pytest.approx(1 / (CPU + STORAGE))
    outcome = keep_full(instances=3, concurrency=1, shards=1, measured=MEASURED)
    assert outcome.accepted == pytest.approx(3 / (CPU + STORAGE), rel=0.03)
    assert outcome.p50 == pytest.approx(CPU + 0.010, rel=0.05)
    assert outcome.p99 == pytest.approx(CPU + 0.040, rel=0.15)


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_littles_law(concurrency: int) -> None:
    """In flight is rate times latency, and the rate is that of the analysis, or better: no event needs more than others."""
    outcome = keep_full(instances=2, concurrency=concurrency, shards=1, measured=MEASURED)
    assert outcome.refused == 0
    assert outcome.accepted * outcome.mean == pytest.approx(2 * concurrency, rel=0.03)
    assert outcome.accepted >= 2 * throughput(concurrency, CPU, STORAGE) * 0.97
    assert outcome.accepted <= 2 * min(concurrency / (CPU + STORAGE), 1 / CPU) * 1.03


def test_concurrency_is_the_first_lever() -> None:
    """From one at once to what the core does, with no instance more."""
    one, many = (keep_full(instances=4, concurrency=c, shards=2, measured=MEASURED).accepted for c in (1, 32))
    assert many / one == pytest.approx((CPU + STORAGE) / CPU, rel=0.05)


@pytest.mark.parametrize("shards", [1, 2, 4])
def test_queues_end_at_their_limit(shards: int) -> None:
    """What instances send beyond it is refused; nothing vanishes."""
    outcome = keep_full(instances=40, concurrency=8, shards=shards, measured=MEASURED)
    assert outcome.accepted == pytest.approx(shards * LIMITS.queue_messages, rel=0.03)
    sent = keep_full(instances=40, concurrency=8, shards=shards, measured=MEASURED, limits=Limits(1e9, 1e9))
    assert sent.refused == 0
    assert outcome.accepted + outcome.refused == pytest.approx(sent.accepted, rel=0.03)


def test_the_account_ends_before_twenty_queues() -> None:
    """Consumers take as many messages off it."""
    outcome = keep_full(instances=40, concurrency=8, shards=20, measured=MEASURED)
    assert outcome.accepted == pytest.approx(20_000 / (2 + 1 / 32), rel=0.03)
    assert LIMITS.account_events(event_bytes=1024) == pytest.approx(20_000 / (2 + 1 / 32))
    assert Limits(account_ingress_bytes=4e6).account_events(event_bytes=3_000) == pytest.approx(1_000)


def test_the_same_seed_is_the_same_simulation() -> None:
    first, again, other = (keep_full(instances=1, concurrency=8, shards=1, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def _ramp(peak: float, concurrency: int, shards: int) -> list[Moment]:
    return list(ramp(concurrency=concurrency, shards=shards, peak=peak, measured=MEASURED, rising_seconds=20))


@pytest.mark.parametrize("concurrency", CONCURRENCIES)
def test_a_load_that_rises(concurrency: int) -> None:
    """Instances follow it, one a second; in the end all is taken, by as many as Little's law asks for, at its latency."""
    moments = _ramp(1_500, concurrency, shards=1)
    assert [moment.seconds for moment in moments] == list(range(1, 80))
    for before, after in itertools.pairwise(moments):
        assert 0 <= after.instances - before.instances <= 2  # two starts may fall into one of these seconds
        assert after.offered == pytest.approx(1_500 * min(1, after.seconds / 20), rel=0.01)
    assert max(moment.instances for moment in moments) <= 1 + 79 * LIMITS.instance_starts
    last = moments[-1]
    assert last.accepted == pytest.approx(1_500, rel=0.01)
    assert last.refused == 0
    assert last.instances * throughput(concurrency, CPU, STORAGE) >= 1_500 * 0.99
    assert last.latency * last.accepted <= last.instances * concurrency * 1.01


def test_a_load_beyond_the_queue() -> None:
    """More instances make it no better."""
    last = _ramp(3_000, concurrency=32, shards=1)[-1]
    assert last.accepted == 2_000
    assert last.refused == pytest.approx(1_000, rel=0.01)
    assert _ramp(3_000, concurrency=32, shards=2)[-1].refused == 0


def test_a_load_beyond_the_instances() -> None:
    """There are no more than that; requests wait for a place, longer and longer."""
    moments = list(ramp(concurrency=1, shards=4, peak=5_000, measured=MEASURED))
    last, before = moments[-1], moments[-11]
    assert last.instances == LIMITS.maximum_instances
    assert last.accepted == pytest.approx(40 / (CPU + STORAGE), rel=0.01)
    waiting = [moment.latency * moment.accepted for moment in (before, last)]
    assert waiting[1] - waiting[0] == pytest.approx(10 * (5_000 - last.accepted), rel=0.02)


def test_a_picture(tmp_path: Path) -> None:
    """One file that needs nothing else, the same each time."""
    files = [tmp_path / name for name in ("first.svg", "again.svg")]
    for file in files:
        drawn = pygal.XY(title="a title", **plot.OPTIONS)
        drawn.add("a line", [(0, 0), (1, 2)])
        plot.save(drawn, file)
    first, again = (file.read_text() for file in files)
    assert first == again
    assert "a title" in first
    assert "a line" in first
    assert "<script" not in first
    assert set(re.findall(r"\w+://[^\"' ]+", first)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.long
def test_the_picture_in_the_docs(tmp_path: Path) -> None:
    """It is what the simulation says today; ``python -m benchmarks.scale --plot docs/scale.svg`` draws it anew."""
    plot.save(chart(Measured(), Limits(), seed=1), tmp_path / "scale.svg")
    kept, drawn = (
        re.findall(r'<path d="([^"]+)" class="line ', file.read_text())
        for file in (ROOT / "docs/scale.svg", tmp_path / "scale.svg")
    )
    assert len(kept) == len(drawn) == len(LINES)
    for one, other in zip(kept, drawn, strict=True):
        assert _numbers(one) == pytest.approx(_numbers(other), abs=3)  # of 480 points; another machine may round


def _numbers(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", path)]


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What was measured is an option, and shows in the tables."""
    monkeypatch.setattr(sys, "argv", ["scale", "--worker-cpu-ms", "9", "--host-cpu-ms", "1", "--queue-messages", "500"])
    monkeypatch.setattr(scale, "INSTANCES", (1, 7))
    scale.main()
    printed = capsys.readouterr().out
    assert re.search(r"^ +32 +7 +1 +(49|50)\d +", printed, re.MULTILINE)
    assert re.search(r"^ +2048 +1 +100 ", printed, re.MULTILINE)
