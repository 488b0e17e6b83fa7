"""The queries of alerts, workbook and docs: sound, and about what the function really writes."""

import json
import re
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest

from events_publish import request_record
from events_publish.problem import kinds
from local import ROOT
from tests.background import Background
from tests.conftest import MakeEvent, MakeToken, Publish, host_of, wait_until
from tests.infra.deployment import INFRA, Deployment

TABLES = ROOT / "tests/infra/tables.json"
"""The columns of the workspace's tables, as learn.microsoft.com/azure/azure-monitor/reference/tables has them."""


def _queries() -> Iterator[tuple[str, str]]:
    yield from Deployment("prod").queries
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


def test_reasons_and_outcomes_are_those_of_the_function() -> None:
    """A renamed problem would silence its alert."""
    text = "\n".join(QUERIES.values())
    compared = re.findall(r'\breason (?:==|!=) "([^"]+)"', text)
    listed = chain.from_iterable(re.findall(r'"([^"]+)"', each) for each in re.findall(r"\breason in \((.+?)\)", text))
    assert {*compared, *listed} <= kinds().keys()
    outcomes = set(re.findall(r'\boutcome == "([^"]+)"', text))
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
    records = _records(lines)
    assert [record["status"] for record in records] == [200, 400, 503, 400]
    paths = {path for record in records for path in (*record, *(f"publisher.{name}" for name in record["publisher"]))}
    named = set(re.findall(r"\brecord\.([a-zA-Z.]+)", "\n".join(QUERIES.values())))
    assert named <= paths
    assert {"status", "reason", "cause", "publisher.consumer", "milliseconds"} <= named


def _records(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line[line.index("{") :]) for line in lines if '{"outcome"' in line]
