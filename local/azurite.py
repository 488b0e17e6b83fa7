"""Azurite, Microsoft's emulator of Azure Storage, as a process on loopback."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from events_publish.connection_string import DEVELOPMENT_ACCOUNT, DEVELOPMENT_KEY
from local import ROOT, Failure, serving
from local.child import Child, ChildEnded


class Ports(NamedTuple):
    """Where the three services listen; 0 takes a free port."""

    blob: int = 10000
    queue: int = 10001
    table: int = 10002


class Azurite(NamedTuple):
    """A running Azurite."""

    child: Child
    connection_string: str


async def start(folder: Path, ports: Ports, *more: str, keep: Sequence[int] = ()) -> Azurite:
    """Start Azurite with its data in `folder`, where a later start finds it again, with `more` options of its own.

    It holds the files `keep` open for as long as it runs.

    Raises:
        Failure: Node.js or Azurite is not installed, or a port is taken.
    """
    node, script = shutil.which("node"), ROOT / "node_modules/azurite/dist/src/azurite.js"
    if not node or not script.exists():
        raise Failure("Azurite is not installed; run `make setup`, which needs Node.js 20 or later.")
    folder.mkdir(parents=True, exist_ok=True)
    options = [word for service, port in ports._asdict().items() for word in (f"--{service}Port", str(port))]
    # The SDK may be newer than the emulator; what is used here is the same in all versions.
    options += ["--location", str(folder), "--silent", "--disableTelemetry", "--skipApiVersionCheck", *more]
    ready = [rf"{service.capitalize()} service is successfully listening at (\S+)" for service in Ports._fields]
    try:
        child = await Child.start([node, str(script), *options], ready, keep=keep)
    except ChildEnded as ended:
        taken = re.search(r"EADDRINUSE.*:([0-9]+)", ended.output)
        for service, port in ports._asdict().items():
            if taken and port == int(taken[1]):
                raise serving.port_in_use(port, f"--{service}-port") from ended
        raise Failure(f"Azurite did not start:\n{ended.output.strip()}") from ended
    endpoints = {service: match[1] for service, match in zip(Ports._fields, child.ready, strict=True)}
    return Azurite(child, connection_string(endpoints))


def connection_string(endpoints: dict[str, str]) -> str:
    """The connection string of an Azurite whose services are at these URLs."""
    located = "".join(
        f"{service.capitalize()}Endpoint={url}/{DEVELOPMENT_ACCOUNT};" for service, url in endpoints.items()
    )
    return f"DefaultEndpointsProtocol=http;AccountName={DEVELOPMENT_ACCOUNT};AccountKey={DEVELOPMENT_KEY};{located}"
