"""Connection strings of Azure Storage, checked before the first request would fail on one."""

import base64
import re
from urllib.parse import urlsplit


def parse(text: str) -> str:
    """The connection string, as it came.

    Raises:
        ValueError: it names no queue service, or nothing to sign with.
    """
    pairs = [pair.partition("=") for pair in text.rstrip(";").split(";")]
    parts = {name.upper(): value for name, _, value in pairs}
    known = all(re.fullmatch(_PARTS.get(name, ".+"), value) for name, value in parts.items())
    if not known or not re.fullmatch(r"[!-~]+", text):
        raise ValueError
    if parts.get("USEDEVELOPMENTSTORAGE") == "true":
        return text
    located = "QUEUEENDPOINT" in parts or ("ACCOUNTNAME" in parts and "QUEUESECONDARYENDPOINT" not in parts)
    signed = {"ACCOUNTNAME", "ACCOUNTKEY"} <= parts.keys() or "SHAREDACCESSSIGNATURE" in parts
    if not located or not signed:
        raise ValueError
    base64.b64decode(parts.get("ACCOUNTKEY", ""), validate=True)
    # Unlike other URLs here, it may be http: the requests are signed, and Azurite in a container has no certificate.
    if "QUEUEENDPOINT" in parts:
        endpoint = urlsplit(parts["QUEUEENDPOINT"])
        if not endpoint.hostname or endpoint.port == 0:  # to read the port is to check it
            raise ValueError
    return text


_PARTS = {
    "ACCOUNTNAME": r"[a-z0-9]{3,24}",
    "DEFAULTENDPOINTSPROTOCOL": r"https?",
    "ENDPOINTSUFFIX": r"[A-Za-z0-9.-]+",
    "QUEUEENDPOINT": r"https?://[^?#@]+",
    "SHAREDACCESSSIGNATURE": r".*\bsig=.+",
}
"""The parts of a connection string that the queue is found by."""
