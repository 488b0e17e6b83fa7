"""What it costs to put a message on the queue and do nothing else: a signed request, by aiohttp and by a bare protocol."""

import asyncio
import base64
import time
from email.utils import formatdate
from urllib.parse import urlsplit

import aiohttp

from benchmarks import load
from benchmarks.effort import Effort
from benchmarks.load import Exchange
from benchmarks.stack import stack
from benchmarks.stand_in import StandIn
from benchmarks.table import Table
from benchmarks.throughput import CONNECTIONS, WARM_SECONDS, lasting
from benchmarks.vitals import vitals
from events_publish import queue_service
from events_publish.connection_string import queue_account
from events_publish.http_client import HttpClient
from events_publish.queue_service import QueueService
from events_publish.request_record import RequestRecord
from events_publish.settings import Connection
from events_publish.shared_key import SharedKey, StringToSign
from local import Failure
from local.up import SAMPLE


class Messages:
    """Signs messages for the queue of a connection string with the key of its account (Shared Key)."""

    def __init__(self, connection_string: str, queue_name: str) -> None:
        account = queue_account(connection_string)
        self._key = SharedKey(account.name, account.key)
        self.connection_string, self.queue_name = connection_string, queue_name
        self.url = f"{account.url}/{queue_name}/messages?messagettl=-1"
        self._to_sign = StringToSign.of("POST", queue_service.XML, urlsplit(self.url), account.name)

    def put(self, event: bytes) -> tuple[dict[str, str], bytes]:
        """The headers and the body of a request with the event."""
        body = b"<QueueMessage><MessageText>%b</MessageText></QueueMessage>" % base64.b64encode(event)
        date, version = formatdate(usegmt=True), queue_service.VERSION
        to_sign = self._to_sign.with_headers(len(body), f"x-ms-date:{date}\nx-ms-version:{version}\n".encode())
        headers = {
            "Content-Type": queue_service.XML,
            "x-ms-date": date,
            "x-ms-version": version,
            "Authorization": self._key.authorization(to_sign).decode(),
        }
        return headers, body


async def tables(effort: Effort) -> list[Table]:
    """CPU time of a message, of the process that sends it and of the stand-in that takes it; the best of some rounds."""
    event = SAMPLE.read_bytes()
    found: dict[str, list[tuple[float, float]]] = {}
    async with stack(real_storage=False) as around:
        messages = Messages(around.environ["EVENTS_STORAGE"], around.environ["EVENTS_QUEUE_NAME"])
        queue = around.queue
        assert isinstance(queue, StandIn)  # noqa: S101  # as was asked for
        ways = {
            "by aiohttp's client": by_aiohttp,
            "by ours": by_ours,
            "by a bare asyncio.Protocol": by_protocol,
        }
        for _ in range(effort.rounds):
            for name, put in ways.items():
                own, theirs = time.process_time(), vitals(queue.pid).cpu
                count = await put(messages, event, effort.seconds)
                own, theirs = time.process_time() - own, vitals(queue.pid).cpu - theirs
                found.setdefault(name, []).append((own / count * 1e6, theirs / count * 1e6))
    header = ("a signed PUT", "CPU µs/message", "queue stand-in µs")
    rows = [(name, *map(min, zip(*costs, strict=True))) for name, costs in found.items()]
    return [Table("The floor", header, rows), await _azurite(effort)]


async def _azurite(effort: Effort) -> Table:
    """How many messages a second Azurite takes from one who sends nothing but them, beside it on the same machine."""
    async with stack(real_storage=True) as around:
        messages = Messages(around.environ["EVENTS_STORAGE"], around.environ["EVENTS_QUEUE_NAME"])
        rates = []
        await by_ours(messages, SAMPLE.read_bytes(), WARM_SECONDS)
        for _ in range(effort.rounds):
            await around.empty()
            began = time.perf_counter()
            count = await by_ours(messages, SAMPLE.read_bytes(), effort.seconds)
            rates.append(count / (time.perf_counter() - began))
    return Table("What Azurite takes", ("a signed PUT", "messages/s"), [("by ours", max(rates))])


async def by_aiohttp(messages: Messages, event: bytes, seconds: float) -> int:
    """Send for some seconds, and return how many were taken."""
    more, count = lasting(seconds), 0

    async def send(session: aiohttp.ClientSession) -> None:
        nonlocal count
        while more(count):
            headers, body = messages.put(event)
            async with session.post(messages.url, data=body, headers=headers) as answer:
                await answer.read()
            if answer.status != 201:
                raise Failure(f"The queue answered {answer.status}.")
            count += 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        await asyncio.gather(*(send(session) for _ in range(CONNECTIONS)))
    return count


async def by_ours(messages: Messages, event: bytes, seconds: float) -> int:
    """The same by the client of this project, which trusts no answer that is not its request's."""
    more, count, record = lasting(seconds), 0, RequestRecord("0af7651916cd43dd8448eb211c80319c")
    async with HttpClient(queue_service.IDLE_SECONDS) as http:
        service = QueueService(Connection(messages.connection_string), http)

        async def send() -> None:
            nonlocal count
            while more(count):
                await service.put_message(messages.queue_name, event, record.client_request_id())
                count += 1

        await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
    return count


async def by_protocol(messages: Messages, event: bytes, seconds: float) -> int:
    """The same, written to the socket as they are."""
    more, count, refused = lasting(seconds), 0, set[int | None]()

    def take(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        if exchange.status != 201:
            refused.add(exchange.status)

    def request(_: int) -> bytes:
        headers, body = messages.put(event)
        return load.post(messages.url, headers)(body)

    await load.circulate(messages.url, connections=CONNECTIONS, more=lambda: more(count), request=request, take=take)
    if refused:
        raise Failure(f"The queue answered {refused}.")
    return count
