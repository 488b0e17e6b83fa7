"""The command line of the laptop: ``python -m local``."""

import asyncio
import io
import os
import sys
from pathlib import Path

from local import Failure, command_line


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    _have_outputs()
    options = command_line.parser().parse_args(arguments)
    try:
        code = asyncio.run(options.command(options)) or 0
        sys.stdout.flush()
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except BrokenPipeError:  # `messages | head`
        _leave_output()
        return 1
    except OSError as error:
        print(f"{error.filename or 'Standard output'} cannot be written: {error.strerror}", file=sys.stderr)
        _leave_output()
        return 1
    return code


def _have_outputs() -> None:
    """A shell may have closed them, and the name of a file need be no text."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _leave_output() -> None:
    """Else Python flushes it, and fails, at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
