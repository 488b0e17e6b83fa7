"""The CloudEvents SDK for Python as publisher and as consumer."""

from typing import Any

import pytest

from tests.clients import sdks
from tests.clients.events import EVENTS, as_read, as_text
from tests.conftest import Publish
from tests.storage import Queue


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_publishes_and_reads_back(publish: Publish, queue: Queue, mode: str, event: dict[str, Any]) -> None:
    message = sdks.python_message(mode, event)
    assert publish.send(message.body, message.headers).status_code == 200
    (read,) = sdks.python(sdks.lying_on_the_queue(queue.take()))
    expected = as_read(event)
    assert read.event == (expected if mode == "structured" else as_text(expected, str))  # it writes True, not true
