"""Every refusal of the endpoint: one family, rendered as problem details (RFC 9457).

    Problem
     ├─ InvalidEvent          400  the JSON or the event breaks a rule
     ├─ Unauthenticated       401  no bearer token came
     │   └─ InvalidToken      401  one came, and it is not good
     ├─ InsufficientScope     403  a good token without the publish scope
     ├─ MethodNotAllowed      405
     ├─ LengthRequired        411  a body was announced but did not come
     ├─ EventTooLarge         413
     ├─ UnsupportedMediaType  415
     ├─ Unavailable           503  nothing is wrong with the request; try again
     │   ├─ KeysUnavailable        the issuer's keys cannot be had
     │   └─ QueueUnavailable       the queue did not acknowledge
     └─ InternalError         500  a defect of ours

A step raises one; the pipeline alone turns it into a response. A detail says what is wrong and what
would be right, and never repeats a value that came: it may be personal.
"""

import itertools
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "/events/api/v1/problems/"

type Faults = Mapping[str, Sequence[str]]
"""What is wrong, by member: its name (``$`` for the body as a whole) → messages."""


class Problem(Exception):
    """A refusal; `kind` ends its ``type`` URI, `headers` go out beside its body."""

    status: ClassVar[int]
    kind: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, *, errors: Faults | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})

    def body(self, trace_id: str) -> bytes:
        """The problem details object (RFC 9457 §3), with `traceId`, and `errors` where members are at fault."""
        details = {
            "type": TYPE_PREFIX + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "traceId": trace_id,
        }
        if self.errors:
            details["errors"] = self.errors
        return json.dumps(details, indent=2).encode() + b"\n"


class InvalidEvent(Problem):
    """400 with all faults at once, or as many of them as anybody will read."""

    status, kind, title = 400, "invalid-event", "The event is not valid"
    shown: ClassVar[int] = 100

    def __init__(self, errors: Faults) -> None:
        at_fault = "1 member is" if len(errors) == 1 else f"{len(errors)} members are"
        if "$" in errors:
            at_fault = "The body as a whole is"
        first = f" with the first {self.shown}" if len(errors) > self.shown else ""
        shown = dict(itertools.islice(errors.items(), self.shown))
        super().__init__(f"{at_fault} at fault; errors says what is wrong{first}.", errors=shown)


class Unauthenticated(Problem):
    """401 without an error code: no bearer token came (RFC 6750 §3.1)."""

    status, kind, title = 401, "unauthenticated", "A bearer token is required"
    challenge: ClassVar[str] = 'Bearer realm="events"'

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": self.challenge})


class InvalidToken(Unauthenticated):
    """401 ``invalid_token``: the detail must be printable ASCII without quotes or backslashes (RFC 6750 §3)."""

    kind, title = "invalid-token", "The access token is not valid"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.headers["WWW-Authenticate"] = f'{self.challenge}, error="invalid_token", error_description="{detail}"'


class InsufficientScope(Problem):
    """403 ``insufficient_scope`` (RFC 6750 §3.1)."""

    status, kind, title = 403, "insufficient-scope", "The access token lacks the scope"

    def __init__(self, scope: str) -> None:
        challenge = f'{Unauthenticated.challenge}, error="insufficient_scope", scope="{scope}"'
        super().__init__(f"The token must hold the scope {scope}.", headers={"WWW-Authenticate": challenge})


class MethodNotAllowed(Problem):
    """405 with ``Allow`` (RFC 9110 §15.5.6)."""

    status, kind, title = 405, "method-not-allowed", "The method is not allowed here"

    def __init__(self, allowed: Iterable[str]) -> None:
        methods = ", ".join(allowed)
        super().__init__(f"Use {methods}.", headers={"Allow": methods})


class LengthRequired(Problem):
    """411: a body without a ``Content-Length`` does not reach the function (RFC 9110 §15.5.12)."""

    status, kind, title = 411, "length-required", "A Content-Length is required"

    def __init__(self) -> None:
        super().__init__("The body was sent in chunks and did not arrive; send it with a Content-Length.")


class EventTooLarge(Problem):
    """413: the event does not fit on the queue; sizes in bytes."""

    status, kind, title = 413, "event-too-large", "The event is too large"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"The event has {size} bytes; at most {limit} are taken.")


class UnsupportedMediaType(Problem):
    """415 with the media types that are taken in ``Accept-Post`` (RFC 9110 §15.5.16, Linked Data Platform §7.1)."""

    status, kind, title = 415, "unsupported-media-type", "The content type is not supported"

    def __init__(self, detail: str, accepted: Iterable[str], *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail, headers={"Accept-Post": ", ".join(accepted), **(headers or {})})


class Unavailable(Problem):
    """503: the request was not judged wrong, nothing is claimed of it, and the same request may be sent again."""

    status = 503

    def __init__(self, detail: str) -> None:
        # Jittered, so that the publishers of one outage do not all come back in the same second.
        super().__init__(detail, headers={"Retry-After": str(random.randint(1, 5))})


class KeysUnavailable(Unavailable):
    """503: without the issuer's keys a token can be judged neither good nor bad."""

    kind, title = "keys-unavailable", "The token cannot be checked right now"


class QueueUnavailable(Unavailable):
    """503: the queue did not acknowledge the event in time; it may or may not lie there."""

    kind, title = "queue-unavailable", "The event cannot be queued right now"


class InternalError(Problem):
    """500: a defect of ours, never of the request; says nothing about what broke."""

    status, kind, title = 500, "internal-error", "The endpoint failed"

    def __init__(self) -> None:
        super().__init__("This is a defect of the endpoint, and it has been logged. Report it with the trace id.")
