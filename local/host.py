"""A host for the function app of the current folder, whatever app that is.

It does what the Azure Functions host does wherever a function can see it, and runs the functions through Microsoft's
worker library. It knows nothing of the app. `func start` does the same job where the Functions CLI is installed.
"""

import asyncio
import contextlib
import functools
import logging
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from local import Failure, app_folder, kestrel, routes, serving, worker

if TYPE_CHECKING:
    from local.queue_trigger import Listener, Message

FINISH_SECONDS = 60
"""How long requests and messages in flight may take once the host is told to stop."""

_log = logging.getLogger(__name__)


async def run(folder: Path, port: int, function_key: str | None) -> None:
    """Serve the function app in `folder` until SIGINT, SIGTERM or SIGHUP.

    Raises:
        Failure: the app does not load, or the port is taken.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%H:%M:%S"
    )
    os.environ.update(app_folder.local_settings(folder, os.environ))
    serving.stop_on_signal(asyncio.current_task())
    prefix = app_folder.route_prefix(folder)
    functions = await worker.load(folder)
    served = [function for function in functions if function.trigger == "httpTrigger"]
    host = Host(routes.compile_routes(served, prefix), function_key or secrets.token_urlsafe())
    listeners = _listeners(folder, functions)
    runner = web.ServerRunner(kestrel.server(host.answer), shutdown_timeout=FINISH_SECONDS)
    url = await serving.serve(runner, port, "--port")
    _describe(functions, host, listeners, url)
    for listener in listeners.values():
        listener.start()
    print(f"{serving.READY}{url}", flush=True)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.gather(runner.cleanup(), *(_stop(listener) for listener in listeners.values()))
    await asyncio.to_thread(worker.unload)


class Host:
    """Takes requests, finds their function, runs it and answers."""

    def __init__(self, table: list[routes.Route], function_key: str) -> None:
        self.routes = table
        self.function_key = function_key

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request; what the host itself refuses has no body."""
        if kestrel.header_bytes(request) > kestrel.MAX_HEADER_BYTES:
            return web.Response(status=431)
        try:
            headers = request_headers(request.headers.items())
        except UnicodeEncodeError:
            return web.Response(status=400)
        if request.method == "OPTIONS" and {"origin", "access-control-request-method"} <= headers.keys():
            return web.Response(status=204)  # a browser's CORS preflight never reaches a function
        match = routes.find(self.routes, request.method, request.rel_url.raw_path)
        if match is None:
            return web.Response(status=404)
        query = query_parameters(request)
        if not self._is_allowed(match.function, headers, query):
            return web.Response(status=401)
        if headers.get("expect", "").lower() == "100-continue":
            await kestrel.send_continue(request)
        try:
            # A body without Content-Length is not handed to the worker.
            body = await request.read() if request.content_length else b""
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413)
        except ConnectionError:
            return web.Response(status=400)  # to nobody: the client is gone, and its body did not come
        trace_parent, trace_state = trace_context(headers)
        invocation = worker.Invocation(
            request.method, str(request.url), headers, query, match.parameters, body, trace_parent, trace_state
        )
        try:
            return _response(await worker.invoke(match.function, invocation))
        except worker.FunctionFailed:
            return web.Response(status=500)

    def _is_allowed(self, function: worker.Function, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        key = headers.get("x-functions-key") or query.get("code", "")
        return function.auth_level == "anonymous" or secrets.compare_digest(key.encode(), self.function_key.encode())


def request_headers(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Header names in lower case, repeated ones joined with commas.

    Raises:
        UnicodeEncodeError: a value is not UTF-8.
    """
    headers: dict[str, str] = {}
    for given, value in items:
        value.encode()
        name = given.lower()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def query_parameters(request: web.BaseRequest) -> dict[str, str]:
    """Repeated keys joined with commas; keys without a value are dropped."""
    query = request.rel_url.query
    joined = {key: ",".join(query.getall(key)) for key in query}
    return {key: value for key, value in joined.items() if value}


_TRACE_PARENT = re.compile(r"00-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})")


def trace_context(headers: Mapping[str, str]) -> tuple[str, str]:
    """The W3C `traceparent` of this request and its `tracestate`: the caller's trace where one came, else a new one."""
    match = _TRACE_PARENT.fullmatch(headers.get("traceparent", ""))
    if match:
        return f"00-{match[1]}-{secrets.token_hex(8)}-{match[3]}", headers.get("tracestate", "")
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00", ""


def _response(result: worker.Result) -> web.Response:
    response = web.Response(status=result.status, body=result.body)
    for name, value in result.headers.items():
        if name.lower() not in ("content-length", "transfer-encoding", "connection"):  # the server's own to set
            response.headers[name] = value
    for cookie in result.cookies:
        response.headers.add("Set-Cookie", cookie)
    return response


def _listeners(folder: Path, functions: list[worker.Function]) -> dict[str, "Listener"]:
    """Of the functions with a queue trigger, by the function's name."""
    triggered = [function for function in functions if function.trigger == "queueTrigger"]
    if not triggered:
        return {}
    from local import queue_trigger  # loads the SDK of queues

    given = {**app_folder.extension(folder, "queues"), **app_folder.set_by_environment(os.environ, "queues")}
    options = queue_trigger.Options.from_host_json(given)
    listeners = {}
    for function in triggered:
        run = functools.partial(_handle, function)
        try:
            listeners[function.name] = queue_trigger.listener(
                function.queue, function.connection, options=options, run=run, environ=os.environ
            )
        except Failure as failure:  # the others are served, as the Functions host does
            _log.error("%s is not run. %s", function.name, failure)
    return listeners


async def _handle(function: worker.Function, message: "Message") -> bool:
    trace_parent, _ = trace_context({})
    try:
        await worker.invoke_with_message(function, message.body, message.metadata, trace_parent)
    except worker.FunctionFailed:
        return False
    return True


async def _stop(listener: "Listener") -> None:
    try:
        async with asyncio.timeout(FINISH_SECONDS):
            await listener.stop()
    except TimeoutError:
        _log.warning("Functions for messages of %s did not end; these messages come again", listener.name)


def _describe(functions: list[worker.Function], host: Host, listeners: dict[str, "Listener"], url: str) -> None:
    for route in host.routes:
        methods = f" [{', '.join(sorted(route.function.methods))}]" if route.function.methods else ""
        _log.info("%s: %s%s%s", route.function.name, url, route.template, methods)
    if any(route.function.auth_level != "anonymous" for route in host.routes):
        _log.info("Functions that are not anonymous ask for x-functions-key: %s", host.function_key)
    for name, listener in listeners.items():
        _log.info("%s: messages of %s", name, listener.name)
    for function in functions:
        if function.trigger not in ("httpTrigger", "queueTrigger"):
            _log.warning("%s has a %s and is not run here", function.name, function.trigger)
