"""A program that runs beside us: started, waited for, stopped."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from local import Failure

MAX_LINE_BYTES = 16_777_216

START_SECONDS = 60
STOP_SECONDS = 60


class ChildEnded(Exception):
    """The program ended before it was ready; `output` is what it printed."""

    def __init__(self, returncode: int, output: str) -> None:
        super().__init__(f"it ended with {returncode}:\n{output}")
        self.output = output


class Child:
    """A running program, in a session of its own: Ctrl+C reaches it through us alone, in our order."""

    def __init__(
        self, process: asyncio.subprocess.Process, ready: list[re.Match[str]], reading: asyncio.Task[None]
    ) -> None:
        self._process = process
        self._reading = reading
        self.ready = ready
        """The lines that told that it was ready."""

    @classmethod
    async def start(  # noqa: PLR0913  # all but two by name
        cls,
        command: Sequence[str],
        ready: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        keep: Sequence[int] = (),
        show: Callable[[str], None] | None = None,
    ) -> "Child":
        """Start `command` and wait for a line of its output to match each pattern of `ready`, in any order.

        What it prints, on standard output and standard error, goes to `show`, line by line. It holds the files `keep`
        open for as long as it runs.

        Raises:
            ChildEnded: it ended first.
            Failure: it was not ready in time.
        """
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=env,
            cwd=cwd,
            pass_fds=keep,
            limit=MAX_LINE_BYTES,
            start_new_session=True,
        )
        lines = _lines(process, show)
        found: list[re.Match[str] | None] = [None] * len(ready)
        output = ""
        try:
            async with asyncio.timeout(START_SECONDS):
                while None in found:
                    line = await anext(lines, None)
                    if line is None:
                        raise ChildEnded(await process.wait(), output)
                    output += line + "\n"
                    found = [before or re.search(pattern, line) for before, pattern in zip(found, ready, strict=True)]
        except BaseException as error:
            _signal(process, signal.SIGKILL)
            await process.communicate()  # to its end, or the loop is closed over an open pipe
            if isinstance(error, TimeoutError):
                raise Failure(f"{command[0]} was not ready within {START_SECONDS} s.") from error
            raise
        # Read on, or it would stand still when the pipe is full.
        return cls(process, [match for match in found if match], asyncio.create_task(_exhaust(lines)))

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """The exit code, once it has ended."""
        return await self._process.wait()

    async def stop(self) -> int:
        """Ask it to end (SIGTERM), wait, and return its exit code; kill it when it does not listen."""
        _signal(self._process, signal.SIGTERM)
        _signal(self._process, signal.SIGCONT)  # one that is held hears nothing else
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
                await self._reading
        except TimeoutError:
            _signal(self._process, signal.SIGKILL)
        return await self._process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to a program and to all that it has started: `node` may be a script around the real one."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


async def _lines(process: asyncio.subprocess.Process, show: Callable[[str], None] | None) -> AsyncIterator[str]:
    assert process.stdout is not None  # noqa: S101  # it was asked for
    async for encoded in process.stdout:
        line = encoded.decode(errors="replace").rstrip("\n")
        if show:
            show(line)
        yield line


async def _exhaust(lines: AsyncIterator[str]) -> None:
    async for _ in lines:
        pass
