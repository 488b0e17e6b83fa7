"""The publisher in a token's claims."""

from typing import Any

import pytest

from events_publish.publisher import Publisher, publisher_of

AUTHORITY = "iso6523-actorid-upis"


def test_publisher() -> None:
    """Who a token speaks for, as Altinn's exchange writes it."""
    claims = {
        "consumer": {"authority": AUTHORITY, "ID": "0192:991825827"},
        "urn:altinn:org": "ttd",
        "client_id": "c",
        "scope": "a b",
        "urn:altinn:scope": "c",
    }
    assert publisher_of(claims) == Publisher("0192:991825827", "ttd", "c", frozenset("abc"), claims)


def test_what_is_of_another_form_is_not_there() -> None:
    assert publisher_of({}) == Publisher(None, None, None, frozenset(), {})
    odd = {"consumer": "0192:991825827", "urn:altinn:org": 1, "client_id": None, "scope": 5}
    assert publisher_of(odd) == Publisher(None, None, None, frozenset(), odd)
    assert publisher_of({"urn:altinn:org": "t t", "client_id": "c\n"})[1:3] == (None, None)


@pytest.mark.parametrize(
    ("consumer", "found"),
    [
        ({"authority": AUTHORITY, "ID": "0192:991825827"}, "0192:991825827"),
        ({"authority": AUTHORITY, "ID": "0192:991825827:unit"}, "0192:991825827"),
        ({"authority": AUTHORITY, "ID": "0192:9918258270"}, None),
        ({"authority": AUTHORITY, "ID": "0192:99182582"}, None),
        ({"authority": AUTHORITY, "ID": "0192:991825827\n"}, None),
        ({"authority": AUTHORITY, "ID": "0192:٩٩١٨٢٥٨٢٧"}, None),
        ({"authority": AUTHORITY, "ID": "9908:991825827"}, None),
        ({"authority": AUTHORITY, "ID": 991825827}, None),
        ({"authority": "another", "ID": "0192:991825827"}, None),
        ({"ID": "0192:991825827"}, None),
    ],
)
def test_consumer(consumer: dict[str, Any], found: str | None) -> None:
    assert publisher_of({"consumer": consumer}).consumer == found


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        pytest.param({"scope": ["a", "b", 1]}, {"a", "b"}, id="an array"),
        pytest.param({"scope": "a", "urn:altinn:scope": ["b"]}, {"a", "b"}, id="both claims"),
        pytest.param({"urn:altinn:scope": "b"}, {"b"}, id="the other claim"),
        pytest.param({"scope": {"a": 1}}, set(), id="another type"),
        pytest.param({"scope": "a\tb"}, {"a\tb"}, id="a tab separates nothing"),
    ],
)
def test_scopes(claims: dict[str, Any], scopes: set[str]) -> None:
    assert publisher_of(claims).scopes == scopes


@pytest.mark.parametrize(
    ("publisher", "name"),
    [
        (Publisher("0192:991825827", "ttd", "c", frozenset(), {}), "0192:991825827"),
        (Publisher(None, "ttd", "c", frozenset(), {}), "org:ttd"),
        (Publisher(None, None, "c", frozenset(), {}), "client:c"),
        (Publisher(None, None, None, frozenset(), {}), "the holder of the token"),
    ],
)
def test_name(publisher: Publisher, name: str) -> None:
    assert publisher.name == name
