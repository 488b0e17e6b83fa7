"""The scripts of a deployment, run: the package, the smoke test, and the deployment with a stand-in for az."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from local import ROOT
from tests.background import Background
from tests.conftest import Host, MakeToken, StartHost, host_of
from tests.storage import Queue

BASE = "/events/api/v1"

AZ = """#!/usr/bin/env python3
import json, os, pathlib, sys

folder = pathlib.Path(__file__).parent
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1:3] == ["account", "show"]:
    print("A subscription")
elif "show" in sys.argv:
    print((folder / "outputs").read_text())
if "config-zip" in sys.argv and (folder / "refusals").exists():
    (folder / "refusals").unlink()
    sys.exit("ERROR: AuthorizationFailed")
"""
"""Stands in for the Azure CLI: notes what it is asked, and says what a deployment put out."""


def _run(script: str, *arguments: Path | str, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    """The exit code of a script of infra/, and what it wrote."""
    command = ["sh", ROOT / "infra" / script, *arguments]
    env = {"PATH": os.environ["PATH"], "no_proxy": "127.0.0.1", **(environ or {})}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    """What a deployment sends."""
    file = tmp_path_factory.mktemp("package") / "package.zip"
    assert _run("package.sh", file)[0] == 0
    with ZipFile(file) as opened:
        yield opened


def test_package(package: ZipFile) -> None:
    """The function, and nothing of tests, docs, laptop or infrastructure."""
    top = {".funcignore", "function_app.py", "host.json", "requirements.txt"}
    names = {name for name in package.namelist() if not name.endswith("/")}
    assert names == top | {name for name in names if re.fullmatch(r"events_publish/\w+\.py", name)}


def test_the_package_runs(
    background: Background, client: httpx.Client, package: ZipFile, settings: dict[str, str], tmp_path: Path
) -> None:
    """By itself: nothing that it needs was left out."""
    package.extractall(tmp_path)
    host = background.run(host_of(tmp_path, settings))
    assert client.get(f"{host.url}{BASE}/health/ready").status_code == 200
    assert client.get(f"{host.url}{BASE}/openapi.json").status_code == 200
    background.run(host.child.stop())


def test_smoke_test(host: Host, queue: Queue, make_token: MakeToken) -> None:
    """It says what it asked, and with a token an event is on the queue."""
    code, said = _run("smoke-test.sh", host.url + BASE)
    assert (code, said.splitlines()) == (
        0,
        [
            "ok    200 GET /health",
            "ok    200 GET /health/ready",
            "ok    200 GET /openapi.json",
            "ok    401 POST /events",
            "ok    405 DELETE /events",
        ],
    )
    assert queue.take() == []
    code, said = _run("smoke-test.sh", f"{host.url}{BASE}/", environ={"TOKEN": make_token()})
    assert (code, said.splitlines()[-1]) == (0, "ok    200 POST /events")
    (message,) = queue.take()
    assert json.loads(message)["type"] == "no.example.smoke-test"


def test_smoke_test_of_what_is_not_ready(start_host: StartHost, settings: dict[str, str]) -> None:
    """It waits as long as it is told to, fails, and shows what it was told."""
    host = start_host(
        {
            "TOKEN_ISSUERS": settings["TOKEN_ISSUERS"],
            "EVENTS_STORAGE__queueServiceUri": "https://127.0.0.1:1/account",
        }
    )
    code, said = _run("smoke-test.sh", host.url + BASE, "1")
    assert code == 1
    assert "wait  503 GET /health/ready" in said
    assert "FAIL  503 GET /health/ready, expected 200" in said
    assert "/problems/not-ready" in said


def test_smoke_test_of_nothing() -> None:
    code, said = _run("smoke-test.sh", "http://127.0.0.1:1", "0")
    assert code == 1
    assert "FAIL  000 GET /health, expected 200" in said


def test_smoke_test_with_a_bad_token(host: Host) -> None:
    """The token is in no output."""
    code, said = _run("smoke-test.sh", host.url + BASE, environ={"TOKEN": "not.a.token"})
    assert code == 1
    assert "FAIL  401 POST /events, expected 200" in said
    assert "not.a.token" not in said


@pytest.mark.parametrize("refused", [pytest.param(False, id="at once"), pytest.param(True, id="the second time")])
def test_deploy(host: Host, tmp_path: Path, *, refused: bool) -> None:
    """Infrastructure, package, and a look at what is there then; a role that does not count yet is waited for."""
    (tmp_path / "az").write_text(AZ)
    (tmp_path / "az").chmod(0o755)
    outputs = {
        "azurE_RESOURCE_GROUP": "rg-x",
        "functioN_APP_NAME": "func-x",
        "eventS_ACCOUNT_NAME": "stx",
        "publisH_BASE_URL": host.url + BASE,
    }
    (tmp_path / "outputs").write_text(json.dumps({name: {"value": value} for name, value in outputs.items()}))
    if refused:
        (tmp_path / "refusals").touch()
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PAUSE": "0"}
    code, said = _run("deploy.sh", "dev", environ=environ)
    assert code == 0, said
    assert "ok    200 GET /health/ready" in said
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert f"EVENTS_ACCOUNT_NAME=stx\nPUBLISH_BASE_URL={host.url}{BASE}\n" in said
    assert [call[:3] for call in calls] == [
        ["account", "show", "--query"],
        ["deployment", "sub", "create"],
        ["deployment", "sub", "show"],
        *[["functionapp", "deployment", "source"]] * (2 if refused else 1),
    ]
    assert " ".join(calls[1][3:]) == (
        "--name events-publish-dev --location norwayeast --parameters infra/dev.bicepparam --output none"
    )
    sent = " ".join(calls[-1])
    assert re.search(r"--resource-group rg-x --name func-x --src \S+/package\.zip", sent)


def test_nothing_is_deployed_where_the_infrastructure_fails(tmp_path: Path) -> None:
    (tmp_path / "az").write_text(f"#!/bin/sh\necho $* >> {tmp_path}/calls\nexit 1\n")
    (tmp_path / "az").chmod(0o755)
    code, _ = _run("deploy.sh", "prod", environ={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert code != 0
    _, call = (tmp_path / "calls").read_text().splitlines()
    assert "infra/prod.bicepparam" in call
