"""The function app: Azure's request in, Azure's response out."""

import functools
import os
from pathlib import Path

import azure.functions as func

from events_publish.endpoint import Endpoint
from events_publish.exchange import Handler, Request, respond
from events_publish.health import alive
from events_publish.settings import Settings

settings = Settings.from_environ(os.environ, Path(__file__).parent)
endpoint = Endpoint(settings)
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)  # the bearer token is the lock

# The routes take every method: the host would answer a bare 404 to those that a route does not list.


@app.route("events")
async def events(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await _respond(endpoint.events, req, context)


@app.route("health")
async def health(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await _respond(alive, req, context)


@app.route("health/ready")
async def ready(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await _respond(endpoint.ready, req, context)


@app.route("problems/{kind}")
async def problems(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    from events_publish import problem_page  # not needed to publish

    return await _respond(problem_page.get, req, context)


@app.route("openapi.json")
async def openapi(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    from events_publish import openapi as description  # not needed to publish

    return await _respond(functools.partial(description.get, settings), req, context)


async def _respond(handler: Handler, req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    trace_parent = context.trace_context.trace_parent
    response = await respond(handler, Request(req.method, req.headers, req.get_body(), trace_parent, req.route_params))
    return func.HttpResponse(response.body, status_code=response.status, headers=response.headers)
