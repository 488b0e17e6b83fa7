"""Media types as HTTP writes them (RFC 9110 §8.3.1)."""

import re
from collections.abc import Mapping
from typing import NamedTuple


class MediaType(NamedTuple):
    """A media type: `type/subtype` and the names of its parameters in lower case."""

    essence: str
    parameters: Mapping[str, str]

    @property
    def is_json(self) -> bool:
        """The subtype is json or ends in +json (CloudEvents JSON format §3.1)."""
        return self.essence.endswith(("/json", "+json"))

    @property
    def charset(self) -> str | None:
        """The parameter `charset` in lower case."""
        charset = self.parameters.get("charset")
        return None if charset is None else charset.lower()


NONE = MediaType("", {})


def parse(value: str) -> MediaType:
    """The media type of a header or an attribute; `NONE` where the grammar is broken.

    A parameter that comes with several values has them all, joined with commas.
    """
    match = _ESSENCE.match(value)
    if not match:
        return NONE
    essence = match[1].lower()
    parameters: dict[str, str] = {}
    while parameter := _PARAMETER.match(value, match.end()):
        match = parameter
        if match[1]:
            name, given = match[1].lower(), match[2] or _ESCAPED.sub(r"\1", match[3] or "")
            known = parameters.get(name, given)
            parameters[name] = given if given == known else f"{known},{given}"
    return NONE if value[match.end() :].strip(" \t") else MediaType(essence, parameters)


_TOKEN = r"[!#$%&'*+\-.^_`{|}~0-9A-Za-z]++"  # RFC 9110 §5.6.2, and the braces of RFC 2045 §5.1
_ESSENCE = re.compile(rf"[ \t]*+({_TOKEN}/{_TOKEN})")
_PARAMETER = re.compile(rf"[ \t]*+;[ \t]*+(?:({_TOKEN})=(?:({_TOKEN})|\"((?:[^\"\\]|\\.)*+)\"))?")
JSON = r"^[^;]*[/+][Jj][Ss][Oo][Nn][ \t]*(?:;.*)?$"
"""The media types that are JSON, as a regular expression."""

_ESCAPED = re.compile(r"\\(.)")
