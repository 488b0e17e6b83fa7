"""Queue triggers: what a function app sees of them, and what becomes of the messages."""

import asyncio
import base64
import datetime
import json
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from azure.core.exceptions import ResourceNotFoundError, ServiceRequestError
from azure.storage.queue import QueueClient, QueueMessage, aio

from local import Failure, queue_trigger
from local.queue_trigger import Listener, Message, Options
from tests.background import Background
from tests.conftest import Host, host_of, wait_until

APP = Path(__file__).parent.parent / "apps/messages"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Queues(NamedTuple):
    """A queue of one test, with its poison queue; neither is there at first."""

    storage: str
    name: str

    def of(self, suffix: str = "") -> QueueClient:
        return QueueClient.from_connection_string(self.storage, self.name + suffix)

    def put(self, *messages: str, suffix: str = "") -> None:
        with self.of(suffix) as queue:
            queue.create_queue()
            for message in messages:
                queue.send_message(message)

    def contents(self, suffix: str = "") -> list[str]:
        """What is there to be seen."""
        with self.of(suffix) as queue:
            try:
                return [str(message.content) for message in queue.peek_messages(32)]
            except ResourceNotFoundError:
                return []

    def count(self, suffix: str = "") -> int:
        """With those that are hidden."""
        with self.of(suffix) as queue:
            return queue.get_queue_properties().approximate_message_count or 0


@pytest.fixture
def queues(storage: str) -> Queues:
    return Queues(storage, f"q-{uuid.uuid4().hex}")


class Running(NamedTuple):
    """The app in a host."""

    host: Host
    folder: Path
    log: list[str]

    def notes(self, name: str) -> list[Any]:
        file = self.folder / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def running(background: Background, queues: Queues, tmp_path: Path) -> Iterator[Running]:
    log: list[str] = []
    settings = {"THE_STORAGE": queues.storage, "QUEUE": queues.name, "NOTES": str(tmp_path)}
    host = background.run(host_of(APP, settings, show=log.append))
    yield Running(host, tmp_path, log)
    background.run(host.child.stop())


def test_what_a_function_sees(running: Running, queues: Queues) -> None:
    """And what the log says of those that are not run."""
    queues.put(encoded("a message, æ"))
    wait_until(lambda: bool(running.notes("notes")))
    (seen,) = running.notes("notes")
    assert (seen["body"], seen["dequeue_count"]) == ("a message, æ", 1)
    assert str(uuid.UUID(seen["id"])) == seen["id"]
    assert seen["pop_receipt"]
    inserted, expires, visible = map(datetime.datetime.fromisoformat, seen["times"])
    assert (expires - inserted).days == 7
    assert 590 < (visible - inserted).total_seconds() < 620
    assert seen["trace_parent"].startswith("00-")
    wait_until(lambda: queues.count() == 0)
    log = "\n".join(running.log)
    assert f"notes: messages of {queues.name}" in log
    assert "nowhere is not run. The setting NO_STORAGE or NO_STORAGE__queueServiceUri is missing" in log
    assert "hourly has a timerTrigger and is not run here" in log


@pytest.mark.long
def test_a_function_that_fails(running: Running, queues: Queues) -> None:
    """Its message comes as often as maxDequeueCount says, then it is on the poison queue as it was."""
    queues.put(encoded("a"), suffix="-boom")
    wait_until(lambda: queues.contents("-boom-poison") == [encoded("a")])
    assert [seen["dequeue_count"] for seen in running.notes("boom")] == [1, 2]
    wait_until(lambda: queues.count("-boom") == 0)
    assert any("what broke" in line for line in running.log)
    assert any(f"failed 2 times and goes to {queues.name}-boom-poison" in line for line in running.log)


@pytest.mark.long
def test_a_host_that_is_stopped_lets_functions_end(background: Background, running: Running, queues: Queues) -> None:
    queues.put(encoded("a"), suffix="-slow")
    wait_until(lambda: running.notes("slow") == ["begun"])
    assert background.run(running.host.child.stop()) == 0
    assert running.notes("slow") == ["begun", "done"]
    assert queues.count("-slow") == 0


type Listen = Callable[..., Awaitable[Listener]]


