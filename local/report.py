"""What somebody who publishes gets to see: each event and what became of it, and the sum of it all at the end."""

import json
import os
import re
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from local.event_source import Item
from local.publisher import Answer

if TYPE_CHECKING:
    from local.progress_bar import ProgressBar

_PLACES = 5
"""How many places of a fault the summary names."""

_FAULTS = 20
"""How many faults the summary tells apart."""

_BAR_AFTER_SECONDS = 0.5
_NOTE_EVERY_SECONDS = 1

_IN_BATCH = re.compile(r"^\[\d+\](?:\.|$)")


class Outcome(NamedTuple):
    """What became of an item: an answer; or none, where it could not be sent, or nobody waited for it."""

    item: Item
    answer: Answer | None = None


class Fault(NamedTuple):
    """What several events may have in common."""

    kind: str
    member: str


class Report:
    """Tells of outcomes as they come, on standard output: a line each, or with `as_json` an object each."""

    def __init__(self, *, as_json: bool, bar_of: int | None, may_have_bar: bool) -> None:
        self._as_json = as_json
        self._tally = Tally()
        self._bar_of = bar_of
        self._may_have_bar = may_have_bar and has_terminal()
        self._bar: ProgressBar | None = None
        self._began = time.monotonic()
        self._noted = 0.0

    @property
    def all_accepted(self) -> bool:
        return not self._tally.refused and not self._tally.unknown

    def take(self, outcome: Outcome) -> None:
        self._tally.add(outcome)
        text = json.dumps(_as_json(outcome), ensure_ascii=False) if self._as_json else _as_text(outcome)
        if text:
            self._print(text)
        if self._may_have_bar and not self._bar and time.monotonic() - self._began > _BAR_AFTER_SECONDS:
            from local.progress_bar import ProgressBar

            self._bar = ProgressBar(self._bar_of)
        if self._bar:
            self._bar.show(self._tally.size, self._tally.accepted, self._tally.refused)

    def note(self, text: str) -> None:
        """Say on standard error why it takes long; not more often than somebody can read."""
        now = time.monotonic()
        if now - self._noted < _NOTE_EVERY_SECONDS:
            return
        self._noted = now
        if self._bar:
            self._bar.print(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self, *, stopped: bool) -> None:
        """Say on standard error what it came to, unless one line has said it all."""
        if self._bar:
            self._bar.close()
        if not self._as_json and (stopped or self._tally.is_worth_telling):
            print(
                f"Stopped: {self._tally.summary()}" if stopped else self._tally.summary(), file=sys.stderr, flush=True
            )

    def _print(self, text: str) -> None:
        if self._bar and sys.stdout.isatty():
            self._bar.print(text)
        else:
            print(text, flush=True)


