"""The session with storage: whose answer it is, how long it is, and connections that have died without a word."""

import asyncio
import contextlib
import gzip
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from events_publish import attempts, claim_check, http_client, queue_service
from events_publish import event_queue as event_queue_module
from events_publish.envelope import Event
from events_publish.event_queue import EventQueue
from events_publish.http_client import MAX_ANSWER_BYTES
from events_publish.problem import QueueUnavailable
from events_publish.request_record import RequestRecord
from events_publish.storage_fault import CLIENT_REQUEST_ID
from local.serving import ADDRESS
from tests import storage_stand_in
from tests.storage import event_queue
from tests.storage_stand_in import CREATED

LARGE = b'{"id":"1","data":"' + b"x" * claim_check.MESSAGE_BYTES + b'"}'

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(status: int = 201, client_request_id: str | None = None, header: str = "", body: str | bytes = b"") -> bytes:
    """The bytes of an answer, an acknowledgement unless told otherwise."""
    content = body.encode() if isinstance(body, str) else body
    echo = f"{CLIENT_REQUEST_ID}: {client_request_id}\r\n" if client_request_id else ""
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\n{echo}{header}Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def asked(reader: asyncio.StreamReader) -> str:
    """The client request id of the next request, which is read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = re.search(r"content-length: *([0-9]+)", head, re.IGNORECASE)
    await reader.readexactly(int(length[1]) if length else 0)
    found = re.search(rf"{CLIENT_REQUEST_ID}: *(\S+)", head, re.IGNORECASE)
    return found[1] if found else ""


@asynccontextmanager
async def storage(serve: Serve, blobs: str = "") -> AsyncIterator[EventQueue]:
    """A queue whose service speaks to each connection as `serve` does."""

    async def until_it_is_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(until_it_is_closed, ADDRESS, 0)
    url = f"http://{ADDRESS}:{server.sockets[0].getsockname()[1]}/account"
    connection_string = f"AccountName=account;AccountKey=c2VjcmV0;QueueEndpoint={url};BlobEndpoint={blobs or url}"
    try:
        async with event_queue(connection_string) as queue:
            yield queue
    finally:
        server.close()


async def refusal(queue: EventQueue, event: bytes = b"{}", *, name: str = "a", seconds: float = 10) -> str | None:
    """Why an event is not accepted, of a request with the trace id `name`; None where it is."""
    large = claim_check.payload(event) if len(event) > claim_check.MESSAGE_BYTES else None
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        await queue.enqueue([Event({}, event, large)], deadline=deadline, record=RequestRecord(name))
    except QueueUnavailable as refused:
        return refused.cause
    return None


async def accepts(queue: EventQueue, event: bytes = b"{}", *, name: str = "a", seconds: float = 10) -> bool:
    return await refusal(queue, event, name=name, seconds=seconds) is None


UNASKED = [
    pytest.param(answer(201, None, body=CREATED), id="an acknowledgement of nobody knows what"),
    pytest.param(answer(201, "another", body=CREATED), id="an acknowledgement of another"),
    pytest.param(answer(201, "second", body=CREATED), id="an acknowledgement of the same request, too early"),
    pytest.param(answer(403, "another"), id="a refusal of another"),
    pytest.param(answer(403, "second"), id="a refusal of the same request, too early"),
    pytest.param(answer(408), id="408, as of a gateway that has waited for long enough"),
    pytest.param(answer(400), id="400"),
]


class Careless:
    """A service that says something unasked after its first answer, and knows what it has stored."""

    def __init__(self, unasked: bytes, refused: str = "") -> None:
        self._unasked = unasked
        self._refused = refused
        self.stored: list[str] = []
        self.said = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while name := await asked(reader):
            request = name.partition("-")[0]
            if request == self._refused:
                writer.write(answer(403, name))
                continue
            self.stored.append(request)
            writer.write(answer(201, name, body=CREATED))
            if not self.said.is_set():
                await asyncio.sleep(0.05)  # the connection is in the pool again
                writer.write(self._unasked)
                await writer.drain()
                self.said.set()


@pytest.mark.parametrize("unasked", UNASKED)
@pytest.mark.parametrize("refused", ["second", "third"])
async def test_an_answer_that_was_not_asked_for(unasked: bytes, refused: str) -> None:
    """… counts for nothing, and those that come after it on its connection do not count for the wrong requests."""
    service = Careless(unasked, refused)
    async with storage(service.serve) as queue:
        assert await accepts(queue, name="first")
        await service.said.wait()
        await asyncio.sleep(0.05)
        for name in ("second", "third", "fourth"):
            assert await accepts(queue, name=name) == (name != refused)
    assert list(dict.fromkeys(service.stored)) == [
        each for each in ("first", "second", "third", "fourth") if each != refused
    ]


@pytest.mark.parametrize("unasked", UNASKED)
async def test_a_payload_whose_message_may_be_on_the_queue(unasked: bytes) -> None:
    """… is not taken back for the sake of somebody else's refusal."""
    blobs, runner = await storage_stand_in.start()
    service = Careless(unasked)
    try:
        async with storage(service.serve, blobs.url + "/account") as queue:
            assert await accepts(queue, name="first")
            await service.said.wait()
            await asyncio.sleep(0.05)
            await accepts(queue, LARGE, name="second")
        assert blobs.asked == 1, "it was put there, and not deleted"
    finally:
        await runner.cleanup()


