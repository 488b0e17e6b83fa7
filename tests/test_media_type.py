"""Media types, by grammar."""

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
        ("a/b;c=d;C=e;c=f", "a/b", {"c": media_type.SEVERAL}),
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


@pytest.mark.parametrize(
    ("value", "is_json"),
    [
        ("application/json", True),
        ("Text/JSON ; a=b", True),
        ("a/{b}+json; c=d; c=e", True),
        ("application/xjson", False),
        ("application/json-seq", False),
        ('a/b;c="/json"', False),
        ("text/plain", False),
    ],
)
def test_is_json(value: str, is_json: bool) -> None:
    assert media_type.is_json(value) == is_json


@pytest.mark.property
@given(grammar.media_type)
def test_every_media_type_of_an_attribute_is_one_of_a_header(value: str) -> None:
    essence = media_type.parse(value).essence
    assert essence == value.partition(";")[0].strip().lower()
    assert media_type.is_json(value) == essence.endswith(("/json", "+json"))
