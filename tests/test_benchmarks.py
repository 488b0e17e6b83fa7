"""The measurements measure what they say: small runs of them, through real parts."""

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from azure.storage.queue import QueueClient

from benchmarks import __main__ as bench
from benchmarks import chart, load, long_run, soak, stand_in, starts, systems, throughput
from benchmarks.effort import Effort
from benchmarks.floor import Messages
from benchmarks.table import Table
from local import ROOT
from tests.background import Background
from tests.conftest import Host, MakeEvent, MakeToken, host_of
from tests.storage import Queue

QUEUE_NAME = "benchmarks"


@pytest.fixture(scope="module")
def queue(storage: str) -> Iterator[Queue]:
    with Queue(storage, QUEUE_NAME) as queue:
        queue.client.create_queue()
        yield queue


@pytest.fixture(scope="module")
def plain(background: Background, queue: Queue, settings: dict[str, str]) -> Iterator[Host]:
    assert queue.client.queue_name == QUEUE_NAME  # is there
    environ = {**settings, "EVENTS_QUEUE_NAME": QUEUE_NAME}
    host = background.run(host_of(systems.FOLDERS["plain"], environ))
    yield host
    background.run(host.child.stop())


def test_plain_does_the_job(
    client: httpx.Client, plain: Host, queue: Queue, make_token: MakeToken, make_event: MakeEvent
) -> None:
    """What is compared with ours checks who sends and what is sent, and answers when the event is on the queue."""

    def publish(body: bytes, token: str | None) -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return client.post(plain.events, content=body, headers=headers).status_code

    body = json.dumps(make_event()).encode()
    good = make_token()
    assert publish(body, good) == 200
    assert queue.take() == [body]
    assert publish(body, None) == 401
    assert publish(body, good[:-8] + "AAAAAAAA") == 401
    assert publish(body, make_token(lifetime=-60)) == 401
    assert publish(body, make_token(iss="https://another.example/")) == 401
    assert publish(body, make_token(scope="another")) == 403
    for wrong in ({"resource": "dodsbo"}, {"time": "yesterday"}, {"id": None}, {"specversion": "0.3"}):
        assert publish(json.dumps(make_event(**wrong)).encode(), good) == 400
    assert queue.take() == []


def test_messages_are_signed(client: httpx.Client, storage: str, queue: Queue, make_event: MakeEvent) -> None:
    messages = Messages(storage, QUEUE_NAME)
    event = json.dumps(make_event()).encode()
    headers, body = messages.put(event)
    assert client.post(messages.url, content=body, headers=headers).status_code == 201
    assert client.post(messages.url, content=body + b" ", headers=headers).status_code == 403
    assert queue.take() == [event]


async def test_the_stand_in_acknowledges() -> None:
    async with stand_in.stand_in() as queue:
        with QueueClient.from_connection_string(queue.connection_string, QUEUE_NAME) as client:
            client.create_queue()
            assert [client.send_message(text).id is not None for text in ("a", "b")] == [True, True]
        assert await queue.acknowledged() == 2


async def test_a_closed_loop_counts() -> None:
    statuses: list[int | None] = []
    async with stand_in.stand_in() as queue:
        await load.circulate(
            queue.url,
            connections=8,
            more=lambda: len(statuses) + 8 <= 1000,
            request=lambda _: load.post(queue.url, {})(b"x" * 100_000),
            take=lambda exchange: statuses.append(exchange.status),
        )
        assert await queue.acknowledged() == 1000
    assert statuses == [201] * 1000


async def test_a_closed_loop_ends_where_nobody_answers() -> None:
    statuses: list[int | None] = []
    await load.circulate(
        "http://127.0.0.1:1",
        connections=3,
        more=lambda: True,
        request=lambda _: b"",
        take=lambda exchange: statuses.append(exchange.status),
    )
    assert statuses == [None] * 3


