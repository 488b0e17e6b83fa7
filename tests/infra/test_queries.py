"""The queries of alerts, workbook and docs: sound, and about what the function really writes."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from events_publish import request_record
from events_publish.problem import kinds
from events_publish.request_record import RequestRecord
from local import ROOT
from tests.background import Background
from tests.conftest import MakeEvent, MakeToken, Publish, host_of, wait_until
from tests.infra.deployment import INFRA, Deployment

if TYPE_CHECKING:
    from events_publish.problem import Problem

QUEUES = "Microsoft.Storage/storageAccounts/queueServices/queues"

TABLES = ROOT / "tests/infra/tables.json"
"""The columns of the workspace's tables, as learn.microsoft.com/azure/azure-monitor/reference/tables has them."""


SEVERAL = "of several queues: "


def _queries() -> Iterator[tuple[str, str]]:
    yield from Deployment("prod").queries
    yield from ((f"{SEVERAL}{name}", text) for name, text in Deployment("prod-private").queries)
    for page in sorted((ROOT / "docs").glob("*.md")):
        for number, text in enumerate(re.findall(r"^```kusto\n(.+?)^```", page.read_text(), re.MULTILINE | re.DOTALL)):
            yield f"{page.name} {number}", text


QUERIES = dict(_queries())


@pytest.fixture(scope="module")
def said() -> dict[str, list[str]]:
    """What Microsoft's own analyser says of each query."""
    asked = json.dumps(
        {"tables": json.loads(TABLES.read_text()), "queries": QUERIES | {"wrong": "AppTraces | where x"}}
    )
    command = ["node", "tests/infra/kql.mjs"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, cwd=ROOT)
    answer: dict[str, list[str]] = json.loads(done.stdout)
    return answer


def test_the_analyser_finds_what_is_wrong(said: dict[str, list[str]]) -> None:
    assert said["wrong"] == ["The name 'x' does not refer to any known column, table, variable or function."]


@pytest.mark.parametrize("name", QUERIES)
def test_query(said: dict[str, list[str]], name: str) -> None:
    """Syntax, tables and columns are right."""
    assert said[name] == []


def test_every_query_is_used() -> None:
    """No file in infra/queries lies about."""
    modules = "".join(each.read_text() for each in INFRA.glob("*.bicep"))
    assert [each.name for each in (INFRA / "queries").iterdir() if f"'queries/{each.name}'" not in modules] == []


def _line(status: int, kind: str | None = None) -> str:
    """What the function writes of a request that it took, or refused with a problem of this kind."""
    refusal = SimpleNamespace(kind=kind, detail="", cause=None, errors={}) if kind else None
    return RequestRecord("0af7651916cd43dd8448eb211c80319c").line(status, cast("Problem | None", refusal))


TRACES = {"accepted": _line(200), **{name: _line(kind.status, name) for name, kind in kinds().items()}}

COUNTED = {
    "defects": {"internal-error"},
    "error-share": TRACES.keys() - {"not-ready"},
    "unavailable": {"keys-unavailable", "policy-unavailable", "queue-unavailable"},
    "overloaded": {"overloaded"},
    "refused-tokens": {"unauthenticated", "invalid-token", "insufficient-scope"},
    "slow": {"accepted"},
}
"""By alert on the log: requests of which kind its conditions leave."""


def _keeps(query: str, row: dict[str, Any]) -> bool:
    """Whether the conditions of a query keep a row, up to where it counts: they are few and plain enough for Python."""
    extended = dict(row)
    for line in query.partition("| summarize")[0].splitlines():
        if line.startswith("| extend status"):
            record = json.loads(row["Message"])
            extended |= {name: record.get(name, "") for name in ("status", "outcome", "reason")}
        if line.startswith("| where "):
            condition = re.sub(r"(\w+) startswith ('.*?')", r"\1.startswith(\2)", line.removeprefix("| where "))
            condition = re.sub(r'(\w+) !contains (".*?")', r"\2 not in \1", condition)
            condition = re.sub(r'(\w+) contains (".*?")', r"\2 in \1", condition)
            if not eval(condition, {"__builtins__": {}}, extended):  # noqa: S307  # our own files
                return False
    return True


@pytest.mark.parametrize("name", COUNTED)
def test_what_an_alert_counts(name: str) -> None:
    """No other request, and no other line of the log."""
    query = QUERIES[f"alert-{name}-events-prod"]
    assert {kind for kind, line in TRACES.items() if _keeps(query, {"Message": line})} == COUNTED[name]
    assert not _keeps(query, {"Message": "Executing 'Functions.events'"})


