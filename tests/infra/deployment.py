"""What the parameter files would deploy, as the Bicep compiler predicts it: the committed snapshots, read."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local import ROOT

INFRA = ROOT / "infra"
PARAMETERS = {
    "dev": INFRA / "dev.bicepparam",
    "prod": INFRA / "prod.bicepparam",
    "prod-private": ROOT / "tests/infra/prod-private.bicepparam",
}
"""The deployments that are looked at; the last one has all that is optional."""

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
TENANT = "00000000-0000-0000-0000-000000000002"
SNAPSHOT_OPTIONS = ("--subscription-id", SUBSCRIPTION, "--tenant-id", TENANT, "--location", "norwayeast")

type Resource = dict[str, Any]


class Deployment:
    """What one parameter file would deploy."""

    def __init__(self, name: str) -> None:
        self.name = name
        predicted = json.loads(snapshot_of(PARAMETERS[name]).read_text())
        self.resources: list[Resource] = predicted["predictedResources"]
        self.diagnostics: list[Any] = predicted["diagnostics"]
        self.outputs: dict[str, str] = predicted["outputs"]

    def all(self, kind: str) -> list[Resource]:
        """The resources of a type, such as Microsoft.Web/sites."""
        return [each for each in self.resources if each["type"] == kind]

    def the(self, kind: str, name: str = "") -> Resource:
        """The one resource of a type whose name has `name` in it."""
        (resource,) = [each for each in self.all(kind) if name in each["name"]]
        return resource

    @property
    def app_settings(self) -> dict[str, str]:
        """Of the function; what only Azure knows is an expression."""
        settings = self.the("Microsoft.Web/sites")["properties"]["siteConfig"]["appSettings"]
        values = {each["name"]: each["value"] for each in settings}
        assert len(values) == len(settings), "a setting is there twice"
        return values

    def app_settings_where(self, known: Mapping[str, str]) -> dict[str, str]:
        """The app settings where Azure's answers are `known`: by what is asked for, such as clientId."""

        def answered(value: str) -> str:
            asked = re.search(r"^\[(?:format\('([^']+)', )?reference\(.+\)\.([\w.]+)\)?\]$", value)
            return (asked[1] or "{0}").replace("{0}", known[asked[2]]) if asked else value

        return {name: answered(value) for name, value in self.app_settings.items()}

    @property
    def queries(self) -> Iterator[tuple[str, str]]:
        """The name and the text of each query, of alerts and of the workbook."""
        for rule in self.all("Microsoft.Insights/scheduledQueryRules"):
            for criterion in rule["properties"]["criteria"]["allOf"]:
                yield rule["name"], criterion["query"]
        workbook = json.loads(self.the("Microsoft.Insights/workbooks")["properties"]["serializedData"])
        for item in workbook["items"]:
            if "query" in item["content"]:
                yield item["name"], item["content"]["query"]


def snapshot_of(parameters: Path) -> Path:
    """Where the compiler keeps the snapshot of a parameter file."""
    return parameters.with_suffix(".snapshot.json")
