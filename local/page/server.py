"""The page's server: its files, the OpenAPI beside it, and everything they ask for, from one origin."""

import json
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from events_publish import problem
from local import ROOT, Failure, issuer, serving
from local.kestrel import MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_REQUEST_LINE_BYTES
from local.page import payload, queue, relay, tokens
from local.running import Running

STATIC = Path(__file__).parent / "static"

_MODULES = {
    **{
        name: f"{name}/dist/index.js"
        for name in (
            "@codemirror/commands",
            "@codemirror/lang-json",
            "@codemirror/language",
            "@codemirror/state",
            "@codemirror/streamparser",
            "@codemirror/view",
            "@lezer/common",
            "@lezer/highlight",
            "@lezer/json",
            "@lezer/lr",
        )
    },
    "@marijn/find-cluster-break": "@marijn/find-cluster-break/src/index.js",
    "crelt": "crelt/index.js",
    "style-mod": "style-mod/src/style-mod.js",
    "w3c-keyname": "w3c-keyname/index.js",
}
"""CodeMirror and what it needs: by the names that modules import, where they lie in node_modules."""

_VENDORED = {*_MODULES.values(), "swagger-ui-dist/swagger-ui-bundle.js", "swagger-ui-dist/swagger-ui.css"}

_IMPORT_MAP = json.dumps({"imports": {name: f"/vendor/{path}" for name, path in _MODULES.items()}})

_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}

_ONLY_OURS = (
    "default-src 'none'; connect-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_NOTHING_IS_HTML = "; require-trusted-types-for 'script'; trusted-types 'none'"
"""The browser itself refuses to make markup of a string: what comes off the queue stays text."""


async def start(running: Running, folder: Path, port: int) -> tuple[web.AppRunner, str]:
    """Serve the page on loopback; returns the runner, to be cleaned up, and the page's URL.

    Raises:
        Failure: the port is taken, or the packages of npm are not installed.
    """
    if missing := [path for path in sorted(_VENDORED) if not (ROOT / "node_modules" / path).exists()]:
        raise Failure(f"node_modules/{missing[0]} is not installed; run `make setup`.")
    # Any body and any headers that a publisher may try go on as they came: to refuse them is the host's part.
    runner = web.AppRunner(
        _app(running, folder),
        access_log=None,
        auto_decompress=False,
        max_line_size=2 * MAX_REQUEST_LINE_BYTES,
        max_field_size=2 * MAX_HEADER_BYTES,
        shutdown_timeout=1,
    )
    return runner, await serving.serve(runner, port, "--page-port") + "/"


def _app(running: Running, folder: Path) -> web.Application:
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_from_here_alone, _tell_failures])
    stack = {"events": running.events, "queues": running.queues, "scope": running.scope, "consumer": issuer.CONSUMER}
    app.router.add_get("/", _document("index.html", _ONLY_OURS + _NOTHING_IS_HTML))
    app.router.add_get("/openapi", _document("openapi.html", _ONLY_OURS))
    app.router.add_get("/vendor/{path:.+}", _vendored)
    app.router.add_get("/stack", _json(stack))
    app.router.add_post("/token", tokens.handler(running, folder))
    app.router.add_get("/queue", queue.watch(app, running, stack), allow_head=False)
    app.router.add_post("/take", queue.take(running))
    app.router.add_post("/delete", queue.delete(running))
    app.router.add_get("/payload", payload.handler(running))
    app.router.add_route("*", problem.BASE_PATH + "/{path:.*}", relay.handler(app, running.host))
    app.router.add_get("/{name:[a-z_]+\\.(?:css|js|json|svg)}", _static)
    return app


@web.middleware
async def _from_here_alone(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what another site's page asks for: it could have tokens made, and read or take what is on the queue."""
    if not _is_addressed(request):
        return web.Response(status=421, text="This is a page of 127.0.0.1, and of no other name.\n")
    if not (_comes_from_the_page(request) or _opens_a_document(request)):
        return web.Response(status=403, text="Only the page itself may ask for this.\n")
    return await handler(request)


def _is_addressed(request: web.Request) -> bool:
    """Not by a name that its owner's DNS leads to loopback, and not as a proxy."""
    socket = request.transport and request.transport.get_extra_info("sockname")
    port = socket[1] if socket else 0
    names = [f"{name}:{port}" for name in (serving.ADDRESS, "localhost")]
    names += [serving.ADDRESS, "localhost"] if port == 80 else []
    return request.host in names and request.raw_path.startswith("/")


def _comes_from_the_page(request: web.Request) -> bool:
    """As far as the browser says; what is no browser says nothing, and is nobody's trap."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    return site in ("same-origin", "none") and request.headers.get("Origin", f"http://{request.host}") == (
        f"http://{request.host}"
    )


def _opens_a_document(request: web.Request) -> bool:
    """Whether a link, also one elsewhere, leads to what is there to be read, in a tab and not in a frame."""
    return (
        request.method == "GET"
        and request.headers.get("Sec-Fetch-Dest") == "document"
        and (request.path in ("/", "/openapi") or request.path.startswith(problem.TYPE_PREFIX))
    )


@web.middleware
async def _tell_failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Failure as failure:
        status = 504 if isinstance(failure, relay.NoAnswerInTime) else 502
        return web.Response(status=status, text=f"{failure}\n", headers={"Cache-Control": "no-store"})


def _document(name: str, policy: str) -> Handler:
    async def get(_: web.Request) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        text = (STATIC / name).read_text(encoding="utf-8").replace("{nonce}", nonce).replace("{imports}", _IMPORT_MAP)
        headers = {**_HEADERS, "Content-Security-Policy": policy.format(nonce=nonce), "Cache-Control": "no-store"}
        return web.Response(text=text, content_type="text/html", headers=headers)

    return get


async def _static(request: web.Request) -> web.StreamResponse:
    return _file(STATIC, request.match_info["name"], {path.name for path in STATIC.iterdir()})


async def _vendored(request: web.Request) -> web.StreamResponse:
    return _file(ROOT / "node_modules", request.match_info["path"], _VENDORED)


def _file(folder: Path, name: str, known: Collection[str]) -> web.StreamResponse:
    if name not in known:
        raise web.HTTPNotFound
    return web.FileResponse(folder / name, headers=_HEADERS)


def _json(value: Any) -> Handler:
    async def get(_: web.Request) -> web.Response:
        return web.json_response(value, headers=_HEADERS)

    return get
