"""Events and problems as JSON Schema (2020-12), made of the rules that judge."""

import re
from typing import Any

from events_publish import media_type, problem, rules
from events_publish.rules import Rule
from events_publish.settings import Limits

type Json = dict[str, Any]

TRACE_ID: Json = {"type": "string", "pattern": "^[0-9a-f]{32}$"}


def event(limits: Limits) -> Json:
    """One event; what JSON Schema cannot say is judged all the same: repeats, depth, bytes, leap seconds."""
    return {
        "type": "object",
        "description": f"One CloudEvent, at most {limits.event_bytes} bytes.",
        "required": list(rules.REQUIRED),
        "properties": {name: _member(name) for name in rules.ATTRIBUTES} | {"data": {}},
        "propertyNames": {"pattern": f"^(?:{rules.ATTRIBUTE_NAME}|data_base64)$"},
        "additionalProperties": {
            "description": f"An extension: {rules.EXTENSION_MUST_BE}.",
            "anyOf": [
                {"type": "string", "pattern": f"^{rules.TEXT}*$"},
                {"type": ["boolean", "null"]},
                {"type": "integer", "minimum": rules.INTEGERS.start, "maximum": rules.INTEGERS.stop - 1},
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
                    {"properties": {"datacontenttype": {"type": "string", "pattern": media_type.JSON_PATTERN}}},
                ],
            },
        ],
    }


def _member(name: str) -> Json:
    """A member that is not required may be null."""
    return reference(name) if name in rules.REQUIRED else {"anyOf": [reference(name), {"type": "null"}]}


def reference(name: str) -> Json:
    """To a schema of the OpenAPI document that all of these are in."""
    return {"$ref": f"#/components/schemas/{name}"}


def attributes() -> Json:
    """The rule of each attribute, by name."""
    return {name: _attribute(rule) for name, rule in rules.ATTRIBUTES.items()}


def _attribute(rule: Rule) -> Json:
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


def batch(limits: Limits) -> Json:
    return {"type": "array", "items": reference("Event"), "maxItems": limits.batch_events}


def problem_details() -> Json:
    indices = {"type": "array", "items": {"type": "integer", "minimum": 0}}
    return {
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": ["type", "title", "status", "detail", "traceId"],
        "properties": {
            "type": {"type": "string", "examples": [problem.TYPE_PREFIX + kind for kind in problem.kinds()]},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "traceId": TRACE_ID,
            "errors": {
                "description": "What is wrong, by member: $ for the body as a whole, [2].source in a batch.",
                "type": "object",
                "minProperties": 1,
                "maxProperties": problem.MAX_ERRORS,
                "additionalProperties": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            },
            "enqueued": {**indices, "description": "The events of a batch that are on the queue, when some are."},
            "notEnqueued": {**indices, "description": "Those to send again."},
        },
    }
