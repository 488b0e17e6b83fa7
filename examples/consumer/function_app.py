"""A consumer of events, as an Azure Function app with a queue trigger.

What it does about an event is to keep it, as one blob in the container `inbox`. Put in the place of `keep` what you do,
and have that done in one step with the mark that it is done: in a database, a row with the name under a unique key, in
the same transaction as the rest.
"""

import base64
import functools
import hashlib
import json
import logging
import os
import re
from contextlib import suppress
from decimal import Decimal
from typing import Any

import azure.functions as func
from azure.core.exceptions import ResourceExistsError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient, ContainerClient, StorageErrorCode

app = func.FunctionApp()
log = logging.getLogger("consumer")
logging.getLogger("azure").setLevel(logging.WARNING)  # or the SDK logs each of its requests


@app.queue_trigger("message", "%EVENTS_QUEUE_NAME%", "EVENTS_STORAGE")
def consume(message: func.QueueMessage) -> None:
    """Take an event. Where this raises, the message comes again, and after five times goes to the poison queue."""
    handle(message.get_body())


@app.queue_trigger("message", "%EVENTS_QUEUE_NAME%-poison", "EVENTS_STORAGE")
def give_up(message: func.QueueMessage) -> None:
    """Put aside what failed too often, for on the poison queue it would expire after a week. Have this line alert you."""
    container("failed").upload_blob(str(message.id), message.get_body(), overwrite=True)
    log.error("An event failed too often: see the blob %s in the container failed", message.id)


def handle(body: bytes) -> None:
    """Do what is to be done about an event, unless that has been done."""
    # Not read by an SDK: each of them refuses or changes some events.
    event = json.loads(body, parse_int=integer)
    data = payload(event)
    if data is not None:
        del event["dataref"]  # the blob is deleted some day
        body = json.dumps({**event, "data_base64": base64.b64encode(data).decode()}).encode()
    is_new = keep(name(event), body)
    log.info("%s %s, trace %s", name(event), "is kept" if is_new else "was there already", trace(event))


def keep(name: str, body: bytes) -> bool:
    """Do what is to be done, once; whether it was new.

    Effect and mark are the same blob, written where there is none: it is there as a whole or not at all, and of two that
    try at the same time one succeeds.
    """
    try:
        container("inbox").upload_blob(name, body, overwrite=False)
    except ResourceExistsError as error:
        if getattr(error, "error_code", None) != StorageErrorCode.BLOB_ALREADY_EXISTS:
            raise  # another conflict, such as a container that is being deleted: nothing was kept
        return False
    return True


def name(event: dict[str, Any]) -> str:
    """The same for an event and its repeats, another for every other event."""
    return hashlib.sha256(json.dumps([event["source"], event["id"]]).encode()).hexdigest()


def payload(event: dict[str, Any]) -> bytes | None:
    """The data that lies beside the queue; None where it is in the event, or is not ours to fetch."""
    if event.get("data") is not None or event.get("data_base64") is not None:
        return None
    # Only what leads into our own container: a publisher's own dataref leads anywhere.
    blob = str(event.get("dataref")).removeprefix(PAYLOADS.url + "/")
    if not re.fullmatch("[0-9a-f-]{36}", blob):
        return None
    return PAYLOADS.download_blob(blob).readall()


def trace(event: dict[str, Any]) -> str:
    """The trace that the event is part of, where its publisher says so (CloudEvents distributed tracing extension)."""
    match = re.fullmatch("00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", str(event.get("traceparent")))
    return match[1] if match else "none"


def integer(digits: str) -> int | Decimal:
    """Integers in an event's data may have any length, and Python's int takes 4,300 digits."""
    return int(digits) if len(digits) <= 4300 else Decimal(digits)


@functools.cache
def container(name: str) -> ContainerClient:
    """A container of ours, made when it is first needed."""
    found = OURS.get_container_client(name)
    with suppress(ResourceExistsError):
        found.create_container()
    return found


def blob_service(connection: str) -> BlobServiceClient:
    """The blob service of a connection, which settings name as they do for triggers."""
    if text := os.environ.get(connection):
        return BlobServiceClient.from_connection_string(text)
    identity = DefaultAzureCredential(managed_identity_client_id=os.environ.get(f"{connection}__clientId"))
    return BlobServiceClient(os.environ[f"{connection}__blobServiceUri"], identity)


PAYLOADS = blob_service("EVENTS_STORAGE").get_container_client("events-payloads")
OURS = blob_service("INBOX_STORAGE")
