"""The function app: Azure's request in, Azure's response out."""

import os

import azure.functions as func

from events_publish.endpoint import Endpoint, Request
from events_publish.settings import Settings

endpoint = Endpoint(Settings.from_environ(os.environ))
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)  # the bearer token is the lock


@app.route("events")  # every method: the host would answer a bare 404 to those that a route does not list
async def events(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    response = await endpoint.respond(
        Request(req.method, req.headers, req.get_body(), context.trace_context.trace_parent)
    )
    return func.HttpResponse(response.body, status_code=response.status, headers=response.headers)
