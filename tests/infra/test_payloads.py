"""Payloads are kept for longer than their messages may lie: infra/payloads.bicep, by the Bicep compiler."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from events_publish.payload_store import CONTAINER
from local import ROOT

MODULE = ROOT / "infra/payloads.bicep"

pytestmark = pytest.mark.skipif(shutil.which("bicep") is None, reason="the Bicep compiler is not on the PATH")


def bicep(command: str, *options: str) -> str:
    """What the compiler writes; it may warn of nothing."""
    done = subprocess.run(["bicep", command, str(MODULE), *options], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    built: dict[str, Any] = json.loads(bicep("build", "--stdout"))
    return built


def test_the_module_is_without_fault() -> None:
    bicep("lint")


def test_the_container_is_the_one_that_the_function_writes_to(template: dict[str, Any]) -> None:
    containers = [each for each in template["resources"] if each["type"].endswith("/containers")]
    (container,) = containers
    assert f"'{CONTAINER}'" in container["name"]
    assert container["properties"] == {"publicAccess": "None"}


def test_payloads_go_after_thirty_days_unless_told_otherwise(template: dict[str, Any]) -> None:
    assert template["parameters"]["payloadRetentionDays"]["defaultValue"] == 30
    (policy,) = [each for each in template["resources"] if each["type"].endswith("/managementPolicies")]
    (rule,) = policy["properties"]["policy"]["rules"]
    assert rule["definition"]["actions"]["baseBlob"]["delete"] == {
        "daysAfterCreationGreaterThan": "[parameters('payloadRetentionDays')]"
    }
    (prefix,) = rule["definition"]["filters"]["prefixMatch"]
    assert CONTAINER in prefix


def test_a_backlog_is_told_of_well_before(template: dict[str, Any]) -> None:
    (alert,) = [each for each in template["resources"] if each["type"].endswith("/metricAlerts")]
    properties = alert["properties"]
    assert properties["enabled"] is True
    assert (properties["evaluationFrequency"], properties["windowSize"]) == ("PT1H", "P1D")
    (criterion,) = properties["criteria"]["allOf"]
    assert (criterion["metricName"], criterion["operator"], criterion["timeAggregation"]) == (
        "QueueMessageCount",
        "GreaterThan",
        "Average",
    )
    assert criterion["threshold"] == "[parameters('backlogMessages')]"
    assert template["parameters"]["backlogMessages"]["defaultValue"] == 100
    assert [action["actionGroupId"] for action in properties["actions"]] == ["[parameters('actionGroupId')]"]
