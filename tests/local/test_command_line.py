"""``python -m local`` as somebody at a keyboard meets it."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import jwt
import pytest

from events_publish.shards import shard_of
from local import ROOT, issuer, pdp, up
from local.__main__ import main
from local.running import Running
from local.up import SAMPLE
from tests.conftest import wait_until
from tests.storage import Queue

FREE_PORTS = [f"--{name}port=0" for name in ("", "issuer-", "page-", "blob-", "queue-", "table-")]


def environ(**added: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **added}


def local(*arguments: str, stdin: bytes = b"", **added: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env=environ(**added),
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )


class Stack(NamedTuple):
    """A running ``up``."""

    process: subprocess.Popen[str]
    folder: Path
    errors: Path

    def output(self) -> list[str]:
        """What it has printed on standard error."""
        return self.errors.read_text().splitlines()

    def running(self) -> dict[str, str]:
        state: dict[str, str] = json.loads((self.folder / "running.json").read_text())
        return state


def start_up(folder: Path, *options: str) -> Stack:
    errors = folder / "standard-error"
    with errors.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up", *FREE_PORTS, "--folder", str(folder), *options],
            cwd=ROOT,
            env=environ(),
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            start_new_session=True,
        )
    return Stack(process, folder, errors)


def wait_until_up(stack: Stack) -> Stack:
    wait_until(lambda: "Ctrl+C" in stack.errors.read_text() or stack.process.poll() is not None, 30)
    assert stack.process.poll() is None, stack.errors.read_text()
    return stack


def stop(stack: Stack, number: signal.Signals = signal.SIGINT) -> str:
    """Stop it as a terminal does, check that it ended well, and return what it printed on standard output."""
    os.killpg(stack.process.pid, number)
    output, _ = stack.process.communicate(timeout=30)
    assert stack.process.returncode == 0
    return output


@pytest.fixture
def start() -> Iterator[Callable[..., Stack]]:
    """Starts ``up``; what is still running at the end of the test is stopped."""
    started: list[Stack] = []

    def start(folder: Path, *options: str) -> Stack:
        started.append(start_up(folder, *options))
        return wait_until_up(started[-1])

    yield start
    for stack in started:
        stack.process.terminate()
        stack.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = wait_until_up(start_up(tmp_path_factory.mktemp("stack")))
    yield stack
    stop(stack)


@pytest.fixture
def queue(stack: Stack) -> Iterator[Queue]:
    state = stack.running()
    with Queue(state["storage"], state["queue"]) as queue:
        queue.clear()
        yield queue


def test_once(tmp_path: Path) -> None:
    """The sample event goes through, and what lies on the queue is all that standard output gets, byte for byte."""
    for _ in range(2):  # the second time with what the first has left in the folder
        ended = local("up", "--once", *FREE_PORTS, "--folder", str(tmp_path))
        assert ended.returncode == 0
        assert ended.stdout == SAMPLE.read_bytes()
        assert not re.search(b"ERROR|WARNING|Traceback", ended.stderr)
    assert not (tmp_path / "running.json").exists()


def test_up_ends_with_a_curl_line_that_works(stack: Stack, queue: Queue) -> None:
    """The URLs and a line to paste; it is run here as a shell would run it."""
    (line,) = [line for line in stack.output() if line.startswith("curl ")]
    ran = subprocess.run(shlex.split(line), cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("HTTP/1.1 200 OK")
    assert queue.take() == [SAMPLE.read_bytes()]
    shown = stack.errors.read_text()
    assert all(stack.running()[name] in shown for name in ("page", "host", "issuer", "storage", "queue"))


@pytest.mark.usefixtures("queue")
def test_up_tells_how_to_see_what_lies_on_its_queue(stack: Stack) -> None:
    """That of this stack, and not of another one."""
    assert local("publish", "--folder", str(stack.folder), str(SAMPLE)).returncode == 0
    (line,) = [line for line in stack.output() if "Ctrl+C" in line]
    command = shlex.split(line.partition("See what lies on the queue with ")[2])
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout == SAMPLE.read_bytes()


@pytest.mark.long
def test_messages_of_a_storage_that_is_held(stack: Stack) -> None:
    """It is found and held as docs/local.md says; a line tells so soon, and all is well when it is let go."""
    find = ["pgrep", "-f", str(stack.folder / "azurite")]
    (found,) = subprocess.run(find, capture_output=True, text=True, check=True).stdout.split()
    messages = ("messages", "--folder", str(stack.folder))
    os.kill(int(found), signal.SIGSTOP)
    held = local(*messages)
    os.kill(int(found), signal.SIGCONT)
    assert held.returncode == 1
    assert "gives no answer within 5 s" in held.stderr.decode()
    assert len(held.stderr.splitlines()) == 1
    assert local(*messages).returncode == 0


def test_a_second_up_is_kept_out_of_the_folder(stack: Stack) -> None:
    """Two Azurites on one folder would lose each other's events."""
    ended = local("up", "--once", *FREE_PORTS, "--folder", str(stack.folder))
    assert ended.returncode == 1
    assert ended.stderr.decode().startswith(f"Azurite is already running with its data in {stack.folder}.")
    assert stack.running()


