"""What the folder of a function app says about it: host.json and local.settings.json."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local import Failure


def extension(folder: Path, name: str) -> dict[str, Any]:
    """What host.json says of an extension, such as `http` or `queues`.

    Raises:
        Failure: there is no host.json, or it is not a JSON object.
    """
    host_json = _json_object(folder / "host.json")
    if host_json is None:
        raise Failure(f"There is no host.json in {folder}; run the host in the folder of a function app.")
    found = host_json.get("extensions", {}).get(name, {})
    return found if isinstance(found, dict) else {}


def set_by_environment(environ: Mapping[str, str], name: str) -> dict[str, str]:
    """What the environment says of an extension: it goes before host.json."""
    prefix = f"AzureFunctionsJobHost__extensions__{name}__"
    return {key.removeprefix(prefix): value for key, value in environ.items() if key.startswith(prefix)}


def route_prefix(folder: Path) -> str:
    """The route prefix that host.json sets, or the default, ``api``.

    Raises:
        Failure: there is no host.json, or it is not a JSON object.
    """
    return str(extension(folder, "http").get("routePrefix", "api"))


def local_settings(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """What local.settings.json sets and `environ` does not.

    Of a connection (`NAME` and its `NAME__…`) of which `environ` has a part, nothing is taken: a mixture of two
    connections would be neither.
    """
    values = (_json_object(folder / "local.settings.json") or {}).get("Values", {})
    connections = {name.partition("__")[0] for name in environ}
    return {name: str(value) for name, value in values.items() if name.partition("__")[0] not in connections}


def _json_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file, or None where there is no such file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Failure(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Failure(f"{path} must be a JSON object.")
    return value
