"""Settings whose value is JSON: an array of objects, with every fault and the place where it is."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """What is wrong at one place, such as ``[2].issuer``; no value is repeated, since it may be a secret."""

    place: str
    wrong: str
    must_be: str


class InvalidJsonSetting(ValueError):
    """The JSON, or what it says, is wrong."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("the setting has faults")
        self.faults = faults


type Read = Callable[[Any, str, list[Fault]], Any]
"""Reads the value of a member at a place, and adds its faults to the list."""


def read_objects(
    text: str, members: Mapping[str, Read], *, required: Collection[str] = (), must_be: str
) -> list[dict[str, Any]]:
    """The objects of a JSON array, with `members` read; `must_be` describes the whole.

    Raises:
        InvalidJsonSetting: with all that is wrong.
    """
    try:
        entries = json.loads(text, object_pairs_hook=_unrepeated)
    except json.JSONDecodeError as error:
        where = f"{error.msg} in line {error.lineno}, column {error.colno}"
        raise InvalidJsonSetting([Fault("", f"is not JSON ({where})", must_be)]) from error
    except (ValueError, RecursionError) as error:
        raise InvalidJsonSetting([Fault("", "names a member twice, or is nested too deep", must_be)]) from error
    if not isinstance(entries, list):
        raise InvalidJsonSetting([Fault("", "is no array", must_be)])
    faults: list[Fault] = []
    objects = [_object(entry, f"[{index}]", members, required, faults) for index, entry in enumerate(entries)]
    if faults:
        raise InvalidJsonSetting(faults)
    return objects


def string(parse: Callable[[str], Any], must_be: str) -> Read:
    """A member that is a string; `parse` raises ValueError for one that is not `must_be`."""

    def read(value: Any, place: str, faults: list[Fault]) -> Any:
        try:
            if isinstance(value, str):
                return parse(value)
        except ValueError:
            pass
        faults.append(Fault(place, "is wrong", must_be))
        return None

    return read


def strings(parse: Callable[[str], Any], must_be: str) -> Read:
    """A member that is an array of at least one such string."""
    read_one = string(parse, must_be)

    def read(value: Any, place: str, faults: list[Fault]) -> list[Any]:
        if not isinstance(value, list) or not value:
            faults.append(Fault(place, "is wrong", f"an array of at least one; each {must_be}; leave it out for any"))
            return []
        return [read_one(each, f"{place}[{index}]", faults) for index, each in enumerate(value)]

    return read


def _object(
    entry: Any, place: str, members: Mapping[str, Read], required: Collection[str], faults: list[Fault]
) -> dict[str, Any]:
    known = ", ".join(members)
    if not isinstance(entry, dict):
        faults.append(Fault(place, "is no object", f"an object with members of {known}"))
        return {}
    faults += [Fault(f"{place}.{name}", "is missing", "there") for name in required if name not in entry]
    if entry.keys() - members:
        faults.append(Fault(place, "has an unknown member", f"an object with members of {known} only"))
    return {name: members[name](value, f"{place}.{name}", faults) for name, value in entry.items() if name in members}


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
