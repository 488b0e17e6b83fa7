"""The templates are without fault, and what they would deploy is what the committed snapshots say."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.infra.conftest import Bicep
from tests.infra.deployment import INFRA, PARAMETERS, SNAPSHOT_OPTIONS

SOURCES = sorted([*INFRA.glob("*.bicep"), *INFRA.glob("*.bicepparam"), PARAMETERS["prod-private"]])


@pytest.fixture(scope="module")
def templates(bicep: Bicep, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """All modules, compiled."""
    folder = tmp_path_factory.mktemp("built")
    bicep("build", "--pattern", INFRA / "*.bicep", "--outdir", folder)
    return {each.stem: json.loads(each.read_text()) for each in folder.glob("*.json")}


def test_linter(bicep: Bicep) -> None:
    """Nothing is found, in modules and parameter files."""
    bicep("lint", "--pattern", INFRA / "*.bicep")
    bicep("lint", "--pattern", INFRA / "*.bicepparam")
    bicep("lint", PARAMETERS["prod-private"])


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
    """A review of the snapshot is a review of what would be deployed. `make snapshots` writes it anew."""
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


def test_every_type_and_output_is_described(templates: dict[str, Any]) -> None:
    for template in templates.values():
        for output in template.get("outputs", {}).values():
            assert output["metadata"]["description"]
        for definition in template.get("definitions", {}).values():
            assert definition["metadata"]["description"]
            for member in definition.get("properties", {}).values():
                assert member["metadata"]["description"]
