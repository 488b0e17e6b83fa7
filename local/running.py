"""What is running on this laptop: written down by `up`, read by the commands that talk to it."""

import json
from pathlib import Path
from typing import NamedTuple

from events_publish import shards
from local import Failure

EVENTS_PATH = "/events/api/v1/events"


class Running(NamedTuple):
    """Where the parts of a running stack are."""

    host: str = "http://127.0.0.1:7071"
    issuer: str = "http://127.0.0.1:7072/"
    page: str = "http://127.0.0.1:7073/"
    storage: str = "UseDevelopmentStorage=true"
    queue: str = "events-registration"
    scope: str = "altinn:events.publish"
    shards: int = 1

    @property
    def events(self) -> str:
        """Where events are published."""
        return self.host + EVENTS_PATH

    @property
    def queues(self) -> tuple[str, ...]:
        """The names of the queues that events lie on."""
        return shards.names(self.queue, self.shards)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _file(folder).write_text(json.dumps(self._asdict()), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Running":
        """What `up` wrote down; where it did not, the default ports.

        Raises:
            Failure: the file was spoiled.
        """
        try:
            return cls(**json.loads(_file(folder).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, TypeError) as error:
            raise Failure(
                f"{_file(folder)} cannot be read; delete it, stop what runs and start it again with `make run`."
            ) from error


def forget(folder: Path) -> None:
    _file(folder).unlink(missing_ok=True)


def _file(folder: Path) -> Path:
    return folder / "running.json"
