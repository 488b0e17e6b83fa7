"""One exchange over HTTP: a request, its response, and what is true of every response."""

import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from events_publish import problem
from events_publish.problem import InternalError, MethodNotAllowed, Problem
from events_publish.request_record import RequestRecord

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Request:
    """An HTTP request; `headers` by lower-case name, `trace_parent` as the host's trace context has it."""

    method: str
    headers: Mapping[str, str]
    body: bytes = b""
    trace_parent: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the route takes from the path."""
    record: RequestRecord = field(init=False)
    """What the log will say of it."""

    def __post_init__(self) -> None:
        self.record = RequestRecord(_trace_id(self.trace_parent), len(self.body))


READ = ("GET", "HEAD")
"""The methods of what is there to be read."""


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


def require_method(request: Request, allowed: Collection[str]) -> None:
    """Raises MethodNotAllowed: the method is none of those."""
    if request.method not in allowed:
        raise MethodNotAllowed(allowed)


type Handler = Callable[[Request], Awaitable[Response]]
"""Answers a request, or raises a `Problem`."""


async def respond(handler: Handler, request: Request) -> Response:
    """The answer of `handler`, or the problem that it raised, with the trace id; and its record in the log."""
    record = request.record
    try:
        response = await handler(request)
    except Problem as refusal:
        return _refuse(refusal, record)
    except Exception:  # noqa: BLE001  # the outermost edge
        _log.exception("A defect, trace id %s", record.trace_id)
        return _refuse(InternalError(), record)
    if request.method == "POST":  # all else only reads, and is in the host's own log of requests
        _log.info("%s", record.line(response.status))
    return response._replace(headers={"Trace-Id": record.trace_id, **response.headers})


def _refuse(refusal: Problem, record: RequestRecord) -> Response:
    level = logging.WARNING if refusal.status >= 500 else logging.INFO
    _log.log(level, "%s", record.line(refusal.status, refusal))
    headers = {"Content-Type": problem.CONTENT_TYPE, "Trace-Id": record.trace_id, **refusal.headers}
    return Response(refusal.status, headers, refusal.body(record.trace_id))


_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")


def _trace_id(trace_parent: str) -> str:
    """The W3C trace id of the host's trace context; a new one where the host has none (it needs telemetry for it)."""
    match = _TRACE_PARENT.fullmatch(trace_parent or "")
    return match[1] if match else uuid.uuid4().hex
