"""Every refusal of the endpoint: one family, rendered as problem details (RFC 9457).

    Problem
     ├─ InvalidEvent          400  the JSON or the event breaks a rule
     ├─ Unauthenticated       401  no bearer token came
     │   └─ InvalidToken      401  one came, and it is not good
     ├─ InsufficientScope     403  a good token without the publish scope
     ├─ PublishForbidden      403  this publisher may not publish this event
     ├─ NotFound              404
     ├─ MethodNotAllowed      405
     ├─ LengthRequired        411  a body was announced but did not come
     ├─ EventTooLarge         413
     ├─ BatchTooLarge         413
     ├─ RequestTooLarge       413
     ├─ UnsupportedMediaType  415
     ├─ Unavailable           503  nothing is wrong with the request; try again
     │   ├─ KeysUnavailable        the issuer's keys cannot be fetched
     │   ├─ PolicyUnavailable      nobody can say whether the publisher may
     │   ├─ Overloaded             too many wait for storage
     │   ├─ QueueUnavailable       storage did not acknowledge
     │   └─ NotReady               nothing can be published
     └─ InternalError         500  a defect of ours

A step raises one; the endpoint alone turns it into a response. A detail says what is wrong and what would be right, and
never repeats a value that came: it may be personal. `meaning` and `remedy` are what the page of a kind says.
"""

import itertools
import json
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

CONTENT_TYPE = "application/problem+json"
BASE_PATH = "/events/api/v1"
TYPE_PREFIX = f"{BASE_PATH}/problems/"

MAX_ERRORS = 100
"""Members that one problem names, at most: as many as anybody will read."""

type Faults = Mapping[str, Sequence[str]]
"""What is wrong, by member: its name (``$`` for the body as a whole) → messages."""


class Problem(Exception):
    """A refusal; `kind` ends its ``type`` URI, `headers` go out beside its body, `extensions` in it."""

    status: ClassVar[int]
    kind: ClassVar[str]
    title: ClassVar[str]
    meaning: ClassVar[str]
    remedy: ClassVar[str]

    cause: str | None = None
    """What lies behind it, for the log alone."""

    def __init__(
        self,
        detail: str,
        *,
        errors: Faults | None = None,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = dict(itertools.islice(errors.items(), MAX_ERRORS)) if errors else None
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})

    def body(self, trace_id: str) -> bytes:
        """The problem details object (RFC 9457 §3), with `traceId`, and `errors` where members are at fault."""
        details = {
            "type": TYPE_PREFIX + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "traceId": trace_id,
            **self.extensions,
        }
        if self.errors:
            details["errors"] = self.errors
        return json.dumps(details, indent=2, ensure_ascii=False).encode() + b"\n"


def kinds(family: type[Problem] = Problem) -> dict[str, type[Problem]]:
    """The problems that are raised, by kind, in the order of their status."""
    found = {family.kind: family} if "kind" in vars(family) else {}
    for child in family.__subclasses__():
        found |= kinds(child)
    return dict(sorted(found.items(), key=lambda each: each[1].status))


class InvalidEvent(Problem):
    """400 with all faults at once, or `MAX_ERRORS` of them."""

    status, kind, title = 400, "invalid-event", "The event is not valid"
    meaning = "The body is not JSON where it must be, or an event breaks a rule. Nothing of the request was queued."
    remedy = (
        "`errors` has every member at fault, with what is wrong, what would be right, and where that is written. A member"
        " is named as the attribute is in each content mode (`id`, not `ce-id`); `$` is the body as a whole;"
        " `[2].source` is the source of the third event of a batch, and `[2]` that event as a whole. Fix the event and"
        " send it again; as it is, it will be refused each time."
    )

    def __init__(self, faults: Faults) -> None:
        at_fault, first = "1 member is" if len(faults) == 1 else f"{len(faults)} members are", ""
        if "$" in faults:
            at_fault = "The body as a whole is"
        elif len(faults) > MAX_ERRORS:
            at_fault, first = f"More than {MAX_ERRORS} members are", f" with the first {MAX_ERRORS}"
        super().__init__(f"{at_fault} at fault; errors says what is wrong{first}.", errors=faults)
        self.faults = faults


class Unauthenticated(Problem):
    """401 without an error code: no bearer token came (RFC 6750 §3.1)."""

    status, kind, title = 401, "unauthenticated", "A bearer token is required"
    meaning = "The request has no `Authorization` header with a bearer token."
    remedy = (
        "Fetch an access token from the issuer, and send it in one header, `Authorization: Bearer TOKEN`. A token in the"
        " query is not looked at."
    )
    challenge: ClassVar[str] = 'Bearer realm="events"'

    def __init__(self, detail: str = "Send an Authorization header with a bearer token.") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": self.challenge})


