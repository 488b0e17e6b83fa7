"""Media types, by grammar."""

import re

import pytest
from hypothesis import given

from events_publish import media_type
from tests import grammar


@pytest.mark.parametrize(
    ("value", "essence", "parameters"),
    [
        ("application/json", "application/json", {}),
        (" Text/PLAIN ;\tCharset=UTF-8; ", "text/plain", {"charset": "UTF-8"}),
        (r'a/b;c="d\"\e;f";g=h', "a/b", {"c": 'd"e;f', "g": "h"}),
        ("a/b;c=d;c=d", "a/b", {"c": "d"}),
        ("a/b;c=d;C=e", "a/b", {"c": "d,e"}),
        ("", "", {}),
        ("a", "", {}),
        ("a/b c", "", {}),
        ("a/b;c", "", {}),
        ("a/b,c/d", "", {}),
        ('a/b;c="d', "", {}),
    ],
)
def test_parse(value: str, essence: str, parameters: dict[str, str]) -> None:
    assert media_type.parse(value) == (essence, parameters)


@pytest.mark.property
@given(grammar.media_type)
def test_the_pattern_of_json_types(value: str) -> None:
    """What OpenAPI says with a pattern is what is judged by."""
    parsed = media_type.parse(value)
    assert parsed.essence
    assert bool(re.search(media_type.JSON, value)) == parsed.is_json
