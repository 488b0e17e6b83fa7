"""The CloudEvents SDKs as publishers, and as consumers: what each makes of a message, in the shape of a JSON event."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cloudevents.core.bindings.http import HTTPMessage, from_http, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

FOLDER = Path(__file__).parent

STRUCTURED = {"content-type": "application/cloudevents+json"}


class Message(NamedTuple):
    """A request as it reaches a reader."""

    headers: Mapping[str, str]
    body: bytes


class Reading(NamedTuple):
    """The event that was read, in the shape of a JSON event; or why there is none."""

    event: dict[str, Any] | None
    error: str = ""


def python_message(mode: str, event: Mapping[str, Any]) -> Message:
    """The request that the SDK makes of an event, as `structured` or `binary`."""
    attributes = {name: value for name, value in event.items() if name not in ("data", "data_base64")}
    data = base64.b64decode(event["data_base64"]) if "data_base64" in event else event.get("data")
    written = CloudEvent({**attributes, "time": datetime.fromisoformat(event["time"])}, data)
    message = (to_structured if mode == "structured" else to_binary)(written, JSONFormat())
    return Message(message.headers, message.body)


def javascript_publish(mode: str, url: str, token: str, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Publish as `structured`, `binary` or `batch`; the answers, or the errors of what the SDK could not send."""
    lines = [json.dumps(event) for event in events]
    return _tell(["node", str(FOLDER / "publish.mjs"), mode, url], lines, TOKEN=token)


def lying_on_the_queue(bodies: Sequence[bytes]) -> list[Message]:
    return [Message(STRUCTURED, body) for body in bodies]


def python(messages: Sequence[Message]) -> list[Reading]:
    return [_python(message) for message in messages]


def _python(message: Message) -> Reading:
    try:
        read = from_http(HTTPMessage(dict(message.headers), message.body), JSONFormat())
    except Exception as error:  # noqa: BLE001  # whatever it raises is its refusal
        return Reading(None, f"{type(error).__name__}: {error}")
    data = read.get_data()
    return Reading(_event(read.get_attributes(), data))


def javascript(messages: Sequence[Message]) -> list[Reading]:
    lines = [
        json.dumps({"headers": dict(message.headers), "body": base64.b64encode(message.body).decode()})
        for message in messages
    ]
    return [
        Reading(_event(told["attributes"], _javascript_data(told)))
        if told["readable"]
        else Reading(None, told["error"])
        for told in _tell(["node", str(FOLDER / "read.mjs")], lines)
    ]


def _javascript_data(told: Mapping[str, Any]) -> Any:
    return base64.b64decode(told["data"]) if told["dataType"] == "bytes" else told.get("data")


def dotnet(reader: str, messages: Sequence[Message]) -> list[Reading]:
    """`reader` is a program that does with CloudNative.CloudEvents what read.mjs does, for queue messages alone."""
    lines = [base64.b64encode(message.body).decode() for message in messages]
    return [
        Reading(_event({"specversion": "1.0", **told["attributes"]}, _dotnet_data(told)))  # the one that it reads
        if told["readable"]
        else Reading(None, told["error"])
        for told in _tell([reader, "read"], lines)
    ]


def _dotnet_data(told: Mapping[str, Any]) -> Any:
    if told["dataType"] == "Byte[]":
        return base64.b64decode(told["data"])
    if told["dataType"] != "JsonElement":
        return told["data"]
    shown = told["data"]  # a JsonElement shows a string without its quotes, and booleans as .NET writes them
    try:
        return json.loads(shown.lower() if shown in ("True", "False") else shown)
    except ValueError:
        return shown


def _tell(command: list[str], lines: list[str], **environ: str) -> list[dict[str, Any]]:
    """Run a program that prints JSON, one a line."""
    env = {"PATH": os.environ["PATH"], **environ}
    told = subprocess.run(
        command, input="\n".join([*lines, ""]), stdout=subprocess.PIPE, encoding="utf-8", env=env, check=True
    )
    return [json.loads(line) for line in told.stdout.split("\n") if line]


def _event(attributes: Mapping[str, Any], data: Any) -> dict[str, Any]:
    event = dict(attributes)
    if "time" in event:
        event["time"] = instant(event["time"])
    if isinstance(data, bytes):
        event["data_base64"] = base64.b64encode(data).decode()
    elif data is not None:
        event["data"] = data
    return event


def instant(time: object) -> object:
    """An RFC 3339 timestamp in UTC, without zeros at the end of its fraction, however it was written; else `time`."""
    text = time.isoformat() if isinstance(time, datetime) else time
    match = _TIMESTAMP.fullmatch(text.upper()) if isinstance(text, str) else None
    if not match:
        return text
    seconds, fraction, offset = match.groups(default="")
    if offset != "Z":
        try:
            seconds = f"{datetime.fromisoformat(seconds + offset).astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
        except (ValueError, OverflowError):  # it is none that Python knows
            return text
    return seconds + fraction.rstrip("0").rstrip(".") + "Z"


_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")
