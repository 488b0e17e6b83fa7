"""``/openapi.json``: the endpoint as OpenAPI 3.1, made of the rules that judge and the problems that refuse."""

import functools
import json
from collections.abc import Iterable

from events_publish import __version__, binary, content, endpoint, json_schema, json_text, problem, problem_page, rules
from events_publish.exchange import READ, Request, Response, require_method
from events_publish.json_schema import Json
from events_publish.problem import InternalError, MethodNotAllowed, NotFound, NotReady, Problem
from events_publish.settings import Limits, Settings

EVENT: Json = {
    "specversion": "1.0",
    "id": "288f71f2-8cbd-3442-1532-ac14f3fd9faa",
    "type": "no.altinn.events.digitalt-dodsbo.opprettet",
    "source": "https://api.domstol.no/dodsbo-api/v1/dodsbo/91f2388f",
    "resource": "urn:altinn:resource:dodsbo.domstoladmin.api",
    "time": "2020-02-20T08:00:06.4014168Z",
}


async def get(settings: Settings, request: Request) -> Response:
    """The description of the endpoint with these settings.

    Raises:
        MethodNotAllowed
    """
    require_method(request, READ)
    headers = {"Content-Type": "application/json", "Cache-Control": "public, max-age=3600"}
    return Response(200, headers, _document(settings))


@functools.cache
def _document(settings: Settings) -> bytes:
    return json.dumps(document(settings), indent=2, ensure_ascii=False).encode() + b"\n"


def document(settings: Settings) -> Json:
    """The OpenAPI document of the endpoint with these settings."""
    limits, scope = settings.limits, settings.publish_scope
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "events_publish",
            "version": __version__,
            "summary": "Publish CloudEvents.",
            "description": "An event that is answered with 200 is on the queue. Every refusal is a problem (RFC 9457)"
            " that says what is wrong and what would be right. Consumers drop repeats by source and id, so whoever"
            " gets no answer, or a 503, sends the same event again.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": problem.BASE_PATH}],
        "paths": {
            "/events": {"post": _publish(limits, scope), "options": _handshake()},
            "/health": {"get": _health("alive", "Whether the function is alive.")},
            "/health/ready": {
                "get": _health(
                    "ready", "Whether an event that came now could be published; judged anew each 5 s.", NotReady
                )
            },
            "/problems/{kind}": {"get": _problem_page()},
            "/openapi.json": {"get": _description()},
        },
        "components": {
            "schemas": {
                "Event": json_schema.event(limits),
                "Batch": json_schema.batch(limits),
                "Problem": json_schema.problem_details(),
                **json_schema.attributes(),
            },
            "headers": {"Trace-Id": _TRACE_ID},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": f"An access token with the scope {scope}, of {_issuers(settings)}.",
                }
            },
        },
    }


def _issuers(settings: Settings) -> str:
    return " or ".join(
        each.issuer + (f" for the audience {each.audience}" if each.audience else "") for each in settings.issuers
    )


_TRACE_ID: Json = {
    "description": "The W3C trace id of the request, under which it is in the log.",
    "required": True,
    "schema": json_schema.TRACE_ID,
}
_WITH_TRACE_ID: Json = {"Trace-Id": {"$ref": "#/components/headers/Trace-Id"}}


def _publish(limits: Limits, scope: str) -> Json:
    structured = {"schema": json_schema.reference("Event"), "examples": {"event": {"value": EVENT}}}
    return {
        "operationId": "publish",
        "tags": ["Publish"],
        "summary": "Publish an event, or a batch of events.",
        "description": "The Content-Type tells the content mode. An event's JSON goes on the queue byte for byte as it"
        " came. With any ce- header, a Content-Type that is not of CloudEvents means binary mode: the attributes are in"
        " ce- headers, percent-encoded (CloudEvents HTTP binding, section 3.1.3.2), extensions too; the body is the"
        " data, of any media type, and the Content-Type is its datacontenttype. A member that is null counts as absent;"
        f" none may be there twice; at most {json_text.MAX_DEPTH} levels of nesting.",
        "security": [{"token": [scope]}],
        "parameters": [
            *_attribute_headers(),
            _header("traceparent", "The caller's W3C trace context; Trace-Id is then of that trace."),
        ],
        "requestBody": {
            "description": f"At most {limits.request_bytes} bytes, sent with a Content-Length; an event at most"
            f" {limits.event_bytes} bytes as JSON; a batch at most {limits.batch_events} events, of which all are valid"
            " or none is enqueued.",
            "content": {
                content.STRUCTURED: structured,
                content.BATCH: {
                    "schema": json_schema.reference("Batch"),
                    "examples": {"batch": {"value": [EVENT, {**EVENT, "id": "2", "data": {"any": ["JSON"]}}]}},
                },
                "application/json": structured,
                "*/*": {"schema": {}, "examples": {"data in binary mode": {"value": "Hello"}}},
            },
        },
        "responses": {
            "200": {
                "description": "Every event of the request is on the queue.",
                "headers": _WITH_TRACE_ID,
            },
            **_refusals(*(kind for kind in problem.kinds().values() if kind not in _OF_OTHERS)),
        },
    }


