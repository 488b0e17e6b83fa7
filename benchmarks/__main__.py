"""``make bench``: every part, or those that are named; tables on standard output, and as JSON in .local/bench.json."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from benchmarks import chart, floor, hanging_issuer, long_run, sizes, stages, starts, systems, throughput
from benchmarks.effort import QUICK, Effort
from benchmarks.table import Table
from local import FOLDER, Failure

PARTS: Mapping[str, Callable[[Effort], Coroutine[Any, Any, list[Table]]]] = {
    "throughput": throughput.tables,
    "azurite": throughput.against_azurite,
    "sizes": sizes.tables,
    "long-run": long_run.tables,
    "stages": stages.tables,
    "floor": floor.tables,
    "starts": starts.tables,
    "issuer": hanging_issuer.tables,
}

QUICK_PARTS = [part for part in PARTS if part != "issuer"]
"""The issuer has to be left in peace for half a minute before it hangs."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, and return the exit code."""
    options = _parser().parse_args(arguments)
    found: list[Table] = []
    try:
        for part in options.parts or (QUICK_PARTS if options.quick else PARTS):
            for table in asyncio.run(PARTS[part](_effort(options))):
                print(f"\n{table}", flush=True)
                found.append(table)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    FOLDER.mkdir(exist_ok=True)
    records = {table.title: table.records() for table in found}
    (FOLDER / "bench.json").write_text(json.dumps(records, ensure_ascii=False, indent=1))
    if options.chart:
        chart.draw(found[0], options.chart)
    return 0


def _effort(options: argparse.Namespace) -> Effort:
    given = {name: value for name in Effort._fields if (value := getattr(options, name, None)) is not None}
    return (QUICK if options.quick else Effort())._replace(**given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", type=_part, metavar="PART", help=f"of {', '.join(PARTS)} (all)")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, and rough figures")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="an SVG to write of what an event costs")
    parser.add_argument("--systems", type=_names, help=f"such as {','.join(systems.NAMES)}")
    parser.add_argument("--connections", type=_numbers, help="such as 1,8,32,128")
    parser.add_argument("--seconds", type=_positive, help="of one measurement under load")
    parser.add_argument("--rounds", type=_number, help="of which the median is shown")
    return parser


def _part(text: str) -> str:
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(PARTS)}")
    return text


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} must be a number above 0")
    return value


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} must be a whole number from 1 on")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(systems.NAMES):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(systems.NAMES)}")
    return names


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(_number, text.split(",")))


if __name__ == "__main__":
    sys.exit(main())