class InvalidToken(Unauthenticated):
    """401 ``invalid_token``: the detail must be printable ASCII without quotes or backslashes (RFC 6750 §3)."""

    kind, title = "invalid-token", "The access token is not valid"
    meaning = (
        "A token came, and it is malformed, expired, not from an issuer that is trusted here, or not signed by it."
    )
    remedy = (
        "`detail` says which. Fetch a new token, and send it as it came. When a new one is refused too, compare its"
        " issuer, and its audience if it has one, with those that this endpoint trusts."
    )

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.headers["WWW-Authenticate"] = f'{self.challenge}, error="invalid_token", error_description="{detail}"'


class InsufficientScope(Problem):
    """403 ``insufficient_scope`` (RFC 6750 §3.1)."""

    status, kind, title = 403, "insufficient-scope", "The access token lacks the scope"
    meaning = "The token is good, but does not hold the scope that publishing needs."
    remedy = "Ask the issuer for a token with the scope that `detail` and `WWW-Authenticate` name."

    def __init__(self, scope: str) -> None:
        challenge = f'{Unauthenticated.challenge}, error="insufficient_scope", scope="{scope}"'
        super().__init__(f"The token must hold the scope {scope}.", headers={"WWW-Authenticate": challenge})


class PublishForbidden(Problem):
    """403: by policy; `resources` of the events that were refused by their index, `of` as many as there are."""

    status, kind, title = 403, "publish-forbidden", "The publisher may not publish this"
    meaning = (
        "The token is good, but the publisher that it speaks for may not publish an event of this type and source on"
        " this resource. Nothing of the request was queued."
    )
    remedy = (
        "`detail` has the publisher and the resource; of a batch, `errors` has them for each event that was refused, and"
        " the others may be sent without those. Compare both with what you meant, then ask whoever runs this endpoint,"
        " or the owner of the resource, for the right to publish on it. As it is, it will be refused each time."
    )

    def __init__(self, publisher: str, resources: Mapping[int, str], *, of: int) -> None:
        if of == 1:
            super().__init__(f"{publisher} may not publish this event on {resources[0]}.")
        else:
            super().__init__(
                f"{publisher} may not publish {len(resources)} of the {of} events; errors says which.",
                errors={
                    f"[{index}]": [f"may not be published on {resource} by {publisher}."]
                    for index, resource in resources.items()
                },
            )


class NotFound(Problem):
    """404: a problem of that kind does not exist (RFC 9110 §15.5.5)."""

    status, kind, title = 404, "not-found", "There is nothing here"
    meaning = "No problem has the kind that the path ends with."
    remedy = "Follow the `type` of a problem as it came."

    def __init__(self) -> None:
        super().__init__(f"There is no such problem; there are {', '.join(kinds())}.")


class MethodNotAllowed(Problem):
    """405 with ``Allow`` (RFC 9110 §15.5.6)."""

    status, kind, title = 405, "method-not-allowed", "The method is not allowed here"
    meaning = "The path exists, but not for this HTTP method."
    remedy = "Use one of the methods that `Allow` names; events are published with `POST`."

    def __init__(self, allowed: Iterable[str]) -> None:
        methods = ", ".join(allowed)
        super().__init__(f"Use {methods}.", headers={"Allow": methods})


class LengthRequired(Problem):
    """411: a body without a ``Content-Length`` does not reach the function (RFC 9110 §15.5.12)."""

    status, kind, title = 411, "length-required", "A Content-Length is required"
    meaning = "The body was sent in chunks, without a `Content-Length`, and did not arrive. Nothing was queued."
    remedy = "Send the body with a `Content-Length`: hand the HTTP client the whole body, not a stream."

    def __init__(self) -> None:
        super().__init__("The body was sent in chunks and did not arrive; send it with a Content-Length.")


class EventTooLarge(Problem):
    """413: an event has more bytes than are taken, or more than a message holds and cannot travel without its data."""

    status, kind, title = 413, "event-too-large", "The event is too large"
    meaning = (
        "An event has more bytes than are taken: of its JSON as it came, or in binary content mode of the JSON that"
        " headers and body make, where data that is neither JSON nor text counts as base64. Or it has more than a queue"
        " message holds, where larger ones are taken, and its data cannot lie beside the queue: the event has a `dataref`"
        " of its own, or its attributes alone are too large. Nothing was queued."
    )
    remedy = (
        "`errors` says which. Send less data, or put it where consumers can fetch it and send its address in `dataref`."
    )

    def __init__(self, faults: Faults, detail: str) -> None:
        super().__init__(detail, errors=faults)


class BatchTooLarge(Problem):
    """413: more events than are taken at once."""

    status, kind, title = 413, "batch-too-large", "The batch has too many events"
    meaning = "The batch has more events than are taken in one request. Nothing was queued."
    remedy = "Send the events in several batches, none with more events than `detail` says."

    def __init__(self, limit: int) -> None:
        super().__init__(f"A batch may have at most {limit} events; send several.")


class RequestTooLarge(Problem):
    """413: sizes in bytes."""

    status, kind, title = 413, "request-too-large", "The request is too large"
    meaning = "The body has more bytes than are taken in one request. Nothing was queued."
    remedy = "Send the events of a batch in several; one event must be far smaller."

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"The body has {size} bytes; a request may have at most {limit}.")