@pytest.mark.parametrize(("deployment", "which"), [("prod", ""), ("prod-private", SEVERAL)])
def test_what_alerts_of_the_queues_count(deployment: str, which: str) -> None:
    """A message that was put on a poison queue; what was put on the others, and taken off them: by its ObjectKey."""
    poisons = [each["name"] for each in Deployment(deployment).all(QUEUES) if each["name"].endswith("-poison")]
    assert len(poisons) == (2 if which else 1)
    for poison in poisons:
        _counts_the_queue_of(poison, which)


def _counts_the_queue_of(poison: str, which: str) -> None:
    queue = poison.removesuffix("-poison")
    put = {"OperationName": "PutMessage", "StatusText": "Success", "ObjectKey": f"/account/{poison.rpartition('/')[2]}"}
    query = QUERIES[f"{which}alert-given-up-events-prod"]
    on_the_queue = {**put, "ObjectKey": f"/account/{queue.rpartition('/')[2]}"}
    assert _keeps(query, put)
    assert not _keeps(query, on_the_queue)
    assert not _keeps(query, {**put, "OperationName": "DeleteMessage"})
    assert not _keeps(query, {**put, "StatusText": "ServerBusy"})
    query = QUERIES[f"{which}alert-falling-behind-events-prod"]
    assert _keeps(query, on_the_queue)
    assert _keeps(query, {**on_the_queue, "OperationName": "DeleteMessage"})
    assert not _keeps(query, put)
    assert not _keeps(query, {**on_the_queue, "OperationName": "GetMessages"})
    assert not _keeps(query, {**on_the_queue, "StatusText": "ServerBusy"})


def test_what_is_reckoned() -> None:
    """From what the conditions leave: the share in percent, and the time that one in twenty exceeds."""
    assert "summarize requests = count(), errors = countif(status >= 500)" in QUERIES["alert-error-share-events-prod"]
    assert "project percent = 100.0 * errors / requests" in QUERIES["alert-error-share-events-prod"]
    behind = QUERIES["alert-falling-behind-events-prod"]
    assert 'put = countif(OperationName == "PutMessage"), deleted = countif(OperationName == "DeleteMessage")' in behind
    assert "where put >= 20 and deleted < put / 2\n| project behind = put - deleted" in behind
    behind = QUERIES[f"{SEVERAL}alert-falling-behind-events-prod"]
    assert 'put = countif(OperationName == "PutMessage"), deleted = countif(OperationName == "DeleteMessage")' in behind
    assert (
        '    by queue = tostring(split(parse_url(Uri).Path, "/")[1])\n| where put >= 20 and deleted < put / 2\n'
        in behind
    )
    assert "p95 = percentile(todouble(record.milliseconds), 95)" in QUERIES["alert-slow-events-prod"]


def test_outcomes_are_those_of_the_function() -> None:
    outcomes = set(re.findall(r'\boutcome == "([^"]+)"', "\n".join(QUERIES.values())))
    assert outcomes == {*request_record.OUTCOMES.values(), "refused"}


def test_members_are_those_of_the_records(
    background: Background,
    app_folder: Path,
    settings: dict[str, str],
    client: httpx.Client,
    make_event: MakeEvent,
    make_token: MakeToken,
) -> None:
    """What the function writes of an event that it took, of one that it refused, and of one that storage did not take."""
    lines: list[str] = []
    dead = {"EVENTS_STORAGE__queueServiceUri": "https://127.0.0.1:1/account", "EVENTS_STORAGE": ""}
    for changed in ({}, {**dead, "PUBLISH_TIMEOUT_SECONDS": "4"}):
        host = background.run(host_of(app_folder, {**settings, **changed}, show=lines.append))
        publish = Publish(client, host.events, make_token(org="ttd"))
        publish(make_event())
        publish(make_event(time="yesterday"))
        background.run(host.child.stop())
    wait_until(lambda: len(_records(lines)) == 4)
    assert all('{"outcome"' in line for line in lines if "milliseconds" in line)
    records = _records(lines)
    assert [record["status"] for record in records] == [200, 400, 503, 400]
    paths = {path for record in records for path in (*record, *(f"publisher.{name}" for name in record["publisher"]))}
    named = set(re.findall(r"\brecord\.([a-zA-Z.]+)", "\n".join(QUERIES.values())))
    assert named <= paths
    assert {"status", "reason", "cause", "publisher.consumer", "milliseconds"} <= named


def _records(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line[line.index("{") :]) for line in lines if '{"outcome"' in line]
