"""One event, held against the rules.

`faults` takes the members of an event as they were parsed and names everything that is wrong with them. It reads and
never rewrites, since the bytes that came are what goes on the queue, and never repeats a value: it may be personal.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from events_publish import media_type, rules
from events_publish.claim_check import Payload

type Member = tuple[str, object]
"""A name and its value, as `json` reads it with ``object_pairs_hook=tuple``."""


class Event(NamedTuple):
    """One valid event: its attributes by name, and its bytes as they go on the queue."""

    attributes: Mapping[str, object]
    body: bytes
    payload: Payload | None = None
    """Where no message holds it: its data, which travels beside the queue."""


def faults(members: tuple[Member, ...]) -> dict[str, list[str]]:
    """All that is wrong with an event, by member name; empty when it is valid.

    A member that is ``null`` counts as absent (CloudEvents JSON format §2.2); its name counts all the same, since a
    reader that does not tell ``ID`` from ``id`` would take it for the other.
    """
    names = dict(members)
    event = {name: value for name, value in members if value is not None}
    found = {} if len(names) == len(members) else _repeated(members)
    for name in rules.REQUIRED:
        if name not in event:
            found.setdefault(name, []).append(f"is required and missing ({rules.REQUIRED[name].name}).")
    for name in names:
        rule, value = rules.ATTRIBUTES.get(name), event.get(name)
        if rule and isinstance(value, str) and value.isprintable() and rule.holds(value):
            continue  # as nearly all are
        fault = _fault(name, value)
        if fault:
            messages = found.setdefault(shown(name), [])
            if fault not in messages:
                messages.append(fault)
    if not (isinstance(event.get("data", ""), str) or "datacontenttype" in found or _declares_json(event)):
        found.setdefault("data", []).append(
            f"must be a string where datacontenttype is not a JSON type ({rules.DATA_SOURCE.name})."
        )
    if "data" in event and "data_base64" in event:
        found.setdefault("data_base64", []).append(f"must not be there together with data ({rules.DATA_SOURCE.name}).")
    return found


def _declares_json(event: Mapping[str, object]) -> bool:
    """Whether `data` may be any JSON value: it may where no type is declared, too."""
    declared = event.get("datacontenttype")
    return not isinstance(declared, str) or media_type.is_json(declared)


def _fault(name: str, value: object) -> str | None:
    """What is wrong with one member, or None."""
    rule = rules.ATTRIBUTES.get(name)
    if rule is None and name != "data" and not rules.is_attribute_name(name):
        return f"is not an attribute name; use lower-case letters a-z and digits only ({rules.NAMES_SOURCE.name})."
    if value is None or name == "data":
        return None
    if rule is None:
        return _extension_fault(value)
    if not isinstance(value, str):
        return f"must be {rule.must_be} ({rule.source.name}); it is not a string."
    if not rule.holds(value):
        return f"must be {rule.must_be} ({rule.source.name})."
    return None if rules.is_text(value) else _FORBIDDEN_CHARACTERS


def _extension_fault(value: object) -> str | None:
    if isinstance(value, str):
        return None if rules.is_text(value) else _FORBIDDEN_CHARACTERS
    if isinstance(value, bool) or (isinstance(value, int) and rules.INTEGERS.start <= value < rules.INTEGERS.stop):
        return None
    return f"must be {rules.EXTENSION_MUST_BE} ({rules.TYPES_SOURCE.name})."


def _repeated(members: tuple[Member, ...]) -> dict[str, list[str]]:
    fault = f"must be there once; it is there more than once ({rules.JSON_OBJECT_SOURCE.name})."
    return {shown(name): [fault] for name, times in Counter(name for name, _ in members).items() if times > 1}


def shown(name: str) -> str:
    """A member name as a problem shows it: cut short when absurdly long, in quotes when it may be taken for a place."""
    shortened = name if len(name) <= 100 else name[:100] + "…"
    return shortened if name and not set("$[") & set(name) else f'"{shortened}"'


_FORBIDDEN_CHARACTERS = f"must not contain control characters or noncharacters ({rules.TYPES_SOURCE.name}, String)."
