"""An app that has nothing to do with the product: it shows what the host hands over, and takes what it returns."""

import asyncio
import json
import os
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def seen(req: func.HttpRequest, context: func.Context) -> str:
    return json.dumps(
        {
            "method": req.method,
            "url": req.url,
            "headers": dict(req.headers),
            "query": dict(req.params),
            "route": dict(req.route_params),
            "body": req.get_body().hex(),
            "trace_parent": context.trace_context.trace_parent,
            "trace_state": context.trace_context.trace_state,
            "function": context.function_name,
        }
    )


@app.route("echo/{name?}")
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(seen(req, context), mimetype="application/json")


@app.route("echo/special", methods=["GET"])
def special(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(seen(req, context), mimetype="application/json")


@app.route("numbers/{number:int}/{*rest}", methods=["GET", "POST"])
async def numbers(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(seen(req, context), mimetype="application/json")


@app.function_name("NoRoute")
@app.route()
def no_route(req: func.HttpRequest) -> str:
    return "a string, æ"


@app.route("guarded", auth_level=func.AuthLevel.FUNCTION)
async def guarded(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")


@app.route("setting")
def setting(req: func.HttpRequest) -> str:
    return os.environ.get(req.params["name"], "not set")


@app.route("cookies")
async def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(b"\x00\xff", status_code=201, headers={"X-One": "1", "Content-Length": "99"})
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2; HttpOnly")
    return response


@app.route("boom")
async def boom(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("what broke")


@app.route("nothing")
async def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return None  # type: ignore[return-value]


meeting = asyncio.Barrier(20)


@app.route("together")
async def together(req: func.HttpRequest) -> func.HttpResponse:
    """Answers only when 20 are here at once."""
    await meeting.wait()
    return func.HttpResponse("met")


@app.route("slow")
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Makes a file, then takes its time."""
    Path(req.params["file"]).touch()
    await asyncio.sleep(2)
    return func.HttpResponse("done")


@app.timer_trigger(arg_name="timer", schedule="0 0 * * * *")
def hourly(timer: func.TimerRequest) -> None: ...
