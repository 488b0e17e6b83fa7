"""What is measured beside each other: ours, the same job written plainly, in C#, and an empty function."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from local import FOLDER, ROOT, Failure, serving
from local.child import Child, ChildEnded
from local.running import EVENTS_PATH

PLAIN, OURS, EMPTY, CSHARP = "plain", "ours", "empty", "csharp"

FOLDERS = {PLAIN: ROOT / "benchmarks/plain", OURS: ROOT, EMPTY: ROOT / "benchmarks/empty"}
"""The function apps, by name; each runs in the same host."""

NAMES = (*FOLDERS, CSHARP)

QUEUE_NAME = "bench"


class NotAtHand(Failure):
    """There is neither a build of it nor what makes one."""


class System(NamedTuple):
    """One of them, running."""

    name: str
    child: Child
    url: str

    @property
    def events(self) -> str:
        return self.url + EVENTS_PATH


def at_hand(names: Iterable[str]) -> list[str]:
    """Those of the systems that can be started here; says so where one cannot.

    Raises:
        NotAtHand: none can.
    """
    found = []
    for name in names:
        try:
            command(name)
        except NotAtHand as lack:
            print(lack, file=sys.stderr)
        else:
            found.append(name)
    if not found:
        raise NotAtHand("Nothing is left to measure.")
    return found


def command(name: str) -> tuple[list[str], str]:
    """What starts the system `name` on a free port, and the line that tells its URL.

    Raises:
        NotAtHand: it is the one in C#, and cannot be had.
    """
    if name != CSHARP:
        return [sys.executable, "-m", "local", "host", "--port", "0"], rf"^{serving.READY}(\S+)"
    tell_url = "--Logging:LogLevel:Microsoft.Hosting.Lifetime=Information"
    return [str(_csharp()), "--urls", f"http://{serving.ADDRESS}:0", tell_url], r"Now listening on: (\S+)"


def environment(connection_string: str, issuers: str) -> dict[str, str]:
    """What all of them are told, and nothing of ours beside it."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "EVENTS_STORAGE": connection_string,
        "EVENTS_QUEUE_NAME": QUEUE_NAME,
        "TOKEN_ISSUERS": issuers,
    }


async def start(name: str, environ: Mapping[str, str], log: Path) -> System:
    """Start the system `name`; what it logs goes to the file `log`.

    Raises:
        NotAtHand: it is the one in C#, and cannot be had.
        Failure: it did not start.
    """
    words, ready = command(name)
    # To a file: a pipe would have to be emptied by the process that loads.
    words = ["sh", "-c", 'log=$1; shift; exec "$@" 2>"$log"', "sh", str(log), *words]
    try:
        child = await Child.start(words, [ready], env=environ, cwd=FOLDERS.get(name, ROOT))
    except ChildEnded as ended:
        raise Failure(f"{name} did not start:\n{ended.output}{log.read_text()}") from ended
    return System(name, child, child.ready[0][1])


def _csharp() -> Path:
    """The executable: the build that CSHARP names, else one made here."""
    if named := os.environ.get("CSHARP"):
        return Path(named).resolve()
    built = FOLDER / "csharp/peer"
    if not built.exists():
        if not shutil.which("dotnet"):
            raise NotAtHand("C# is not measured: CSHARP names no build, and there is no .NET SDK to make one.")
        publish = ["dotnet", "publish", "--configuration", "Release", "--output", str(built.parent)]
        subprocess.run(publish, cwd=ROOT / "benchmarks/csharp", check=True, stdout=sys.stderr)  # noqa: S603
    return built
