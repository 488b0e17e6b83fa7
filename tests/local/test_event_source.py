"""What is published of a file: one event, one a line, or a batch."""

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from local import event_source
from local.event_source import Item, read

EVENT = b'{"id": "1", "n": 1.50}'
PRETTY = json.dumps({"id": "1", "data": [1, {"a": {}}]}, indent=2).encode()


def items(tmp_path: Path, content: bytes) -> list[tuple[int | None, bytes]]:
    file = tmp_path / "file"
    file.write_bytes(content)
    found = list(read([str(file)]))
    assert not any(item.fault for item in found)
    return [(item.line, item.body) for item in found]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(EVENT, [(None, EVENT)], id="one line"),
        pytest.param(EVENT + b"\n", [(None, EVENT + b"\n")], id="one line, ended"),
        pytest.param(EVENT + b"\n{}\n", [(1, EVENT), (2, b"{}")], id="two lines"),
        pytest.param(EVENT + b"\r\n{}\r\n", [(1, EVENT), (2, b"{}")], id="CRLF"),
        pytest.param(b"\n \n" + EVENT + b"\n\n\n{}", [(3, EVENT), (6, b"{}")], id="blank lines"),
        pytest.param(b'{"id": 1,, }\n{}\n', [(1, b'{"id": 1,, }'), (2, b"{}")], id="first line broken"),
        pytest.param(b'{"id": "cut\n{}\n', [(1, b'{"id": "cut'), (2, b"{}")], id="first line cut within a string"),
        pytest.param(EVENT + b"\nno\n{}", [(1, EVENT), (2, b"no"), (3, b"{}")], id="a line in the middle broken"),
        pytest.param(b"[{}]\n[]", [(1, b"[{}]"), (2, b"[]")], id="batches"),
        pytest.param(PRETTY, [(None, PRETTY)], id="pretty"),
        pytest.param(PRETTY + b"\n", [(None, PRETTY + b"\n")], id="pretty, ended"),
        pytest.param(b"{\n}", [(None, b"{\n}")], id="a brace"),
        pytest.param(b'\xef\xbb\xbf{\n"id": 1}', [(None, b'\xef\xbb\xbf{\n"id": 1}')], id="byte-order mark"),
        pytest.param(b'{"a": [1,\n2]}', [(None, b'{"a": [1,\n2]}')], id="broken within an array"),
        pytest.param(b'{"a": 1\n, "b": 2}', [(None, b'{"a": 1\n, "b": 2}')], id="comma first"),
        pytest.param(b"[\n{},\n{}\n]", [(None, b"[\n{},\n{}\n]")], id="pretty batch"),
        pytest.param(b"# A text\n\nof two lines\n", [(None, b"# A text\n\nof two lines\n")], id="no JSON"),
        pytest.param(b"\xff\xfe\x00\n", [(None, b"\xff\xfe\x00\n")], id="no text"),
        pytest.param(b'{"n": ' + b"9" * 5000 + b"}", [(None, b'{"n": ' + b"9" * 5000 + b"}")], id="a long number"),
        pytest.param(b"[" * 200_000 + b"\n{}", [(1, b"[" * 200_000), (2, b"{}")], id="deep"),
        pytest.param(b'{"queue": "q-0", "event": {"a": 1.50}}', [(None, b'{"a": 1.50}')], id="line of messages"),
        pytest.param(
            b'{"queue":"q","event":{"a":{}}}\n{}', [(1, b'{"a":{}}'), (2, b"{}")], id="lines of messages, by jq"
        ),
        pytest.param(b'{\n "queue": "q",\n "event": {\n}\n}\n', [(None, b"{\n}")], id="messages, by jq, pretty"),
        pytest.param(
            b'{"queue":"q","event":{},"id":"1"}',
            [(None, b'{"queue":"q","event":{},"id":"1"}')],
            id="an event of its own",
        ),
    ],
)
def test_items(tmp_path: Path, content: bytes, expected: list[tuple[int | None, bytes]]) -> None:
    assert items(tmp_path, content) == expected


def test_what_cannot_be_read_keeps_nothing_back(tmp_path: Path) -> None:
    empty, event = tmp_path / "empty", tmp_path / "event"
    empty.write_bytes(b"\n \n")
    event.write_bytes(EVENT)
    assert [
        (item.place, item.fault) for item in read([str(tmp_path), str(tmp_path / "no"), str(empty), str(event)])
    ] == [
        (str(tmp_path), "cannot be read: Is a directory"),
        (str(tmp_path / "no"), "cannot be read: No such file or directory"),
        (str(empty), "holds no event"),
        (str(event), ""),
    ]


def test_a_line_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too long is told, and passed over; what comes after it is found."""
    monkeypatch.setattr(event_source, "MAX_BYTES", 100)
    file = tmp_path / "file"
    file.write_bytes(b"{}\n" + b"x" * 1000 + b"\n{}\n")
    first, long, last = read([str(file)])
    assert (first.line, long.line, last.line) == (1, 2, 3)
    assert long.fault == "has more than 100 bytes, the most that the host takes"
    file.write_bytes(b"{\n" + b" " * 1000 + b"}")
    (pretty,) = read([str(file)])
    assert (pretty.line, pretty.fault) == (None, long.fault)


def test_a_pipe_is_not_waited_for() -> None:
    """A line is there when it has come, though nobody knows yet whether it is the last."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", 0) as pipe:
        pipe.write(EVENT + b"\n")
        found = read([f"/dev/fd/{reading}"])
        first = next(found)
        assert (first.line, first.body) == (1, EVENT)
    assert list(found) == []
    os.close(reading)


def test_a_stream_takes_no_room(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b'{"data": "%b"}\n' % (b"x" * 1000) * 20_000)
    tracemalloc.start()
    try:
        assert sum(item.size for item in read([str(file)])) == file.stat().st_size
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_places() -> None:
    assert [item.place for item in (Item("a"), Item("a", 2), Item("-"), Item("-", 2))] == ["a", "a:2", "-", "line 2"]


def test_size(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert event_source.size([str(file), str(file), "no-such-file"]) == 10
    assert event_source.size([str(file), "/dev/null"]) is None
