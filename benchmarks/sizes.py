"""What larger events cost, and what batches spare."""

import json

from benchmarks import throughput
from benchmarks.effort import Effort
from benchmarks.stack import BATCH
from benchmarks.systems import EMPTY, OURS
from benchmarks.table import Table
from benchmarks.throughput import Load
from local.up import SAMPLE

DATA_BYTES = (4096, 40_960)
BATCHES = (1, 10, 100)


async def tables(effort: Effort) -> list[Table]:
    """By the size of an event, for all that read it; by the size of a batch, which ours alone takes."""
    names = [name for name in effort.systems if name != EMPTY]
    by_size = await throughput.compare(names, [Load("0.4 KiB"), *map(_with_data, DATA_BYTES)], effort)
    by_batch = await throughput.compare([OURS], list(map(_batch, BATCHES)), effort)
    return [
        throughput.table("By the size of an event", "size", by_size),
        throughput.table("By the events in a batch", "events", by_batch),
    ]


def _with_data(size: int) -> Load:
    event = json.loads(SAMPLE.read_bytes()) | {"data": {"text": "x" * size}}
    return Load(f"{size // 1024} KiB", json.dumps(event).encode())


def _batch(events: int) -> Load:
    body = b"[" + b",".join([SAMPLE.read_bytes()] * events) + b"]"
    return Load(str(events), body, events, BATCH)
