"""The queue as a test sees it."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

import jsonschema_rs
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import BinaryBase64DecodePolicy, QueueClient

from events_publish.event_queue import EventQueue
from events_publish.settings import Connection

CLOUDEVENTS_SCHEMA = json.loads((Path(__file__).parent / "vectors/cloudevents.json").read_text())
_IS_EVENT = jsonschema_rs.validator_for(CLOUDEVENTS_SCHEMA, validate_formats=True)


def _integer(digits: str) -> int:
    """Python reads integers of 4,300 digits at most; how large it is does not matter to the schema."""
    return int(digits[:18])


def connection_parts(connection_string: str) -> dict[str, str]:
    """What a connection string says, by name."""
    return dict(pair.split("=", 1) for pair in connection_string.rstrip(";").split(";"))


@contextlib.asynccontextmanager
async def event_queue(connection_string: str, name: str = "a-queue", number: int = 1) -> AsyncIterator[EventQueue]:
    """The queue as the product has it, closed at the end."""
    queue = EventQueue(Connection(connection_string), name, number=number)
    try:
        yield queue
    finally:
        await queue.close()


class Queue:
    """A queue of a real Azurite."""

    def __init__(self, connection_string: str, name: str) -> None:
        self.client = QueueClient.from_connection_string(
            connection_string, name, message_decode_policy=BinaryBase64DecodePolicy(), retry_total=0
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.client.close()

    def clear(self) -> None:
        """Take everything off it, whatever it is."""
        with contextlib.suppress(ResourceNotFoundError):
            self.client.clear_messages()

    def take(self) -> list[bytes]:
        """Every message, decoded; they are gone from the queue then. Each is what the CloudEvents schema accepts."""
        try:
            messages = list(self.client.receive_messages(messages_per_page=32))
        except ResourceNotFoundError:
            return []
        if len(messages) > 32:  # one by one takes long
            self.client.clear_messages()
        else:
            for message in messages:
                self.client.delete_message(message)
        taken = [bytes(message.content) for message in messages]
        for body in taken:
            _IS_EVENT.validate(json.loads(body, parse_int=_integer))
        return taken
