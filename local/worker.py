"""The one place that touches Microsoft's Python worker library, `azure_functions_runtime`.

It indexes a function app and invokes its functions. The library was made to be driven over gRPC, and takes the
protobuf module as an argument; for indexing, plain namespaces of the same names do. Invocations go by
`native_invocation`, the library's own entry without protobuf. It keeps the app in module globals, so a process
holds one app.
"""

import json
import logging
import re
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import azure_functions_runtime as runtime
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.native_invocation import invocation_request_native

from local import Failure


class Function(NamedTuple):
    """An indexed function; of one with another trigger than HTTP or a queue only `name` and `trigger` are of use."""

    name: str
    id: str
    trigger: str
    parameter: str
    route: str
    methods: frozenset[str]
    """In upper case; empty: every method."""
    auth_level: str
    """anonymous, function or admin."""
    queue: str
    """As the trigger names it; settings stand in it as `%NAME%`."""
    connection: str


class Invocation(NamedTuple):
    """What a function sees of a request."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    route_parameters: Mapping[str, str]
    body: bytes
    trace_parent: str
    trace_state: str


class Result(NamedTuple):
    """What a function returned."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: bytes


class FunctionFailed(Exception):
    """The function raised; the library has logged how."""


async def load(folder: Path) -> list[Function]:
    """Index the function app in `folder`.

    Raises:
        Failure: there is none, or it could not be imported.
    """
    sys.path.insert(0, str(folder))
    runtime.start_threadpool_executor()
    init = SimpleNamespace(capabilities={}, function_app_directory=str(folder))
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=init), properties={"host": "127.0.0.1", "protos": _PROTOS}
    )
    log = logging.getLogger("azure.functions")
    log.setLevel(logging.CRITICAL)  # what it would say about the start is said here
    answer = await runtime.worker_init_request(request)
    log.setLevel(logging.WARNING)
    if answer.result.status == _StatusResult.Failure:
        fault = answer.result.exception
        reason = fault.message.partition(". Cannot find module.")[0]  # advice for Azure, and sys.path, follow
        frames = re.findall(rf'File "{re.escape(str(folder))}/(.+?)", line (\d+)', fault.stack_trace)
        where = " ({}, line {})".format(*frames[-1]) if frames else ""
        raise Failure(f"The function app in {folder} did not load{where}. {reason}")
    metadata = (await runtime.functions_metadata_request(request)).function_metadata_results
    if metadata is None:
        lack = "has no functions" if (folder / "function_app.py").exists() else "is missing"
        raise Failure(f"function_app.py {lack} in {folder}.")
    return [_function(each) for each in metadata]


async def invoke(function: Function, invocation: Invocation) -> Result:
    """Run an HTTP function: an async one on the running loop, any other in the library's thread pool.

    Raises:
        FunctionFailed: it raised, or returned what is no HTTP response.
    """
    datum = _request_datum(invocation)
    return _result(await _run(function, datum, {}, invocation.trace_parent, invocation.trace_state))


async def invoke_with_message(
    function: Function, body: bytes, metadata: Mapping[str, str | int], trace_parent: str
) -> None:
    """Run the function of a queue trigger, as `invoke` does.

    Raises:
        FunctionFailed: it raised, or takes no message.
    """
    # The Functions host hands over text, whatever it is.
    datum = Datum(body.decode(errors="replace"), "string")
    data = {name: Datum(value, "int" if isinstance(value, int) else "string") for name, value in metadata.items()}
    await _run(function, datum, data, trace_parent, "")


async def _run(
    function: Function, datum: Datum, metadata: Mapping[str, Datum], trace_parent: str, trace_state: str
) -> Any:
    succeeded, returned, _, error, _ = await invocation_request_native(
        str(uuid.uuid4()),
        function.id,
        [(function.parameter, datum)],
        metadata,
        trace_parent=trace_parent,
        trace_state=trace_state,
    )
    if not succeeded:
        raise FunctionFailed(error)
    return returned


def unload() -> None:
    """Wait for functions that still run in threads."""
    runtime.stop_threadpool_executor()


def _function(metadata: Any) -> Function:
    bindings = [json.loads(raw) for raw in metadata.raw_bindings]
    trigger = next(binding for binding in bindings if binding["type"].lower().endswith("trigger"))
    return Function(
        name=metadata.name,
        id=metadata.function_id,
        trigger=trigger["type"],
        parameter=trigger["name"],
        route=trigger.get("route") or metadata.name,
        methods=frozenset(method.upper() for method in trigger.get("methods") or ()),
        auth_level=str(trigger.get("authLevel") or "function").lower(),
        queue=trigger.get("queueName") or "",
        connection=trigger.get("connection") or "",
    )


def _request_datum(invocation: Invocation) -> Datum:
    def strings(mapping: Mapping[str, str]) -> dict[str, Datum]:
        return {name: Datum(value, "string") for name, value in mapping.items()}

    return Datum(
        {
            "method": Datum(invocation.method, "string"),
            "url": Datum(invocation.url, "string"),
            "headers": strings(invocation.headers),
            "query": strings(invocation.query),
            "params": strings(invocation.route_parameters),
            "body": Datum(invocation.body, "bytes"),
        },
        "http",
    )


def _result(returned: Any) -> Result:
    if returned.type == "string":  # a function may return a bare string
        return Result(200, {"content-type": "text/plain; charset=utf-8"}, (), returned.value.encode())
    response = returned.value
    return Result(
        status=int(response["status_code"].value),
        headers={name: datum.value for name, datum in response["headers"].items()},
        cookies=tuple(morsel.OutputString() for cookie in response["cookies"] or () for morsel in cookie.values()),
        body=response["body"].value,
    )


class _Message(SimpleNamespace):
    """Stands in for any protobuf message: its fields are whatever it is made with."""


class _StatusResult(_Message):
    Success = "Success"
    Failure = "Failure"


class _BindingInfo(_Message):
    undefined, string, binary, stream = range(4)
    out, inout = 1, 2


_PROTOS = SimpleNamespace(
    StatusResult=_StatusResult,
    BindingInfo=_BindingInfo,
    **dict.fromkeys(
        (
            "FunctionMetadataResponse",
            "RpcException",
            "RpcFunctionMetadata",
            "RpcRetryOptions",
            "WorkerInitResponse",
            "WorkerMetadata",
        ),
        _Message,
    ),
)
