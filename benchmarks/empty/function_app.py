"""A function that does nothing: what the host alone costs."""

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("events", methods=["POST"])
async def events(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  # the name is the binding's
    return func.HttpResponse()
