"""Connection strings of Azure Storage, checked before the first request would fail on one."""

import base64
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

MAX_ENDPOINT_LENGTH = 300
"""Of the URL of a service: a reference to a payload must fit in a message."""


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
