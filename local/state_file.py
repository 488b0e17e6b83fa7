"""Small files that one process writes and another reads while it runs: whole or not at all, for their owner alone."""

from enum import StrEnum
from pathlib import Path

from local import Failure


def read(path: Path) -> str | None:
    """The text of a file, or None where there is no such file.

    Raises:
        Failure: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Failure(f"{path} cannot be read: {error}") from error


def write(path: Path, text: str) -> None:
    """Put `text` in the place of what a file holds, if it is there.

    Raises:
        Failure: it cannot be written.
    """
    unfinished = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from error


def remove(path: Path) -> None:
    """Remove a file, if it is there.

    Raises:
        Failure: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(f"{path} cannot be removed: {error.strerror}") from error


def choice[Choice: StrEnum](path: Path, choices: type[Choice]) -> Choice | None:
    """Which of `choices` a file says, or None where there is no such file.

    Raises:
        Failure: it says something else, or cannot be read.
    """
    text = read(path)
    if text is None:
        return None
    try:
        return choices(text.strip())
    except ValueError as error:
        raise Failure(f"{path} must say one of {', '.join(choices)}; delete it or set it anew.") from error