def has_terminal() -> bool:
    """Whether somebody looks at standard error who can be shown what changes in its place."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


class Tally:
    """Counts of events, and what is wrong with those that were refused; in no more room for a million than for a few."""

    def __init__(self) -> None:
        self.accepted = self.refused = self.unknown = self.size = 0
        self._items = 0
        self._has_lines = False
        self._counts: Counter[Fault] = Counter()
        self._others = 0
        self._places: dict[Fault, list[str]] = {}
        self._texts: dict[Fault, str] = {}

    @property
    def is_worth_telling(self) -> bool:
        return self._items != 1 or self._has_lines

    def add(self, outcome: Outcome) -> None:
        item, answer = outcome
        self._items += 1
        self.size += item.size
        self._has_lines |= item.line is not None
        if answer is None and not item.fault:
            self.unknown += 1
            return
        accepted, refused = _count(item, answer)
        self.accepted += accepted
        self.refused += refused
        for fault, text in _faults(outcome).items():
            self._add_fault(fault, text, item.place)

    def _add_fault(self, fault: Fault, text: str, place: str) -> None:
        if fault not in self._counts and len(self._counts) == _FAULTS:
            self._others += 1
            return
        self._counts[fault] += 1
        self._texts.setdefault(fault, text)
        places = self._places.setdefault(fault, [])
        if len(places) < _PLACES:
            places.append(place)

    def summary(self) -> str:
        parts = [f"{self.accepted:,} accepted"]
        if self.refused:
            parts.append(f"{self.refused:,} refused")
        if self.unknown:
            parts.append(f"{self.unknown:,} on the way, of which nobody knows")
        lines = [
            f"  {count:,} {fault.kind} ({_join(self._places[fault], count)}): {self._texts[fault]}"
            for fault, count in self._counts.most_common()
        ]
        if self._others:
            lines.append(f"  and {self._others:,} for other reasons")
        return "\n".join([", ".join(parts) + (":" if lines else ""), *lines])


def _join(places: list[str], count: int) -> str:
    if all(place.startswith("line ") for place in places):
        places = [place.removeprefix("line ") for place in places]
        text = ("line " if len(places) == 1 else "lines ") + ", ".join(places)
    else:
        text = ", ".join(places)
    return text if count <= len(places) else f"{text} and {count - len(places):,} more"


def _count(item: Item, answer: Answer | None) -> tuple[int, int]:
    """How many events were accepted, and how many were not."""
    if answer is None or not item.is_batch:
        accepted = answer is not None and answer.status == 200
        return int(accepted), int(not accepted)
    problem = answer.problem or {}
    if "notEnqueued" in problem:
        return len(problem.get("enqueued", ())), len(problem["notEnqueued"])
    events = _value(item.body)
    count = len(events) if isinstance(events, list) else 1
    return (count, 0) if answer.status == 200 else (0, count)


def _faults(outcome: Outcome) -> dict[Fault, str]:
    """What is wrong, in a line for each member; of a batch each member once."""
    item, answer = outcome
    if item.fault:
        return {Fault("unreadable", ""): item.fault}
    if answer is None or answer.status == 200:
        return {}
    found: dict[Fault, str] = {}
    for name, messages in _errors(answer):
        member = _IN_BATCH.sub("", name)
        found.setdefault(Fault(answer.kind, member), _sentence(member or "an event of the batch", messages))
    return found or {Fault(answer.kind, ""): _detail(answer)}


def _errors(answer: Answer) -> list[tuple[str, list[str]]]:
    """The members at fault, with what is wrong with each."""
    errors = (answer.problem or {}).get("errors")
    return list(errors.items()) if isinstance(errors, dict) else []


def _sentence(member: str, messages: list[str]) -> str:
    return f"{'the body' if member == '$' else member} {' '.join(messages)}"


def _detail(answer: Answer) -> str:
    return str((answer.problem or {}).get("detail", f"status {answer.status}"))


def _as_text(outcome: Outcome) -> str:
    """A file that is an event has its answer in full; a line is worth telling only when it was refused."""
    item, answer = outcome
    if item.fault:
        return f"{item.place}: {item.fault}"
    if answer is None:
        return "" if item.line else f"{item.place}: stopped before the answer came"
    if item.line is None:
        return f"{item.place}: {answer.status} {answer.text}".rstrip()
    if answer.status == 200:
        return ""
    faults = " ".join(_sentence(*error) for error in _errors(answer)) or _detail(answer)
    return f"{item.place}: {answer.status} {answer.kind}: {faults}"


def _as_json(outcome: Outcome) -> dict[str, Any]:
    """Of the event itself no more than tells which one it is."""
    item, answer = outcome
    told: dict[str, Any] = {"name": item.name}
    if item.line is not None:
        told["line"] = item.line
    if item.fault:
        return {**told, "error": item.fault}
    event = _value(item.body)
    if isinstance(event, list):
        told["events"] = len(event)
    elif isinstance(event, dict):
        told |= {name: event[name] for name in ("id", "source") if isinstance(event.get(name), str)}
    if answer is None:
        return {**told, "error": "stopped before the answer came"}
    told |= {"status": answer.status, "traceId": answer.trace_id}
    return told if answer.status == 200 else {**told, "problem": answer.problem}


def _value(body: bytes) -> object:
    try:
        return json.loads(body, parse_int=float)
    except (ValueError, RecursionError):
        return None
