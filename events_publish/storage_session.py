"""The HTTP session of the client libraries of Azure Storage: which answers count, and how long a connection is trusted."""

import socket

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from events_publish import http_client, queue_service, storage_fault
from events_publish.resolver import Resolver
from events_publish.storage_fault import CLIENT_REQUEST_ID


class OddAnswer(aiohttp.ClientError):
    """An answer that is none of storage."""


class AnswerToAnother(OddAnswer):
    """To something else than was asked, as a connection may still hold; it is closed."""


class EncodedAnswer(OddAnswer):
    """Compressed, which nobody has asked for."""


class LongAnswer(OddAnswer):
    """With more bytes than are taken."""


def open_session() -> aiohttp.ClientSession:
    """A session on the running loop, to be closed on it; how many connections there are is up to its user."""
    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=queue_service.IDLE_SECONDS,
        resolver=_Resolver(),
        socket_factory=http_client.open_socket,
    )
    return aiohttp.ClientSession(
        connector=connector,
        response_class=_Response,
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,  # it would look for .netrc and proxies on each call
    )


class _Response(aiohttp.ClientResponse):
    """Rests on more of aiohttp than its pages promise: `start`, `_body`, and the length of a protocol."""

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        if protocol is not None and len(protocol):  # of answers, before anybody can have answered
            protocol.close()
            raise AnswerToAnother
        await super().start(connection)
        fault = self._fault()
        if protocol is not None and (fault or CLIENT_REQUEST_ID not in self.headers):
            # Who answers so may do it once more, unasked. Nothing is awaited before it is closed, or another request
            # could take the connection: where the answer is complete it is in the pool again.
            if self.connection is None:
                protocol.close()
            else:
                protocol.force_close()
        if fault:
            raise fault
        return self

    def _fault(self) -> OddAnswer | None:
        asked, answered = (each.headers.get(CLIENT_REQUEST_ID) for each in (self.request_info, self))
        if not storage_fault.may_count(self.status, answered, asked=asked):
            return AnswerToAnother()
        return EncodedAnswer() if self.headers.get("Content-Encoding", "identity") != "identity" else None

    async def read(self) -> bytes:
        if self._body is None:
            body = bytearray()
            try:
                async for chunk in self.content.iter_any():
                    body += chunk
                    if len(body) > http_client.MAX_ANSWER_BYTES:
                        raise LongAnswer
            except BaseException:
                self.close()
                raise
            self._body = bytes(body)
        return await super().read()


class _Resolver(AbstractResolver):
    """`Resolver`, as aiohttp asks it."""

    def __init__(self) -> None:
        self._resolver = Resolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.addresses(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, address in found
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        await self._resolver.close()