async def test_throughput() -> None:
    effort = Effort(("plain", "ours"), connections=(4,), seconds=0.3, rounds=1)
    figures, by_connections = await throughput.tables(effort)
    rows = {row["system"]: row for row in figures.records()}
    assert rows.keys() == {"plain", "ours"}
    for row in rows.values():
        assert row["connections"] == "4"
        assert 0 < row["p50 ms"] <= row["p95 ms"] <= row["p99 ms"]
        assert min(row["events/s"], row["CPU µs/event"], row["sender µs"]) > 0
        assert row["MB"] > 10
    assert rows["plain"]["× plain"] == rows["plain"]["of plain"] == 1
    assert rows["ours"]["× plain"] == rows["ours"]["events/s"] / rows["plain"]["events/s"]
    assert by_connections.records()[0] == {"CPU µs/event": "plain", "4 conn.": rows["plain"]["CPU µs/event"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "nonsense is none of throughput, "),
        (["--systems", "x"], "x is none of plain, "),
        (["--connections", "0"], "0 must be a whole number from 1 on"),
        (["--connections", "8,x"], "x must be a whole number from 1 on"),
        (["--rounds", "0"], "0 must be a whole number from 1 on"),
        (["--seconds", "-1"], "-1 must be a number above 0"),
        (["--seconds", "soon"], "soon must be a number above 0"),
    ],
)
def test_what_cannot_be_measured(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(arguments)
    assert said in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.alone
async def test_a_long_run() -> None:
    (table,) = await long_run.tables(Effort(("ours",), requests=1000))
    assert [row["events"] for row in table.records()][::5] == ["0–10", "406–505", "901–1,000"]
    assert table.records()[-1]["of all so far"] > 0


@pytest.mark.long
@pytest.mark.alone
async def test_soak(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Two minutes, which are short here: a line for each, and a verdict."""
    monkeypatch.setattr(soak, "MINUTE_SECONDS", 2)
    monkeypatch.setattr(soak, "RATE", 20)  # a busy machine
    assert await soak.main(2) == 0
    _, *minutes, _, verdict = capsys.readouterr().out.splitlines()
    assert [each.partition(": ")[0] for each in minutes] == ["minute 1", "minute 2"]
    assert verdict == "all answers were as expected"


@pytest.mark.long
@pytest.mark.alone
async def test_starts() -> None:
    first, imports = await starts.tables(Effort(("ours",), starts=1))
    (row,) = first.records()
    packages = {each["ours"]: each["ms"] for each in imports.records()}
    assert row["first 200, ms"] > 0
    assert row["imports, ms"] == packages["all"] > packages["events_publish"] > 0
    assert sum(packages.values()) == pytest.approx(2 * packages["all"])


def test_what_is_not_at_hand_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("CSHARP", raising=False)
    monkeypatch.setenv("PATH", "")
    if (ROOT / ".local/csharp/peer").exists():
        pytest.skip("it was made here")
    assert systems.at_hand(systems.NAMES) == ["plain", "ours", "empty"]
    assert capsys.readouterr().err == (
        "C# is not measured: CSHARP names no build, and there is no .NET SDK to make one.\n"
    )
    monkeypatch.setenv("CSHARP", "/a/build")
    assert systems.at_hand(systems.NAMES) == list(systems.NAMES)


def test_a_table() -> None:
    table = Table("A title", ("", "events/s", "× plain"), [("plain", 1234.5, 1.0), ("ours", 12.34, None)])
    assert str(table) == (
        "### A title\n\n"
        "|       | events/s | × plain |\n"
        "| ----- | -------: | ------: |\n"
        "| plain |    1,234 |    1.00 |\n"
        "| ours  |     12.3 |         |\n"
    )
    assert table.records()[1] == {"": "ours", "events/s": 12.34, "× plain": None}


def test_the_chart(tmp_path: Path) -> None:
    """It shows each system that was measured, is the same each time, and fetches nothing."""
    header = ("system", "connections", "CPU µs/event")
    table = Table("", header, [("plain", "8", 2000.0), ("plain", "32", 2100.0), ("ours", "8", 200.0)])
    for name in ("a", "b"):
        chart.draw(table, tmp_path / name)
    drawn = (tmp_path / "a").read_bytes()
    assert drawn == (tmp_path / "b").read_bytes()
    root = ElementTree.fromstring(drawn)  # noqa: S314  # our own
    texts = {element.text for element in root.iter() if element.tag.endswith("text")}
    assert {"Plain Python", "This project", "8", "32"} <= texts
    assert "C#, settled" not in texts
    assert not [element for element in root.iter() if element.tag.endswith("script")]
