"""What the page asks of the host: handed on as it came, so that page and host are of one origin to the browser."""

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, DummyCookieJar, web
from aiohttp.typedefs import Handler
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from local import Failure, publisher

PATIENCE_SECONDS = 75
"""The host's functions have 60."""

_OF_THE_CONNECTION = {
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
"""Of one hop (RFC 9110 §7.6.1), and what each side of the relay writes itself."""

_OF_THE_BROWSER = {"cookie", "origin", "referer"}
"""Cookies are shared by all ports of loopback: those of other programs are none of the host's business."""


class NoAnswerInTime(Failure):
    """The host took the request, and then said nothing."""


def handler(app: web.Application, host: str) -> Handler:
    """Hands requests on to `host`, and its answers back."""
    sessions: list[ClientSession] = []

    async def close(_: web.Application) -> None:
        for session in sessions:
            await session.close()

    app.on_cleanup.append(close)

    async def relay(request: web.Request) -> web.StreamResponse:
        if not sessions:
            timeout = ClientTimeout(PATIENCE_SECONDS)
            sessions.append(ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar(), timeout=timeout))
        body = await request.read()
        try:
            async with sessions[0].request(
                request.method,
                URL(host + request.raw_path, encoded=True),
                headers=_without(request.headers, _OF_THE_CONNECTION | _OF_THE_BROWSER),
                data=body or None,
                skip_auto_headers=("Content-Type",),
                allow_redirects=False,
            ) as answer:
                content = await answer.read()
                return web.Response(
                    status=answer.status, headers=_without(answer.headers, _OF_THE_CONNECTION), body=content
                )
        except TimeoutError as error:
            raise NoAnswerInTime(
                f"The host gave no answer within {PATIENCE_SECONDS} s; the event may be on the queue or not."
            ) from error
        except ClientConnectorError as error:
            raise publisher.no_host(host) from error
        except ClientError as error:
            raise Failure(
                f"The host at {host} gave no whole answer in HTTP; the event may be on the queue or not."
            ) from error

    return relay


def _without(headers: CIMultiDictProxy[str], dropped: set[str]) -> CIMultiDict[str]:
    kept = ((name, value) for name, value in headers.items() if name.lower() not in dropped)
    return CIMultiDict((name, value) for name, value in kept if not name.lower().startswith("sec-"))
