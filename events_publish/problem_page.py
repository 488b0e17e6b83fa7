"""``/problems/{kind}``: what a problem means and what to do, for the people that its `type` leads here (RFC 9457 §3.1.1).

docs/problems.md says the same of all of them.
"""

import base64
import hashlib
import html
import re
from collections.abc import Mapping

from events_publish import content, envelope, json_text, problem, rules
from events_publish.exchange import READ, Request, Response, require_method
from events_publish.problem import NotFound, Problem
from events_publish.rules import Source

READERS = Source(
    "what System.Text.Json reads",
    "https://learn.microsoft.com/dotnet/api/system.text.json.jsondocumentoptions.maxdepth",
)

EXAMPLE_TRACE_ID = "0af7651916cd43dd8448eb211c80319c"

EXAMPLES: Mapping[str, Problem] = {
    example.kind: example
    for example in (
        problem.InvalidEvent(envelope.faults((("specversion", "1.0"), ("id", ""), ("type", "t"), ("source", "s")))),
        problem.Unauthenticated(),
        problem.InvalidToken("the token has expired"),
        problem.InsufficientScope("altinn:events.publish"),
        problem.PublishForbidden("0192:991825827", {0: "urn:altinn:resource:dodsbo.domstoladmin.api"}, of=1),
        problem.NotFound(),
        problem.MethodNotAllowed(("POST", "OPTIONS")),
        problem.LengthRequired(),
        content.too_large({"$": 50_000}, 49_152),
        problem.BatchTooLarge(100),
        problem.RequestTooLarge(6_000_000, 5_242_880),
        problem.UnsupportedMediaType(content.MODES, content.ACCEPTED),
        problem.KeysUnavailable(),
        problem.PolicyUnavailable(),
        problem.Overloaded(),
        problem.QueueUnavailable(enqueued={0, 2}, not_enqueued={1}),
        problem.NotReady(),
        problem.InternalError(),
    )
}
"""One of each kind."""


def table() -> list[tuple[str, str, Source]]:
    """The rules of an event: what it is about, what that must be, and where it is written."""
    found = [
        ("$", "JSON in UTF-8, without byte-order mark and lone surrogates", rules.JSON_SOURCE),
        ("$", f"at most {json_text.MAX_DEPTH} levels of objects and arrays, the event's own included", READERS),
        ("each member", "there once", rules.JSON_OBJECT_SOURCE),
    ]
    for name, rule in rules.ATTRIBUTES.items():
        required = "required: " if name in rules.REQUIRED else ""
        found.append((name, required + rule.must_be, rule.source))
    return [
        *found,
        (
            "data",
            "any JSON value, a string where datacontenttype is not a JSON type; not there together with data_base64",
            rules.DATA_SOURCE,
        ),
        ("an extension's name", "lower-case letters a-z and digits", rules.NAMES_SOURCE),
        ("an extension", rules.EXTENSION_MUST_BE, rules.TYPES_SOURCE),
        ("any string but data", "free of control characters and noncharacters", rules.TYPES_SOURCE),
    ]


async def get(request: Request) -> Response:
    """The page of the kind that the path names.

    Raises:
        MethodNotAllowed, NotFound
    """
    require_method(request, READ)
    kind = problem.kinds().get(request.parameters.get("kind", ""))
    if kind is None:
        raise NotFound
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "public, max-age=3600",
    }
    return Response(200, headers, _page(kind).encode())


def _page(kind: type[Problem]) -> str:
    parts = [
        f"<h1>{kind.title}</h1>",
        f"<p><code>{kind.status}</code> <code>{kind.kind}</code></p>",
        f"<p>{_marked_up(kind.meaning)}</p>",
        f"<h2>What to do</h2>\n<p>{_marked_up(kind.remedy)}</p>",
        f"<h2>For example</h2>\n<pre>{html.escape(EXAMPLES[kind.kind].body(EXAMPLE_TRACE_ID).decode(), quote=False)}</pre>",
    ]
    if kind is problem.InvalidEvent:
        rows = "\n".join(
            f'<tr><td><code>{what}</code><td>{html.escape(must_be, quote=False)}<td><a href="{source.url}">{source.name}</a>'
            for what, must_be, source in table()
        )
        parts.append(
            f"<h2>The rules of an event</h2>\n<table>\n<tr><th>member<th>must be<th>written in\n{rows}\n</table>"
        )
    return _FRAME.format(title=kind.title, style=_STYLE, content="\n".join(parts))


_STYLE = """
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
pre, table { display: block; overflow-x: auto }
code { white-space: nowrap }
th, td { text-align: left; padding: .2rem 1rem .2rem 0; vertical-align: top }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_FRAME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
{content}
</html>
"""


def _marked_up(text: str) -> str:
    return re.sub(r"`(.+?)`", r"<code>\1</code>", html.escape(text, quote=False))
