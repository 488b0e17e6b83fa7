"""Checkov looks at what would be deployed; each finding that stays has its reason here."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from local import ROOT
from tests.infra.deployment import PARAMETERS, Deployment

CHECKOV = ROOT / ".venv-checkov/bin/checkov"

OPEN_TO_THE_NETWORK = "without private networking consumers reach storage by the internet: roles alone guard it"

ACCEPTED = {
    ("CKV_AZURE_59", "Microsoft.Storage/storageAccounts"): OPEN_TO_THE_NETWORK,
    ("CKV_AZURE_35", "Microsoft.Storage/storageAccounts"): OPEN_TO_THE_NETWORK,
    (
        "CKV_AZURE_206",
        "Microsoft.Storage/storageAccounts",
    ): "asks for a copy in another region: events may not leave the country, and the copy would lack the newest ones",
    (
        "CKV_AZURE_36",
        "Microsoft.Storage/storageAccounts",
    ): "no service of Azure that is trusted as such needs to get in",
    ("CKV_AZURE_225", "Microsoft.Web/serverfarms"): "dev is in one zone, to be cheap",
    ("CKV_AZURE_222", "Microsoft.Web/sites"): "publishers come by the internet",
    ("CKV_AZURE_17", "Microsoft.Web/sites"): "publishers have a token, no certificate",
    (
        "CKV_AZURE_78",
        "Microsoft.Web/sites",
    ): "Flex Consumption refuses ftpsState; nobody can sign in to FTP, since basic authentication is off",
    ("CKV_AZURE_212", "Microsoft.Web/sites"): "instances of Flex Consumption are set in scaleAndConcurrency",
    ("CKV_AZURE_213", "Microsoft.Web/sites"): "the health check of App Service is not for Flex Consumption; an "
    "availability test asks /health/ready",
}
"""By check and type of resource."""

NOT_IN = {
    "dev": {"CKV_AZURE_36"},
    "prod": {"CKV_AZURE_36", "CKV_AZURE_225"},
    "prod-private": {"CKV_AZURE_35", "CKV_AZURE_59", "CKV_AZURE_225"},
}
"""Accepted findings that a deployment does not have."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not CHECKOV.exists() and "CI" not in os.environ, reason="checkov is not there: make .venv-checkov/.ready"
    ),
]


@pytest.mark.parametrize("name", PARAMETERS)
def test_checkov(name: str, tmp_path: Path) -> None:
    """Nothing but what is accepted, and nothing is accepted that is not found any more.

    It does not look into nested deployments, which is what modules compile to, so it gets what they are predicted to be.
    """
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    resources, template = Deployment(name).resources, tmp_path / "template.json"
    template.write_text(json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "resources": resources}))
    options = ["--framework", "arm", "--output", "json", "--skip-download", "--compact"]
    done = subprocess.run([CHECKOV, "--file", template, *options], capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    found = {(each["check_id"], each["resource"].rpartition(".")[0]) for each in report["results"]["failed_checks"]}
    assert found == {(check, kind) for check, kind in ACCEPTED if check not in NOT_IN[name]}
    assert report["summary"]["resource_count"] == len({(each["type"], each["name"]) for each in resources})
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 20