class Stuttering:
    """Says twice, a moment apart, that it has the first message of a connection, and takes no other by it."""

    def __init__(self) -> None:
        self.taken = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = await asked(reader)
        self.taken += 1
        for _ in range(2):
            writer.write(answer(201, name, body=CREATED))
            await asyncio.sleep(0.01)
        await reader.read()


@pytest.mark.usefixtures("faster")
async def test_an_acknowledgement_that_is_said_twice() -> None:
    """… stands for one message, also where the next is of the same trace: a publisher may give many the same."""
    service = Stuttering()
    async with storage(service.serve) as queue:
        told = [await accepts(queue, name="0af7651916cd43dd8448eb211c80319c", seconds=0.3) for _ in range(4)]
    assert told[0]
    assert sum(told) <= service.taken


@pytest.mark.usefixtures("faster")
async def test_an_acknowledgement_that_is_said_twice_to_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue_module, "CONCURRENT_SENDS", 1)
    service = Stuttering()
    async with storage(service.serve) as queue:
        deadline = asyncio.get_running_loop().time() + 0.3
        enqueued: object = range(4)
        try:
            await queue.enqueue([Event({}, b"{}")] * 4, deadline=deadline, record=RequestRecord("a"))
        except QueueUnavailable as refused:
            enqueued = refused.extensions.get("enqueued", ())
    assert isinstance(enqueued, Sequence)
    assert len(enqueued) <= service.taken


async def test_connections_that_died_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a burst has left; who comes then does not try one after the other."""
    monkeypatch.setattr(attempts, "ATTEMPT_SECONDS", 0.5)
    monkeypatch.setattr(queue_service, "IDLE_SECONDS", 0.05)
    dead, connections, many = False, 0, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        born_alive = not dead
        connections += 1
        if connections == 20:
            many.set()
        while name := await asked(reader):
            if born_alive and dead:
                await asyncio.sleep(3600)
            await many.wait()
            writer.write(answer(201, name, body=CREATED))

    async with storage(serve) as queue:
        assert all(await asyncio.gather(*(accepts(queue) for _ in range(20))))
        dead = True
        assert [await accepts(queue, seconds=3) for _ in range(5)] == [True] * 5
    assert connections < 20 + 10


async def test_an_endless_answer() -> None:
    """… is not read to its end, which there is none of."""
    written: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = await asked(reader)
        written.append(0)
        mine = len(written) - 1
        head = answer(201, name).partition(b"Content-Length")[0]
        writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"1000\r\n" + b"<" * 4096 + b"\r\n")
            await writer.drain()
            written[mine] += 4096

    async with storage(serve) as queue:
        assert "LongAnswer; what answers is not storage" in str(await refusal(queue, seconds=3.5))
    assert max(written) < 200 * MAX_ANSWER_BYTES  # what the kernel holds counts, too


@pytest.mark.parametrize("header", ["Content-Encoding: gzip\r\n", "Content-Encoding: x\r\n"])
async def test_a_compressed_answer(header: str) -> None:
    """… was not asked for, and may be as long as anything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while name := await asked(reader):
            writer.write(answer(201, name, header, gzip.compress(CREATED.encode())))

    async with storage(serve) as queue:
        assert "EncodedAnswer; what answers is not storage" in str(await refusal(queue, seconds=3.5))


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the kernel has no such timeout")
@pytest.mark.filterwarnings("ignore:Sending a large body")
async def test_what_nobody_reads_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads that were cut hold neither sockets nor what was to be sent."""
    monkeypatch.setattr(http_client, "UNHEARD_SECONDS", 1)
    monkeypatch.setattr(attempts, "ATTEMPT_SECONDS", 0.3)
    event = b'{"id":"1","data":"' + b"x" * 8_000_000 + b'"}'

    async def unused(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        raise AssertionError

    with socket.create_server((ADDRESS, 0), backlog=100) as deaf:
        url = f"http://{ADDRESS}:{deaf.getsockname()[1]}/account"
        async with storage(unused, url) as queue:
            assert not any(await asyncio.gather(*(accepts(queue, event, seconds=0.5) for _ in range(10))))
            assert held(deaf), "what is not read fits in the buffers of the kernel"
            for _ in range(100):
                await asyncio.sleep(0.1)
                if not held(deaf):
                    break
            assert not held(deaf)


def held(server: socket.socket) -> int:
    """How many sockets that somebody has are connected to a server."""
    rows = [row.split() for row in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    port = f":{server.getsockname()[1]:04X}"
    return sum(peer.endswith(port) and inode != "0" for _, _, peer, *_, inode in (row[:10] for row in rows))
