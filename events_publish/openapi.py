"""``/openapi.json``: the endpoint as OpenAPI 3.1, made of the rules that judge and the problems that refuse."""

import functools
import json
import re
from collections.abc import Iterable
from typing import Any

from events_publish import (
    __version__,
    binary,
    content,
    endpoint,
    envelope,
    json_text,
    media_type,
    problem,
    problem_page,
)
from events_publish.envelope import Rule
from events_publish.exchange import Request, Response
from events_publish.problem import MethodNotAllowed, Problem
from events_publish.settings import Limits, Settings

METHODS = ("GET", "HEAD")

type Json = dict[str, Any]

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
    if request.method not in METHODS:
        raise MethodNotAllowed(METHODS)
    headers = {"Content-Type": "application/json", "Cache-Control": "public, max-age=3600"}
    return Response(200, headers, _document(settings.limits, settings.publish_scope))


@functools.cache
def _document(limits: Limits, scope: str) -> bytes:
    return json.dumps(document(limits, scope), indent=2).encode() + b"\n"


def document(limits: Limits, scope: str) -> Json:
    """The OpenAPI document."""
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
            "/problems/{kind}": {"get": _problem_page()},
            "/openapi.json": {"get": _description()},
        },
        "components": {
            "schemas": {
                "Event": _event(limits),
                "Batch": _batch(limits),
                "Problem": _problem(),
                **{name: _attribute(rule) for name, rule in envelope.RULES.items()},
            },
            "headers": {"Trace-Id": _TRACE_ID},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": f"An access token of Maskinporten or Altinn with the scope {scope}.",
                }
            },
        },
    }


_TRACE_ID: Json = {
    "description": "The W3C trace id of the request, under which it is in the log.",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
}


def _publish(limits: Limits, scope: str) -> Json:
    structured = {"schema": _reference("Event"), "examples": {"event": {"value": EVENT}}}
    return {
        "operationId": "publish",
        "summary": "Publish an event, or a batch of events.",
        "description": "The Content-Type tells the content mode. An event's JSON goes on the queue byte for byte as it"
        " came. With any ce- header, a Content-Type that is not of CloudEvents means binary mode: the attributes are in"
        " ce- headers, percent-encoded (CloudEvents HTTP binding, section 3.1.3.2), extensions too; the body is the"
        " data, of any media type, and the Content-Type is its datacontenttype. A member that is null counts as absent;"
        f" none may be there twice; at most {json_text.MAX_DEPTH} levels of nesting.",
        "security": [{"token": [scope]}],
        "parameters": [*_attribute_headers(), _TRACEPARENT],
        "requestBody": {
            "description": f"At most {limits.request_bytes} bytes, sent with a Content-Length; an event at most"
            f" {limits.event_bytes} bytes as JSON; a batch at most {limits.batch_events} events, of which all are valid"
            " or none is enqueued.",
            "content": {
                content.STRUCTURED: structured,
                content.BATCH: {
                    "schema": _reference("Batch"),
                    "examples": {"batch": {"value": [EVENT, {**EVENT, "id": "2", "data": {"any": ["JSON"]}}]}},
                },
                "application/json": structured,
                "*/*": {"schema": {}, "examples": {"data in binary mode": {"value": "Hello"}}},
            },
        },
        "responses": {
            "200": {
                "description": "Every event of the request is on the queue.",
                "headers": {"Trace-Id": {"$ref": "#/components/headers/Trace-Id"}},
            },
            **_refusals(400, 401, 403, 411, 413, 415, 500, 503),
        },
    }


def _attribute_headers() -> Iterable[Json]:
    for name in envelope.RULES:
        if name not in binary.NOT_IN_A_HEADER:
            yield {
                "name": binary.PREFIX + name,
                "in": "header",
                "description": "Of binary mode, and required there."
                if name in envelope.REQUIRED
                else "Of binary mode.",
                "schema": _reference(name),
            }


_TRACEPARENT: Json = {
    "name": "traceparent",
    "in": "header",
    "description": "The caller's W3C trace context; Trace-Id is then of that trace.",
    "schema": {"type": "string"},
}


def _handshake() -> Json:
    return {
        "operationId": "handshake",
        "summary": "Validate the endpoint as a CloudEvents webhook.",
        "security": [],
        "parameters": [
            {
                "name": "WebHook-Request-Origin",
                "in": "header",
                "description": "Who wants to deliver. Without it the answer has Allow alone.",
                "schema": {"type": "string"},
            },
            {
                "name": "WebHook-Request-Rate",
                "in": "header",
                "description": "Requests per minute that the sender asks for.",
                "schema": {"type": "string"},
            },
        ],
        "responses": {
            "200": {
                "description": "Consent, to any sender; each delivery needs a token of its own.",
                "headers": {
                    "Trace-Id": {"$ref": "#/components/headers/Trace-Id"},
                    "Allow": {"required": True, "schema": {"const": ", ".join(endpoint.METHODS)}},
                    "WebHook-Allowed-Origin": {"description": "That sender.", "schema": {"type": "string"}},
                    "WebHook-Allowed-Rate": {
                        "description": "The rate that was asked for, or * for any.",
                        "schema": {"type": "string"},
                    },
                },
            },
            **_refusals(500),
        },
    }


