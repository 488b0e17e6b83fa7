"""The claim check: an event that no message holds travels without its data, which lies elsewhere (CloudEvents dataref)."""

import base64
import json
from typing import NamedTuple

from events_publish import json_text, media_type
from events_publish.json_text import Member

MESSAGE_BYTES = 49_152
"""What a queue message holds: 64 KiB of base64 text (Azure Storage, Put Message)."""

REFERENCE_BYTES = 512
"""What the member `dataref` may take of that."""

MAX_CONTENT_TYPE_LENGTH = 1_024
"""Of a payload: more does not fit in the headers that storage takes."""

DATA = ("data", "data_base64")
"""The members that a payload stands for."""


class Payload(NamedTuple):
    """The data of an event that is too large for a message, and what is left of the event."""

    data: bytes
    content_type: str
    members_before: str
    members_after: str

    def message(self, dataref: str) -> bytes:
        """The event with `dataref` where its data was; the other members as they came."""
        reference = f'"dataref":{json.dumps(dataref)}'
        return f"{{{self.members_before}{reference}{self.members_after}}}".encode()


class NotDivisible(ValueError):
    """The event cannot travel without its data; `name` is the member at fault (``$``: the event as a whole)."""

    def __init__(self, name: str, fault: str) -> None:
        super().__init__(fault)
        self.name = name


def payload(event: bytes) -> Payload:
    """The payload of a valid event that has more than `MESSAGE_BYTES`.

    Raises:
        NotDivisible: it has a `dataref` of its own, or is too large without its data, too.
    """
    members = [
        member
        for member in json_text.members(event.decode())
        if member.value is not None or member.name not in (*DATA, "dataref")  # null is absent
    ]
    names = [member.name for member in members]
    if "dataref" in names:
        raise NotDivisible("dataref", f"must not be there where the event has more than {MESSAGE_BYTES} bytes.")
    content_type = next((str(member.value) for member in members if member.name == "datacontenttype"), None)
    if len(content_type or "") > MAX_CONTENT_TYPE_LENGTH:
        fault = f"may have at most {MAX_CONTENT_TYPE_LENGTH} characters where the event has more than {MESSAGE_BYTES} bytes."
        raise NotDivisible("datacontenttype", fault)
    at = next((index for index, name in enumerate(names) if name in DATA), None)
    if at is None:
        raise NotDivisible("$", f"has {len(event)} bytes and no data; without data at most {MESSAGE_BYTES} are taken.")
    before = "".join(f"{member.text}," for member in members[:at])
    after = "".join(f",{member.text}" for member in members[at + 1 :])
    rest = len(before.encode()) + len(after.encode())
    if rest > MESSAGE_BYTES - REFERENCE_BYTES:
        raise NotDivisible(
            "$", f"has {rest} bytes without its data; at most {MESSAGE_BYTES - REFERENCE_BYTES} are taken."
        )
    kind = "application/json" if members[at].name == "data" else "application/octet-stream"
    return Payload(_data(members[at], content_type), content_type or kind, before, after)


def _data(member: Member, content_type: str | None) -> bytes:
    """What `dataref` leads to: JSON as it came, else the text or the bytes that the member stands for."""
    if member.name == "data_base64":
        return base64.b64decode(str(member.value))
    if content_type is None or media_type.is_json(content_type):
        return member.value_text.encode()
    return str(member.value).encode()
