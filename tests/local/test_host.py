"""The host: what a function app, any app, sees and does through it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import ROOT
from tests.background import Background
from tests.conftest import Host, host_of, wait_until

APPS = Path(__file__).parent.parent / "apps"
KEY = "the-key"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def echo(background: Background) -> Iterator[Host]:
    host = background.run(host_of(APPS / "echo", {}, "--function-key", KEY))
    yield host
    background.run(host.child.stop())


def seen(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def raw(echo: Host, request: bytes) -> bytes:
    """What comes back for bytes that an HTTP client would not send; the connection is closed after them."""
    port = httpx.URL(echo.url).port
    assert port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_a_function_sees(client: httpx.Client, echo: Host) -> None:
    response = client.post(
        echo.url + "/api/echo/N%C3%B8rd?a=1&b=2&a=3&empty=&flag",
        content=b"\x00\xff",
        headers=[("X-One", "1"), ("x-one", "2"), ("X-Empty", ""), ("Content-Encoding", "gzip")],
    )
    found = seen(response)
    assert found["method"] == "POST"
    assert found["url"] == echo.url + "/api/echo/N%C3%B8rd?a=1&b=2&a=3&empty=&flag"
    assert found["headers"]["x-one"] == "1,2"
    assert found["headers"]["x-empty"] == ""
    assert found["headers"]["content-encoding"] == "gzip"
    assert found["query"] == {"a": "1,3", "b": "2"}
    assert found["route"] == {"name": "Nørd"}
    assert found["body"] == "00ff"
    assert found["function"] == "echo"


@pytest.mark.parametrize(
    ("method", "path", "function", "route"),
    [
        pytest.param("GET", "/api/echo", "echo", {}, id="optional parameter left out"),
        pytest.param("GET", "/API/Echo/", "echo", {}, id="case and slash"),
        pytest.param("PROPFIND", "/api/echo/x", "echo", {"name": "x"}, id="any method"),
        pytest.param("GET", "/api/echo/special", "special", {}, id="a literal goes before a parameter"),
        pytest.param("POST", "/api/echo/special", "echo", {"name": "special"}, id="the one whose list has the method"),
        pytest.param("GET", "/api/echo/a%2Fb", "echo", {"name": "a/b"}, id="an escaped slash is no slash"),
        pytest.param("GET", "/api/numbers/7/a/b", "numbers", {"number": "7", "rest": "a/b"}, id="catch-all"),
        pytest.param("GET", "/api/numbers/-7", "numbers", {"number": "-7"}, id="empty catch-all"),
    ],
)
def test_routes(client: httpx.Client, echo: Host, method: str, path: str, function: str, route: dict[str, str]) -> None:
    found = seen(client.request(method, echo.url + path))
    assert (found["function"], found["route"]) == (function, route)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "/", id="root"),
        pytest.param("GET", "/echo", id="no prefix"),
        pytest.param("GET", "/api/unknown", id="unknown"),
        pytest.param("GET", "/api/echo/a/b", id="too long"),
        pytest.param("GET", "/api//echo", id="two slashes"),
        pytest.param("GET", "/api/numbers/seven", id="constraint"),
        pytest.param("PUT", "/api/numbers/7", id="a method that the list lacks"),
        pytest.param("HEAD", "/api/numbers/7", id="HEAD, too"),
    ],
)
def test_an_empty_404(client: httpx.Client, echo: Host, method: str, path: str) -> None:
    response = client.request(method, echo.url + path)
    assert (response.status_code, response.content) == (404, b"")


def test_a_function_without_a_route_has_its_name(client: httpx.Client, echo: Host) -> None:
    response = client.get(echo.url + "/api/noroute")
    assert (response.status_code, response.text) == (200, "a string, æ")


def test_function_key(client: httpx.Client, echo: Host) -> None:
    guarded = echo.url + "/api/guarded"
    assert client.get(guarded).status_code == 401
    assert client.get(guarded, params={"code": "another"}).status_code == 401
    assert client.get(guarded, params={"code": KEY}).text == "in"
    assert client.get(guarded, headers={"x-functions-key": KEY}).text == "in"


def test_what_a_function_returns(client: httpx.Client, echo: Host) -> None:
    response = client.get(echo.url + "/api/cookies")
    assert (response.status_code, response.content) == (201, b"\x00\xff")
    assert response.headers["x-one"] == "1"
    assert response.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2; HttpOnly"]


@pytest.mark.parametrize("path", ["/api/boom", "/api/nothing"])
def test_an_exception_is_a_bare_500(client: httpx.Client, echo: Host, path: str) -> None:
    response = client.get(echo.url + path)
    assert (response.status_code, response.content) == (500, b"")


def test_a_chunked_body_does_not_arrive(client: httpx.Client, echo: Host) -> None:
    found = seen(client.post(echo.url + "/api/echo", content=iter([b"abc", b"def"])))
    assert found["body"] == ""
    assert found["headers"]["transfer-encoding"] == "chunked"
    assert seen(client.get(echo.url + "/api/echo"))["body"] == ""


def test_a_client_that_waits_for_a_go_ahead_gets_it(echo: Host) -> None:
    port = httpx.URL(echo.url).port
    assert port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(
            b"POST /api/echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
        )
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["body"] == b"abc".hex()


def test_trace_context_goes_on(client: httpx.Client, echo: Host) -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01", "tracestate": "a=b"}
    found = seen(client.get(echo.url + "/api/echo", headers=headers))
    version, trace_id, span_id, flags = found["trace_parent"].split("-")
    assert (version, trace_id, flags) == ("00", TRACE_ID, "01")
    assert span_id != "b7ad6b7169203331"
    assert found["trace_state"] == "a=b"


@pytest.mark.parametrize("trace_parent", [None, "00-abc", f"00-{'0' * 32}-b7ad6b7169203331-01"])
def test_trace_context_is_made(client: httpx.Client, echo: Host, trace_parent: str | None) -> None:
    headers = {"traceparent": trace_parent, "tracestate": "a=b"} if trace_parent else {}
    first, second = (seen(client.get(echo.url + "/api/echo", headers=headers)) for _ in range(2))
    assert first["trace_parent"] != second["trace_parent"]
    assert first["trace_state"] == ""


def test_a_cors_preflight_does_not_arrive(client: httpx.Client, echo: Host) -> None:
    preflight = {"Origin": "https://example.no", "Access-Control-Request-Method": "POST"}
    assert client.options(echo.url + "/api/echo", headers=preflight).status_code == 204
    assert seen(client.options(echo.url + "/api/echo"))["method"] == "OPTIONS"


def test_many_at_once(echo: Host) -> None:
    """20 invocations run at the same time: none would end before the last has begun."""
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: httpx.get(echo.url + "/api/together", timeout=20).text, range(20)))
    assert answers == ["met"] * 20


def test_header_size(client: httpx.Client, echo: Host) -> None:
    assert client.get(echo.url + "/api/echo", headers={"x": "a" * 32_000}).status_code == 200
    many = {f"x{number}": "a" * 8000 for number in range(5)}
    refused = client.get(echo.url + "/api/echo", headers=many)
    assert (refused.status_code, refused.content) == (431, b"")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(b"GET /api/echo HTTP/1.1\r\nHost: a\r\nX: \xff\r\nConnection: close\r\n\r\n", 400, id="not UTF-8"),
        pytest.param(b"no HTTP at all\r\n\r\n", 400, id="no HTTP"),
        pytest.param(b"GET /api/echo HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431, id="huge header"),
        pytest.param(b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, id="huge URL"),
    ],
)
def test_what_is_not_http(echo: Host, request_bytes: bytes, status: int) -> None:
    """Refused without a body, and so without repeating what came."""
    head, _, body = raw(echo, request_bytes).partition(b"\r\n\r\n")
    assert (int(head.split(b" ")[1]), body) == (status, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_requests_in_flight_finish(
    background: Background, tmp_path: Path, number: signal.Signals
) -> None:
    host = background.run(host_of(APPS / "echo", {}))
    begun = tmp_path / "begun"
    with ThreadPoolExecutor(1) as pool, httpx.Client() as idle:
        idle.get(host.url + "/api/echo")  # a connection that is kept alive must not hold the host up
        in_flight = pool.submit(httpx.get, host.url + "/api/slow", params={"file": str(begun)}, timeout=20)
        wait_until(begun.exists)
        os.kill(host.child.pid, number)
        wait_until(lambda: refuses(host))
        assert in_flight.result().text == "done"
    assert background.run(host.child.stop()) == 0


def refuses(host: Host) -> bool:
    """Whether a new connection is refused."""
    try:
        httpx.get(host.url + "/api/echo")
    except httpx.TransportError:
        return True
    return False


def run_host(folder: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A host that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "local", "host", "--port", "0", *options],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_settings_faults_are_lines(app_folder: Path) -> None:
    """The product's own settings: one line for each fault, all at once, exit code 1, nothing else."""
    ended = run_host(app_folder, EVENTS_QUEUE_NAME="-", MAX_EVENT_BYTES="lots")
    assert ended.returncode == 1
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert [line.partition(";")[0] for line in lines[1:]] == [
        "EVENTS_STORAGE: is missing",
        "EVENTS_QUEUE_NAME: is wrong",
        "TOKEN_ISSUERS: is missing",
        "MAX_EVENT_BYTES: is wrong",
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param({}, "There is no host.json in", id="no app"),
        pytest.param({"host.json": "{}"}, "function_app.py is missing in", id="no function_app.py"),
        pytest.param({"host.json": "{"}, "host.json is not JSON", id="broken host.json"),
        pytest.param({"host.json": "[]"}, "host.json must be a JSON object", id="host.json is an array"),
        pytest.param(
            {"host.json": "{}", "function_app.py": "import azure.functions as func\napp = func.FunctionApp()"},
            "function_app.py has no functions in",
            id="no functions",
        ),
        pytest.param(
            {"host.json": "{}", "function_app.py": "import nonsense"},
            "did not load (function_app.py, line 1). ModuleNotFoundError: No module named 'nonsense'\n",
            id="a package that is not there",
        ),
        pytest.param(
            {"host.json": "{}", "function_app.py": "\n\n1 / 0"},
            "did not load (function_app.py, line 3). ZeroDivisionError: division by zero",
            id="an app that breaks",
        ),
        pytest.param(
            {
                "host.json": "{}",
                "function_app.py": "import azure.functions as func\napp = func.FunctionApp()\n"
                "@app.route('a/{b:nonsense}')\ndef f(req: func.HttpRequest) -> str: ...",
            },
            "The route of f has the constraint nonsense",
            id="an unknown constraint",
        ),
    ],
)
def test_an_app_that_does_not_load(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    ended = run_host(tmp_path)
    assert ended.returncode == 1
    assert message in ended.stderr
    assert ended.stdout == ""


def test_a_start_without_queue_triggers_loads_nothing_of_theirs() -> None:
    script = "import sys, local.host; print([name for name in sys.modules if name.startswith('azure.storage')])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout == "[]\n"


def test_a_port_in_use(echo: Host) -> None:
    port = str(httpx.URL(echo.url).port)
    ended = run_host(APPS / "echo", "--port", port)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"Port {port} is in use; choose another with --port (--port 0 takes a free one)."
    )


def test_local_settings(background: Background, client: httpx.Client, tmp_path: Path) -> None:
    """The file gives what the environment lacks, and no part of a connection of which the environment has one."""
    app = shutil.copytree(APPS / "echo", tmp_path / "app")
    values = {"ONLY_FILE": "file", "BOTH": "file", "STORE": "file", "STORE__queueServiceUri": "file", "NUMBER": 7}
    (app / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    host = background.run(host_of(app, {"BOTH": "environment", "STORE__clientId": "environment"}))

    def setting(name: str) -> str:
        return client.get(host.url + "/api/setting", params={"name": name}).text

    assert [setting(name) for name in ("ONLY_FILE", "BOTH", "STORE__clientId", "NUMBER")] == [
        "file",
        "environment",
        "environment",
        "7",
    ]
    assert setting("STORE") == setting("STORE__queueServiceUri") == "not set"
    background.run(host.child.stop())