def test_up_is_stopped_while_it_starts(tmp_path: Path) -> None:
    """It ends at once, leaves nothing running, and does not claim success."""
    stack = start_up(tmp_path)
    wait_until(lambda: bool(stack.output()))
    os.killpg(stack.process.pid, signal.SIGINT)
    assert stack.process.communicate(timeout=30)[0] == ""
    assert stack.process.returncode == 130
    assert stack.output() == ["Starting Azurite …", "Stopped before it was up."]
    assert running_in(tmp_path) == []


def running_in(folder: Path) -> list[int]:
    """The processes that name a folder in their command line."""
    found = subprocess.run(["pgrep", "-f", str(folder)], check=False, capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def test_what_a_killed_up_leaves_keeps_the_folder(start: Callable[..., Stack], tmp_path: Path) -> None:
    """A second Azurite beside the orphan would spoil its data."""
    stack = start(tmp_path)
    (host,) = children(stack)
    stack.process.kill()
    stack.process.communicate(timeout=30)
    ended = local("up", "--once", *FREE_PORTS, "--folder", str(tmp_path))
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert b"Azurite is already running with its data in" in ended.stderr
    for orphan in (host, *running_in(tmp_path)):
        os.kill(orphan, signal.SIGTERM)
    wait_until(lambda: running_in(tmp_path) == [])


def children(stack: Stack) -> list[int]:
    """The hosts that an `up` has started."""
    found = subprocess.run(
        ["pgrep", "-P", str(stack.process.pid), "-f", "local host"], capture_output=True, text=True, check=True
    )
    return [int(pid) for pid in found.stdout.split()]


def test_node_may_be_a_script(tmp_path: Path) -> None:
    """Around the real one, as version managers have it: all of it is stopped."""
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin/node"
    wrapper.write_text(f'#!/bin/sh\n{shutil.which("node")} "$@"\nexit $?\n')
    wrapper.chmod(0o755)
    folder = tmp_path / "state"
    ended = local("up", "--once", *FREE_PORTS, "--folder", str(folder), PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert (ended.returncode, ended.stdout) == (0, SAMPLE.read_bytes())
    assert running_in(folder) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = local("up", "--once", *FREE_PORTS, "--folder", str(tmp_path / "file"))
    assert ended.returncode == 1
    assert ended.stderr.decode() == f"{tmp_path / 'file'} cannot be written: File exists\n"


def test_up_stops_and_keeps_what_it_had(start: Callable[..., Stack], tmp_path: Path) -> None:
    """Everything ends, nothing is lost: keys and events are there at the next start."""
    (key,) = issuer.keys(tmp_path).issuer
    headers = {"Content-Type": "application/json"}
    for starts, number in enumerate([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], 1):
        stack = start(tmp_path)
        state = stack.running()
        assert [each["kid"] for each in httpx.get(state["issuer"] + "jwk").json()["keys"]] == [key["kid"]]
        with Queue(state["storage"], state["queue"]) as queue:
            peeked = queue.client.peek_messages(max_messages=32)
        assert [bytes(message.content) for message in peeked] == [SAMPLE.read_bytes()] * starts
        if starts > 1:
            # The issuer is at another port now, so its identifier is another: its key alone does not make a token good.
            refused = httpx.post(state["host"] + "/events/api/v1/events", content=b"{}", headers=headers)
            assert refused.status_code == 401
        headers["Authorization"] = f"Bearer {local('token', '--folder', str(tmp_path)).stdout.decode().strip()}"
        assert stop(stack, number) == SAMPLE.read_text()
        with pytest.raises(httpx.ConnectError):
            httpx.get(state["host"])


def test_up_without_host(start: Callable[..., Stack], tmp_path: Path) -> None:
    """For `func start`: storage and issuer run, and nothing is published."""
    stack = start(tmp_path, "--no-host")
    assert httpx.get(stack.running()["issuer"] + "jwk").status_code == 200
    assert stop(stack) == ""


def test_up_says_what_is_wrong_with_settings(tmp_path: Path) -> None:
    ended = local(
        "up", "--once", *FREE_PORTS, "--folder", str(tmp_path), PUBLISH_TIMEOUT_SECONDS="soon", EVENTS_QUEUE_NAME="Q"
    )
    assert ended.returncode == 1
    assert ended.stdout == b""
    lines = ended.stderr.decode().splitlines()
    assert [line.partition(";")[0] for line in lines[-2:]] == [
        "EVENTS_QUEUE_NAME: is wrong",
        "PUBLISH_TIMEOUT_SECONDS: is wrong",
    ]


def test_up_publishes_with_the_settings_of_the_host(tmp_path: Path) -> None:
    """Other queues, another scope: the token follows, and the sample event is found on the queue that it went to."""
    folder = ["--folder", str(tmp_path)]
    ended = local(
        *("up", "--once", *FREE_PORTS, *folder),
        PUBLISH_SCOPE="my:scope",
        EVENTS_QUEUE_NAME="my-queue",
        EVENTS_QUEUE_SHARDS="3",
    )
    assert (ended.returncode, ended.stdout) == (0, SAMPLE.read_bytes())
    shard = shard_of(json.loads(SAMPLE.read_bytes()), 3)
    assert f"As it lies on the queue my-queue-{shard}:" in ended.stderr.decode()


@pytest.mark.parametrize("part", ["port", "issuer-port", "page-port", "queue-port"])
def test_up_says_which_port_is_in_use(stack: Stack, tmp_path: Path, part: str) -> None:
    state = stack.running()
    urls = {
        "port": state["host"],
        "issuer-port": state["issuer"],
        "page-port": state["page"],
        "queue-port": state["storage"],
    }
    found = re.search(r"QueueEndpoint=http://127\.0\.0\.1:(\d+)", urls[part]) or re.search(r":(\d+)", urls[part])
    assert found
    ended = local("up", *FREE_PORTS, f"--{part}={found[1]}", "--folder", str(tmp_path))
    assert ended.returncode == 1
    assert f"Port {found[1]} is in use; choose another with --{part}" in ended.stderr.decode()
    assert b"Traceback" not in ended.stderr


def test_up_ends_when_a_part_ends(start: Callable[..., Stack], tmp_path: Path) -> None:
    stack = start(tmp_path)
    (host,) = children(stack)
    os.kill(host, signal.SIGKILL)
    stack.process.communicate(timeout=30)
    assert stack.process.returncode == 1
    assert stack.output()[-1] == "The host ended by itself, with exit code -9."


def test_publish_and_messages(stack: Stack, queue: Queue, tmp_path: Path) -> None:
    folder = ["--folder", str(stack.folder)]
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    ended = local("publish", *folder, str(SAMPLE), "-", str(bad), stdin=SAMPLE.read_bytes())
    assert ended.returncode == 1
    good, piped, refused, *problem = ended.stdout.decode().splitlines()
    assert (good, piped, refused) == (f"{SAMPLE}: 200", "-: 200", f"{bad}: 400 {{")
    assert '  "status": 400,' in problem

    shown = local("messages", *folder)
    assert shown.returncode == 0
    assert shown.stdout == SAMPLE.read_bytes() * 2
    assert shown.stderr == b"2 shown, 0 more on the queue\n"
    assert queue.take() == [SAMPLE.read_bytes()] * 2
    assert local("publish", *folder, str(SAMPLE)).returncode == 0


def test_messages_says_how_many_more(stack: Stack, queue: Queue) -> None:
    for _ in range(40):
        queue.client.send_message("e30=")
    shown = local("messages", "--folder", str(stack.folder))
    assert shown.stderr == b"32 shown, 8 more on the queue\n"
    assert shown.stdout == b"{}\n" * 32


def test_messages_follow(stack: Stack, queue: Queue) -> None:
    """It takes what is there and what comes, prints each, and deletes it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "messages", "--follow", "--folder", str(stack.folder)],
        cwd=ROOT,
        env=environ(),
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    try:
        for encoded, event in (("e30=", b"{}\n"), ("W10=", b"[]\n")):
            queue.client.send_message(encoded)
            assert process.stdout.readline() == event
        wait_until(lambda: queue.client.get_queue_properties().approximate_message_count == 0)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 130  # what shells expect of Ctrl+C


@pytest.fixture
def sharded(stack: Stack, tmp_path: Path) -> Iterator[tuple[Path, list[Queue]]]:
    """The folder of a stack with three queues, and the first and the last of them; nothing has gone to the second yet."""
    state = Running.load(stack.folder)._replace(queue=f"sharded-{uuid.uuid4()}", shards=3)
    state.save(tmp_path)
    with Queue(state.storage, state.queues[0]) as first, Queue(state.storage, state.queues[2]) as last:
        for queue in (first, last):
            queue.client.create_queue()
        yield tmp_path, [first, last]


def test_messages_of_several_queues(sharded: tuple[Path, list[Queue]]) -> None:
    """One queue after the other, each with what it has."""
    folder, (first, last) = sharded
    last.client.send_message("W10=")
    for _ in range(33):
        first.client.send_message("e30=")
    shown = local("messages", "--folder", str(folder))
    assert (shown.returncode, shown.stdout) == (0, b"{}\n" * 32 + b"[]\n")
    names = Running.load(folder).queues
    assert shown.stderr.decode().splitlines() == [
        f"32 shown, 1 more on {names[0]}",
        f"0 shown, 0 more on {names[1]}",
        f"1 shown, 0 more on {names[2]}",
    ]


def test_messages_follow_several_queues(sharded: tuple[Path, list[Queue]]) -> None:
    """What is there and what comes, of each."""
    folder, (first, last) = sharded
    first.client.send_message("e30=")
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "messages", "--follow", "--folder", str(folder)],
        cwd=ROOT,
        env=environ(),
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    try:
        assert process.stdout.readline() == b"{}\n"
        for queue, encoded, event in ((last, "W10=", b"[]\n"), (first, "MQ==", b"1\n")):
            queue.client.send_message(encoded)
            assert process.stdout.readline() == event
        wait_until(
            lambda: not any(each.client.get_queue_properties().approximate_message_count for each in (first, last))
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)


def test_messages_that_are_not_base64(stack: Stack, queue: Queue) -> None:
    """Shown as they are, and in nobody's way."""
    queue.client.send_message("hello, not base64!")
    queue.client.send_message("e30=")
    shown = local("messages", "--folder", str(stack.folder))
    assert (shown.returncode, shown.stdout) == (0, b"hello, not base64!\n{}\n")
    queue.client.clear_messages()


def test_a_backlog_is_left_alone(tmp_path: Path) -> None:
    """Where more events lie before the sample than the service shows, `up` says so, and receives none of them."""
    folder = ["--folder", str(tmp_path)]
    stack = wait_until_up(start_up(tmp_path))
    assert local("publish", *folder, *[str(SAMPLE)] * 32).returncode == 0
    stop(stack)
    ended = local("up", "--once", *FREE_PORTS, *folder)
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert b"behind the first 32 messages" in ended.stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param(["token"], "No issuer answers at http://127.0.0.1:1/", id="token"),
        pytest.param(["publish", "-"], "No issuer answers at http://127.0.0.1:1/", id="publish"),
        pytest.param(["messages"], "cannot be read; start it with `make run`.", id="messages"),
    ],
)
def test_nothing_runs(tmp_path: Path, command: list[str], message: str) -> None:
    storage = "AccountName=account;AccountKey=c2VjcmV0;QueueEndpoint=http://127.0.0.1:1/account"
    state = {"host": "http://127.0.0.1:1", "issuer": "http://127.0.0.1:1/", "storage": storage, "queue": "a-queue"}
    (tmp_path / "running.json").write_text(json.dumps(state))
    ended = local(*command, "--folder", str(tmp_path))
    assert ended.returncode == 1
    assert message in ended.stderr.decode()
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.usefixtures("queue")
def test_a_file_that_is_not_there(stack: Stack) -> None:
    """It does not keep the others from being published."""
    ended = local("publish", "--folder", str(stack.folder), "no-such-file", str(SAMPLE))
    assert ended.returncode == 1
    assert ended.stdout.decode().splitlines() == [
        "no-such-file: cannot be read: No such file or directory",
        f"{SAMPLE}: 200",
    ]


