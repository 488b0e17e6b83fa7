"""The templates are without fault, and what they would deploy is what the committed snapshots say."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local import ROOT
from tests.documents import PAGES, blocks
from tests.infra.conftest import Bicep
from tests.infra.deployment import INFRA, PARAMETERS, SNAPSHOT_OPTIONS, SUBSCRIPTION

SOURCES = sorted([*INFRA.glob("*.bicep"), *INFRA.glob("*.bicepparam"), PARAMETERS["prod-private"]])


@pytest.fixture(scope="module")
def templates(bicep: Bicep, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """All modules, compiled; the compiler's linter finds nothing in them."""
    folder = tmp_path_factory.mktemp("built")
    bicep("build", "--pattern", INFRA / "*.bicep", "--outdir", folder)
    return {each.stem: json.loads(each.read_text()) for each in folder.glob("*.json")}


def test_each_rule_of_the_linter_is_an_error() -> None:
    """But the one that turns red with the calendar."""
    rules = json.loads((INFRA / "bicepconfig.json").read_text())["analyzers"]["core"]["rules"]
    assert len(rules) >= 40
    assert {name for name, rule in rules.items() if rule["level"] != "error"} == {"use-recent-api-versions"}


def test_each_module_compiles(templates: dict[str, Any]) -> None:
    assert templates.keys() == {each.stem for each in INFRA.glob("*.bicep")}


def test_no_module_comes_from_a_registry() -> None:
    """So that it compiles without a network."""
    assert not [each.name for each in SOURCES if "'br:" in each.read_text() or "'br/" in each.read_text()]


def test_format(bicep: Bicep, tmp_path: Path) -> None:
    """It leaves nothing to change."""
    copies = [Path(shutil.copy(each, tmp_path)) for each in SOURCES]
    bicep("format", "--pattern", tmp_path / "*.bicep")
    bicep("format", "--pattern", tmp_path / "*.bicepparam")
    assert [each.read_text() for each in copies] == [each.read_text() for each in SOURCES]


@pytest.mark.parametrize("name", PARAMETERS)
def test_snapshot(bicep: Bicep, name: str) -> None:
    """A review of the snapshot is a review of what would be deployed. `make snapshots` writes it anew.

    The linter reads the parameter file first, and finds nothing.
    """
    bicep("snapshot", PARAMETERS[name], "--mode", "validate", *SNAPSHOT_OPTIONS)


def test_parameter_files_need_no_environment() -> None:
    assert not [each.name for each in PARAMETERS.values() if "readEnvironmentVariable" in each.read_text()]


def test_every_parameter_is_described_and_bounded(templates: dict[str, Any]) -> None:
    """Its description says whether it is required; it is an enumeration, a typed object, or within limits."""
    faults = []
    for module, template in templates.items():
        for name, parameter in template.get("parameters", {}).items():
            description = parameter.get("metadata", {}).get("description", "")
            optional = "defaultValue" in parameter or parameter.get("nullable", False)
            if not description.startswith("Optional. " if optional else "Required. "):
                faults.append(f"{module}: {name} is not described")
            if not _is_bounded(name, parameter):
                faults.append(f"{module}: {name} has no bounds")
    assert faults == []


def _is_bounded(name: str, parameter: dict[str, Any]) -> bool:
    limits = {"int": {"minValue", "maxValue"}, "string": {"minLength", "maxLength"}, "array": {"maxLength"}}
    return (
        name == "location"  # Azure knows its regions
        or "$ref" in parameter
        or parameter["type"] == "bool"
        or limits[parameter["type"]] <= parameter.keys()
    )


