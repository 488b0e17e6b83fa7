"""Queue triggers, as the Functions host has them.

Messages are taken in batches and each is handed to its function. One that succeeds is deleted. One that fails comes
back, and at last goes to the poison queue. It knows nothing of the app.
"""

import asyncio
import base64
import contextlib
import logging
import os
import random
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from local import Failure

LEASE_SECONDS = 600
"""For how long a message is hidden while its function runs; at half of it, for as long again."""

POISON = "-poison"

_PATIENCE_SECONDS = 5
_SHORTEST_PAUSE_SECONDS = 0.1

_log = logging.getLogger(__name__)


class Message(NamedTuple):
    """What a function sees of a message."""

    body: bytes
    metadata: Mapping[str, str | int]


type Run = Callable[[Message], Awaitable[bool]]
"""Runs the function; whether it succeeded."""


class Options(NamedTuple):
    """What host.json says under `extensions.queues`; times in seconds."""

    batch_size: int = 16
    new_batch_threshold: int = 8 * (os.cpu_count() or 1)
    max_dequeue_count: int = 5
    visibility_timeout: float = 0
    max_polling_interval: float = 2
    """In Azure it is 60 where host.json does not say; on a laptop, 2."""
    is_base64: bool = True

    @classmethod
    def from_host_json(cls, given: Mapping[str, Any]) -> Self:
        """The options, defaults where one is not given; numbers may be strings, as the environment has them.

        Raises:
            Failure: one is no number, time or encoding.
        """
        batch_size = _number(given, "batchSize", 16, 1, 32)
        return cls(
            batch_size,
            _number(given, "newBatchThreshold", batch_size // 2 * (os.cpu_count() or 1), 0),
            _number(given, "maxDequeueCount", 5, 1),
            _seconds(given, "visibilityTimeout", 0),
            max(_seconds(given, "maxPollingInterval", 2), _SHORTEST_PAUSE_SECONDS),
            _is_base64(given),
        )


class Listener:
    """Takes messages off one queue and has one function run for each."""

    def __init__(
        self, queue: QueueClient, poison: QueueClient | None, options: Options, run: Run, lease_seconds: int
    ) -> None:
        self._queue = queue
        self._poison = poison
        self._options = options
        self._run = run
        self._lease_seconds = lease_seconds
        self._stopping = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Task[None] | None = None
        self._fault: str | None = None

    @property
    def name(self) -> str:
        return str(self._queue.queue_name)

    def start(self) -> None:
        self._listening = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Take no more, and wait for the functions that run; what they leave comes again."""
        self._stopping.set()
        if self._listening:
            await self._listening
        await asyncio.gather(*self._running)
        await self._queue.close()
        if self._poison:
            await self._poison.close()

    async def _listen(self) -> None:
        pauses = self._pauses()
        while not self._stopping.is_set():
            messages = await self._receive()
            for message in messages:
                task = asyncio.create_task(self._process(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if messages:
                pauses = self._pauses()
                while len(self._running) > self._options.new_batch_threshold:
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            else:
                await _passes(self._stopping, next(pauses))

    def _pauses(self) -> Iterator[float]:
        """How long to wait for messages where there are none: longer each time, and by chance."""
        pause = _SHORTEST_PAUSE_SECONDS
        while True:
            yield pause * random.uniform(0.8, 1.2)
            pause = min(2 * pause, self._options.max_polling_interval)

    async def _receive(self) -> list[QueueMessage]:
        pages = self._queue.receive_messages(
            messages_per_page=self._options.batch_size, visibility_timeout=self._lease_seconds
        ).by_page()
        fault = None
        try:
            page = await anext(pages, None)
            return [message async for message in page] if page else []
        except ResourceNotFoundError:
            return []  # nobody has put anything there yet
        except AzureError as error:
            fault = _reason(error)
            if fault != self._fault:  # once for all the times that it is asked
                _log.warning("%s cannot be read: %s", self.name, fault)
            return []
        finally:
            self._fault = fault

    async def _process(self, message: QueueMessage) -> None:
        try:
            if (message.dequeue_count or 0) > self._options.max_dequeue_count:
                await self._give_up(message, f"was taken more than {self._options.max_dequeue_count} times")
                return
            try:
                body = self._body(message)
            except ValueError:
                await self._give_up(message, "is not base64, as messageEncoding says")
                return
            async with self._kept(message):
                succeeded = await self._run(Message(body, _metadata(message, body)))
            await self._complete(message, succeeded=succeeded)
        except AzureError as error:  # it comes again when its lease ends
            _log.warning("A message of %s could not be put away: %s", self.name, _reason(error))

    async def _complete(self, message: QueueMessage, *, succeeded: bool) -> None:
        if succeeded:
            await self._queue.delete_message(message)
        elif (message.dequeue_count or 0) >= self._options.max_dequeue_count:
            await self._give_up(message, f"failed {message.dequeue_count} times")
        elif self._poison:
            await self._queue.update_message(message, visibility_timeout=int(self._options.visibility_timeout))

    async def _give_up(self, message: QueueMessage, why: str) -> None:
        """To the poison queue with it, where it expires after the week that is the service's default.

        What lies on a poison queue has none to go to: it stays, hidden for as long as its lease.
        """
        if not self._poison:
            return
        _log.warning("A message of %s %s and goes to %s", self.name, why, self._poison.queue_name)
        try:
            await self._poison.send_message(message.content)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):  # another message may have been faster
                await self._poison.create_queue()
            await self._poison.send_message(message.content)
        await self._queue.delete_message(message)

    def _body(self, message: QueueMessage) -> bytes:
        text = str(message.content)
        return base64.b64decode(text, validate=True) if self._options.is_base64 else text.encode()

    @contextlib.asynccontextmanager
    async def _kept(self, message: QueueMessage) -> Any:
        """Nobody else is handed the message meanwhile."""
        done = asyncio.Event()
        renewing = asyncio.create_task(self._renew(message, done))
        try:
            yield
        finally:
            done.set()  # not cancelled: a renewal that storage has done changes the receipt
            await renewing

    async def _renew(self, message: QueueMessage, done: asyncio.Event) -> None:
        pause = self._lease_seconds / 2
        while not await _passes(done, pause):
            try:
                renewed = await self._queue.update_message(message, visibility_timeout=self._lease_seconds)
                message.pop_receipt = renewed.pop_receipt
                pause = self._lease_seconds / 2
            except AzureError as error:
                _log.warning("A message of %s may come again: %s", self.name, _reason(error))
                pause = self._lease_seconds / 8


def listener(  # noqa: PLR0913  # all but two by name
    queue: str,
    connection: str,
    *,
    options: Options,
    run: Run,
    environ: Mapping[str, str],
    lease_seconds: int = LEASE_SECONDS,
) -> Listener:
    """A listener for the queue that a trigger names, of the account that its connection names.

    Raises:
        Failure: the settings that it names are missing or not right.
    """
    name = re.sub(r"%([^%]+)%", lambda match: _setting(environ, match[1], queue), queue)
    poison = None if name.endswith(POISON) else _client(connection, name + POISON, environ)
    return Listener(_client(connection, name, environ), poison, options, run, lease_seconds)


def _setting(environ: Mapping[str, str], name: str, queue: str) -> str:
    try:
        return environ[name]
    except KeyError:
        raise Failure(f"The setting {name} is missing, which the queue trigger of {queue} names.") from None


def _client(connection: str, queue: str, environ: Mapping[str, str]) -> QueueClient:
    """A client of the queue, by a connection string or, as whoever is signed in, by the address of the service."""
    name = connection or "AzureWebJobsStorage"
    once: dict[str, Any] = {
        "retry_total": 0,  # what fails is tried again by listening on
        "connection_timeout": _PATIENCE_SECONDS,
        "read_timeout": _PATIENCE_SECONDS,
        "logger": _quiet(),  # the SDK's own says each request
    }
    if text := environ.get(name):
        try:
            return QueueClient.from_connection_string(text, queue, **once)
        except ValueError as error:
            raise Failure(f"The setting {name} is no connection string.") from error
    if service := environ.get(f"{name}__queueServiceUri"):
        from azure.identity.aio import DefaultAzureCredential  # loads long

        return QueueClient(service, queue, credential=DefaultAzureCredential(), **once)
    raise Failure(f"The setting {name} or {name}__queueServiceUri is missing, the connection of a queue trigger.")


def _quiet() -> logging.Logger:
    logger = logging.getLogger(f"{__name__}.http")
    logger.setLevel(logging.WARNING)
    return logger


def _metadata(message: QueueMessage, body: bytes) -> dict[str, str | int]:
    times = {
        "InsertionTime": message.inserted_on,
        "ExpirationTime": message.expires_on,
        "NextVisibleTime": message.next_visible_on,
    }
    return {
        "Id": str(message.id),
        "DequeueCount": message.dequeue_count or 0,
        "PopReceipt": str(message.pop_receipt),
        "QueueTrigger": body.decode(errors="replace"),
        **{name: time.isoformat() for name, time in times.items() if time},
    }


async def _passes(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event`, but no longer than this; whether it came."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def _reason(error: AzureError) -> str:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", None) or code or type(error).__name__)


def _number(given: Mapping[str, Any], name: str, default: int, least: int, most: int | None = None) -> int:
    text = str(given.get(name, default))
    value = int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else -1
    if value < least or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise Failure(f"extensions.queues.{name} in host.json must be a whole number, {bounds}.")
    return value


def _seconds(given: Mapping[str, Any], name: str, default: float) -> float:
    if name not in given:
        return default
    match = re.fullmatch(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,7})?)", str(given[name]))
    if not match:
        raise Failure(f"extensions.queues.{name} in host.json must be a time such as 00:00:30, hours first.")
    days, hours, minutes, seconds = match.groups(default="0")
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)


def _is_base64(given: Mapping[str, Any]) -> bool:
    encoding = str(given.get("messageEncoding", "base64")).lower()
    if encoding not in ("base64", "none"):
        raise Failure("extensions.queues.messageEncoding in host.json must be base64 or none.")
    return encoding == "base64"
