"""What a person hands over to be published: files and standard input, each with one event, one batch, or one a line."""

import json
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from io import BufferedReader
from typing import NamedTuple

STANDARD_INPUT = "-"

MAX_BYTES = 100 * 1024 * 1024
"""More than this the host does not take in a request."""

_OF_A_QUEUE = re.compile(rb'\{\s*"queue":\s*"[^"\\]*",\s*"event":\s*(\{.*\})\s*\}', re.DOTALL)
"""A line of `messages --json`."""


class Item(NamedTuple):
    """What one request is to carry: an event, or a batch where it is an array."""

    name: str
    """Of the file; - for standard input."""
    line: int | None = None
    """None: the file as a whole."""
    body: bytes = b""
    fault: str = ""
    """Why there is nothing to publish."""
    size: int = 0
    """How many bytes of the source it took."""

    @property
    def place(self) -> str:
        """Where it stands, for a person."""
        if self.line is None:
            return self.name
        return f"line {self.line}" if self.name == STANDARD_INPUT else f"{self.name}:{self.line}"

    @property
    def is_batch(self) -> bool:
        return self.body.lstrip(b" \t\r\n").startswith(b"[")


def read(names: Iterable[str]) -> Iterator[Item]:
    """The items of each file, as they come. What cannot be read is an item with a fault, and keeps nothing else back."""
    for name in names:
        try:
            # Standard input is opened anew: at its end, Python waits for whoever reads `sys.stdin`.
            with open(0 if name == STANDARD_INPUT else name, "rb", closefd=name != STANDARD_INPUT) as file:
                yield from _items(name, file)
        except OSError as error:
            yield Item(name, fault=f"cannot be read: {error.strerror}")


def size(names: Iterable[str]) -> int | None:
    """How many bytes there are to read; None where nobody can know."""
    total = 0
    for name in names:
        try:
            found = os.stat(0 if name == STANDARD_INPUT else name)  # noqa: PTH116
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode):
            return None
        total += found.st_size
    return total


def is_typed(names: Iterable[str]) -> bool:
    """Whether somebody types it in, at the terminal."""
    return STANDARD_INPUT in names and sys.stdin is not None and sys.stdin.isatty()


def _items(name: str, file: BufferedReader) -> Iterator[Item]:
    number, line = 1, file.readline(MAX_BYTES + 1)
    while line.isspace():
        number, line = number + 1, file.readline(MAX_BYTES + 1)
    if _is_one_of_many(line) and not _is_at_end(file):
        yield from _lines(name, file, number, line)
    elif line:
        yield _item(name, None, line + file.read(max(0, MAX_BYTES + 1 - len(line))))
    elif name != STANDARD_INPUT:  # nothing may come through a pipe; who names a file means an event
        yield Item(name, fault="holds no event")


def _is_at_end(file: BufferedReader) -> bool:
    """Only a file knows: whatever else there is would have to wait."""
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and not file.peek(1)


def _lines(name: str, file: BufferedReader, number: int, line: bytes) -> Iterator[Item]:
    while line:
        if not line.isspace():
            yield _item(name, number, line)
        while len(line) > MAX_BYTES and not line.endswith(b"\n"):
            line = file.readline(MAX_BYTES + 1)
        number, line = number + 1, file.readline(MAX_BYTES + 1)


def _item(name: str, line: int | None, text: bytes) -> Item:
    if len(text) > MAX_BYTES:
        return Item(name, line, fault=f"has more than {MAX_BYTES} bytes, the most that the host takes", size=len(text))
    body = text if line is None else text.strip(b" \t\r\n")
    listed = _OF_A_QUEUE.fullmatch(body.strip())
    return Item(name, line, listed[1] if listed else body, size=len(text))


def _is_one_of_many(line: bytes) -> bool:
    """Whether the first line of a file is an event by itself, and the others are too.

    It is when it is JSON, or an object with a fault before its end. One that ends where JSON would go on is the first
    line of an event that somebody has made pretty.
    """
    text = line.decode(errors="replace").removeprefix("\ufeff").strip()
    try:
        json.loads(text, parse_int=float)
    except json.JSONDecodeError as error:
        return text.startswith("{") and error.pos < len(text)
    except RecursionError:  # deeper than any event may be, and no event goes so deep in its first line to end elsewhere
        return True
    return True