def test_each_parameter_is_explained(templates: dict[str, dict[str, Any]]) -> None:
    """In docs/deploying.md, with its default, where that is a plain value."""
    parameters = templates["main"]["parameters"]
    table = (ROOT / "docs/deploying.md").read_text().partition("\n| parameter |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.*?) \|", table, re.MULTILINE)
    explained = {name: default for names, default in rows for name in re.findall(r"\w+", names)}
    assert explained.keys() == parameters.keys()
    together = "logRetentionDays", "logDailyQuotaGb", "privateNetworking", "networkAddressPrefix"  # two in a row
    for name, parameter in parameters.items():
        default = parameter.get("defaultValue")
        if name not in together and isinstance(default, str | int) and not str(default).startswith("["):
            assert explained[name].strip("`") == str(default).lower()
    assert [parameters[name]["defaultValue"] for name in together] == [30, 0, False, "10.20.0.0/24"]
    assert explained["logRetentionDays"] == "30, no bound"
    assert explained["privateNetworking"] == "`false`, `10.20.0.0/24`"
    scale = parameters["scale"]["defaultValue"]
    assert explained["scale"] == (
        f"{scale['instanceMemoryMB']} MB, {scale['httpConcurrency']} at once, {scale['maximumInstances']} instances"
    )


def test_what_modules_hand_on(templates: dict[str, dict[str, Any]]) -> None:
    """What the next step needs: names and addresses, nothing that opens anything."""
    outputs = {name: template["outputs"].keys() for name, template in templates.items() if "outputs" in template}
    assert outputs.keys() == {"main", "function"}
    assert outputs["function"] == {"hostName"}


def test_the_function_comes_last(templates: dict[str, dict[str, Any]]) -> None:
    """Its host looks for its package and its leases at once, and through the network where there is one."""
    assert set(templates["main"]["resources"]["function"]["dependsOn"]) == {"group", "network", "roles", "secret"}
    assert {"identity", "monitoring", "eventsStorage", "hostStorage"} <= {
        *templates["main"]["resources"]["roles"]["dependsOn"]
    }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param("param environmentName = 'Dev-1'", "must be lower-case letters and digits", id="name"),
        pytest.param(
            "param zoneRedundant = true", "needs storageRedundancy Standard_ZRS", id="zones", marks=pytest.mark.long
        ),
        pytest.param(
            "param limits = {\n  eventBytes: 9\n  batchEvents: 1\n  requestBytes: 8\n  timeoutSeconds: 10\n}",
            "requestBytes must be eventBytes at least",
            id="limits",
            marks=pytest.mark.long,
        ),
        pytest.param(
            f"param queueName = '{'q' * 55}'\nparam queueShards = 2",
            "must be 54 characters at most with 2 to 10 queueShards, and 53 with more",
            id="2 shards",
            marks=pytest.mark.long,
        ),
        pytest.param(
            f"param queueName = '{'q' * 54}'\nparam queueShards = 11",
            "must be 54 characters at most with 2 to 10 queueShards, and 53 with more",
            id="11 shards",
            marks=pytest.mark.long,
        ),
    ],
)
@pytest.mark.usefixtures("bicep")
def test_what_azure_would_refuse_is_refused_before(change: str, told: str, tmp_path: Path) -> None:
    """With a word on what would be right, rather than halfway through a deployment."""
    infra, parameters = os.path.relpath(INFRA, tmp_path), tmp_path / "refused.bicepparam"
    parameters.write_text(f"using '{infra}/main.bicep'\nextends '{infra}/dev.bicepparam'\n{change}\n")
    command = ["bicep", "snapshot", str(parameters), *SNAPSHOT_OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert told in done.stdout + done.stderr


@pytest.mark.long
def test_the_parameters_that_pages_show(bicep: Bicep, tmp_path: Path) -> None:
    """They compile, all in one file, once the id is there that is left out."""
    infra, parameters = os.path.relpath(INFRA, tmp_path), tmp_path / "shown.bicepparam"
    scripts = [each.text for page in PAGES for each in blocks(page) if each.language == "bicep"]
    shown = [each.replace("'…'", f"'{SUBSCRIPTION}'") for each in scripts]
    parameters.write_text("\n".join([f"using '{infra}/main.bicep'", f"extends '{infra}/dev.bicepparam'", *shown]))
    names = json.loads(json.loads(bicep("build-params", parameters, "--stdout"))["parametersJson"])["parameters"]
    assert names.keys() >= {each.split()[1] for each in shown}


def test_every_type_and_output_is_described(templates: dict[str, Any]) -> None:
    for template in templates.values():
        for output in template.get("outputs", {}).values():
            assert output["metadata"]["description"]
        for definition in template.get("definitions", {}).values():
            assert definition["metadata"]["description"]
            for member in definition.get("properties", {}).values():
                assert member["metadata"]["description"]
