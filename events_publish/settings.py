"""Every setting of the function, read once.

Values come as strings, as Azure Functions hands over app settings. All faults are collected and reported
together, one line each: the name, what is wrong, what it must be. A refused value is not repeated; it may be a secret.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from events_publish import connection_string, issuers, publish_policy, secure_url, shards
from events_publish.claim_check import MESSAGE_BYTES
from events_publish.issuers import Issuer
from events_publish.json_setting import InvalidJsonSetting
from events_publish.publish_policy import Policy

NAMES = (
    "EVENTS_STORAGE",
    "EVENTS_STORAGE__queueServiceUri",
    "EVENTS_STORAGE__blobServiceUri",
    "EVENTS_STORAGE__credential",
    "EVENTS_STORAGE__clientId",
    "EVENTS_QUEUE_NAME",
    "EVENTS_QUEUE_SHARDS",
    "TOKEN_ISSUERS",
    "PUBLISH_SCOPE",
    "PUBLISH_POLICY",
    "PDP_URL",
    "PDP_SUBSCRIPTION_KEY",
    "MAX_EVENT_BYTES",
    "MAX_BATCH_EVENTS",
    "MAX_REQUEST_BYTES",
    "PUBLISH_TIMEOUT_SECONDS",
)
"""The name of every setting; the tests compare the docs and the sample with this."""

IDENTITY_ENDPOINT, IDENTITY_HEADER = "IDENTITY_ENDPOINT", "IDENTITY_HEADER"
"""What Azure tells a function app that has an identity; nobody sets them."""

HOST_REQUEST_BYTES = 104_857_600
"""What the Functions host takes as a body."""

QUEUE_NAME_LENGTH = 63
"""What Azure Storage takes as the name of a queue."""

DEFAULT_CHAIN = "default"
"""azure-identity's DefaultAzureCredential: what an identity-based connection uses when no credential is named."""


class InvalidSettings(ValueError):
    """Settings are missing or wrong; `faults` has one line for each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("the settings have faults.\n" + "\n".join(faults))


@dataclass(frozen=True)
class Connection:
    """Where the storage account is, and who asks: by a connection string, or by a service URI and an identity."""

    connection_string: str | None = field(default=None, repr=False)
    queue_service_uri: str | None = None
    blob_service_uri: str | None = None
    """Of the same account; None beside a connection string, which has its own."""
    credential: str = DEFAULT_CHAIN
    """`managedidentity`, or `DEFAULT_CHAIN`."""
    client_id: str | None = None
    """The client id of a user-assigned identity."""
    identity_endpoint: str | None = None
    """Where the function gets tokens of a managed identity, if Azure says so."""
    identity_header: str | None = field(default=None, repr=False)
    """The secret that it is known there by."""

    @property
    def has_blob_service(self) -> bool:
        """Whether events can be taken that no message holds."""
        if self.connection_string is not None:
            return connection_string.has_blob_service(self.connection_string)
        return self.blob_service_uri is not None


@dataclass(frozen=True)
class DecisionPoint:
    """Altinn Authorization: the URL of its decision endpoint, and the key of our subscription to it, which is a secret."""

    url: str
    subscription_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Limits:
    """How much is taken."""

    event_bytes: int
    """Of one event, as JSON."""
    batch_events: int
    """In one batch."""
    request_bytes: int
    """Of one body."""


@dataclass(frozen=True)
class Settings:
    """The settings, checked; made by `from_environ`."""

    storage: Connection
    issuers: tuple[Issuer, ...]
    queue_name: str
    queue_shards: int
    """How many queues there are; `shards.names` has their names."""
    publish_scope: str
    policy: Policy | None
    """Absent: whoever holds the scope may publish."""
    decision_point: DecisionPoint | None
    """Absent: it is not asked."""
    limits: Limits
    publish_timeout_seconds: float

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], folder: Path = Path()) -> "Settings":
        """Read `environ` (``os.environ``, or any mapping); `folder` is that of the function app, where its files are.

        Raises:
            InvalidSettings: with a line for each setting that is missing or wrong.
        """
        reader = _Reader(environ)
        storage = _connection(reader)
        queue_name, queue_shards = _queues(reader)
        settings = cls(
            storage=storage,
            issuers=reader.read("TOKEN_ISSUERS", issuers.parse, issuers.MUST_BE),
            queue_name=queue_name,
            queue_shards=queue_shards,
            publish_scope=reader.read(
                "PUBLISH_SCOPE",
                _scope,
                "one scope: printable ASCII without space, quote or backslash",
                default="altinn:events.publish",
            ),
            policy=_policy(reader, folder),
            decision_point=_decision_point(reader),
            limits=_limits(reader, storage),
            publish_timeout_seconds=reader.read(
                "PUBLISH_TIMEOUT_SECONDS", _seconds, "a number of seconds from 4 to 50", default="10"
            ),
        )
        if reader.faults:
            raise InvalidSettings(reader.faults)
        return settings


class _Reader:
    """Reads one setting after the other and keeps the faults instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []

    def get(self, name: str) -> str | None:
        return self._environ.get(name) or None  # Azure and local.settings.json hand over an unset value as ""

    def read[T](self, name: str, parse: Callable[[str], T], must_be: str, *, default: str | None = None) -> T:
        """The setting `name` through `parse`, which raises ValueError for what is not `must_be`."""
        text = self.get(name) or default
        if text is not None:
            return self.parse(name, text, parse, must_be)
        self.fault(name, "is missing", must_be)
        return None  # type: ignore[return-value]  # goes nowhere: a fault makes from_environ raise

    def parse[T](self, name: str, text: str, parse: Callable[[str], T], must_be: str) -> T:
        """As `read`, for a value that is at hand."""
        try:
            return parse(text)
        except InvalidJsonSetting as invalid:
            for fault in invalid.faults:
                self.fault(name + fault.place, fault.wrong, fault.must_be)
        except ValueError:
            self.fault(name, "is wrong", must_be)
        return None  # type: ignore[return-value]  # goes nowhere, too

    def fault(self, name: str, wrong: str, must_be: str) -> None:
        self.faults.append(f"{name}: {wrong}; it must be {must_be}")


