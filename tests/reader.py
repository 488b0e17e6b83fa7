"""Somebody who follows a document, in a checkout of their own: what serves in one terminal, the rest in another."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from local import ROOT, serving
from local.running import Running
from tests.conftest import wait_until

PORTS = "--port 0 --issuer-port 0 --page-port 0 --blob-port 0 --queue-port 0 --table-port 0 --pdp-port 0"

SHELL = ("sh",)
DONE = "-- done --"

SERVES = re.compile(r"\bmake run\b|-m local (?:up|host)\b(?!.*--once)")
"""What runs until Ctrl+C."""

CLAIM = re.compile(r" # (?P<status>\d{3})\b(?:.*\bafter (?P<seconds>\d+) s\b)?")
"""The comment of a line that says what is answered, and when."""

STATUS = re.compile(r"^(?:HTTP/1\.1|\S+\.json:|-:) (\d{3})\b", re.MULTILINE)

STANDS_FOR = {
    "694b88fa-8917-46fc-833e-bd54b67865f1": re.compile(r"^([0-9a-f-]{36}) RS256$", re.MULTILINE),
    "1310bbc7-c4d5-4608-9665-6ab6b81634a1": re.compile(r"/events-payloads/([0-9a-f-]{36})"),
}
"""Ids that the pages show, and where a reader finds their own in what was printed before."""


def checkout(folder: Path) -> Path:
    """A copy of the files of this checkout, with its packages."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)  # with its time, which `make` goes by
    for packages in [*ROOT.glob(".venv*"), ROOT / "node_modules"]:
        (folder / packages.name).symlink_to(packages)
    return folder


class Reader:
    """Types what a page says; only ports and folders are others, so that nobody is in the way of anybody."""

    def __init__(self, folder: Path) -> None:
        self._folder = checkout(folder / "checkout")
        self._elsewhere = folder / "elsewhere"
        self._environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        self._log = (folder / "log").open("a+")
        self._shell = self._start(*SHELL)
        self._servers: dict[str, subprocess.Popen[str]] = {}
        self._printed = ""

    def close(self) -> None:
        for folder in [*self._servers]:
            self._stop(folder)
        self._shell.communicate(timeout=10)
        self._log.close()

    def run(self, script: str) -> str:
        """Run the commands of a block and return what they print; each does what its comment says."""
        printed = ""
        for commands in parts(script):
            if SERVES.search(commands):
                if "examples/" in commands:
                    self._serve_all()
                self._serve(self._own(commands))
            else:
                self._serve_all()
                started = time.monotonic()
                answer = self._type(self._own(commands), may_fail=bool(CLAIM.search(commands)))
                check(commands, answer, time.monotonic() - started)
                printed += answer
        return printed

    def _serve_all(self) -> None:
        if "" not in self._servers:
            self._serve(self._own("make run"))

    @property
    def _addresses(self) -> dict[str, str]:
        """What the examples have to be told where the ports are others."""
        running = self._running
        return {
            "EVENTS_URL": running.events,
            "ISSUER": running.issuer,
            "EVENTS_STORAGE": running.storage,
            "INBOX_STORAGE": running.storage,
        }

    @property
    def _running(self) -> Running:
        return Running.load(self._folder / ".local")

    def _own(self, commands: str) -> str:
        """The commands with the reader's own ports, folders and ids."""
        commands = re.sub(
            r"\bmake (run|demo)\b(?: ARGS=(?:\"(.*?)\"|(\S+)))?",
            lambda found: f'make {found[1]} ARGS="{found[2] or found[3] or ""} {PORTS}"',
            commands,
        )
        commands = re.sub(r"-m local up\b", rf"\g<0> {PORTS}", commands)
        commands = re.sub(r"(?<=-m local host --port )\d+", "0", commands)
        for text, own in {
            "http://127.0.0.1:7071": self._running.host,
            "http://127.0.0.1:7072/": self._running.issuer,
            "UseDevelopmentStorage=true": self._running.storage,
            "PUBLISH_BASE_URL=…": f"PUBLISH_BASE_URL={self._running.events.removesuffix('/events')}",
            "/tmp/second": str(self._elsewhere),  # noqa: S108  # it is the page's
            "/path/to/app": str(self._folder / "tests/apps/echo"),
            "/path/to/events_publish": str(self._folder),
        }.items():
            commands = commands.replace(text, own)
        for text, printed in STANDS_FOR.items():
            if text in commands:
                commands = commands.replace(text, printed.findall(self._printed)[-1])
        return commands

    def _type(self, commands: str, *, may_fail: bool) -> str:
        """Run commands in the one shell, so that what one sets is there for the next; return what they print."""
        assert self._shell.stdin
        assert self._shell.stdout
        for name, value in self._addresses.items():
            self._shell.stdin.write(f"export {name}='{value}'\n")
        self._shell.stdin.write(f"set {'+' if may_fail else '-'}e\n{{\n{commands}\n}} </dev/null\necho; echo {DONE}\n")
        self._shell.stdin.flush()
        printed = ""
        with _patience(self._shell):
            for line in self._shell.stdout:
                if line.strip() == DONE:
                    self._printed += printed
                    return printed.removesuffix("\n")
                printed += line
        raise AssertionError(f"{commands}\nended with {self._shell.wait()}:\n{printed}\n{self._said()}")

    def _serve(self, commands: str) -> None:
        """Start what serves in a terminal of its own, and wait until it does; what served in its folder is stopped."""
        folder = next(iter(re.findall(r"(?:--folder|^cd) (\S+)", commands)), "")
        self._stop(folder)
        before = len(self._said())
        addresses = self._addresses if "examples/" in commands else {}
        self._servers[folder] = server = self._start("sh", "-c", commands, **addresses)
        ready = serving.READY if "-m local host" in commands else "Stop with Ctrl+C"
        wait_until(lambda: ready in self._said()[before:] or server.poll() is not None, 30)
        assert server.poll() is None, self._said()[before:]

    def _stop(self, folder: str) -> None:
        """Press Ctrl+C."""
        if server := self._servers.pop(folder, None):
            with suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(server.pid, signal.SIGINT)
            server.communicate(timeout=30)

    def _start(self, *command: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self._folder,
            env={**self._environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if command == SHELL else self._log,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )

    def _said(self) -> str:
        """What the servers have printed, and the commands on standard error."""
        return Path(self._log.name).read_text()


def parts(script: str) -> Iterator[str]:
    """A script, cut behind each line that serves or says what it is answered."""
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if SERVES.search(line) or CLAIM.search(line):
            yield part
            part = ""
    if part.strip():
        yield part


def check(commands: str, printed: str, seconds: float) -> None:
    """What the last line says of the answer is so."""
    if claim := CLAIM.search(commands):
        assert STATUS.findall(printed)[-1:] == [claim["status"]], f"{commands}{printed}"
        assert seconds >= int(claim["seconds"] or 0), commands


@contextmanager
def _patience(process: subprocess.Popen[str]) -> Iterator[None]:
    """Nobody waits for a minute."""
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
