"""Who may publish what (`PUBLISH_POLICY`): entries of which the first that matches decides."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from events_publish import json_setting, rules
from events_publish.publisher import Publisher

MUST_BE = (
    'a JSON array of {"effect"?: "allow" or "deny", "publishers"?: […], "resources"?: […], "types"?: […],'
    ' "sources"?: […]}, or @ and the name of a file with one'
)


class Patterns(NamedTuple):
    """Values, and prefixes of values."""

    values: frozenset[str]
    prefixes: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str] | None) -> "Patterns | None":
        """The patterns in `texts`, of which a prefix ends in ``*``; None, which matches any, when there is no list."""
        if texts is None:
            return None
        prefixes = tuple(text[:-1] for text in texts if text.endswith("*"))
        return cls(frozenset(text for text in texts if not text.endswith("*")), prefixes)

    def match(self, value: str) -> bool:
        return value in self.values or value.startswith(self.prefixes)


class Entry(NamedTuple):
    """One entry; what is None matches any."""

    allow: bool
    publishers: frozenset[str] | None
    """As `_names` has them."""
    resources: Patterns | None
    types: Patterns | None
    sources: Patterns | None

    def matches(self, names: frozenset[str], resource: str, type_: str, source: str) -> bool:
        """Whether the entry is about that publisher and that event."""
        return (
            (self.publishers is None or not self.publishers.isdisjoint(names))
            and (self.resources is None or self.resources.match(resource))
            and (self.types is None or self.types.match(type_))
            and (self.sources is None or self.sources.match(source))
        )


class Policy(NamedTuple):
    """The entries, in their order."""

    entries: tuple[Entry, ...]

    def permits(self, publisher: Publisher, attributes: Mapping[str, object]) -> bool:
        """Whether `publisher` may publish an event with these attributes: no match refuses."""
        names = _names(publisher)
        resource, type_, source = (str(attributes[name]) for name in ("resource", "type", "source"))
        source = normalized(source)
        if _has_dots(source) and any(entry.sources for entry in self.entries):
            return False  # what it means depends on where it is read, so no entry can be about it
        return next((entry.allow for entry in self.entries if entry.matches(names, resource, type_, source)), False)


def parse(text: str) -> Policy:
    """The policy in a JSON array.

    Raises:
        InvalidJsonSetting: with all that is wrong.
    """
    return Policy(tuple(map(_entry, json_setting.read_objects(text, _MEMBERS, must_be=MUST_BE))))


def _entry(members: Mapping[str, list[str]]) -> Entry:
    publishers = members.get("publishers")
    return Entry(
        allow=members.get("effect", "allow") == "allow",
        publishers=None if publishers is None else frozenset(publishers),
        resources=Patterns.of(members.get("resources")),
        types=Patterns.of(members.get("types")),
        sources=Patterns.of(members.get("sources")),
    )


def _names(publisher: Publisher) -> frozenset[str]:
    """All that an entry may call a publisher."""
    names = {f"scope:{scope}" for scope in publisher.scopes}
    if publisher.consumer:
        names.add(publisher.consumer)
    if publisher.org:
        names.add(f"org:{publisher.org}")
    if publisher.client_id:
        names.add(f"client:{publisher.client_id}")
    return frozenset(names)


_REFERENCE = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(.*)", re.DOTALL)  # RFC 3986, appendix B


def normalized(source: str) -> str:
    """A URI reference after syntax-based normalization (RFC 3986 §6.2.2): another spelling is no way around an entry."""
    unescaped = re.sub("%([0-9A-Fa-f]{2})", _unescaped, source)
    scheme, authority, path, rest = _REFERENCE.fullmatch(unescaped).groups()  # type: ignore[union-attr]  # matches any
    user, at, host = (authority or "").rpartition("@")
    start = "" if scheme is None else f"{scheme.lower()}:"
    start += "" if authority is None else f"//{user}{at}{host.lower()}"
    plain = _without_dots(path)
    # Without an authority, a path with // at its start would read as one.
    return start + (path if authority is None and plain.startswith("//") else plain) + rest


def _unescaped(escape: re.Match[str]) -> str:
    """A character that needs no escape as itself; else the escape in capitals."""
    character = chr(int(escape[1], 16))
    return character if re.fullmatch(r"[A-Za-z0-9\-._~]", character) else escape[0].upper()


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4, for a path that begins with a slash: what another means depends on where it is read."""
    if not path.startswith("/"):
        return path
    kept: list[str] = []
    segments = path[1:].split("/")
    for segment in segments:
        if segment not in (".", ".."):
            kept.append(segment)
        elif segment == "..":
            kept[-1:] = []
    return "/" + "/".join([*kept, ""] if kept and segments[-1] in (".", "..") else kept)


def _has_dots(normal: str) -> bool:
    """Whether a normalized reference has . or .. segments left: its path begins without a slash, or with two."""
    path = _REFERENCE.fullmatch(normal)[3]  # type: ignore[index]  # matches any
    return not {".", ".."}.isdisjoint(path.split("/"))


def _effect(text: str) -> str:
    if text not in ("allow", "deny"):
        raise ValueError
    return text


def _publisher(text: str) -> str:
    number = re.fullmatch(r"(?:0192:)?([0-9]{9})", text)
    if number:
        return f"0192:{number[1]}"
    if not re.fullmatch(r"(?:org|client|scope):[!-)+-~]+", text):  # no prefixes: a deny would match nobody
        raise ValueError
    return text


def _resource(text: str) -> str:
    if not (re.fullmatch(r"[a-z0-9()+,\-.;$_!/:]*\*", text) or rules.ATTRIBUTES["resource"].holds(text)):
        raise ValueError
    return text


def _type(text: str) -> str:
    if not text or "*" in text[:-1] or not rules.is_text(text):
        raise ValueError
    return text


def _source(text: str) -> str:
    prefix = text.removesuffix("*")
    if "*" in prefix or normalized(prefix) != prefix:
        raise ValueError
    # A prefix need not be a reference itself, but no reference has other characters.
    if not (re.fullmatch(r"[!#-;=?-Z\[\]_a-z~]*\*", text) or rules.ATTRIBUTES["source"].holds(text)):
        raise ValueError
    return text


_OR_PREFIX = "or a prefix of one ending in *"
_MEMBERS = {
    "effect": json_setting.string(_effect, "allow or deny"),
    "publishers": json_setting.strings(
        _publisher, "an organisation number, with or without 0192: before it, or org:NAME, client:ID or scope:NAME"
    ),
    "resources": json_setting.strings(
        _resource, f"a resource such as urn:altinn:resource:dodsbo.domstoladmin.api, {_OR_PREFIX}"
    ),
    "types": json_setting.strings(_type, f"an event type, {_OR_PREFIX}"),
    "sources": json_setting.strings(
        _source,
        f"a source, {_OR_PREFIX}, normalized (RFC 3986, section 6.2.2): scheme and host in lower case, no . and .."
        " segments, no escapes that are not needed",
    ),
}
