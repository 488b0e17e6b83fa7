"""A fault of Azure Storage: whether it may pass, whether storage may have done what it was asked, who can mend it."""

import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import aiohttp
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from events_publish.http_session import OddAnswer
from events_publish.storage_session import CLIENT_REQUEST_ID

UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, SyntaxError, TypeError, ValueError),
    zlib.error,
)
"""What the client lets through when it cannot make sense of an answer, such as HTML where XML should be."""

FAULTS = (AzureError, aiohttp.ClientError, OSError, *UNREADABLE)
"""All that a call of storage raises when the fault is not ours; a TimeoutError is an OSError."""

MAY_PASS = frozenset({408, 429, 500, 502, 503, 504})
"""Status codes of faults that may be gone a moment later."""

REFUSED_IDENTITY = "grant its identity the role {role} on it, or set right what EVENTS_STORAGE signs with"

NO_TOKEN = "no token could be had: see that the function has the identity, and EVENTS_STORAGE__clientId is its"

NOT_STORAGE = "what answers is not storage: look for a proxy or a gateway before it"

ADVICE = {
    "QueueNotFound": "create it: the identity may not",
    "ContainerNotFound": "create it: the identity may not",
    "AuthorizationFailure": "let the function through the account's network rules, and " + REFUSED_IDENTITY,
    "KeyBasedAuthenticationNotPermitted": "shared keys are off: set EVENTS_STORAGE__queueServiceUri instead of a key",
    "AccountIsDisabled": "the storage account is disabled: enable it",
    "InsufficientAccountPermissions": "the storage account takes no writes: see whether it is full or failing over",
    "QueueDisabled": "the queue is disabled: enable it",
    "ContainerDisabled": "the container is disabled: enable it",
}
"""What whoever runs the function can do, by error code of storage."""

FULL = re.compile(r"Capacity|Quota|Limit|InsufficientStorage")


class StorageFault(NamedTuple):
    """What went wrong, in words that repeat nothing of what was sent."""

    reason: str
    """The error's kind, and the status and code of storage where it answered."""
    may_pass: bool
    """Whether another attempt is worth while."""
    nothing_done: bool
    """Storage has surely not done it: it refused, or was never asked."""
    retry_after: float = 0
    """Seconds that storage asked to wait for."""
    advice: str = ""
    """What whoever runs the function can do about it, with ``{role}`` for the role that is needed."""


class NoToken(AzureError):
    """The identity gave no token, by a fault of its own endpoint; so storage was not asked."""

    def __init__(self, fault: StorageFault) -> None:
        super().__init__(fault.reason)
        self.fault = fault._replace(nothing_done=True, advice=NO_TOKEN)


def read(error: Exception, *, of_storage: bool = True) -> StorageFault:
    """The fault that an exception of `FAULTS` tells of; else `of_storage` of the endpoint of an identity."""
    if isinstance(error, NoToken):
        return error.fault
    status = getattr(error, "status_code", None)
    code = getattr(error, "error_code", None) or ""
    code = str(getattr(code, "value", code))  # an enum's member where the client knows the code
    code = code if re.fullmatch(r"[A-Za-z0-9_]{1,100}", code) else ""  # what is none is not for the log
    inner = getattr(error, "inner_exception", None) or error
    kind = type(inner if isinstance(inner, (aiohttp.ClientError, OSError)) else error).__name__
    reason = " ".join(str(part) for part in (kind, status, code) if part)
    if not isinstance(status, int) or not 300 <= status < 600:
        if isinstance(error, ClientAuthenticationError):  # by the client itself: there is nothing to sign in with
            return StorageFault(reason, may_pass=False, nothing_done=True)
        # Cut connections, time-outs, answers that nobody can read: storage may have done it.
        return StorageFault(
            reason,
            may_pass=True,
            nothing_done=isinstance(inner, aiohttp.ClientConnectorError),
            advice=NOT_STORAGE if isinstance(inner, OddAnswer) else "",
        )
    refused = 400 <= status < 500 and status != 408
    own = CLIENT_REQUEST_ID in _headers(error)
    if (
        of_storage and refused and not own and not code
    ):  # a gateway's, or to another request: nobody knows what it is about
        return StorageFault(reason, may_pass=True, nothing_done=False, advice=NOT_STORAGE)
    return StorageFault(
        reason,
        may_pass=status in MAY_PASS,
        nothing_done=refused and own,
        retry_after=_retry_after(error),
        advice=_advice(status, code),
    )


def _advice(status: int, code: str) -> str:
    if code in ADVICE:
        return ADVICE[code]
    if status in (401, 403):
        return REFUSED_IDENTITY
    if status == 507 or FULL.search(code):
        return "the storage account is full: make room, or ask for a higher limit"
    return ""


def _headers(error: Exception) -> Mapping[str, str]:
    """Of the answer; by name in any case."""
    response: Any = error.response if isinstance(error, HttpResponseError) else None
    return {} if response is None else response.headers


def _retry_after(error: Exception) -> float:
    """RFC 9110 §10.2.3; 0 where storage says nothing, or nothing that can be read."""
    text = str(_headers(error).get("Retry-After", ""))
    if re.fullmatch("[0-9]{1,9}", text):
        return int(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except UNREADABLE:
        return 0