_OF_OTHERS = (NotFound, MethodNotAllowed, NotReady)
"""The problems that publishing does not have, or not with its method."""


def _header(name: str, description: str) -> Json:
    """A header of a request, that may be left out."""
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _attribute_headers() -> Iterable[Json]:
    for name in rules.ATTRIBUTES:
        if name not in binary.NOT_IN_A_HEADER:
            required = " Required there." if name in rules.REQUIRED else ""
            yield _header(binary.PREFIX + name, f"In binary mode the attribute {name}, percent-encoded.{required}")


def _handshake() -> Json:
    return {
        "operationId": "handshake",
        "tags": ["Publish"],
        "summary": "Validate the endpoint as a CloudEvents webhook.",
        "security": [],
        "parameters": [
            _header("WebHook-Request-Origin", "Who wants to deliver. Without it the answer has Allow alone."),
            _header("WebHook-Request-Rate", "Requests per minute that the sender asks for."),
        ],
        "responses": {
            "200": {
                "description": "Consent, to any sender; each delivery needs a token of its own.",
                "headers": {
                    **_WITH_TRACE_ID,
                    "Allow": {"required": True, "schema": {"const": ", ".join(endpoint.METHODS)}},
                    "WebHook-Allowed-Origin": {"description": "That sender.", "schema": {"type": "string"}},
                    "WebHook-Allowed-Rate": {
                        "description": "The rate that was asked for, or * for any.",
                        "schema": {"type": "string"},
                    },
                },
            },
            **_refusals(InternalError),
        },
    }


def _health(name: str, summary: str, *problems: type[Problem]) -> Json:
    return {
        "operationId": name,
        "tags": ["Health"],
        "summary": summary,
        "security": [],
        "responses": {
            "200": {
                "description": "It is.",
                "headers": _WITH_TRACE_ID,
                "content": {"application/json": {"schema": {"const": {"status": "pass"}}}},
            },
            **_refusals(*problems, InternalError),
        },
    }


def _problem_page() -> Json:
    return {
        "operationId": "problem",
        "tags": ["About"],
        "summary": "What a problem means and what to do.",
        "security": [],
        "parameters": [
            {"name": "kind", "in": "path", "required": True, "schema": {"enum": list(problem.kinds())}},
        ],
        "responses": {
            "200": {
                "description": "The page.",
                "headers": _WITH_TRACE_ID,
                "content": {"text/html": {"schema": {"type": "string"}}},
            },
            **_refusals(NotFound, InternalError),
        },
    }


def _description() -> Json:
    return {
        "operationId": "openapi",
        "tags": ["About"],
        "summary": "This description.",
        "security": [],
        "responses": {
            "200": {
                "description": "The description.",
                "headers": _WITH_TRACE_ID,
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            **_refusals(InternalError),
        },
    }


def _refusals(*kinds: type[Problem]) -> Json:
    """The answers that these problems are, by status, each with its problems as examples."""
    by_status: dict[str, list[Problem]] = {}
    for kind in kinds:
        by_status.setdefault(str(kind.status), []).append(problem_page.EXAMPLES[kind.kind])
    return {status: _refusal(examples) for status, examples in by_status.items()}


def _refusal(examples: list[Problem]) -> Json:
    headers = {name: {"required": True, "schema": {"type": "string"}} for name in examples[0].headers}
    return {
        "description": " Or: ".join(example.meaning for example in examples),
        "headers": {**_WITH_TRACE_ID, **headers},
        "content": {
            problem.CONTENT_TYPE: {
                "schema": json_schema.reference("Problem"),
                "examples": {
                    example.kind: {"value": json.loads(example.body(problem_page.EXAMPLE_TRACE_ID))}
                    for example in examples
                },
            }
        },
    }