def test_token_options(stack: Stack) -> None:
    printed = local(
        "token", "--folder", str(stack.folder), "--scope", "a b", "--consumer", "123456789", "--lifetime=-5"
    )
    header, claims, _ = printed.stdout.decode().strip().split(".")
    assert header
    read = jwt.decode(printed.stdout.strip(), options={"verify_signature": False})
    assert claims
    assert (read["scope"], read["consumer"]["ID"], read["exp"] - read["iat"]) == ("a b", "0192:123456789", -5)


def test_token_for_a_policy(stack: Stack) -> None:
    """Who the token speaks for: a service owner, a client; by default the one and only, of nobody's."""
    folder = ["--folder", str(stack.folder)]
    for options, who in (
        ([], {"client_id": "local-client"}),
        (["--org", "ttd", "--client", "7e1a"], {"client_id": "7e1a", "urn:altinn:org": "ttd"}),
    ):
        printed = local("token", *folder, *options).stdout.strip()
        claims = jwt.decode(printed, options={"verify_signature": False})
        assert {name: claims[name] for name in ("client_id", "urn:altinn:org") if name in claims} == who


def test_issuer_keys_rotate_and_retire(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def lines(*command: str) -> list[str]:
        assert main(["issuer", *command, "--folder", str(tmp_path)]) == 0
        return capsys.readouterr().out.splitlines()

    (first,) = [line.split() for line in lines("keys")]
    assert first[1:] == ["RS256", "signs"]
    (second,) = lines("rotate", "--algorithm", "ES256")
    (third,) = lines("rotate")
    assert lines("keys") == [f"{first[0]} RS256", f"{second} ES256", f"{third} RS256 signs"]
    assert lines("retire", first[0]) == []
    assert lines("retire", third) == []
    assert lines("keys") == [f"{second} ES256 signs"]


def test_every_algorithm_has_its_place_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(issuer, "rotate", lambda _, algorithm: {"kid": algorithm})
    for algorithm in issuer.ALGORITHMS:
        assert main(["issuer", "rotate", "--algorithm", algorithm]) == 0
    assert capsys.readouterr().out.split() == [*issuer.ALGORITHMS]


def test_issuer_fault(tmp_path: Path) -> None:
    for fault in issuer.Fault:
        assert main(["issuer", "fault", fault, "--folder", str(tmp_path)]) == 0
        assert issuer.fault(tmp_path) is fault
    assert main(["issuer", "fault", "none", "--folder", str(tmp_path)]) == 0
    assert issuer.fault(tmp_path) is None


def test_pdp_answer(tmp_path: Path) -> None:
    for answer in pdp.Answer:
        assert main(["pdp", answer, "--folder", str(tmp_path)]) == 0
        assert pdp.answer(tmp_path) is answer


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["issuer"], id="issuer and nothing else"),
        pytest.param(["issuer", "rotate", "--algorithm", "HS256"], id="an algorithm that is none"),
        pytest.param(["issuer", "retire"], id="no kid"),
        pytest.param(["issuer", "fault", "tired"], id="a fault that is none"),
        pytest.param(["pdp", "permit"], id="a decision that is none"),
    ],
)
def test_a_wrong_word_is_a_usage_error(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 2
    assert "usage: python -m local" in capsys.readouterr().err


def test_what_is_wrong_with_keys_and_faults_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def failure(*command: str) -> str:
        assert main([*command, "--folder", str(tmp_path)]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        return captured.err

    kid = issuer.keys(tmp_path).signing["kid"]
    assert failure("issuer", "retire", "stranger") == f"The issuer has no key stranger; it has {kid}.\n"
    assert "is the only key of the issuer" in failure("issuer", "retire", kid)
    (tmp_path / "issuer-fault").write_text("")
    assert "must say one of down, slow, garbage, no-keys" in failure("token")
    (tmp_path / "issuer-keys.json").write_text("{}")
    for command in (["issuer", "keys"], ["issuer", "rotate"], ["token"]):
        assert "issuer-keys.json does not hold the keys that it should" in failure(*command)


def test_a_token_of_an_issuer_that_fails(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """An outage is rehearsed with good tokens."""
    folder = ["--folder", str(stack.folder)]
    try:
        for fault in issuer.Fault:
            issuer.set_fault(stack.folder, fault)
            assert main(["token", *folder]) == 0
            assert capsys.readouterr().out.count(".") == 2
    finally:
        issuer.set_fault(stack.folder, None)


def test_up_with_a_pdp(start: Callable[..., Stack], tmp_path: Path) -> None:
    """It is up before the host, and the host is told where it is; what a rehearsal has left is told, too."""
    pdp.set_answer(tmp_path, pdp.Answer.NOT_APPLICABLE)
    issuer.set_fault(tmp_path, issuer.Fault.NO_KEYS)
    stack = start(tmp_path, "--no-host", "--pdp", "--pdp-port=0")
    shown = stack.errors.read_text()
    assert "The issuer has a fault: no-keys. It ends with: " in shown
    assert "The PDP answers NotApplicable. It permits again with: " in shown
    (url,) = re.findall(r"^  PDP       (http://127\.0\.0\.1:\d+/authorization/api/v1/decision)$", shown, re.MULTILINE)
    assert httpx.post(url).status_code == 401
    stop(stack)


def test_the_environment_of_the_host() -> None:
    """The stand-in's address takes the place of the person's own; without it, their own is left alone."""
    own = {"PDP_URL": "https://pdp.example/", "PDP_SUBSCRIPTION_KEY": "own", "PUBLISH_POLICY": "@policy.json"}
    assert up.environment(own, "storage", "http://issuer/").items() >= own.items()
    replaced = up.environment(own, "storage", "http://issuer/", "http://127.0.0.1:1/decision")
    assert replaced["PDP_URL"] == "http://127.0.0.1:1/decision"
    assert replaced["PDP_SUBSCRIPTION_KEY"] == "local"
    assert replaced["PUBLISH_POLICY"] == "@policy.json"


def test_a_wrong_port_is_a_usage_error() -> None:
    ended = local("host", "--port", "70000")
    assert ended.returncode == 2
    assert b"must be a number from 0 to 65535" in ended.stderr
