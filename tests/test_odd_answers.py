"""Answers that no storage should give: whatever they are, a publisher hears 200 only for an acknowledgement, else 503."""

import asyncio
import contextlib
import re

import pytest

from events_publish import claim_check
from events_publish.envelope import Event
from events_publish.problem import QueueUnavailable
from events_publish.request_record import RequestRecord
from events_publish.storage_fault import CLIENT_REQUEST_ID
from local.serving import ADDRESS
from tests.storage import event_queue
from tests.storage_stand_in import CREATED

STATUSES = [
    *("100 C", "101 S", "199 X", "200 O", "201 C", "202 A", "206 P", "301 M", "304 N", "400 B", "404 N", "412 P"),
    *("401 U\r\nWWW-Authenticate: Bearer authorization_uri=x resource_id=y", "416 R", "503 B", "599 X"),
    *("600 X", "999 Z", "0 A", "-1 A", "", "201", "x"),
]
HEADERS = [
    *("Content-Encoding: gzip", "Content-Encoding: deflate", "Content-Encoding: br", "Content-Encoding: x"),
    *("Content-Type: application/xml; charset=nonsense", "Content-Type: text/xml; charset=utf-16"),
    *("Content-Type: multipart/mixed; boundary=x", "Content-Type: application/json", "x-ms-error-code: \xff"),
    *("Retry-After: \xff", "Retry-After: " + "9" * 400, "Retry-After: Mon, 23 Nov 99999 12:00:00 GMT"),
    *("Retry-After: (", "Retry-After: 23 Nov", "Retry-After: ,", "Retry-After: Mon, 23 Nov 2026 12:00:00 -9999"),
    *("x-ms-request-id: " + "a" * 9000, "Date: x", "Transfer-Encoding: chunked", "Set-Cookie: a=\x01"),
    *("Content-Length: 5", "Content-Length: -1", "Content-MD5: x", "Connection: upgrade\r\nUpgrade: x", "Foo"),
]
BODIES = [CREATED.encode(), b"junk", b""]

LARGE = b'{"id":"1","data":"' + b"x" * claim_check.MESSAGE_BYTES + b'"}'
EVENTS = {"small": Event({}, b"{}"), "large": Event({}, LARGE, claim_check.payload(LARGE))}


class Odd:
    """A service that answers everything with the same bytes but for the request's name, and hangs up."""

    def __init__(self) -> None:
        self.answer = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: *([0-9]+)", head, re.IGNORECASE)
            await reader.readexactly(int(length[1]) if length else 0)
            name = re.search(rb"%b: *(\S+)" % CLIENT_REQUEST_ID.encode(), head, re.IGNORECASE)
            writer.write(self.answer.replace(b"ITS-NAME", name[1] if name else b""))
            await writer.drain()
        writer.close()


def answer(status: str, header: str, body: bytes) -> bytes:
    length = "" if header.startswith(("Content-Length", "Transfer")) else f"Content-Length: {len(body)}\r\n"
    echo = f"{CLIENT_REQUEST_ID}: ITS-NAME\r\n"
    return f"HTTP/1.1 {status}\r\n{header}\r\n{echo}{length}\r\n".encode("latin-1") + body


@pytest.mark.long
@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize("size", EVENTS)
async def test_odd_answers(size: str) -> None:
    odd = Odd()
    server = await asyncio.start_server(odd.serve, ADDRESS, 0)
    port = server.sockets[0].getsockname()[1]
    url = f"http://{ADDRESS}:{port}/account"
    connection_string = f"AccountName=account;AccountKey=c2VjcmV0;QueueEndpoint={url};BlobEndpoint={url}"
    accepted = set()
    async with event_queue(connection_string) as queue:
        for status in STATUSES:
            for header in HEADERS:
                for body in BODIES:
                    odd.answer = answer(status, header, body)
                    deadline = asyncio.get_running_loop().time() + 0.12
                    try:
                        await queue.enqueue([EVENTS[size]], deadline=deadline, record=RequestRecord("t"))
                    except QueueUnavailable:
                        continue
                    accepted.add((status[:3], body))
    server.close()
    assert accepted <= {("201", BODIES[0])}
    assert accepted or size == "large"
