"""The chart of docs/performance.md: what CPU time an accepted event costs each system."""

from pathlib import Path

import pygal

from benchmarks import plot
from benchmarks.table import Table

NAMES = {
    "plain": "Plain Python",
    "csharp, young": "C#, first 12 s",
    "csharp": "C#, settled",
    "ours": "This project",
    "empty": "Empty function",
}
"""What the systems are called, in the order of the bars."""


def draw(table: Table, path: Path) -> None:
    """Write the chart of a table of throughput: bars of CPU time by system, at each number of connections."""
    costs = {(row["system"], row["connections"]): row["CPU µs/event"] for row in table.records()}
    connections = sorted({row["connections"] for row in table.records()}, key=int)
    chart = pygal.Bar(
        **plot.OPTIONS, title="CPU time of an accepted event, µs", x_title="connections", x_labels=connections
    )
    for system, name in NAMES.items():
        if any(measured == system for measured, _ in costs):
            chart.add(name, [costs.get((system, each)) for each in connections])
    plot.save(chart, path)
