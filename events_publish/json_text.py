"""JSON texts, read strictly (RFC 8259): what passes here means the same to every parser that reads it later.

An object becomes the tuple of its members, so that repeated names stay visible.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_DEPTH = 64
"""Levels of nesting, an event's own braces included: here System.Text.Json, which many consumers use, stops."""


class NotJson(ValueError):
    """The text is not JSON as it is taken here; the message tells what it must be."""


class Element(NamedTuple):
    """An element of an array: its value, and its text as it came."""

    value: object
    text: str


class Member(NamedTuple):
    """A member of an object: its name and value, its text as it came, and that of the value alone."""

    name: str
    value: object
    text: str
    value_text: str


def decode(body: bytes) -> str:
    """The text in `body`.

    Raises:
        NotJson: it is empty, not UTF-8, or begins with a byte-order mark.
    """
    if not body:
        raise NotJson("is empty; it must be JSON (RFC 8259).")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotJson(f"must be UTF-8 (RFC 8259, section 8.1); the byte at offset {error.start} is not.") from error
    if text.startswith("\ufeff"):
        raise NotJson("must not begin with a byte-order mark (RFC 8259, section 8.1).")
    return text


def parse(text: str, *, max_depth: int = MAX_DEPTH) -> object:
    """The value of a JSON text.

    Raises:
        NotJson: it breaks the grammar, has lone surrogates, or is nested deeper than `max_depth` levels.
    """
    value, end = _parse_at(text, _after_space(text, 0))
    if _after_space(text, end) != len(text):
        raise _syntax_error("Extra data", text, _after_space(text, end))
    require_portable(value, text, max_depth=max_depth)
    return value


def elements(text: str) -> Iterator[Element]:
    """The elements of the array that a JSON text is, one by one; `require_portable` is the caller's to ask.

    Raises:
        NotJson: it breaks the grammar, or is no array; elements before the fault have come by then.
    """
    start = _after_space(text, 0)
    if not text.startswith("[", start):
        parse(text)
        raise NotJson("must be a JSON array of CloudEvents.")
    position = _after_space(text, start + 1)
    closed = text.startswith("]", position)
    while not closed:
        value, end = _parse_at(text, position)
        yield Element(value, text[position:end])
        position = _after_space(text, end)
        closed = text.startswith("]", position)
        if not closed:
            if not text.startswith(",", position):
                raise _syntax_error("Expecting ',' delimiter", text, position)
            position = _after_space(text, position + 1)
    end = _after_space(text, position + 1)
    if end != len(text):
        raise _syntax_error("Extra data", text, end)


def members(text: str) -> Iterator[Member]:
    """The members of the object that a text is, which `parse` has taken."""
    position = _after_space(text, _after_space(text, 0) + 1)
    while not text.startswith("}", position):
        start = position
        name, end = _parse_at(text, start)
        value_start = _after_space(text, _after_space(text, end) + 1)
        value, end = _parse_at(text, value_start)
        yield Member(str(name), value, text[start:end], text[value_start:end])
        position = _after_space(text, end)
        if text.startswith(",", position):
            position = _after_space(text, position + 1)


def require_portable(value: object, text: str, *, max_depth: int = MAX_DEPTH) -> None:
    """Refuse what is JSON by the grammar and yet read differently, or not at all, by some parsers.

    Raises:
        NotJson: `value`, which `text` stands for, has lone surrogates, or is nested deeper than `max_depth` levels.
    """
    # The counts and the search cost little, and nearly always spare the walk through the value.
    if text.count("{") + text.count("[") > max_depth and _depth(value) > max_depth:
        raise _too_deep()
    if _ESCAPED_SURROGATE(text) and not _is_unicode(value):
        raise NotJson("must not contain lone surrogates (RFC 8259, section 8.2); escape a character as a pair.")


def _parse_at(text: str, position: int) -> tuple[object, int]:
    """The value that begins at `position`, and where it ends."""
    try:
        try:
            return _DECODER.raw_decode(text, position)
        except (json.JSONDecodeError, _NotANumber):
            raise
        except ValueError:  # int() met more digits than it takes
            return _DECODER_OF_LONG_INTEGERS.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise _syntax_error(error.msg, text, error.pos) from error
    except _NotANumber as error:
        raise NotJson("must be JSON, which has no NaN and no Infinity (RFC 8259, section 6).") from error
    except RecursionError as error:
        raise _too_deep() from error


def _syntax_error(message: str, text: str, position: int) -> NotJson:
    at = json.JSONDecodeError(message, text, position)
    return NotJson(f"must be JSON (RFC 8259); at line {at.lineno}, column {at.colno}: {message}.")


def _too_deep() -> NotJson:
    return NotJson(f"must not be nested deeper than {MAX_DEPTH} levels, the event's own braces included.")


class _NotANumber(ValueError):
    """NaN, Infinity or -Infinity, which Python's json takes and JSON does not know."""


def _refuse_constant(_: str) -> object:
    raise _NotANumber


def _integer(digits: str) -> int | float:
    """An integer of any length: int() stops at 4,300 digits, and nothing here needs the value of a long one."""
    return int(digits) if len(digits) <= 20 else float("inf")


_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_constant=_refuse_constant)
_DECODER_OF_LONG_INTEGERS = json.JSONDecoder(
    object_pairs_hook=tuple, parse_constant=_refuse_constant, parse_int=_integer
)

_SPACE = re.compile(r"[ \t\n\r]*+").match
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]").search


def _after_space(text: str, position: int) -> int:
    """The position of the next character that is not white space."""
    space = _SPACE(text, position)
    return space.end() if space else position


def _is_unicode(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _depth(value: object) -> int:
    """How many objects and arrays lie in one another."""
    depth, level = 0, [value]
    while level := [part for part in level if isinstance(part, (tuple, list))]:
        depth += 1
        level = [
            part
            for container in level
            for part in (container if isinstance(container, list) else [value for _, value in container])
        ]
    return depth
