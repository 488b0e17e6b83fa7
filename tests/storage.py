"""The queue as a test sees it."""

from types import TracebackType
from typing import Self

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import BinaryBase64DecodePolicy, QueueClient


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

    def take(self) -> list[bytes]:
        """Every message, decoded; they are gone from the queue then."""
        taken = []
        try:
            for message in self.client.receive_messages(messages_per_page=32):
                taken.append(bytes(message.content))
                self.client.delete_message(message)
        except ResourceNotFoundError:
            return []
        return taken