def _connection(reader: _Reader) -> Connection:
    if not any(reader.get(name) for name in NAMES if name.startswith("EVENTS_STORAGE__")):
        return Connection(
            connection_string=reader.read(
                "EVENTS_STORAGE",
                connection_string.parse,
                "a connection string of Azure Storage (UseDevelopmentStorage=true for Azurite),"
                " or left out in favour of EVENTS_STORAGE__queueServiceUri",
            )
        )
    if reader.get("EVENTS_STORAGE"):
        reader.fault("EVENTS_STORAGE", "is set beside EVENTS_STORAGE__…", "the one or the others, not both")
    return Connection(
        queue_service_uri=reader.read(
            "EVENTS_STORAGE__queueServiceUri",
            _service_uri,
            "an https:// URL such as https://ACCOUNT.queue.core.windows.net",
        ),
        blob_service_uri=reader.read(
            "EVENTS_STORAGE__blobServiceUri",
            _service_uri,
            "an https:// URL such as https://ACCOUNT.blob.core.windows.net",
        )
        if reader.get("EVENTS_STORAGE__blobServiceUri")
        else None,
        credential=reader.read(
            "EVENTS_STORAGE__credential",
            _credential,
            "managedidentity, or left out for the default chain of azure-identity",
            default=DEFAULT_CHAIN,
        ),
        client_id=reader.get("EVENTS_STORAGE__clientId"),
        identity_endpoint=reader.get(IDENTITY_ENDPOINT),
        identity_header=reader.get(IDENTITY_HEADER),
    )


