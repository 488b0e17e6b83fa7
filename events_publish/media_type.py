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
    """The media type of a header; `NONE` where the grammar is broken, or one parameter has two values."""
    match = _ESSENCE.match(value)
    if not match:
        return NONE
    essence = match[1].lower()
    parameters: dict[str, str] = {}
    while parameter := _PARAMETER.match(value, match.end()):
        match = parameter
        if match[1]:
            quoted = _ESCAPED.sub(r"\1", match[3] or "")
            if parameters.setdefault(match[1].lower(), match[2] or quoted) != (match[2] or quoted):
                return NONE
    return NONE if value[match.end() :].strip(" \t") else MediaType(essence, parameters)


_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # RFC 9110 §5.6.2
_ESSENCE = re.compile(rf"[ \t]*+({_TOKEN}/{_TOKEN})")
_PARAMETER = re.compile(rf"[ \t]*+;[ \t]*+(?:({_TOKEN})=(?:({_TOKEN})|\"((?:[^\"\\]|\\.)*+)\"))?")
JSON = r"^[^;]*[/+][Jj][Ss][Oo][Nn][ \t]*(?:;.*)?$"
"""The media types that are JSON, as a regular expression."""

_ESCAPED = re.compile(r"\\(.)")
