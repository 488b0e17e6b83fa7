"""The documents' examples, run as they stand; and what is made of the code, held against it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from docs import write
from events_publish import problem, rules
from local import ROOT
from tests.conftest import EVENTS_PATH, Host, MakeToken, Publish
from tests.documents import assert_shown, block, blocks
from tests.storage import Queue


def run(script: str, events: str, token: str) -> str:
    """What a script prints; the addresses and the token of `make run` are replaced."""
    script = script.replace("$(.venv/bin/python -m local token)", token)
    script = script.replace(f"http://127.0.0.1:7071{EVENTS_PATH}", events)
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def example() -> dict[str, Any]:
    """The event of the README's curl example."""
    found: dict[str, Any] = json.loads(block("README.md", "sh", "curl").partition("-d '")[2].rpartition("'")[0])
    return found


def test_the_readme(host: Host, make_token: MakeToken, queue: Queue, example: dict[str, Any]) -> None:
    assert_shown(run(block("README.md", "sh", "curl"), host.events, make_token()), block("README.md", "http", "200"))
    assert [json.loads(body) for body in queue.take()] == [example]


def test_the_readmes_faulty_example(publish: Publish, example: dict[str, Any]) -> None:
    del example["id"]
    details = publish({**example, "time": "yesterday"}).json()
    assert details | {"traceId": ""} == json.loads(block("README.md", "json", "traceId")) | {"traceId": ""}


def publishing() -> Iterator[Any]:
    """Each script of the page, its answer, and the message that it says is on the queue."""
    first, *examples = [each for each in blocks("docs/publishing.md") if each.language != "python"]
    for index, each in enumerate(examples):
        if each.language == "sh":
            answer, *others = examples[index + 1 :]
            message = others[0].text if others and others[0].language == "json" else None
            assert answer.language == "http"
            yield pytest.param(first.text + each.text, answer.text, message, id=str(index))


@pytest.mark.parametrize(("script", "answer", "message"), [*publishing()])
def test_publishing(
    host: Host, make_token: MakeToken, queue: Queue, script: str, answer: str, message: str | None
) -> None:
    assert_shown(run(script, host.events, make_token()), answer)
    messages = queue.take()
    if "OPTIONS" in script or "HTTP/1.1 400" in answer:
        assert messages == []
    elif message:
        assert [json.loads(each) for each in messages] == [json.loads(message)]
    else:
        sent = script.partition("-d '")[2].rpartition("'")[0]
        events = json.loads(sent) if sent.startswith("[") else [json.loads(sent)]
        assert sorted(map(json.loads, messages), key=lambda event: str(event["id"])) == events
        assert len(messages) > 1 or messages == [sent.encode()]


def test_the_sdk_example(host: Host, make_token: MakeToken, queue: Queue) -> None:
    script = block("docs/publishing.md", "python", "to_structured")
    environ = {"PATH": os.environ["PATH"], "EVENTS": host.events, "TOKEN": make_token()}
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environ)
    assert ran.stdout.strip() == "200"
    (message,) = queue.take()
    assert json.loads(message)["data"] == {"amount": 1.5}


def test_the_readme_names_every_attribute() -> None:
    (table,) = re.findall(r"### What an event must have\n\n(.*?)\n\n", (ROOT / "README.md").read_text(), re.DOTALL)
    first_cells = [line.split("|")[1] for line in table.splitlines()]
    assert set(re.findall(r"`(\w+)`", "".join(first_cells[:-1]))) == rules.ATTRIBUTES.keys() | {"data"}


def test_problems_are_written_anew() -> None:
    """`make docs` does it."""
    assert write.PROBLEMS.read_text() == write.problems()


@pytest.mark.parametrize("kind", problem.kinds())
def test_the_page_of_a_problem(client: httpx.Client, host: Host, kind: str) -> None:
    """The type of each problem leads to a page that says the same as docs/problems.md."""
    page = client.get(host.url + problem.TYPE_PREFIX + kind)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    read = re.sub(r"<.*?>", "", page.text)
    section = write.PROBLEMS.read_text().partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    text, _, example = section.partition("```http\n")
    for paragraph in text.strip().split("\n\n"):
        assert paragraph.partition(".** ")[2].replace("`", "") in read
    assert example.partition("\n\n")[2].partition("```")[0] in read
    assert client.head(host.url + problem.TYPE_PREFIX + kind).status_code == 200


@pytest.mark.parametrize("kind", ["no-such-problem", "invalid-event.html", "%3Cscript%3E", ".."])
def test_the_page_of_no_problem(client: httpx.Client, host: Host, kind: str) -> None:
    answer = client.get(f"{host.url}{problem.TYPE_PREFIX}{kind}")
    assert answer.status_code == 404
    if answer.content:  # the host's own answer has no body
        assert answer.json()["type"].endswith("/not-found")
        assert "script" not in answer.text
