"""How long a start takes, from the process to the first 200, and which imports the time goes into."""

import asyncio
import re
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from benchmarks import systems
from benchmarks.effort import Effort
from benchmarks.stack import STRUCTURED, Stack, stack
from benchmarks.systems import FOLDERS, OURS, PLAIN
from benchmarks.table import Table, ratio
from local import Failure
from local.up import SAMPLE

SHOWN = 12
"""Packages; what is left over is the last row."""

_IMPORT = re.compile(r"import time: +(\d+) \| +\d+ \| ( *)(\S+)")
"""A line of ``-X importtime``: the module's own microseconds; those with what it imports; its name, indented."""


async def tables(effort: Effort) -> list[Table]:
    """The median of some starts of each, in turns; then what the function apps import."""
    async with stack(real_storage=False) as around:
        names = systems.at_hand(effort.systems)
        starts: dict[str, list[float]] = {name: [] for name in names}
        for number in range(effort.starts + 1):
            for name in names:
                milliseconds = await _first_answer(around, name)
                if number:  # the first reads files that the others find in memory
                    starts[name].append(milliseconds)
        apps = [name for name in names if name in (PLAIN, OURS)]
        imports = {name: await _imports(around.environ, FOLDERS[name], effort.starts) for name in apps}
    medians = {name: statistics.median(values) for name, values in starts.items()}
    totals = {name: sum(each.values()) for name, each in imports.items()}
    rows = [
        (
            name,
            medians[name],
            ratio(medians[name], medians.get(PLAIN)),
            totals.get(name),
            ratio(totals[name], totals.get(PLAIN)) if name in totals else None,
        )
        for name in names
    ]
    header = ("system", "first 200, ms", "of plain", "imports, ms", "of plain's")
    shares = [_shares(name, packages) for name, packages in imports.items()]
    return [Table("From process start to the first 200", header, rows), *shares]


async def _first_answer(around: Stack, name: str) -> float:
    """Milliseconds until a new process has accepted an event."""
    began = time.perf_counter()
    system = await systems.start(name, around.environ, around.folder / "start.log")
    try:
        headers = {"Authorization": f"Bearer {around.token}", "Content-Type": STRUCTURED}
        async with (
            aiohttp.ClientSession() as session,
            session.post(system.events, data=SAMPLE.read_bytes(), headers=headers) as answer,
        ):
            await answer.read()
            took = time.perf_counter() - began
            if answer.status != 200:
                raise Failure(f"{name} answered {answer.status}.")
        return took * 1000
    finally:
        await system.child.stop()


async def _imports(environ: Mapping[str, str], folder: Path, times: int) -> dict[str, float]:
    """Milliseconds by package of what a function app imports beyond azure.functions: of the median of some tries."""
    tries = [await _importtime(environ, folder) for _ in range(times + 1)][1:]
    return sorted(tries, key=lambda packages: sum(packages.values()))[len(tries) // 2]


async def _importtime(environ: Mapping[str, str], folder: Path) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-X",
        "importtime",
        "-c",
        "import azure.functions, function_app",
        env=environ,
        cwd=folder,
        stderr=asyncio.subprocess.PIPE,
    )
    _, output = await process.communicate()
    packages: dict[str, float] = defaultdict(float)
    is_beyond = False
    for own, indentation, module in _IMPORT.findall(output.decode()):
        if is_beyond:
            packages[_package(module)] += int(own) / 1000
        is_beyond |= module == "azure.functions" and not indentation
    if process.returncode or not packages:
        raise Failure(f"The function app in {folder} cannot be imported:\n{output.decode()}")
    return packages


def _package(module: str) -> str:
    """What it is a part of: azure.storage.queue and azure.core are two."""
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names:
        return "the standard library"
    return ".".join(parts[:2]) if parts[0] == "azure" else parts[0]


def _shares(name: str, packages: Mapping[str, float]) -> Table:
    """The packages that took longest."""
    ordered = sorted(packages.items(), key=lambda each: -each[1])
    shown, rest = ordered[:SHOWN], ordered[SHOWN:]
    total = sum(packages.values())
    rows = [*shown, *([("others", sum(each for _, each in rest))] if rest else []), ("all", total)]
    header = (name, "ms", "%")
    return Table(f"Imports of {name} beyond azure.functions", header, [(*row, row[1] / total * 100) for row in rows])
