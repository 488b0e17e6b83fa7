"""What came: from the headers and the body of a request to its events (CloudEvents HTTP binding §3).

In structured and batched content mode the bytes of an event that came are what is queued; in binary mode its JSON is
made of headers and body.
"""

from collections.abc import Mapping, Sequence

from events_publish import binary, claim_check, envelope, json_text, media_type
from events_publish.claim_check import DATA, MESSAGE_BYTES, NotDivisible
from events_publish.envelope import Event
from events_publish.json_text import Element, NotJson
from events_publish.media_type import MediaType
from events_publish.problem import (
    MAX_ERRORS,
    BatchTooLarge,
    EventTooLarge,
    InvalidEvent,
    LengthRequired,
    RequestTooLarge,
    UnsupportedMediaType,
)
from events_publish.settings import Limits

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
BINARY = "binary"
ACCEPTED = (STRUCTURED, BATCH, "application/json")

MODES = f"Send an event as {STRUCTURED}, several as {BATCH}, or the data alone with the attributes in ce- headers."

INDIVISIBLE = (
    f"An event of more than {MESSAGE_BYTES} bytes travels without its data, which lies beside the queue; errors says why"
    " this one cannot."
)


def parse(headers: Mapping[str, str], body: bytes, limits: Limits) -> tuple[Event, ...]:
    """The events of a request; `headers` by lower-case name.

    Raises:
        UnsupportedMediaType: the content type or coding is none that is taken.
        LengthRequired: a body was announced and did not come.
        RequestTooLarge, BatchTooLarge, EventTooLarge: a limit is passed.
        InvalidEvent: the body is not JSON where it must be, or not a valid event or batch of them.
    """
    content_type = media_type.parse(headers.get("content-type", ""))
    mode = _mode(headers, content_type)
    if media_type.is_json(content_type.essence) and content_type.charset not in (None, "utf-8"):
        raise UnsupportedMediaType("JSON is UTF-8 (RFC 8259); leave charset out, or set it to utf-8.", ACCEPTED)
    codings = headers.get("content-encoding", "").lower().split(",")
    if any(coding.strip(" \t") not in ("", "identity") for coding in codings):
        raise UnsupportedMediaType(
            "Send the body without a Content-Encoding.", ACCEPTED, headers={"Accept-Encoding": "identity"}
        )
    if not body and "transfer-encoding" in headers:
        raise LengthRequired
    if len(body) > limits.request_bytes:
        raise RequestTooLarge(len(body), limits.request_bytes)
    if mode == BATCH:
        return _batch(body, limits)
    if len(body) > limits.event_bytes:
        raise too_large({"$": len(body)}, limits.event_bytes)
    event = _structured(body) if mode == STRUCTURED else binary.event(headers, content_type, body)
    if len(event.body) > limits.event_bytes:
        raise too_large({"$": len(event.body)}, limits.event_bytes)
    try:
        return (_portable(event),)
    except NotDivisible as error:
        raise EventTooLarge({error.name: [str(error)]}, INDIVISIBLE) from error


def _mode(headers: Mapping[str, str], content_type: MediaType) -> str:
    """`STRUCTURED`, `BATCH` or `BINARY`."""
    if content_type.essence in (STRUCTURED, BATCH):
        return content_type.essence
    # By its prefix, as the binding has it, so that a fault in the rest does not make it another mode.
    if headers.get("content-type", "").lstrip(" \t").lower().startswith("application/cloudevents"):
        raise UnsupportedMediaType(f"The CloudEvents formats that are accepted are {STRUCTURED} and {BATCH}.", ACCEPTED)
    if any(name.startswith(binary.PREFIX) for name in headers):
        return BINARY
    if content_type.essence == "application/json":
        return STRUCTURED
    raise UnsupportedMediaType(MODES, ACCEPTED)


def _structured(body: bytes) -> Event:
    try:
        text = json_text.decode(body)
        value = json_text.parse(text)
    except NotJson as error:
        raise InvalidEvent({"$": [str(error)]}) from error
    return _event(value, body)


def _batch(body: bytes, limits: Limits) -> tuple[Event, ...]:
    """All events of a batch; where one is at fault none is taken (CloudEvents JSON format §4)."""
    elements = _elements(body, limits.batch_events)
    bodies = [element.text.encode() for element in elements]
    sizes = {f"[{index}]": len(each) for index, each in enumerate(bodies) if len(each) > limits.event_bytes}
    if sizes:
        raise too_large(sizes, limits.event_bytes)
    events: list[Event] = []
    faults: dict[str, Sequence[str]] = {}
    indivisible: dict[str, Sequence[str]] = {}
    for index, element in enumerate(elements):
        try:
            json_text.require_portable(element.value, element.text)
            events.append(_portable(_event(element.value, bodies[index])))
        except NotJson as error:
            faults[f"[{index}]"] = [str(error)]
        except InvalidEvent as refused:
            faults |= {_in_batch(index, name): fault for name, fault in refused.faults.items()}
        except NotDivisible as error:
            indivisible[_in_batch(index, error.name)] = [str(error)]
        if len(faults) > MAX_ERRORS:
            break  # the rest would not be shown
    if faults:
        raise InvalidEvent(faults)
    if indivisible:
        raise EventTooLarge(indivisible, INDIVISIBLE)
    return tuple(events)


def _in_batch(index: int, name: str) -> str:
    return f"[{index}]" if name == "$" else f"[{index}].{name}"


def _elements(body: bytes, limit: int) -> list[Element]:
    elements: list[Element] = []
    try:
        for element in json_text.elements(json_text.decode(body)):
            if len(elements) == limit:
                raise BatchTooLarge(limit)
            elements.append(element)
    except NotJson as error:
        raise InvalidEvent({"$": [str(error)]}) from error
    return elements


def too_large(sizes: Mapping[str, int], limit: int) -> EventTooLarge:
    """The refusal of events by their place, with how many bytes they have and may have."""
    return EventTooLarge(
        {name: [f"has {size} bytes; at most {limit} are taken."] for name, size in sizes.items()},
        f"An event may have at most {limit} bytes as JSON; errors says what is too large.",
    )


def _portable(event: Event) -> Event:
    """The event as it can travel: with a payload where no message holds it.

    Raises:
        NotDivisible: it cannot.
    """
    if len(event.body) <= MESSAGE_BYTES:
        return event
    return event._replace(payload=claim_check.payload(event.body))


def _event(value: object, body: bytes) -> Event:
    """The event that a JSON value is, and `body` its bytes."""
    if not isinstance(value, tuple):
        raise InvalidEvent({"$": ["must be a JSON object: one CloudEvent."]})
    faults = envelope.faults(value)
    if faults:
        raise InvalidEvent(faults)
    attributes = {name: member for name, member in value if member is not None and name not in DATA}
    return Event(attributes, body)
