"""`make setup` on machines that lack something, and from a clean clone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local import ROOT
from local.up import SAMPLE
from tests.local.test_command_line import FREE_PORTS


def copy(folder: Path) -> Path:
    """A checkout without .venv and node_modules."""
    for name in ("Makefile", ".python-version", "requirements.txt", "requirements-dev.txt", "package.json"):
        shutil.copy(ROOT / name, folder)
    (folder / "local").mkdir()
    shutil.copy(ROOT / "local/setup.sh", folder / "local")
    shutil.copy(ROOT / "package-lock.json", folder)
    return folder


def script(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def setup(folder: Path, what: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up with nothing on the PATH but the shell's tools and `folder`/bin."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    for name in ("sh", "cat", "dirname", "touch"):
        (tools / name).symlink_to(str(shutil.which(name)))
    return subprocess.run(
        [str(tools / "sh"), "local/setup.sh", what],
        cwd=folder,
        env={"PATH": str(tools), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "shim",
    [
        pytest.param(None, id="none"),
        pytest.param("exit 127", id="a shim with nothing behind it"),
        pytest.param("exit 1", id="another version"),
    ],
)
def test_no_python(tmp_path: Path, shim: str | None) -> None:
    folder = copy(tmp_path)
    if shim:
        script(folder / "bin/python3.13", shim)
    ended = setup(folder, "python")
    assert ended.returncode == 1
    assert ended.stdout.startswith("Python 3.13 is missing. Install it (")
    assert len(ended.stdout.splitlines()) == 1


@pytest.mark.parametrize("node", [None, "echo 18", "exit 127"])
def test_no_node(tmp_path: Path, node: str | None) -> None:
    folder = copy(tmp_path)
    if node:
        script(folder / "bin/node", node)
        script(folder / "bin/npm", "exit 0")
    ended = setup(folder, "node")
    assert ended.returncode == 1
    assert ended.stdout.startswith("Node.js 20 or later, with npm, is missing")
    assert len(ended.stdout.splitlines()) == 1


@pytest.fixture
def with_pyenv(tmp_path: Path) -> Path:
    """A checkout, and before the Python of pyenv's a shim that fails."""
    folder = copy(tmp_path)
    script(folder / "bin/python3.13", "exit 127")
    versions = folder / ".pyenv/versions/3.13.9/bin"
    versions.mkdir(parents=True)
    (versions / "python").symlink_to(sys.executable)
    return folder


def test_the_python_that_runs_is_found(with_pyenv: Path) -> None:
    ended = setup(with_pyenv, "which")
    assert (ended.returncode, ended.stdout) == (0, f"{with_pyenv}/.pyenv/versions/3.13.9/bin/python\n")


@pytest.mark.long
def test_the_python_that_runs_makes_the_venv(with_pyenv: Path) -> None:
    for requirements in ("requirements.txt", "requirements-dev.txt"):
        (with_pyenv / requirements).write_text("")
    ended = setup(with_pyenv, "python")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("Making .venv with Python 3.13")
    assert (with_pyenv / ".venv/.ready").exists()


@pytest.mark.long
def test_a_clean_clone(tmp_path: Path) -> None:
    """`make demo` with nothing installed: exit code 0, and standard output is the sample event and nothing else.

    A second run installs nothing.
    """
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("EVENTS_", "MAKE"))}
    for installs in (True, False):
        demo = subprocess.run(
            ["make", "demo", f"ARGS={' '.join(FREE_PORTS)}"], cwd=clone, env=environ, capture_output=True, check=False
        )
        assert demo.returncode == 0, demo.stderr.decode()
        assert demo.stdout == SAMPLE.read_bytes()
        assert (b"Installing" in demo.stderr) is installs
