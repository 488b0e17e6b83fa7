"""The queues that events are spread over where one is not enough: which there are, and which of them an event goes to.

An event's key is its `partitionkey` (CloudEvents partitioning extension), or else its `source`. The events of one key
lie on one queue for as long as the number of queues stays. The choice is CRC-32 of the key's UTF-8, modulo that number:
every instance, and anybody else in any language, comes to the same.
"""

import zlib
from collections.abc import Mapping

MOST = 20
"""An account takes what ten queues do; twice as many, for keys never fill all of them alike."""


def names(queue_name: str, shards: int) -> tuple[str, ...]:
    """The names of all queues."""
    return (queue_name,) if shards == 1 else tuple(f"{queue_name}-{shard}" for shard in range(shards))


def shard_of(attributes: Mapping[str, object], shards: int) -> int:
    """Which of the queues an event with these attributes goes to, by its place among `names`."""
    return 0 if shards == 1 else zlib.crc32(_key(attributes).encode()) % shards


def _key(attributes: Mapping[str, object]) -> str:
    """An extension is a string, a boolean or an integer; as a string it is what it would be in a `ce-` header."""
    key = attributes.get("partitionkey")
    if key is None or key == "":  # the extension's own rule is that it is not empty
        key = attributes["source"]
    return str(key).lower() if isinstance(key, bool) else str(key)
