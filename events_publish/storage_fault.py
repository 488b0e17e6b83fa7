"""A fault of Azure Storage: whether it may pass, whether storage may have done what it was asked, who can mend it."""

import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from events_publish.http_client import ConnectFailed
from events_publish.http_connection import OddAnswer

CLIENT_REQUEST_ID = "x-ms-client-request-id"
"""What a request is called by who makes it; storage repeats it in its answer."""

UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, SyntaxError, TypeError, ValueError),
    zlib.error,
)
"""What is raised when nobody can make sense of an answer, such as HTML where XML should be."""

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


def may_count(status: int, answered: str | None, *, asked: str | None) -> bool:
    """Whether an answer may be that to a request, by what each is called.

    A gateway may refuse in storage's place; that all is well is for storage to say.
    """
    return answered == asked or (answered is None and status >= 300)


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
    status: int = 0
    code: str = ""
    """Of the answer, where it has one."""


class StorageError(Exception):
    """A call of storage failed, by this fault."""

    def __init__(self, fault: StorageFault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class NoToken(StorageError):
    """The identity gave no token, by a fault of its own endpoint; so storage was not asked."""

    def __init__(self, fault: StorageFault) -> None:
        super().__init__(fault._replace(nothing_done=True, advice=NO_TOKEN))


FAULTS = (StorageError, OSError, *UNREADABLE)
"""All that a call of storage raises when the fault is not ours; a TimeoutError is an OSError."""


def read(error: Exception) -> StorageFault:
    """The fault that an exception of `FAULTS` tells of."""
    if isinstance(error, StorageError):
        return error.fault
    # Cut connections, time-outs, answers that nobody can read: storage may have done it.
    why = f": {error.strerror}" if isinstance(error, ConnectFailed) and error.strerror else ""
    return StorageFault(
        type(error).__name__ + why,
        may_pass=True,
        nothing_done=isinstance(error, ConnectFailed),
        advice=NOT_STORAGE if isinstance(error, OddAnswer) else "",
    )


def of_answer(status: int, code: str, headers: Mapping[str, str], *, of_storage: bool = True) -> StorageFault:
    """The fault that an answer tells of: `code` is what storage calls it, `headers` are by lower-case name.

    Else `of_storage` it is of the endpoint of an identity.
    """
    code = code if _IS_ERROR_CODE(code) else ""  # what is none is not for the log
    fault = StorageFault(
        f"HttpResponseError {status} {code}".rstrip(), may_pass=True, nothing_done=False, status=status, code=code
    )
    if not 300 <= status < 600:
        return fault
    refused = 400 <= status < 500 and status != 408
    own = CLIENT_REQUEST_ID in headers
    if of_storage and refused and not own and not code:  # a gateway's: nobody knows what it is about
        return fault._replace(advice=NOT_STORAGE)
    return fault._replace(
        may_pass=status in MAY_PASS,
        nothing_done=refused and own,
        retry_after=_retry_after(headers.get("retry-after", "")),
        advice=_advice(status, code),
    )


def error_code(headers: Mapping[str, str], body: bytes) -> str:
    """What storage calls the error of an answer; empty where it does not say."""
    found = _ERROR_CODE(body)
    return headers.get("x-ms-error-code") or (found[1].decode() if found else "")


_ERROR_CODE = re.compile(rb"<Code>([A-Za-z0-9_]{1,100})</Code>").search
_IS_ERROR_CODE = re.compile(r"[A-Za-z0-9_]{1,100}").fullmatch


def _advice(status: int, code: str) -> str:
    if code in ADVICE:
        return ADVICE[code]
    if status in (401, 403):
        return REFUSED_IDENTITY
    if status == 507 or FULL.search(code):
        return "the storage account is full: make room, or ask for a higher limit"
    return ""


def _retry_after(text: str) -> float:
    """RFC 9110 §10.2.3; 0 where storage says nothing, or nothing that can be read."""
    if re.fullmatch("[0-9]{1,9}", text):
        return int(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except UNREADABLE:
        return 0
