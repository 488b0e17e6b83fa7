"""What is written down of a request: one line of JSON, for whoever runs the function.

The Functions host forwards a log record's text and nothing beside it, so the structure lies in the text. No personal
data: of an event only what says which it is, of a publisher what it is called.
"""

import itertools
import json
import re
from dataclasses import dataclass, field
from time import monotonic

from events_publish import rules
from events_publish.envelope import Event
from events_publish.problem import Problem
from events_publish.publisher import Publisher

MAX_BYTES = 32_768
"""Of one line: Application Insights cuts a message that is longer."""

MAX_VALUE_LENGTH = 200
"""Of one value of an event; what is longer is cut, and ends in an ellipsis."""

MAX_EVENTS = 400
"""Of one line, at most: of more than that a line has no room for the rest."""

MAX_TEXT_LENGTH = 2_000
"""Of `detail` and `cause`."""

SHOWN = ("id", "type", "resource")
"""The attributes that a line has of an event."""

OUTCOMES = {200: "accepted", 500: "failed", 503: "unavailable"}
"""What came of a request, by status; all else was refused."""


@dataclass(slots=True)
class RequestRecord:
    """What is known of a request so far; the steps fill it in."""

    trace_id: str
    """The W3C trace id that the answer carries, too."""
    body_bytes: int = 0
    publisher: Publisher | None = None
    events: tuple[Event, ...] = ()
    storage_seconds: float = 0
    """From the first attempt at storage to the last answer, waits in line included."""
    retries: int = 0
    """Attempts at storage after the first of each event."""
    _began: float = field(default_factory=monotonic)

    def client_request_id(self) -> str:
        """What the next request to storage is called: by the trace id, and a number that none beside it has.

        Storage repeats it in its answer, which counts for no other.
        """
        return f"{self.trace_id}-{next(_NUMBERS):x}"

    def line(self, status: int, refusal: Problem | None = None) -> str:
        """One line of JSON in ASCII with at most `MAX_BYTES` bytes; where there are too many events, the last are left out."""
        shown = [{name: _cut(event.attributes.get(name)) for name in SHOWN} for event in self.events[:MAX_EVENTS]]
        while len(line := self._line(status, refusal, shown)) > MAX_BYTES and shown:
            shown = shown[: len(shown) // 2]
        return line

    def _line(self, status: int, refusal: Problem | None, shown: list[dict[str, str]]) -> str:
        who = self.publisher
        record = {
            "outcome": OUTCOMES.get(status, "refused"),
            "status": status,
            "reason": refusal.kind if refusal else None,
            "detail": _cut(refusal.detail, MAX_TEXT_LENGTH) if refusal else None,
            "members": _members(refusal),
            "cause": _cut(refusal.cause, MAX_TEXT_LENGTH) if refusal and refusal.cause else None,
            "traceId": self.trace_id,
            "publisher": who and {"consumer": who.consumer, "org": who.org, "client": who.client_id},
            "events": shown,
            "eventsOmitted": len(self.events) - len(shown),
            "bytes": self.body_bytes,
            "milliseconds": round((monotonic() - self._began) * 1000, 1),
            "storageMilliseconds": round(self.storage_seconds * 1000, 1),
            "retries": self.retries,
        }
        return json.dumps({name: value for name, value in record.items() if value is not None})


_NUMBERS = itertools.count(1)


def _members(refusal: Problem | None) -> list[str] | None:
    """The attributes that are at fault; a name that a publisher made up may be personal, and is left out."""
    names = {_PLACE_IN_BATCH.sub("", name) for name in (refusal and refusal.errors) or ()}
    return sorted(names & {"$", "data", *rules.ATTRIBUTES}) or None


_PLACE_IN_BATCH = re.compile(r"^\[[0-9]+\]\.?")


def _cut(value: object, length: int = MAX_VALUE_LENGTH) -> str:
    text = str(value)
    return text if len(text) <= length else text[: length - 1] + "…"
