"""Media types as HTTP writes them (RFC 9110 §8.3.1)."""

import re
from collections.abc import Mapping
from typing import NamedTuple


class MediaType(NamedTuple):
    """A media type: `type/subtype` and the names of its parameters in lower case."""

    essence: str
    parameters: Mapping[str, str]

    @property
    def charset(self) -> str | None:
        """The parameter `charset` in lower case."""
        charset = self.parameters.get("charset")
        return None if charset is None else charset.lower()


NONE = MediaType("", {})
SEVERAL = "several values"

JSON_PATTERN = r"^[^;]*[/+][Jj][Ss][Oo][Nn] *(?:;.*)?$"
"""The media types that are JSON (CloudEvents JSON format §3.1): the subtype is json or ends in +json."""

_is_json = re.compile(JSON_PATTERN).match


def is_json(media_type: str) -> bool:
    """Whether a media type, with or without parameters, is JSON."""
    return _is_json(media_type) is not None


def parse(value: str) -> MediaType:
    """The media type of a header, `NONE` where the grammar is broken; a parameter with several values is `SEVERAL`."""
    match = _ESSENCE.match(value)
    if not match:
        return NONE
    essence = match[1].lower()
    parameters: dict[str, str] = {}
    while parameter := _PARAMETER.match(value, match.end()):
        match = parameter
        if match[1]:
            name, given = match[1].lower(), match[2] or _ESCAPED.sub(r"\1", match[3] or "")
            parameters[name] = given if parameters.get(name, given) == given else SEVERAL
    return NONE if value[match.end() :].strip(" \t") else MediaType(essence, parameters)


_TOKEN = r"[!#$%&'*+\-.^_`{|}~0-9A-Za-z]++"  # RFC 9110 §5.6.2, and the braces of RFC 2045 §5.1
_ESSENCE = re.compile(rf"[ \t]*+({_TOKEN}/{_TOKEN})")
_PARAMETER = re.compile(rf"[ \t]*+;[ \t]*+(?:({_TOKEN})=(?:({_TOKEN})|\"((?:[^\"\\]|\\.)*+)\"))?")
_ESCAPED = re.compile(r"\\(.)")
