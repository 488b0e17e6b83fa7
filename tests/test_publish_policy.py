"""The operator's policy: which entry decides, and what it matches."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events_publish import publish_policy
from events_publish.publish_policy import normalized
from events_publish.publisher import Publisher

US = Publisher("0192:991825827", "ttd", "client-1", frozenset({"altinn:events.publish", "our:scope"}), {})
NOBODY = Publisher(None, None, None, frozenset({"altinn:events.publish"}), {})
EVENT = {
    "id": "1",
    "type": "no.example.created",
    "source": "https://example.no/api/1",
    "resource": "urn:altinn:resource:example.api",
}


def permits(policy: list[dict[str, Any]], publisher: Publisher = US, **attributes: str) -> bool:
    return publish_policy.parse(json.dumps(policy)).permits(publisher, {**EVENT, **attributes})


@pytest.mark.parametrize(
    ("policy", "permitted"),
    [
        pytest.param([], False, id="no entry refuses"),
        pytest.param([{}], True, id="an empty entry allows all"),
        pytest.param([{"effect": "allow"}], True, id="allow"),
        pytest.param([{"effect": "deny"}], False, id="deny"),
        pytest.param([{"effect": "deny"}, {}], False, id="the first decides: deny"),
        pytest.param([{}, {"effect": "deny"}], True, id="the first decides: allow"),
        pytest.param([{"effect": "deny", "publishers": ["991825827"]}, {}], False, id="one publisher is revoked"),
        pytest.param([{"effect": "deny", "publishers": ["client:client-1"]}, {}], False, id="one client is revoked"),
        pytest.param([{"effect": "deny", "publishers": ["991825828"]}, {}], True, id="another publisher is revoked"),
        pytest.param([{"publishers": ["991825827"]}], True, id="organisation number"),
        pytest.param([{"publishers": ["0192:991825827"]}], True, id="organisation number with its scheme"),
        pytest.param([{"publishers": ["991825828", "991825827"]}], True, id="one of several publishers"),
        pytest.param([{"publishers": ["991825828"]}], False, id="another organisation"),
        pytest.param([{"publishers": ["org:ttd"]}], True, id="org"),
        pytest.param([{"publishers": ["org:tt"]}], False, id="another org"),
        pytest.param([{"publishers": ["org:client-1"]}], False, id="a client is no org"),
        pytest.param([{"publishers": ["client:client-1"]}], True, id="client"),
        pytest.param([{"publishers": ["client:ttd"]}], False, id="an org is no client"),
        pytest.param([{"publishers": ["scope:our:scope"]}], True, id="scope"),
        pytest.param([{"publishers": ["scope:our"]}], False, id="part of a scope"),
        pytest.param([{"resources": ["urn:altinn:resource:example.api"]}], True, id="resource"),
        pytest.param([{"resources": ["urn:altinn:resource:example.ap"]}], False, id="part of a resource"),
        pytest.param([{"resources": ["urn:altinn:resource:*"]}], True, id="resources by prefix"),
        pytest.param([{"resources": ["urn:altinn:resource:example.api*"]}], True, id="a prefix may be the whole"),
        pytest.param([{"resources": ["urn:altinn:resource:other.*"]}], False, id="another prefix"),
        pytest.param([{"resources": ["*"]}], True, id="any resource"),
        pytest.param([{"types": ["no.example.created"]}], True, id="type"),
        pytest.param([{"types": ["no.example.*"]}], True, id="types by prefix"),
        pytest.param([{"types": ["no.other.*", "no.Example.created"]}], False, id="another type, and another case"),
        pytest.param([{"sources": ["https://example.no/api/1"]}], True, id="source"),
        pytest.param([{"sources": ["https://example.no/api/*"]}], True, id="sources by prefix"),
        pytest.param([{"sources": ["https://example.no/"]}], False, id="part of a source"),
        pytest.param([{"publishers": ["org:ttd"], "types": ["other"]}], False, id="all lists must match"),
        pytest.param(
            [{"publishers": ["org:ttd"], "resources": ["*"], "types": ["*"], "sources": ["*"]}], True, id="all match"
        ),
        pytest.param(
            [{"resources": ["urn:altinn:resource:other.*"], "effect": "deny"}, {"publishers": ["org:ttd"]}],
            True,
            id="what does not match is passed over",
        ),
    ],
)
def test_policy(policy: list[dict[str, Any]], permitted: bool) -> None:
    assert permits(policy) == permitted


@pytest.mark.parametrize("publishers", [["991825827"], ["org:ttd"], ["client:client-1"], ["org:None"], ["client:None"]])
def test_a_token_that_names_nobody_matches_no_name(publishers: list[str]) -> None:
    assert not permits([{"publishers": publishers}], NOBODY)
    assert permits([{"publishers": publishers, "effect": "deny"}, {}], NOBODY)


@pytest.mark.parametrize(
    "source",
    [
        "https://EXAMPLE.no/api/1",
        "HTTPS://example.no/api/1",
        "https://example.no/%61pi/1",
        "https://example.no/x/../api/1",
        "https://example.no/./api/1",
        "https://example.no/x/%2e%2E/api/1",
    ],
)
def test_another_spelling_of_a_source_is_no_way_around(source: str) -> None:
    assert not permits([{"effect": "deny", "sources": ["https://example.no/api/*"]}, {}], source=source)
    assert permits([{"sources": ["https://example.no/api/*"]}], source=source)


@pytest.mark.parametrize(
    "source",
    [
        "https://example.no/api/../admin",
        "https://example.no/api/%2e%2e/admin",
        "https://example.no.evil.example/api/1",
        "https://user@example.no/api/1",
        "http://example.no/api/1",
        "https://example.no/API/1",
        "//example.no/api/1",
        "./https://example.no/api/1",
        "x/../https://example.no/api/1",
        "HTTPS:/.//example.no/api/1",
    ],
)
def test_a_source_that_only_looks_alike(source: str) -> None:
    assert not permits([{"sources": ["https://example.no/api/*"]}], source=source)


@pytest.mark.parametrize("source", ["./dodsbo/1", "x/../dodsbo/1", "urn:./test:1", "urn:../test:1", "/.//dodsbo/1"])
def test_dots_that_no_one_can_resolve_are_no_way_around(source: str) -> None:
    """Where sources are judged; else they are nobody's business."""
    assert not permits([{"effect": "deny", "sources": ["dodsbo/*", "urn:test:*", "//dodsbo/*"]}, {}], source=source)
    assert permits([{"effect": "deny", "types": ["other"]}, {}], source=source)


@pytest.mark.parametrize(
    ("source", "normal"),
    [
        ("", ""),
        ("word", "word"),
        ("./https://example.no/api/1", "./https://example.no/api/1"),
        ("x:/.//example.no", "x:/.//example.no"),
        ("/.//example.no", "/.//example.no"),
        ("x:..", "x:.."),
        ("/", "/"),
        ("/..", "/"),
        ("/a/..", "/"),
        ("/a/./b//../c/.", "/a/b/c/"),
        ("/../../a", "/a"),
        ("../a/./b", "../a/./b"),
        ("HTTP://U@H:80/?Q=%c3%a5&%7e#F/../", "http://U@h:80/?Q=%C3%A5&~#F/../"),
        ("//H", "//h"),
        ("URN:Altinn:x", "urn:Altinn:x"),
        ("urn:altinn:../x", "urn:altinn:../x"),
    ],
)
def test_normalized(source: str, normal: str) -> None:
    assert normalized(source) == normal


@given(st.text("aA./%2eE:?#@~", max_size=20))
def test_normalized_is_normal(rest: str) -> None:
    once = normalized("https://example.no/" + rest)
    assert normalized(once) == once
