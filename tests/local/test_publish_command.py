"""``python -m local publish``, and what it can be piped from and into, as somebody at a keyboard meets them."""

import base64
import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceExistsError

from local import ROOT, command_line, issuer
from local.__main__ import main
from local.running import Running
from tests.conftest import Host, Issuer, MakeEvent, wait_until
from tests.documents import block
from tests.storage import Queue

COMMAND = [sys.executable, "-m", "local"]


@pytest.fixture
def folder(host: Host, token_issuer: Issuer, storage: str, tmp_path: Path) -> Path:
    """That of a stack which is up."""
    folder = tmp_path / "state"
    Running(host=host.url, issuer=token_issuer.identifier, storage=storage).save(folder)
    (folder / "issuer-keys.json").write_text(json.dumps({"keys": [*token_issuer.keys.issuer]}))
    return folder


def local(*arguments: str, stdin: bytes = b"", code: int = 0) -> tuple[str, str]:
    """Standard output and standard error of a command, whose exit code is checked."""
    ended = subprocess.run([*COMMAND, *arguments], cwd=ROOT, input=stdin, capture_output=True, timeout=60, check=False)
    assert ended.returncode == code, ended.stderr
    return ended.stdout.decode(), ended.stderr.decode()


def lines(*events: object) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command at work; it is stopped at the end, where it has not been."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*COMMAND, *arguments], cwd=ROOT, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def stop(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Ctrl+C, and what it then prints on standard output and standard error."""
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    return process.communicate()


@pytest.fixture
def queue(queue: Queue) -> Queue:
    """It is there, though nobody may have published yet."""
    with suppress(ResourceExistsError):
        queue.client.create_queue()
    return queue


def put(queue: Queue, content: bytes) -> None:
    queue.client.send_message(base64.b64encode(content).decode())


def test_one_event_a_line(folder: Path, queue: Queue, make_event: MakeEvent) -> None:
    """Each is on the queue as it was written; those that are not are told in their order, and at the end."""
    events = [make_event(id=str(number)) for number in range(40)]
    events[17]["time"] = events[30]["time"] = "yesterday"
    printed, errors = local("publish", "--folder", str(folder), "-", stdin=lines(*events), code=1)
    told = printed.splitlines()
    assert [text.partition(": ")[0] for text in told] == ["line 18", "line 31"]
    assert all(": 400 invalid-event: time must be a timestamp" in text for text in told)
    first, group = errors.splitlines()
    assert first == "38 accepted, 2 refused:"
    assert group.startswith("  2 invalid-event (lines 18, 31): time must be a timestamp")
    good = [event for event in events if "time" not in event]
    assert sorted(queue.take()) == sorted(line for line in lines(*good).splitlines())


