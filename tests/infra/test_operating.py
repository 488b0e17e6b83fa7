"""The pages for operators say what is deployed, and their sums are right."""

import doctest
import json
import re

from local import ROOT
from tests.infra.conftest import Bicep
from tests.infra.deployment import INFRA, Deployment

OPERATING = ROOT / "docs/operating.md"
DEPLOYING = ROOT / "docs/deploying.md"


def test_each_alert_is_explained(private: Deployment) -> None:
    """With its severity, in the table and in a section of its own."""
    rules = private.all("Microsoft.Insights/scheduledQueryRules") + private.all("Microsoft.Insights/metricAlerts")
    deployed = {
        each["name"].removeprefix("alert-").removesuffix("-events-prod"): each["properties"]["severity"]
        for each in rules
    }
    text = OPERATING.read_text()
    rows = re.findall(r"^\| \[([\w-]+)\]\(#\1\) \| (\d) \|", text, re.MULTILINE)
    assert {name: int(severity) for name, severity in rows} == deployed
    assert set(re.findall(r"^### ([a-z-]+)$", text, re.MULTILINE)) == deployed.keys()


def test_costs() -> None:
    """The formula gives what the page says that it gives."""
    assert doctest.testfile(str(OPERATING), module_relative=False) == doctest.TestResults(0, 15)


def test_each_parameter_is_explained(bicep: Bicep) -> None:
    """With its default, where that is a plain value."""
    parameters = json.loads(bicep("build", INFRA / "main.bicep", "--stdout"))["parameters"]
    table = DEPLOYING.read_text().partition("\n| parameter |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.*?) \|", table, re.MULTILINE)
    explained = {name: default for names, default in rows for name in re.findall(r"\w+", names)}
    assert explained.keys() == parameters.keys()
    for name, parameter in parameters.items():
        default = parameter.get("defaultValue")
        if isinstance(default, str | int) and not str(default).startswith("["):
            assert str(default).lower() in explained[name] or (default == 0 and "no bound" in explained[name])


def test_each_module_is_explained() -> None:
    assert set(re.findall(r"\(\.\./infra/([a-z-]+\.bicep)\)", DEPLOYING.read_text())) == {
        each.name for each in INFRA.glob("*.bicep")
    }


def test_the_smoke_test_says_what_the_page_shows() -> None:
    """tests/infra/test_scripts.py runs it."""
    script = (ROOT / "infra/smoke-test.sh").read_text()
    checks = re.findall(r"^check (\d+) (\w+) (\S+)", script, re.MULTILINE)
    shown = re.findall(r"^ok    (\d+) (\w+) (\S+)$", DEPLOYING.read_text(), re.MULTILINE)
    assert shown == checks
