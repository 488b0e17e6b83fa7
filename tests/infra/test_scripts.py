"""The scripts of a deployment, run: the package, the smoke test, and the deployment with a stand-in for az."""

import json
import marshal
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from local import ROOT
from tests.background import Background
from tests.conftest import Host, MakeToken, StartHost, host_of
from tests.local import test_setup
from tests.storage import Queue

BASE = "/events/api/v1"

AZ = """#!/bin/sh
cd "$(dirname "$0")"
(IFS='\t' && echo "$*") >>calls
case "$*" in
"account show "*) echo "A subscription" ;;
*" show "*) cat outputs ;;
*" config-zip "*)
    read -r left <refusals
    [ "$left" = 0 ] && exit
    echo $((left - 1)) >refusals
    cat said >&2
    exit 1
    ;;
esac
"""
"""Stands in for the Azure CLI: notes what it is asked, refuses some packages, and says what a deployment put out."""

CURL = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/curls"
exec {curl} "$@"
"""
"""curl itself, which notes its command line."""


def _run(
    script: str, *arguments: Path | str, environ: Mapping[str, str] | None = None, checkout: Path = ROOT
) -> tuple[int, str]:
    """The exit code of a script of infra/, and what it wrote."""
    command = ["sh", checkout / "infra" / script, *arguments]
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
    """The function with its bytecode, and nothing of tests, docs, laptop or infrastructure."""
    top = {".funcignore", "function_app.py", "host.json", "requirements.txt"}
    listed = subprocess.run(["git", "ls-files", "events_publish"], capture_output=True, text=True, check=True, cwd=ROOT)
    sources = top | set(listed.stdout.split())
    for name in sources:
        committed = subprocess.run(["git", "show", f"HEAD:{name}"], capture_output=True, check=True, cwd=ROOT)
        assert package.read(name) == committed.stdout
    bytecode = {cache_from_source(name) for name in sources if name.endswith(".py")}
    assert {name for name in package.namelist() if not name.endswith("/")} == sources | bytecode


def test_the_bytecode_is_that_of_the_sources(package: ZipFile) -> None:
    """Of each, with no path of this machine; Python need not look whether it is (PEP 552)."""
    for name in [each for each in package.namelist() if each.endswith(".py")]:
        source, bytecode = package.read(name), package.read(cache_from_source(name))
        assert bytecode[:16] == MAGIC_NUMBER + (0b01).to_bytes(4, "little") + source_hash(source)
        code = marshal.loads(bytecode[16:])  # noqa: S302  # we made it
        assert code == compile(source, name, "exec", dont_inherit=True)
        assert code.co_filename == name


def test_the_package_of_a_commit_is_always_the_same(package: ZipFile, tmp_path: Path) -> None:
    assert _run("package.sh", tmp_path / "package.zip", environ={"TMPDIR": str(tmp_path)})[0] == 0
    assert (tmp_path / "package.zip").read_bytes() == Path(str(package.filename)).read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == ["package.zip"]


@pytest.mark.parametrize("form", ["bytecode", "sources"])
def test_the_package_runs(
    background: Background, client: httpx.Client, package: ZipFile, settings: dict[str, str], tmp_path: Path, form: str
) -> None:
    """By itself: nothing that it needs was left out, and no source is read where there is bytecode."""
    package.extractall(tmp_path)
    for source in [*tmp_path.rglob("*.py")]:
        if form == "bytecode":
            source.write_text("raise ImportError('compiled anew')")
        else:
            Path(cache_from_source(source)).unlink()
    host = background.run(host_of(tmp_path, settings))
    assert client.get(f"{host.url}{BASE}/health/ready").status_code == 200
    assert client.get(f"{host.url}{BASE}/openapi.json").status_code == 200
    background.run(host.child.stop())


def test_a_package_where_python_is_missing(package: ZipFile, tmp_path: Path) -> None:
    """It is made, without bytecode, and says so."""
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "clone", "--quiet", ROOT, checkout], check=True)
    for script in ("infra/package.sh", "local/setup.sh"):
        shutil.copy(ROOT / script, checkout / script)
    for name in ("python3.13", "python3", "python"):
        test_setup.script(tmp_path / "bin" / name, "exit 127")
    environ = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    code, said = _run("package.sh", tmp_path / "package.zip", environ=environ, checkout=checkout)
    assert (code, said.splitlines()) == (
        0,
        ["Python 3.13 is missing, so the package has no bytecode: each cold start will take longer."],
    )
    with ZipFile(tmp_path / "package.zip") as made:
        assert made.namelist() == [name for name in package.namelist() if not name.endswith(".pyc")]


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
    """It fails, and shows what it was told."""
    host = start_host(
        {
            "TOKEN_ISSUERS": settings["TOKEN_ISSUERS"],
            "EVENTS_STORAGE__queueServiceUri": "https://127.0.0.1:1/account",
        }
    )
    code, said = _run("smoke-test.sh", host.url + BASE, "1", environ={"PAUSE": "1"})
    assert code == 1
    assert "FAIL  503 GET /health/ready, expected 200" in said
    assert "/problems/not-ready" in said


def test_smoke_test_of_what_is_not_ready_yet() -> None:
    """It waits as long as it is told to."""
    answers = iter([503, 503, 200, 200, 200, 200, 401, 405])

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(next(answers))
            self.end_headers()

        do_GET = do_POST = do_DELETE = answer  # noqa: N815  # as http.server calls them

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code, said = _run("smoke-test.sh", f"http://127.0.0.1:{server.server_port}", "60", environ={"PAUSE": "0"})
        server.shutdown()
    assert code == 0
    assert said.splitlines()[:3] == ["wait  503 GET /health/ready"] * 2 + ["ok    200 GET /health"]


def test_smoke_test_of_nothing() -> None:
    code, said = _run("smoke-test.sh", "http://127.0.0.1:1", "0")
    assert code == 1
    assert "FAIL  000 GET /health, expected 200" in said


def test_smoke_test_with_a_bad_token(host: Host, tmp_path: Path) -> None:
    """The token is in no output and on no command line, and no check of certificates is left out."""
    (tmp_path / "curl").write_text(CURL.format(curl=shutil.which("curl")))
    (tmp_path / "curl").chmod(0o755)
    environ = {"TOKEN": "not.a.token", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    code, said = _run("smoke-test.sh", host.url + BASE, environ=environ)
    assert code == 1
    assert "FAIL  401 POST /events, expected 200" in said
    assert "not.a.token" not in said
    lines = (tmp_path / "curls").read_text()
    assert "not.a.token" not in lines
    assert not re.search(r"(^| )(-[a-zA-Z]*[kL][a-zA-Z]*|--insecure|--location)( |$)", lines, re.MULTILINE)


def _deploy(
    folder: Path, url: str, refusals: int, said: str = "ERROR: AuthorizationFailed"
) -> tuple[int, str, list[list[str]]]:
    """The exit code and the words of a deployment to dev, and what az was asked."""
    (folder / "az").write_text(AZ)
    (folder / "az").chmod(0o755)
    outputs = {
        "azurE_RESOURCE_GROUP": "rg-x",
        "functioN_APP_NAME": "func-x",
        "eventS_ACCOUNT_NAME": "stx",
        "publisH_BASE_URL": url,
    }
    (folder / "outputs").write_text(json.dumps({name: {"value": value} for name, value in outputs.items()}))
    (folder / "refusals").write_text(f"{refusals}\n")
    (folder / "said").write_text(said)
    environ = {"PATH": f"{folder}:{os.environ['PATH']}", "PAUSE": "0", "PATIENCE": "0"}
    code, said = _run("deploy.sh", "dev", environ=environ)
    return code, said, [line.split("\t") for line in (folder / "calls").read_text().splitlines()]


@pytest.mark.parametrize("refusals", [0, 1])
def test_deploy(host: Host, tmp_path: Path, refusals: int) -> None:
    """Infrastructure, package, and a look at what is there then; a role that does not count yet is waited for."""
    code, said, calls = _deploy(tmp_path, host.url + BASE, refusals)
    assert code == 0, said
    assert "ok    200 GET /health/ready" in said
    assert f"EVENTS_ACCOUNT_NAME=stx\nPUBLISH_BASE_URL={host.url}{BASE}\n" in said
    assert [call[:3] for call in calls] == [
        ["account", "show", "--query"],
        ["deployment", "sub", "create"],
        ["deployment", "sub", "show"],
        *[["functionapp", "deployment", "source"]] * (refusals + 1),
    ]
    assert " ".join(calls[1][3:]) == (
        "--name events-publish-dev --location norwayeast --parameters infra/dev.bicepparam --output none"
    )
    sent = " ".join(calls[-1])
    assert re.search(r"--resource-group rg-x --name func-x --src \S+/package\.zip", sent)


def test_a_package_that_is_refused_for_good(host: Host, tmp_path: Path) -> None:
    code, said, calls = _deploy(tmp_path, host.url + BASE, 99)
    assert code != 0
    assert len([call for call in calls if "config-zip" in call]) == 15
    assert "ok  " not in said


def test_a_package_that_az_finds_unhealthy(host: Host, tmp_path: Path) -> None:
    """It is there: az asks past a Front Door. The smoke test says more."""
    unhealthy = "ERROR: Deployment was successful but the app appears to be unhealthy."
    code, said, calls = _deploy(tmp_path, host.url + BASE, 1, unhealthy)
    assert code == 0
    assert len([call for call in calls if "config-zip" in call]) == 1
    assert unhealthy in said
    assert "ok    405 DELETE /events" in said


def test_a_deployment_that_does_not_answer(tmp_path: Path) -> None:
    code, said, _ = _deploy(tmp_path, "http://127.0.0.1:1", 0)
    assert code != 0
    assert "FAIL  000 GET /health" in said


@pytest.mark.parametrize("script", ["deploy.sh", "package.sh", "smoke-test.sh"])
def test_what_a_script_lacks_is_said(script: str) -> None:
    code, said = _run(script)
    assert code != 0
    assert re.search(r"1: which \w+\? such as ", said)


def test_nothing_is_deployed_where_the_infrastructure_fails(tmp_path: Path) -> None:
    (tmp_path / "az").write_text(f"#!/bin/sh\necho $* >> {tmp_path}/calls\nexit 1\n")
    (tmp_path / "az").chmod(0o755)
    code, _ = _run("deploy.sh", "prod", environ={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert code != 0
    _, call = (tmp_path / "calls").read_text().splitlines()
    assert "--name events-publish-prod" in call
    assert "--parameters infra/prod.bicepparam" in call