def _problem_page() -> Json:
    return {
        "operationId": "problem",
        "summary": "What a problem means and what to do.",
        "security": [],
        "parameters": [
            {"name": "kind", "in": "path", "required": True, "schema": {"enum": list(problem.kinds())}},
        ],
        "responses": {
            "200": {
                "description": "The page.",
                "headers": {"Trace-Id": {"$ref": "#/components/headers/Trace-Id"}},
                "content": {"text/html": {"schema": {"type": "string"}}},
            },
            **_refusals(404, 500),
        },
    }


def _description() -> Json:
    return {
        "operationId": "openapi",
        "summary": "This description.",
        "security": [],
        "responses": {
            "200": {
                "description": "The description.",
                "headers": {"Trace-Id": {"$ref": "#/components/headers/Trace-Id"}},
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            **_refusals(500),
        },
    }


def _event(limits: Limits) -> Json:
    return {
        "type": "object",
        "description": f"One CloudEvent, at most {limits.event_bytes} bytes.",
        "required": list(envelope.REQUIRED),
        "properties": {name: _member(name) for name in envelope.RULES} | {"data": {}},
        "propertyNames": {"pattern": f"^(?:{envelope.ATTRIBUTE_NAME}|data_base64)$"},
        "additionalProperties": {
            "description": f"An extension: {envelope.EXTENSION_MUST_BE}.",
            "anyOf": [
                {"type": "string", "pattern": f"^{envelope.TEXT}*$"},
                {"type": ["boolean", "null"]},
                {"type": "integer", "minimum": envelope.INTEGERS.start, "maximum": envelope.INTEGERS.stop - 1},
            ],
        },
        "allOf": [
            {
                "description": "Not both data and data_base64.",
                "anyOf": [{"properties": {name: {"type": "null"}}} for name in ("data", "data_base64")],
            },
            {
                "description": "Where datacontenttype is not a JSON type, data is a string.",
                "anyOf": [
                    {"properties": {"data": {"type": ["string", "null"]}}},
                    {"properties": {"datacontenttype": {"type": "null"}}},
                    {"properties": {"datacontenttype": {"type": "string", "pattern": media_type.JSON}}},
                ],
            },
        ],
    }


def _member(name: str) -> Json:
    """A member that is not required may be null."""
    return _reference(name) if name in envelope.REQUIRED else {"anyOf": [_reference(name), {"type": "null"}]}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _attribute(rule: Rule) -> Json:
    """The rule as JSON Schema."""
    keywords: Json = {
        "description": f"{rule.must_be[0].upper()}{rule.must_be[1:]} ({rule.source.name}).",
        "type": "string",
    }
    if rule.pattern:
        # JSON Schema has no possessive quantifiers.
        keywords["pattern"] = f"^(?:{re.sub(r'(?<!\\)([*+?}])\+', r'\1', rule.pattern)})$"
    if rule.format:
        keywords["format"] = rule.format
    return keywords


def _batch(limits: Limits) -> Json:
    return {"type": "array", "items": _reference("Event"), "maxItems": limits.batch_events}


def _problem() -> Json:
    indices = {"type": "array", "items": {"type": "integer", "minimum": 0}}
    return {
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": ["type", "title", "status", "detail", "traceId"],
        "properties": {
            "type": {"enum": [problem.TYPE_PREFIX + kind for kind in problem.kinds()]},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "traceId": _TRACE_ID["schema"],
            "errors": {
                "description": "What is wrong, by member: $ for the body as a whole, [2].source in a batch.",
                "type": "object",
                "minProperties": 1,
                "maxProperties": problem.InvalidEvent.shown,
                "additionalProperties": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            },
            "enqueued": {**indices, "description": "The events of a batch that are on the queue, when some are."},
            "notEnqueued": {**indices, "description": "Those to send again."},
        },
        "additionalProperties": False,
    }


def _refusals(*statuses: int) -> Json:
    """The answers with these statuses, each with its problems as examples."""
    examples = problem_page.EXAMPLES
    return {
        str(status): _refusal([example for example in examples.values() if example.status == status])
        for status in statuses
    }


def _refusal(examples: list[Problem]) -> Json:
    headers = {name: {"required": True, "schema": {"type": "string"}} for name in examples[0].headers}
    return {
        "description": " Or: ".join(example.meaning for example in examples),
        "headers": {"Trace-Id": {"$ref": "#/components/headers/Trace-Id"}, **headers},
        "content": {
            problem.CONTENT_TYPE: {
                "schema": _reference("Problem"),
                "examples": {
                    example.kind: {"value": json.loads(example.body(problem_page.EXAMPLE_TRACE_ID))}
                    for example in examples
                },
            }
        },
    }