class UnsupportedMediaType(Problem):
    """415 with the media types that are taken in ``Accept-Post`` (RFC 9110 §15.5.16, Linked Data Platform §7.1)."""

    status, kind, title = 415, "unsupported-media-type", "The content type is not supported"
    meaning = (
        "The `Content-Type` is none that is accepted for events, its `charset` is not UTF-8 where JSON is sent, or the"
        " body has a `Content-Encoding`. Nothing was queued."
    )
    remedy = (
        "Send one event as `application/cloudevents+json`, several as `application/cloudevents-batch+json`, or data of"
        " any type with the attributes in `ce-` headers. `Accept-Post` lists the types. Do not compress the body."
    )

    def __init__(self, detail: str, accepted: Iterable[str], *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail, headers={"Accept-Post": ", ".join(accepted), **(headers or {})})


class Unavailable(Problem):
    """503: the request was not judged wrong, nothing is claimed of it, and the same request may be sent again."""

    status = 503

    def __init__(
        self, detail: str, *, cause: str | None = None, extensions: Mapping[str, object] | None = None
    ) -> None:
        # Jittered, so that the publishers of one outage do not all come back in the same second.
        super().__init__(detail, headers={"Retry-After": str(random.randint(1, 5))}, extensions=extensions)
        self.cause = cause


class KeysUnavailable(Unavailable):
    """503: without the issuer's keys a token can be judged neither good nor bad."""

    kind, title = "keys-unavailable", "The token cannot be checked right now"
    meaning = "The keys of the token's issuer cannot be fetched, so the token was not judged. Nothing was queued."
    remedy = "Send the same request again after `Retry-After` seconds, with the same `id` and `source`."

    def __init__(self, cause: str | None = None) -> None:
        super().__init__("The keys of the token's issuer cannot be fetched. Send the same request again.", cause=cause)


class PolicyUnavailable(Unavailable):
    """503: without a decision nothing is permitted, and nothing refused for good."""

    kind, title = "policy-unavailable", "The right to publish cannot be checked right now"
    meaning = "Altinn Authorization gave no decision in time, so the event was not judged. Nothing was queued."
    remedy = "Send the same request again after `Retry-After` seconds, with the same `id` and `source`."

    def __init__(self, cause: str | None = None) -> None:
        super().__init__(
            "Whether the publisher may publish this cannot be decided. Send the same request again.", cause=cause
        )


class Overloaded(Unavailable):
    """503: too many wait for storage, so this request did not even join them."""

    kind, title = "overloaded", "Too many events wait right now"
    meaning = "More events wait for storage than it takes in time. Nothing was queued."
    remedy = (
        "Send the same event or batch again after `Retry-After` seconds, with the same `id` and `source`; when it is"
        " refused again, with longer pauses each time."
    )

    def __init__(self, cause: str | None = None) -> None:
        super().__init__("Too many events wait, and nothing was queued. Send the same request again.", cause=cause)


class QueueUnavailable(Unavailable):
    """503: storage did not acknowledge each event in time; one that it did not may be on the queue all the same."""

    kind, title = "queue-unavailable", "The event cannot be queued right now"
    meaning = (
        "Storage did not acknowledge every event in time. An event that it did not acknowledge may or may not be on the"
        " queue; consumers drop repeats by `source` and `id`."
    )
    remedy = (
        "Send the same event again after `Retry-After` seconds, with the same `id` and `source`. When a batch got part"
        " of the way, `enqueued` and `notEnqueued` are the indices of its events, counted from 0: send again those in"
        " `notEnqueued`. Without the two, send it all again."
    )

    def __init__(
        self, *, enqueued: Collection[int] = (), not_enqueued: Collection[int] = (), cause: str | None = None
    ) -> None:
        if enqueued:
            super().__init__(
                "Storage acknowledged only part of the batch. Send the events in notEnqueued again, with the same id"
                " and source.",
                cause=cause,
                extensions={"enqueued": sorted(enqueued), "notEnqueued": sorted(not_enqueued)},
            )
        else:
            super().__init__(
                "Storage did not acknowledge what was sent. Send it again, with the same id and source.", cause=cause
            )


class NotReady(Unavailable):
    """503: an event that came now could not be published."""

    kind, title = "not-ready", "The endpoint cannot publish right now"
    meaning = "No issuer's keys are at hand, or the queue cannot be reached. Only `/health/ready` answers so."
    remedy = "Ask again after `Retry-After` seconds. Whoever runs the endpoint finds the reason in its log."

    def __init__(self, cause: str | None = None) -> None:
        super().__init__("An event that came now could not be published.", cause=cause)


class InternalError(Problem):
    """500: a defect of ours, never of the request; says nothing about what broke."""

    status, kind, title = 500, "internal-error", "The endpoint failed"
    meaning = "The endpoint has a defect. Whether the event was queued is not known."
    remedy = "Send the same event again, with the same `id` and `source`. If it fails again, report the trace id."

    def __init__(self) -> None:
        super().__init__("This is a defect of the endpoint, and it has been logged. Report it with the trace id.")
