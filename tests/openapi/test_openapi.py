"""The description of the endpoint, and the endpoint by its description."""

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import openapi_spec_validator
import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import assume, given

from events_publish import binary, content, envelope, openapi, problem, rules
from events_publish.settings import Settings
from local import ROOT
from tests import grammar
from tests.conftest import Host, MakeToken, Publish
from tests.storage import Queue

type Json = dict[str, Any]

SETTINGS = {
    "EVENTS_STORAGE": "UseDevelopmentStorage=true",
    "TOKEN_ISSUERS": '[{"issuer": "https://issuer.example/", "audience": "us"}]',
    "PUBLISH_SCOPE": "my:scope",
    "MAX_EVENT_BYTES": "1111",
    "MAX_BATCH_EVENTS": "22",
    "MAX_REQUEST_BYTES": "33333",
}


@pytest.fixture
def served(client: httpx.Client, host: Host) -> Json:
    response = client.get(host.url + "/events/api/v1/openapi.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    document: Json = response.json()
    return document


def values(document: object, key: str) -> Iterator[Any]:
    """Each value of that key, wherever it is."""
    if isinstance(document, dict):
        if key in document:
            yield document[key]
        for part in document.values():
            yield from values(part, key)
    elif isinstance(document, list):
        for part in document:
            yield from values(part, key)


def test_it_is_openapi(client: httpx.Client, host: Host, served: Json) -> None:
    assert served["openapi"].startswith("3.1")
    openapi_spec_validator.validate(served)
    text = client.get(host.url + "/events/api/v1/openapi.json").text
    assert yaml.safe_load(text) == served  # which many tools read it as


def test_it_says_what_the_settings_say() -> None:
    text = json.dumps(openapi.document(Settings.from_environ(SETTINGS)))
    said = (
        "1111 bytes",
        "33333 bytes",
        "22 events",
        '"maxItems": 22',
        "my:scope, of https://issuer.example/ for",
        " us.",
    )
    assert [each for each in said if each not in text] == []


def test_it_has_every_mode_answer_and_attribute(served: Json) -> None:
    publish = served["paths"]["/events"]["post"]
    assert set(content.ACCEPTED) | {"*/*"} == publish["requestBody"]["content"].keys()
    statuses = {str(kind.status) for kind in problem.kinds().values()} - {"404", "405"}
    assert publish["responses"].keys() == {"200"} | statuses
    examples = [examples for answer in publish["responses"].values() for examples in values(answer, "examples")]
    shown = {kind for each in examples for kind in each}
    assert shown == problem.kinds().keys() - {"not-found", "method-not-allowed", "not-ready"}
    headers = {each["name"] for each in publish["parameters"]}
    assert headers == {f"ce-{name}" for name in rules.ATTRIBUTES.keys() - binary.NOT_IN_A_HEADER} | {"traceparent"}
    assert served["components"]["schemas"]["Event"]["properties"].keys() == rules.ATTRIBUTES.keys() | {"data"}


def test_every_pattern_is_one_to_javascript(served: Json) -> None:
    """JSON Schema's regular expressions are those of ECMA-262, with the flag u."""
    patterns = list(values(served, "pattern"))
    assert len(patterns) > 10
    code = "for (const p of JSON.parse(require('fs').readFileSync(0, 'utf8'))) new RegExp(p, 'u')"
    subprocess.run(["node", "-e", code], input=json.dumps(patterns), text=True, check=True)


@pytest.mark.property
@given(event=grammar.events() | grammar.faulty_events())
def test_its_schema_judges_as_the_endpoint_does(event: Json) -> None:
    """But for 1.0, which is an integer to JSON Schema."""
    assume(not any(isinstance(value, float) and value.is_integer() for value in event.values()))
    assert IS_EVENT.is_valid(event) == (not envelope.faults(tuple(event.items())))


DOCUMENT = openapi.document(Settings.from_environ(SETTINGS))
IS_EVENT = jsonschema_rs.validator_for(
    {"$ref": "#/components/schemas/Event", "components": DOCUMENT["components"]}, validate_formats=True
)


@pytest.mark.parametrize("media_type", content.ACCEPTED)
def test_its_examples_are_taken(publish: Publish, queue: Queue, served: Json, media_type: str) -> None:
    examples = served["paths"]["/events"]["post"]["requestBody"]["content"][media_type]["examples"]
    for example in examples.values():
        response = publish.send(json.dumps(example["value"]).encode(), {"Content-Type": media_type})
        assert response.status_code == 200
    assert len(queue.take()) >= len(examples)


def structured(document: Json) -> Json:
    """The description without what is of binary mode: OpenAPI cannot tie headers to a content type."""
    view = copy.deepcopy(document)
    publish = view["paths"]["/events"]["post"]
    publish["parameters"] = [each for each in publish["parameters"] if not each["name"].startswith(binary.PREFIX)]
    publish["requestBody"]["required"] = True
    del publish["requestBody"]["content"]["*/*"]
    return view


def in_headers(document: Json) -> Json:
    """The description of binary mode alone."""
    view = copy.deepcopy(document)
    publish = view["paths"]["/events"]["post"]
    for parameter in publish["parameters"]:
        attribute = parameter["name"].removeprefix(binary.PREFIX)
        parameter["required"] = attribute in rules.REQUIRED
        if attribute in rules.ATTRIBUTES:  # the hook encodes it
            parameter["schema"] = {"$ref": f"#/components/schemas/{attribute}"}
    publish["requestBody"]["content"] = {
        "application/json": {"schema": {}},
        "text/plain": {"schema": {"type": "string"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    }
    view["paths"] = {"/events": {"post": publish}}
    return view


def fuzz(host: Host, token: str, view: Json, folder: Path, *, examples: int) -> int:
    """Let schemathesis, with all its checks, send valid and invalid requests; how many it sent."""
    (folder / "openapi.json").write_text(json.dumps(view))
    here = Path(__file__).parent
    options: Mapping[str, str] = {
        "--url": host.url + problem.BASE_PATH,
        "--header": f"Authorization: Bearer {token}",
        "--checks": "all",
        "--mode": "all",
        "--max-examples": str(examples),
        "--seed": os.environ.get("SCHEMATHESIS_SEED", "1"),
    }
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(here / "schemathesis.toml"), "run"]
    ran = subprocess.run(
        [*command, "openapi.json", "--no-color", *(part for option in options.items() for part in option)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.openapi.schemathesis_hooks"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    (generated,) = re.findall(r"(\d+) generated, \1 passed", ran.stdout)
    return int(generated)


@pytest.mark.long
def test_thousands_of_requests(host: Host, make_token: MakeToken, queue: Queue, served: Json, tmp_path: Path) -> None:
    """5,000 requests by the description, valid and not: each answered as described, none with a 500."""
    token = make_token(lifetime=3600)
    sent = fuzz(host, token, structured(served), tmp_path, examples=400)
    sent += fuzz(host, token, in_headers(served), tmp_path, examples=1500)
    assert sent >= 5000
    assert queue.take()
