"""The HTTP session with a service of Azure Storage: which answers count, and for how long a connection is trusted."""

import socket

import aiohttp

from events_publish import http_session
from events_publish.http_session import AnswerToAnother, OddAnswer
from events_publish.resolver import Resolver

CLIENT_REQUEST_ID = "x-ms-client-request-id"
"""What a request is called by who makes it; storage repeats it in its answer."""

MAX_ANSWER_BYTES = 65_536
"""Of one answer; those of storage to a message or a blob have a few hundred."""

IDLE_SECONDS = 2
"""How long an idle connection is kept: less than an attempt may take, so that after one that hung on a connection which
had died without a word, the next finds none that is as old."""

UNHEARD_SECONDS = 3
"""After which what was sent, and not even received, is given up, with the memory that it takes."""


class EncodedAnswer(OddAnswer):
    """Compressed, which nobody has asked for."""


class LongAnswer(OddAnswer):
    """With more than `MAX_ANSWER_BYTES`."""


def open_session() -> aiohttp.ClientSession:
    """A session on the running loop, to be closed on it; how many connections there are is up to its user."""
    connector = aiohttp.TCPConnector(
        limit=0, keepalive_timeout=IDLE_SECONDS, resolver=Resolver(), socket_factory=_socket
    )
    return http_session.open_session(
        connector, _Response, headers={"Accept-Encoding": "identity"}, auto_decompress=False
    )


class _Response(http_session.Response):
    """Rests on one thing more: `_body`."""

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        protocol = connection.protocol
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
        # A gateway may refuse in storage's place; that all is well is for storage to say.
        if answered != asked and (answered is not None or self.status < 300):
            return AnswerToAnother()
        return EncodedAnswer() if self.headers.get("Content-Encoding", "identity") != "identity" else None

    async def read(self) -> bytes:
        if self._body is None:
            body = bytearray()
            try:
                async for chunk in self.content.iter_any():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise LongAnswer
            except BaseException:
                self.close()
                raise
            self._body = bytes(body)
        return await super().read()


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux, on which Azure runs it
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD_SECONDS * 1000)
    return made
