"""The README's examples, run as they stand."""

import json
import re
import subprocess
from typing import Any

import pytest

from local import ROOT
from tests.conftest import EVENTS_PATH, Host, MakeToken, Publish
from tests.storage import Queue

README = (ROOT / "README.md").read_text()


def block(language: str, holding: str) -> str:
    """The one code block of a language that holds a text."""
    (found,) = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if holding in text]
    return str(found)


@pytest.fixture
def example() -> dict[str, Any]:
    """The event of the curl example."""
    found: dict[str, Any] = json.loads(block("sh", "curl").partition("-d '")[2].rpartition("'")[0])
    return found


def test_the_curl_example(host: Host, make_token: MakeToken, queue: Queue, example: dict[str, Any]) -> None:
    script = block("sh", "curl").replace("$(.venv/bin/python -m local token)", make_token())
    script = script.replace(f"http://127.0.0.1:7071{EVENTS_PATH}", host.events)
    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    shown = block("http", "200").splitlines()
    assert ran.stdout.splitlines()[0] == shown[0]
    assert {line.partition(":")[0] for line in shown[1:]} <= {
        line.partition(":")[0] for line in ran.stdout.splitlines()
    }
    assert [json.loads(body) for body in queue.take()] == [example]


def test_the_faulty_example(publish: Publish, example: dict[str, Any]) -> None:
    del example["id"]
    details = publish({**example, "time": "yesterday"}).json()
    assert {**details, "traceId": ""} == {**json.loads(block("json", "traceId")), "traceId": ""}
