"""What must stay true of the project as a whole."""

import ast
import json
import re
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from events_publish import __version__, settings
from local import ROOT

PRODUCT = sorted((ROOT / "events_publish").glob("*.py"))

LEAVES = {"problem", "settings"}
MAY_IMPORT = {
    "problem": set[str](),
    "connection_string": set[str](),
    "secure_url": set[str](),
    "json_setting": set[str](),
    "json_client": {"http_client", "http_connection"},
    "publisher": set[str](),
    "shards": set[str](),
    "jwk": set[str](),
    "issuers": {"json_setting", "secure_url"},
    "publish_policy": {"json_setting", "publisher", "rules"},
    "claim_check": {"json_text", "media_type"},
    "settings": {
        "claim_check",
        "connection_string",
        "issuers",
        "json_setting",
        "publish_policy",
        "secure_url",
        "shards",
    },
    "rules": set[str](),
    "envelope": {"claim_check", "media_type", "rules"},
    "json_text": set[str](),
    "media_type": set[str](),
    "webhook": set[str](),
    "request_record": LEAVES | {"envelope", "publisher", "rules"},
    "exchange": {"problem", "request_record"},
    "keys": LEAVES | {"issuers", "json_client", "jwk", "secure_url"},
    "json_web_token": LEAVES | {"publisher"},
    "verified_tokens": {"json_web_token", "jwk", "publisher"},
    "binary": LEAVES | {"envelope", "json_text", "media_type"},
    "content": LEAVES | {"claim_check", "envelope", "json_text", "media_type", "binary"},
    "access_token": LEAVES | {"json_web_token", "jwk", "keys", "publisher", "verified_tokens"},
    "xacml": {"publisher", "rules"},
    "pdp": LEAVES | {"envelope", "publisher", "xacml"},
    "policy": LEAVES | {"envelope", "pdp", "publish_policy", "publisher"},
    "resolver": set[str](),
    "http_connection": set[str](),
    "http_client": {"http_connection", "resolver"},
    "shared_key": set[str](),
    "storage_fault": {"http_client", "http_connection"},
    "queue_service": LEAVES
    | {"connection_string", "credential", "http_client", "http_connection", "shared_key", "storage_fault"},
    "storage_session": {"http_client", "queue_service", "resolver", "storage_fault"},
    "storage_client": LEAVES | {"credential", "storage_fault", "storage_session"},
    "managed_identity": {"http_client", "storage_fault"},
    "azure_identity": LEAVES | {"managed_identity", "storage_client"},
    "credential": LEAVES | {"azure_identity", "managed_identity", "storage_fault"},
    "places": set[str](),
    "attempts": {"places", "request_record", "storage_fault"},
    "payload_store": LEAVES
    | {"attempts", "claim_check", "credential", "request_record", "storage_client", "storage_fault", "storage_session"},
    "event_queue": LEAVES
    | {"attempts", "credential", "envelope", "http_client", "payload_store", "queue_service", "request_record"}
    | {"shards", "storage_client", "storage_fault"},
    "health": LEAVES | {"attempts", "event_queue", "exchange", "keys", "request_record"},
    "json_schema": LEAVES | {"media_type", "rules"},
    "problem_page": LEAVES | {"exchange", "envelope", "content", "json_text", "rules"},
    "openapi": LEAVES
    | {"exchange", "content", "binary", "json_text", "json_schema", "problem_page", "endpoint", "rules"},
}


