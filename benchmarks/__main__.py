"""``make bench``: every part, or those that are named; tables on standard output."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from benchmarks import systems, throughput
from benchmarks.systems import PLAIN
from benchmarks.table import table
from benchmarks.throughput import Row
from local import Failure

CONNECTIONS = (1, 8, 32, 128)


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        for part in options.parts or PARTS:
            asyncio.run(PARTS[part](options))
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


async def _throughput(options: argparse.Namespace) -> None:
    await _compare(options, "Against a queue that acknowledges at once", real_storage=False)


async def _azurite(options: argparse.Namespace) -> None:
    await _compare(options, "Against Azurite", real_storage=True)


async def _compare(options: argparse.Namespace, title: str, *, real_storage: bool) -> None:
    rows = await throughput.compare(
        options.systems,
        options.connections,
        seconds=options.seconds,
        rounds=options.rounds,
        real_storage=real_storage,
    )
    print(f"\n### {title}\n\n{_table(rows)}", flush=True)


def _table(rows: Sequence[Row]) -> str:
    """Each figure beside that of plain at as many connections."""
    plain = {row.connections: row.figures for row in rows if row.system == PLAIN}
    header = ["", "connections", "events/s", "× plain", "p50 ms", "p95 ms", "p99 ms", "CPU µs/event", "÷ plain", "MB"]
    header.append("generator µs/event")
    cells: list[list[str | float]] = []
    for row in rows:
        figures, base = row.figures, plain.get(row.connections)
        cells.append(
            [
                row.system,
                str(row.connections),
                figures.events_per_second,
                figures.events_per_second / base.events_per_second if base else "",
                figures.p50_ms,
                figures.p95_ms,
                figures.p99_ms,
                figures.cpu_us,
                base.cpu_us / figures.cpu_us if base else "",
                figures.memory_mb,
                figures.generator_us,
            ]
        )
    return table(header, cells)


PARTS = {"throughput": _throughput, "azurite": _azurite}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--systems", type=_names, default=systems.NAMES, help=f"of {','.join(systems.NAMES)}")
    parser.add_argument("--connections", type=_numbers, default=CONNECTIONS, help="such as 1,8,32,128")
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is shown (%(default)s)")
    return parser


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(systems.NAMES):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: must be of {', '.join(systems.NAMES)}")
    return names


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
