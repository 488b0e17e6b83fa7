"""Connection strings of Azure Storage, checked before the first request would fail on one."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAX_ENDPOINT_LENGTH = 300
"""Of the URL of a service: a reference to a payload must fit in a message."""

DEVELOPMENT_ACCOUNT = "devstoreaccount1"
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Of every Azurite in the world; its documentation prints them."""

DEVELOPMENT = (
    f"AccountName={DEVELOPMENT_ACCOUNT};AccountKey={DEVELOPMENT_KEY};"
    f"QueueEndpoint=http://127.0.0.1:10001/{DEVELOPMENT_ACCOUNT}"
)
"""What ``UseDevelopmentStorage=true`` stands for, as far as the queue goes."""


@dataclass(frozen=True)
class QueueAccount:
    """The queue service of an account, and what a connection string has to ask it with."""

    url: str
    """Without a slash at the end."""
    name: str = ""
    key: bytes = field(default=b"", repr=False)
    shared_access_signature: str = field(default="", repr=False)


def parse(text: str) -> str:
    """The connection string, as it came.

    Raises:
        ValueError: it names no queue service, or nothing to sign with.
    """
    parts = _parts(text)
    known = all(re.fullmatch(_KNOWN.get(name, ".+"), value) for name, value in parts.items())
    if not known or not re.fullmatch(r"[!-~]+", text):
        raise ValueError
    if parts.get("USEDEVELOPMENTSTORAGE") == "true":
        return text
    located = "QUEUEENDPOINT" in parts or ("ACCOUNTNAME" in parts and "QUEUESECONDARYENDPOINT" not in parts)
    signed = {"ACCOUNTNAME", "ACCOUNTKEY"} <= parts.keys() or "SHAREDACCESSSIGNATURE" in parts
    if not located or not signed:
        raise ValueError
    base64.b64decode(parts.get("ACCOUNTKEY", ""), validate=True)
    # Unlike other URLs here, they may be http: the requests are signed, and Azurite in a container has no certificate.
    for name in ("QUEUEENDPOINT", "BLOBENDPOINT"):
        endpoint = urlsplit(parts.get(name, "https://account"))
        if not endpoint.hostname or endpoint.port == 0:  # to read the port is to check it
            raise ValueError
    return text


def has_blob_service(text: str) -> bool:
    """Whether a connection string that `parse` has taken leads to a blob service: by name, or by naming no service."""
    parts = _parts(text)
    return "BLOBENDPOINT" in parts or not any(name.endswith("ENDPOINT") for name in parts)


def queue_account(text: str) -> QueueAccount:
    """The queue service that a connection string leads to which `parse` has taken, as the clients of storage read it."""
    parts = _parts(text)
    if parts.get("USEDEVELOPMENTSTORAGE") == "true":
        parts = _parts(DEVELOPMENT)
    name, protocol = parts.get("ACCOUNTNAME", ""), parts.get("DEFAULTENDPOINTSPROTOCOL", "https")
    if "ENDPOINTSUFFIX" not in parts:
        protocol = "https"
    url = parts.get("QUEUEENDPOINT") or f"{protocol}://{name}.queue.{parts.get('ENDPOINTSUFFIX', 'core.windows.net')}"
    if "ACCOUNTKEY" in parts and name:
        return QueueAccount(url.rstrip("/"), name, base64.b64decode(parts["ACCOUNTKEY"]))
    signature = parts["SHAREDACCESSSIGNATURE"].lstrip("?")
    return QueueAccount(url.rstrip("/"), shared_access_signature=signature)


def _parts(text: str) -> Mapping[str, str]:
    pairs = [pair.partition("=") for pair in text.rstrip(";").split(";")]
    return {name.upper(): value for name, _, value in pairs}


_ENDPOINT = rf"https?://[^?#@]{{1,{MAX_ENDPOINT_LENGTH}}}"

_KNOWN = {
    "ACCOUNTNAME": r"[a-z0-9]{3,24}",
    "DEFAULTENDPOINTSPROTOCOL": r"https?",
    "ENDPOINTSUFFIX": r"[A-Za-z0-9.-]+",
    "QUEUEENDPOINT": _ENDPOINT,
    "BLOBENDPOINT": _ENDPOINT,
    "SHAREDACCESSSIGNATURE": r".*\bsig=.+",
}
"""The parts of a connection string that the services are found by."""