def own_imports(path: Path) -> set[str]:
    """The modules of the product that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "events_publish":
            found |= {alias.name for alias in node.names} - {"__version__"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("events_publish."):
            found.add(str(node.module).removeprefix("events_publish."))
    return found


def test_imports_only_point_down() -> None:
    """The pipeline alone knows the steps; no step knows another."""
    graph = {path.stem: own_imports(path) for path in PRODUCT if path.stem not in ("__init__", "endpoint")}
    assert {name: imports - MAY_IMPORT[name] for name, imports in graph.items()} == {name: set() for name in graph}
    assert own_imports(ROOT / "function_app.py") == {
        "endpoint",
        "exchange",
        "health",
        "settings",
        "problem_page",
        "openapi",
    }


def test_the_environment_is_read_in_one_place() -> None:
    readers = [path.name for path in [*PRODUCT, ROOT / "function_app.py"] if "environ[" in path.read_text()]
    assert not readers
    assert [path.name for path in PRODUCT if re.search(r"\bimport os\b", path.read_text())] == []


def test_the_host_knows_nothing_of_the_product() -> None:
    modules = ("host", "kestrel", "worker", "queue_trigger", "routes", "serving", "app_folder")
    assert {name: own_imports(ROOT / f"local/{name}.py") for name in modules} == {name: set() for name in modules}


def test_no_record_of_a_request_is_sampled_away() -> None:
    """And the host's own pipeline carries them: no `telemetryMode`."""
    host = json.loads((ROOT / "host.json").read_text())
    assert "telemetryMode" not in host
    sampling = host["logging"]["applicationInsights"]["samplingSettings"]
    assert {"Request", "Trace", "Exception"} <= set(sampling["excludedTypes"].split(";"))
    assert host["logging"]["logLevel"] == {"default": "Information"}


def test_the_sample_settings_are_taken() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    settings.Settings.from_environ(sample)
    assert sample.keys() - set(settings.NAMES) == {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}


def test_every_setting_is_known_by_one_name() -> None:
    """Code, docs and sample settings name the same settings; the sample leaves out those of an identity."""
    code = set(re.findall(r'"((?:[A-Z]+_)+[A-Z]+(?:__\w+)?)"', (ROOT / "events_publish/settings.py").read_text()))
    docs = set(re.findall(r"^\| `([A-Z]\w+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    assert code - {settings.IDENTITY_ENDPOINT, settings.IDENTITY_HEADER} == docs == set(settings.NAMES)
    assert set(settings.NAMES) - sample.keys() == {name for name in settings.NAMES if "__" in name}


def test_requirements_are_pinned_to_the_last() -> None:
    """requirements.txt names what the function needs, and what that needs, each at the version that is tested."""
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]
    pinned = {Requirement(line).name.lower().replace("_", "-"): Requirement(line) for line in lines}
    needed = {
        "aiohappyeyeballs",
        "aiohttp",
        "httptools",
        "azure-core",
        "azure-functions",
        "azure-identity",
        "azure-storage-blob",
        "azure-storage-queue",
        "pyjwt",
    }
    waiting = [(name, "crypto" if name == "pyjwt" else "") for name in needed]
    while waiting:
        name, extra = waiting.pop()
        for text in distribution(name).requires or ():
            requirement = Requirement(text)
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            other = requirement.name.lower().replace("_", "-")
            if wanted and other not in needed:
                needed.add(other)
                waiting.append((other, next(iter(requirement.extras), "")))
    assert set(pinned) == needed
    assert {name: str(requirement.specifier) for name, requirement in pinned.items()} == {
        name: f"=={distribution(name).version}" for name in needed
    }


def test_the_examples_are_pinned_to_what_is_tested() -> None:
    """And import nothing of ours."""
    lines = [line for file in ROOT.glob("examples/*/requirements.txt") for line in file.read_text().splitlines()]
    assert lines
    assert [
        line for line in map(Requirement, lines) if str(line.specifier) != f"=={distribution(line.name).version}"
    ] == []
    tested = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    needed = json.loads((ROOT / "examples/publish-javascript/package.json").read_text())["dependencies"]
    assert needed == {name: tested[name] for name in needed}
    assert not [
        path
        for path in ROOT.glob("examples/*/*.py")
        if re.search(r"import (local|events_publish)\b|from (local|events_publish)\b", path.read_text())
    ]


def test_one_version() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].startswith(__version__)
    assert any(heading.startswith(__version__) for heading in headings)


def test_the_page_on_architecture_has_every_module() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    named = re.findall(r"\[(\w+)\]\(\.\./events_publish/\1\.py\)", page)
    assert sorted(named) == [path.stem for path in PRODUCT if path.stem != "__init__"]


def test_the_tests_that_the_page_on_security_names_exist() -> None:
    page = (ROOT / "docs/security.md").read_text()
    texts = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    file = ""
    for named, function, table in re.findall(r"`(?:(test_\w+\.py)?(?:::(test_\w+))?|(\w+):)`", page):
        file = named or file
        assert not function or f"def {function}(" in texts[file], function
        assert not table or f'    "{table}": ' in texts[file], table
    assert file
