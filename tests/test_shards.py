"""Shards: which queue an event goes to."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events_publish.shards import MOST, names, shard_of
from local import ROOT

SOURCE = "https://ttd.apps.altinn.no/ttd/app-1"


def test_names() -> None:
    """One queue has the name as it is."""
    assert names("events-registration", 1) == ("events-registration",)
    assert names("q", 3) == ("q-0", "q-1", "q-2")
    assert len(set(names("q", MOST))) == MOST


VECTORS = [
    ({"source": "/a"}, 0, 0, 2, 12),
    ({"source": SOURCE}, 0, 3, 7, 7),
    ({"source": SOURCE, "partitionkey": "123456789"}, 2, 2, 2, 2),
    ({"source": SOURCE, "partitionkey": 123456789}, 2, 2, 2, 2),
    ({"source": SOURCE, "partitionkey": True}, 2, 1, 7, 17),
    ({"source": SOURCE, "partitionkey": "blåbær"}, 1, 0, 8, 8),
]
"""Attributes, and the shard of 3, 4, 10 and 20. CRC-32 of 123456789 is 0xCBF43926, by which implementations are checked."""


@pytest.mark.parametrize(("attributes", "of_3", "of_4", "of_10", "of_20"), VECTORS)
def test_vectors(attributes: dict[str, object], of_3: int, of_4: int, of_10: int, of_20: int) -> None:
    """They hold for good: another answer would part the events of a key."""
    assert [shard_of(attributes, shards) for shards in (3, 4, 10, 20)] == [of_3, of_4, of_10, of_20]


def test_another_process_comes_to_the_same() -> None:
    """Whatever the seed of its hashes."""
    code = "from tests.test_shards import VECTORS, shard_of; print([shard_of(each[0], 20) for each in VECTORS])"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == str([each[4] for each in VECTORS])


@pytest.mark.parametrize(
    ("value", "header"), [(7, "7"), (-7, "-7"), (0, "0"), (True, "true"), (False, "false"), ("7", "7")]
)
def test_a_key_is_the_same_in_each_mode(value: object, header: str) -> None:
    """In binary mode an extension comes as a string."""
    for shards in (2, 3, 10, 20):
        in_structured_mode = shard_of({"source": "/a", "partitionkey": value}, shards)
        assert in_structured_mode == shard_of({"source": "/b", "partitionkey": header}, shards)


def test_without_a_key_it_is_the_source() -> None:
    for attributes in ({}, {"partitionkey": None}, {"partitionkey": ""}, {"subject": "x", "id": "2"}):
        assert shard_of({"source": SOURCE, **attributes}, 20) == shard_of({"partitionkey": SOURCE, "source": "/"}, 20)


SHARDS = st.integers(1, MOST)
KEYS = st.text(st.characters(exclude_categories=["Cs"])) | st.booleans() | st.integers(-(2**31), 2**31 - 1)


@pytest.mark.property
@given(source=st.text(st.characters(exclude_categories=["Cs"]), min_size=1), key=st.none() | KEYS, shards=SHARDS)
def test_each_event_has_one_queue(source: str, key: object, shards: int) -> None:
    """And the same one, whatever else the event says, and from wherever it comes where it has a key."""
    attributes = {"source": source, "partitionkey": key}
    shard = shard_of(attributes, shards)
    assert shard in range(len(names("q", shards)))
    assert shard_of({**attributes, "id": "another", "subject": "another"}, shards) == shard
    if key not in (None, ""):
        assert shard_of({**attributes, "source": "/another"}, shards) == shard


@pytest.mark.parametrize("shards", range(2, MOST + 1))
@pytest.mark.parametrize(
    "key",
    [
        pytest.param(lambda i: f"{910_000_000 + 7 * i}", id="organisation numbers"),
        pytest.param(lambda i: f"/party/{50_000_000 + i}", id="parties"),
        pytest.param(lambda i: 50_000_000 + i, id="integers"),
        pytest.param(lambda i: f"https://ttd.apps.altinn.no/ttd/app-{i % 50}/instances/{i}", id="instances"),
        pytest.param(lambda i: f"urn:uuid:{i * 0x9E3779B97F4A7C15 % 2**128:032x}", id="identifiers"),
        pytest.param(lambda i: f"tenant-{i:05}", id="tenants"),
    ],
)
def test_evenness(key: Callable[[int], object], shards: int) -> None:
    """Of 10,000 keys that differ in little, no queue gets a fifth more, or less, than its share."""
    count = Counter(shard_of({"source": "/", "partitionkey": key(i)}, shards) for i in range(10_000))
    share = 10_000 / shards
    assert len(count) == shards
    assert 0.8 * share < min(count.values()) <= max(count.values()) < 1.2 * share