@pytest.fixture
async def listen(queues: Queues) -> AsyncIterator[Listen]:
    """Has `run` called for the messages of the queue, and stops at the end."""
    started: list[Listener] = []

    async def start(
        run: Callable[[Message], Awaitable[bool]], lease_seconds: int = 60, suffix: str = "", **options: Any
    ) -> Listener:
        listener = queue_trigger.listener(
            queues.name + suffix,
            "THE_STORAGE",
            options=Options(max_polling_interval=0.1)._replace(**options),
            run=run,
            environ={"THE_STORAGE": queues.storage},
            lease_seconds=lease_seconds,
        )
        listener.start()
        started.append(listener)
        return listener

    yield start
    for listener in started:
        await listener.stop()


async def until(condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(wait_until, condition)


@pytest.mark.parametrize(
    ("content", "options", "bodies", "poison"),
    [
        pytest.param("YQ==", {}, [b"a"], [], id="base64"),
        pytest.param("YQ=", {}, [], ["YQ="], id="not quite base64"),
        pytest.param("{}", {}, [], ["{}"], id="no base64"),
        pytest.param("{}", {"is_base64": False}, [b"{}"], [], id="none is said"),
    ],
)
async def test_encodings(
    queues: Queues, listen: Listen, content: str, options: dict[str, Any], bodies: list[bytes], poison: list[str]
) -> None:
    """What cannot be decoded goes to the poison queue at once."""
    came: list[bytes] = []

    async def run(message: Message) -> bool:
        came.append(message.body)
        return True

    await asyncio.to_thread(queues.put, content)
    await listen(run, **options)
    await until(lambda: queues.count() == 0)
    assert (came, queues.contents("-poison")) == (bodies, poison)


async def test_how_many_at_once(queues: Queues, listen: Listen) -> None:
    """A new batch is taken when no more than the threshold are left of what runs."""
    most = running = 0
    taken: list[bytes] = []
    go_on = asyncio.Event()

    async def run(message: Message) -> bool:
        nonlocal most, running
        running += 1
        most = max(most, running)
        taken.append(message.body)
        if message.body == b"0":
            await go_on.wait()
        running -= 1
        return True

    await asyncio.to_thread(queues.put, *(encoded(str(number)) for number in range(7)))
    await listen(run, batch_size=2, new_batch_threshold=1)
    await until(lambda: queues.count() == 1)
    go_on.set()
    await until(lambda: queues.count() == 0)
    assert len(taken) == len(set(taken)) == 7
    assert most <= 3


async def test_many_that_fail_at_once(queues: Queues, listen: Listen) -> None:
    """All of them are on the poison queue, which was not there before."""

    async def run(_: Message) -> bool:
        return False

    contents = sorted(encoded(str(number)) for number in range(16))
    await asyncio.to_thread(queues.put, *contents)
    await listen(run, max_dequeue_count=1)
    await until(lambda: sorted(queues.contents("-poison")) == contents)
    await until(lambda: queues.count() == 0)


async def test_taken_too_often(queues: Queues, listen: Listen) -> None:
    """By others, who did not come to an end with it: it is not run once more."""

    def take() -> None:
        queues.put(encoded("a"))
        with queues.of() as queue:
            (message,) = queue.receive_messages()
            queue.update_message(message, visibility_timeout=0)

    async def run(_: Message) -> bool:
        raise AssertionError

    await asyncio.to_thread(take)
    await listen(run, max_dequeue_count=1)
    await until(lambda: queues.contents("-poison") == [encoded("a")])
    await until(lambda: queues.count() == 0)


async def test_a_poison_queue_has_no_poison_queue(queues: Queues, listen: Listen) -> None:
    """What fails there stays there, hidden for as long as its lease."""
    came: list[Message] = []

    async def run(message: Message) -> bool:
        came.append(message)
        return False

    await asyncio.to_thread(queues.put, encoded("a"), suffix="-poison")
    listener = await listen(run, suffix="-poison", max_dequeue_count=1)
    await until(lambda: bool(came))
    await listener.stop()
    assert (queues.count("-poison"), queues.contents("-poison"), len(came)) == (1, [], 1)
    assert queues.contents("-poison-poison") == []


@pytest.mark.long
async def test_a_failed_message_is_hidden_for_the_visibility_timeout(queues: Queues, listen: Listen) -> None:
    came: list[float] = []

    async def run(_: Message) -> bool:
        came.append(asyncio.get_running_loop().time())
        return len(came) > 1

    await asyncio.to_thread(queues.put, encoded("a"))
    await listen(run, visibility_timeout=2)
    await until(lambda: queues.count() == 0)
    assert came[1] - came[0] > 1  # the service counts in whole seconds


@pytest.mark.long
async def test_a_message_is_kept_while_its_function_runs(queues: Queues, listen: Listen) -> None:
    came: list[Message] = []

    async def run(message: Message) -> bool:
        came.append(message)
        await asyncio.sleep(4)
        return True

    await asyncio.to_thread(queues.put, encoded("a"))
    await listen(run, lease_seconds=2)
    await until(lambda: queues.count() == 0)
    assert len(came) == 1


@pytest.mark.long
async def test_a_renewal_that_fails_is_not_the_last(
    queues: Queues, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[Message] = []
    renew, renewals = aio.QueueClient.update_message, 0

    async def fail_once(self: aio.QueueClient, *arguments: Any, **options: Any) -> QueueMessage:
        nonlocal renewals
        renewals += 1
        if renewals == 1:
            raise ServiceRequestError("away for a moment")
        return await renew(self, *arguments, **options)

    async def run(message: Message) -> bool:
        came.append(message)
        await asyncio.sleep(7)
        return True

    monkeypatch.setattr(aio.QueueClient, "update_message", fail_once)
    await asyncio.to_thread(queues.put, encoded("a"))
    await listen(run, lease_seconds=4)
    await until(lambda: queues.count() == 0)
    assert len(came) == 1


async def test_storage_that_is_away(queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    """It is asked again, and the log says once what is wrong."""
    away = queues.storage.replace(queues.storage.partition("QueueEndpoint=")[2], "http://127.0.0.1:1/a;")

    async def run(_: Message) -> bool:
        raise AssertionError

    listener = queue_trigger.listener(
        queues.name, "THE_STORAGE", options=Options(), run=run, environ={"THE_STORAGE": away}
    )
    listener.start()
    await until(lambda: bool(caplog.messages))
    await asyncio.sleep(0.5)
    await listener.stop()
    assert caplog.messages == [f"{queues.name} cannot be read: ServiceRequestError"]


def test_options() -> None:
    cores = os.cpu_count() or 1
    assert Options.from_host_json({}) == Options() == (16, 8 * cores, 5, 0, 2, True)
    given = {
        "batchSize": 4,
        "newBatchThreshold": 0,
        "maxDequeueCount": 10,
        "visibilityTimeout": "1.02:03:04.5",
        "maxPollingInterval": "00:00:00",
        "messageEncoding": "None",
    }
    assert Options.from_host_json(given) == (4, 0, 10, 93784.5, 0.1, False)
    assert Options.from_host_json({"batchSize": "4"}).new_batch_threshold == 2 * cores


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        pytest.param({"batchSize": 33}, "batchSize in host.json must be a whole number, from 1 to 32", id="too many"),
        pytest.param({"maxDequeueCount": 0}, "maxDequeueCount in host.json must be a whole number, at least 1", id="0"),
        pytest.param({"newBatchThreshold": True}, "newBatchThreshold in host.json must be a whole", id="no number"),
        pytest.param({"visibilityTimeout": 30}, "visibilityTimeout in host.json must be a time such as", id="no time"),
        pytest.param({"messageEncoding": "utf-8"}, "must be base64 or none", id="no encoding"),
    ],
)
def test_options_that_are_wrong(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Failure, match=complaint):
        Options.from_host_json(given)


@pytest.mark.parametrize(
    ("queue", "connection", "environ", "complaint"),
    [
        pytest.param("%Q%", "S", {"S": "UseDevelopmentStorage=true"}, "The setting Q is missing", id="name"),
        pytest.param("q", "S", {}, "The setting S or S__queueServiceUri is missing", id="connection"),
        pytest.param("q", "", {}, "AzureWebJobsStorage or AzureWebJobsStorage__q", id="default connection"),
        pytest.param("q", "S", {"S": "x"}, "The setting S is no connection string", id="no connection string"),
    ],
)
def test_settings_that_are_missing(queue: str, connection: str, environ: dict[str, str], complaint: str) -> None:
    async def run(_: Message) -> bool:
        raise AssertionError

    with pytest.raises(Failure, match=complaint):
        queue_trigger.listener(queue, connection, options=Options(), run=run, environ=environ)
