"""The page, served from this process, over a host that takes large events."""

import contextlib
from collections.abc import Iterator

import pytest
from azure.core.exceptions import ResourceExistsError

from local.page import server
from local.running import Running
from tests.background import Background
from tests.conftest import Issuer, StartHost
from tests.storage import Queue

QUEUE_NAME = "page-events"


@pytest.fixture(scope="module")
def running(start_host: StartHost, settings: dict[str, str], token_issuer: Issuer, storage: str) -> Running:
    host = start_host({**settings, "MAX_EVENT_BYTES": "1000000", "EVENTS_QUEUE_NAME": QUEUE_NAME})
    return Running(host=host.url, issuer=token_issuer.identifier, storage=storage, queue=QUEUE_NAME)


@pytest.fixture(scope="module")
def page_url(background: Background, running: Running, token_issuer: Issuer) -> Iterator[str]:
    runner, url = background.run(server.start(running, token_issuer.folder, 0))
    yield url
    background.run(runner.cleanup())


@pytest.fixture
def queue(storage: str) -> Iterator[Queue]:
    """The queue of the page's host, empty, and left so."""
    with Queue(storage, QUEUE_NAME) as queue:
        with contextlib.suppress(ResourceExistsError):
            queue.client.create_queue()
        queue.clear()
        yield queue
        queue.clear()
