"""How much is measured."""

from typing import NamedTuple

from benchmarks import systems


class Effort(NamedTuple):
    """The more of it, the steadier the figures."""

    systems: tuple[str, ...] = systems.NAMES
    connections: tuple[int, ...] = (1, 8, 32, 128)
    seconds: float = 3
    """Of one measurement under load."""
    rounds: int = 3
    """In which the systems take turns; the median is shown."""
    starts: int = 9
    """Of each system, for the time that a start takes."""
    requests: int = 100_000
    """Of the long run that shows whether an event costs the same late as early."""


QUICK = Effort((systems.PLAIN, systems.OURS, systems.EMPTY), (8, 32), seconds=1, rounds=1, starts=2, requests=5_000)
"""Enough to see that all parts work; what is in C# takes half a minute to settle."""
