"""The pages for operators say what is deployed, and their sums are right."""

import doctest
import json
import re

from local import ROOT
from tests.infra.deployment import INFRA, Deployment
from tests.infra.test_deployment import OF_A_CONSUMER
from tests.infra.test_queries import COUNTED

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


def test_costs(private: Deployment) -> None:
    """The formula gives what the page says that it gives, with the alerts, places and endpoints that there are."""
    text = OPERATING.read_text()
    assert f"log_alerts = {len(private.all('Microsoft.Insights/scheduledQueryRules'))} * " in text
    places = private.the("Microsoft.Insights/webtests")["properties"]["Locations"]
    assert f"availability_test = {len(places)} * 12 * " in text
    endpoints, zones = (
        len(private.all(f"Microsoft.Network/{kind}")) for kind in ("privateEndpoints", "privateDnsZones")
    )
    assert f"private_networking = {endpoints} * 730 * 0.01 + {zones} * 0.50" in text
    assert doctest.testfile(str(OPERATING), module_relative=False) == doctest.TestResults(0, 15)


def test_what_pages_name_is_there(private: Deployment) -> None:
    """The lock, the charts of the workbook, the reasons, and the rows of roles that consumers get."""
    operating, deploying = OPERATING.read_text(), DEPLOYING.read_text()
    assert f"az lock delete --name {private.the('Microsoft.Authorization/locks')['name']} " in deploying
    charts = {name for name, _ in private.queries}
    named = set(re.findall(r"\*([A-Z][^*]{9,})\*", operating))
    assert named & charts >= {
        "Why requests were answered with 5xx",
        "Who was refused, and why",
        "Events accepted, by publisher",
        "Messages put on the queues and taken off them",
        "Attempts at storage that were repeats",
    }
    table = operating.partition("| reason | look at |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE)) == COUNTED["unavailable"]
    consumers = deploying.partition("## Consumers")[2].partition("\n## ")[0]
    for _, role, _ in OF_A_CONSUMER:
        assert role.removeprefix("Storage Queue Data ") in consumers


def test_who_may_sign_in_from_github() -> None:
    """An environment of this repository; and with what-if nobody who may do more than read, and ask what would change."""
    page = DEPLOYING.read_text()
    role = json.loads(page.partition("what-if-role.json <<EOF\n")[2].partition("EOF\n")[0])
    assert role["Actions"] == [
        "*/read",
        "Microsoft.Resources/deployments/whatIf/action",
        "Microsoft.Resources/deployments/validate/action",
    ]
    assert '--subject "$SUBJECT:environment:$environment"' in page
    assert '*-what-if) role="What-If in $SUBSCRIPTION" ;;' in page
    assert "*) role=Owner ;;" in page


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