def test_files_of_each_kind(
    folder: Path, queue: Queue, make_event: MakeEvent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What each holds is seen without being told, and all is accepted in one run."""
    pretty, batch, many = (tmp_path / name for name in ("pretty.json", "batch.json", "many.ndjson"))
    pretty.write_text(json.dumps(make_event(), indent=2))
    batch.write_text(json.dumps([make_event(id="2"), make_event(id="3")], indent=2))
    many.write_bytes(lines(make_event(id="4"), [make_event(id="5")]))
    assert main(["publish", "--folder", str(folder), str(pretty), str(batch), str(many)]) == 0
    assert capsys.readouterr() == (f"{pretty}: 200\n{batch}: 200\n", "5 accepted\n")
    assert sorted(json.loads(event)["id"] for event in queue.take()) == ["1", "2", "3", "4", "5"]


def test_an_object_for_each(
    folder: Path, queue: Queue, make_event: MakeEvent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = tmp_path / "many.ndjson"
    many.write_bytes(lines(make_event(), make_event(id="")))
    assert main(["publish", "--folder", str(folder), "--json", str(many), "no-such-file"]) == 1
    printed, errors = capsys.readouterr()
    good, bad, missing = [json.loads(line) for line in printed.splitlines()]
    assert good.keys() == json.loads(block("docs/local.md", "json", "traceId")).keys()
    assert (good["line"], good["id"], good["source"], good["status"]) == (1, "1", "https://example.no/api", 200)
    assert (bad["line"], bad["status"], [*bad["problem"]["errors"]]) == (2, 400, ["id"])
    assert bad["traceId"] == bad["problem"]["traceId"]
    assert missing == {"name": "no-such-file", "error": "cannot be read: No such file or directory"}
    assert errors == ""
    assert len(queue.take()) == 1


class Dying(BaseHTTPRequestHandler):
    """Takes every event, and answers none but the first."""

    def do_POST(self) -> None:  # as http.server calls it
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if event["id"] == "1":
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        self.close_connection = True


@pytest.mark.long
def test_a_host_that_is_lost(folder: Path, make_event: MakeEvent) -> None:
    """Of what it was handed each is told, for it may have arrived."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Dying) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"http://127.0.0.1:{server.server_port}"
        Running.load(folder)._replace(host=host).save(folder)
        options = ("--retries", "0", "--folder", str(folder), "-")
        events = lines(*(make_event(id=identifier) for identifier in "123"))
        text = local("publish", *options, stdin=events, code=1)
        objects = local("publish", "--json", *options, stdin=events, code=1)
        server.shutdown()
    no_host = f"No host answers at {host}; start one with `make run` or `func start`.\n"
    assert text == ("", f"Stopped: 1 accepted, 2 on the way, of which nobody knows\n{no_host}")
    told = [json.loads(each) for each in objects[0].splitlines()]
    assert [(each["line"], each.get("error")) for each in told] == [
        (1, None),
        (2, "stopped before the answer came"),
        (3, "stopped before the answer came"),
    ]
    assert objects[1] == no_host
    Running.load(folder)._replace(host="http://127.0.0.1:1").save(folder)  # where nobody has ever been
    assert local("publish", *options, stdin=events, code=1) == (
        "",
        "Stopped: 0 accepted\nNo host answers at http://127.0.0.1:1; start one with `make run` or `func start`.\n",
    )


@pytest.mark.long
@pytest.mark.usefixtures("queue")
def test_nothing_came(folder: Path) -> None:
    """Which is well for a pipe."""
    assert local("publish", "--folder", str(folder), "-") == ("", "0 accepted\n")
    assert local("publish", "--folder", str(folder), "/dev/null", code=1)[0] == "/dev/null: holds no event\n"


def test_lines_are_published_as_they_come_until_ctrl_c(folder: Path, queue: Queue, make_event: MakeEvent) -> None:
    with started("publish", "--json", "--folder", str(folder), "-") as process:
        assert process.stdin
        assert process.stdout
        for identifier in ("1", "2"):
            process.stdin.write(lines(make_event(id=identifier)).decode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == identifier
        assert stop(process) == ("", "")
    assert len(queue.take()) == 2


@pytest.mark.long
def test_ctrl_c_tells_what_was_accepted(folder: Path, queue: Queue, make_event: MakeEvent) -> None:
    """And that is what is on the queue."""
    with started("publish", "--folder", str(folder), "-") as process:
        assert process.stdin
        process.stdin.write(lines(*[make_event()] * 30).decode())
        process.stdin.flush()
        wait_until(lambda: queue.client.get_queue_properties().approximate_message_count == 30)
        assert stop(process) == ("", "Stopped: 30 accepted\n")
    queue.clear()


def test_round_trip(folder: Path, queue: Queue, make_event: MakeEvent) -> None:
    """What is taken off the queue can be published again, and not a digit is written anew."""
    event = b'{\n  "data": {"n": 1.50,\r\n\t"x": "a \\n b"}' + json.dumps(make_event()).encode().replace(b"{", b",", 1)
    for content in (event, "Æ, no JSON".encode()):
        put(queue, content)
    printed, _ = local("messages", "--json", "--folder", str(folder))
    first, second = printed.splitlines()
    assert '"event": { "data": {"n": 1.50, "x": "a \\n b"},"specversion": ' in first
    assert json.loads(first) == {"queue": "events-registration", "event": json.loads(event)}
    assert json.loads(second) == {"queue": "events-registration", "text": "Æ, no JSON"}
    queue.clear()
    ended = local("publish", "--folder", str(folder), "-", stdin=first.encode())
    assert ended == ("", "1 accepted\n")
    (again,) = queue.take()
    assert json.loads(again) == json.loads(event)
    assert b"1.50" in again


def test_following_says_how_many_it_took(folder: Path, queue: Queue) -> None:
    with started("messages", "--follow", "--json", "--folder", str(folder)) as process:
        assert process.stdout
        put(queue, b"{}")
        assert json.loads(process.stdout.readline()) == {"queue": "events-registration", "event": {}}
        wait_until(lambda: queue.client.get_queue_properties().approximate_message_count == 0)
        printed, errors = stop(process)
        assert printed == ""
        assert errors.splitlines()[1:] == ["1 taken"]


def test_token_and_keys_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--json", "--folder", str(folder), "--org", "ttd"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["token"].count(".") == 2
    assert (told["claims"]["urn:altinn:org"], told["claims"]["client_id"]) == ("ttd", "local-client")
    kid = issuer.rotate(folder)["kid"]
    assert main(["issuer", "keys", "--json", "--folder", str(folder)]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["alg"], first["signs"]) == ("RS256", False)
    assert second == {"kid": kid, "alg": "RS256", "signs": True}


@pytest.mark.parametrize(
    "words",
    [
        *([], ["up"], ["host"], ["token"], ["publish"], ["messages"], ["pdp"]),
        *(["issuer"], ["issuer", "keys"], ["issuer", "rotate"], ["issuer", "retire"], ["issuer", "fault"]),
    ],
    ids=" ".join,
)
def test_help_has_examples_that_are_understood(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    examples = capsys.readouterr().out.partition("examples:\n")[2].partition("\n\n")[0].replace("\\\n", "").splitlines()
    assert examples
    for example in examples:
        for command in re.sub(r"\$\(.*\)", "KID", example).split(" | "):
            typed = shlex.split(command.partition(" <")[0])
            if typed[0] == "jq" or "--help" in typed:
                continue
            assert typed[:3] == [".venv/bin/python", "-m", "local"]
            assert command_line.parser().parse_args(typed[3:]).command


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["messages", "--folder", "{file}"], id="messages of a file"),
        pytest.param(["publish", "--folder", "{file}", "-"], id="publish with a file"),
        pytest.param(["token", "--folder", "{file}"], id="token of a file"),
        pytest.param(["issuer", "keys", "--folder", "{file}"], id="keys of a file"),
        pytest.param(["pdp", "Deny", "--folder", "{file}"], id="pdp of a file"),
        pytest.param(["issuer", "fault", "down", "--folder", "{file}"], id="fault of a file"),
    ],
)
def test_a_folder_that_is_none(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line says so."""
    file = tmp_path / "file"
    file.touch()
    assert main([word.format(file=file) for word in command]) == 1
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert str(file) in errors


@pytest.mark.long
@pytest.mark.usefixtures("queue")
def test_output_that_cannot_be_written(folder: Path) -> None:
    """A full disk, and a name that is no text: a line says so."""
    odd = os.fsdecode(b"\xff")
    assert local("publish", "--folder", str(folder), odd, code=1)[0].endswith(
        ": cannot be read: No such file or directory\n"
    )
    with Path("/dev/full").open("w") as full:
        for command in (["issuer", "keys"], ["token"], ["publish", str(ROOT / "local/events/sample.json")]):
            ended = subprocess.run(
                [*COMMAND, *command, "--folder", str(folder)],
                cwd=ROOT,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            assert ended.returncode == 1
            told = ended.stderr.splitlines()
            assert told.pop() == "Standard output cannot be written: No space left on device"
            assert told == (["Stopped: 1 accepted"] if command[0] == "publish" else [])


def at_terminal(command: list[str], stdin: list[bytes], **environ: str) -> str:
    """What somebody sees whose terminal has 80 columns, while the parts of `stdin` come at their ease."""
    own, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    rest: Mapping[str, str] = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    process = subprocess.Popen(
        [*COMMAND, *command],
        cwd=ROOT,
        env={**rest, "TERM": "xterm-256color", **environ},
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    assert process.stdin
    seen = b""
    began, parts = time.monotonic(), [*stdin]
    while True:
        if parts and time.monotonic() - began > 0.4 * (len(stdin) - len(parts) + 1):
            process.stdin.write(parts.pop(0))
            process.stdin.flush()
            if not parts:
                process.stdin.close()
        if select.select([own], [], [], 0.05)[0]:
            try:
                seen += os.read(own, 65536)
            except OSError:  # EIO: they have closed it
                break
    os.close(own)
    assert process.wait(10) in (0, 1)
    return seen.decode()


def slowly(make_event: MakeEvent) -> list[bytes]:
    return [lines(make_event(id=identifier)) for identifier in ("1", "2", "", "4", "5")]


@pytest.mark.usefixtures("queue")
def test_a_bar(folder: Path, make_event: MakeEvent) -> None:
    """It grows in its place, in colours, and what else is told stands above it, and is there when it has gone."""
    seen = at_terminal(["publish", "--folder", str(folder), "-"], slowly(make_event))
    assert "━" in seen
    assert "\x1b[31m1 refused" in seen
    assert "line 3: 400 invalid-event: id must be" in seen
    assert "4 accepted, 1 refused:\r\n" in seen.rpartition("━")[2]


def test_above_a_bar_text_stays_as_it_is() -> None:
    """What looks like an emoji or like markup, too."""
    code = """from local.progress_bar import ProgressBar; ProgressBar(None).print('urn:x:key:a [red]')"""
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stderr
    assert "urn:x:key:a [red]\n" in told


@pytest.mark.long
@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize(
    ("environ", "has_bar"),
    [pytest.param({"NO_COLOR": "1"}, True, id="NO_COLOR"), pytest.param({"TERM": "dumb"}, False, id="dumb")],
)
def test_a_terminal_without_colours(
    folder: Path, make_event: MakeEvent, environ: dict[str, str], *, has_bar: bool
) -> None:
    seen = at_terminal(["publish", "--folder", str(folder), "-"], slowly(make_event), **environ)
    assert ("━" in seen) is has_bar
    assert "\x1b[3" not in seen
    assert "4 accepted, 1 refused:\r\n" in seen


def test_no_bar_is_loaded_where_none_is_shown() -> None:
    """Nor anything else that `host` has no need of."""
    code = "import sys; from local import command_line; command_line.parser(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"rich", "aiohttp", "jwt", "events_publish", "local.report"} & set(loaded.stdout.split())