def _queues(reader: _Reader) -> tuple[str, int]:
    name = reader.read(
        "EVENTS_QUEUE_NAME",
        _queue_name,
        f"3 to {QUEUE_NAME_LENGTH} lower-case letters, digits and single hyphens, with a letter or digit at both ends",
        default="events-registration",
    )
    number = reader.read(
        "EVENTS_QUEUE_SHARDS", _whole_number(shards.MOST), f"a whole number from 1 to {shards.MOST}", default="1"
    )
    if name and number:
        longest = shards.names(name, number)[-1]
        if len(longest) > QUEUE_NAME_LENGTH:
            reader.fault(
                "EVENTS_QUEUE_NAME",
                "is too long for the numbers that EVENTS_QUEUE_SHARDS puts behind it",
                f"at most {QUEUE_NAME_LENGTH - len(longest) + len(name)} characters",
            )
    return name, number


def _policy(reader: _Reader, folder: Path) -> Policy | None:
    text = reader.get("PUBLISH_POLICY")
    if text is None:
        return None
    if text.startswith("@"):
        try:
            text = (folder / text[1:]).read_text(encoding="utf-8-sig")
        except (OSError, ValueError):
            reader.fault("PUBLISH_POLICY", "names a file that cannot be read", publish_policy.MUST_BE)
            return None
    return reader.parse("PUBLISH_POLICY", text, publish_policy.parse, publish_policy.MUST_BE)


def _decision_point(reader: _Reader) -> DecisionPoint | None:
    key = reader.get("PDP_SUBSCRIPTION_KEY")
    if key and not re.fullmatch(r"[!-~]+\r?\n?", key):  # a secret from a file ends with its line
        reader.fault("PDP_SUBSCRIPTION_KEY", "is wrong", "printable ASCII without spaces")
    if reader.get("PDP_URL"):
        must_be = "the https:// URL of a decision endpoint (http:// on loopback only), without query"
        return DecisionPoint(reader.read("PDP_URL", secure_url.parse, must_be), key and key.rstrip())
    if key:
        reader.fault("PDP_SUBSCRIPTION_KEY", "is set without PDP_URL", "left out, or both set")
    return None


def _limits(reader: _Reader, storage: Connection) -> Limits:
    limits = Limits(
        event_bytes=reader.read(
            "MAX_EVENT_BYTES",
            _whole_number(HOST_REQUEST_BYTES),
            f"a whole number from 1 to {HOST_REQUEST_BYTES}",
            default=str(MESSAGE_BYTES),
        ),
        batch_events=reader.read(
            "MAX_BATCH_EVENTS", _whole_number(10_000), "a whole number from 1 to 10000", default="100"
        ),
        request_bytes=reader.read(
            "MAX_REQUEST_BYTES",
            _whole_number(HOST_REQUEST_BYTES),
            f"a whole number from 1 to {HOST_REQUEST_BYTES}, which is what the Functions host takes",
            default="5242880",
        ),
    )
    if limits.request_bytes and limits.event_bytes and limits.request_bytes < limits.event_bytes:
        reader.fault("MAX_REQUEST_BYTES", "is less than MAX_EVENT_BYTES", "at least that, for an event to fit in")
    if limits.event_bytes and limits.event_bytes > MESSAGE_BYTES and not storage.has_blob_service:
        reader.fault(
            "MAX_EVENT_BYTES",
            "is more than a queue message holds, and no blob service is configured",
            f"at most {MESSAGE_BYTES}, or EVENTS_STORAGE__blobServiceUri set beside it"
            " (in a connection string: BlobEndpoint)",
        )
    return limits


def _credential(text: str) -> str:
    if text not in ("managedidentity", DEFAULT_CHAIN):
        raise ValueError
    return text


def _queue_name(text: str) -> str:
    if not (3 <= len(text) <= QUEUE_NAME_LENGTH and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text)):
        raise ValueError
    return text


def _service_uri(text: str) -> str:
    if not text.startswith("https://") or len(text) > connection_string.MAX_ENDPOINT_LENGTH:
        raise ValueError
    return secure_url.parse(text)


def _scope(text: str) -> str:  # RFC 6749 §3.3
    if not re.fullmatch(r"[!#-\[\]-~]+", text):
        raise ValueError
    return text


def _whole_number(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
            raise ValueError
        return int(text)

    return parse


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", text) or not 4 <= float(text) <= 50:
        raise ValueError  # an attempt at storage has 3 s, and host.json lets the host end a request after 60 s
    return float(text)
