"""HTTP sessions with other services: no answer counts that was there before its request."""

from typing import Any

import aiohttp


class OddAnswer(aiohttp.ClientError):
    """An answer that is none of the service that was asked."""


class AnswerToAnother(OddAnswer):
    """To something else than was asked, as a connection may still hold; it is closed."""


class Response(aiohttp.ClientResponse):
    """Rests on more of aiohttp than its pages promise: `start`, and the length of a protocol."""

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        if protocol is not None and len(protocol):  # of answers, before anybody can have answered
            protocol.close()
            raise AnswerToAnother
        return await super().start(connection)


def open_session(
    connector: aiohttp.BaseConnector, response_class: type[Response] = Response, **options: Any
) -> aiohttp.ClientSession:
    """A session on the running loop, to be closed on it; `options` are those of aiohttp."""
    return aiohttp.ClientSession(
        connector=connector,
        response_class=response_class,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,  # it would look for .netrc and proxies on each call
        **options,
    )
