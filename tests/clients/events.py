"""Events that each SDK can publish and read, in the shape of the JSON format."""

from collections.abc import Callable
from typing import Any

from tests.clients.sdks import instant

type Event = dict[str, Any]

ATTRIBUTES: Event = {
    "specversion": "1.0",
    "id": "288f71f2-8cbd-3442-1532-ac14f3fd9faa",
    "type": "no.example.created",
    "source": "https://example.no/api?a=b#c",
    "resource": "urn:altinn:resource:example.api",
    "time": "2020-02-20T08:00:06Z",  # the SDKs give an event without a time one of their own
}

_MORE: dict[str, Event] = {
    "JSON data": {"datacontenttype": "application/json", "data": {"a": [1, 2.5, None, True], "æ": "€ 😀 \n\0"}},
    "JSON of another type": {"datacontenttype": "application/vnd.example+json", "data": {"a": 1}},
    "text data": {"datacontenttype": "text/plain", "data": "Blåbær\n€ 😀"},
    "bytes data": {"datacontenttype": "application/octet-stream", "data_base64": "AP/+gA=="},
    "no data": {},
    "extensions": {"text": "a+b/c?d=e", "yes": True, "no": False, "number": 7, "negative": -(2**31)},
    "a time with an offset": {"time": "2020-02-20T23:59:59.125-09:30"},
    "percent-encoding": {"source": "/%C3%A6?%41", "subject": "Åse Ødegård", "alternativesubject": '€ 😀, "100 %" \\'},
}

EVENTS = {name: {**ATTRIBUTES, "id": f"{number}", **more} for number, (name, more) in enumerate(_MORE.items(), 1)}
"""By what is special about each."""


def as_read(event: Event) -> Event:
    """The event as `sdks` tell it."""
    return {**event, "time": instant(event["time"])}


def as_text(event: Event, text: Callable[[Any], str]) -> Event:
    """The event where each attribute is a string, as in headers; `text` is how the publisher writes a value."""
    return {
        name: value if value is None or name in ("data", "data_base64") else text(value)
        for name, value in event.items()
    }


def as_dotnet_reads(event: Event, text: Callable[[Any], str]) -> Event:
    """The same, as the SDK for .NET tells it: it names the type that data has where none is named."""
    return as_text({"datacontenttype": "application/json", **event} if "data" in event else event, text)
