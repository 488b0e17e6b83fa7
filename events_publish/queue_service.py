"""The queue service of Azure Storage, by its REST API: the two calls that publishing needs, ready made.

What is the same for each call of a queue is put together once. All else is left to the client library of Azure Storage,
which takes ten times as long for a call and a quarter of a second to import.
"""

import functools
import re
import time
from binascii import b2a_base64
from email.utils import formatdate
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from events_publish import http_client, storage_fault
from events_publish.connection_string import QueueAccount, queue_account
from events_publish.http_client import HttpClient, Origin
from events_publish.http_connection import Answer, OddAnswer
from events_publish.settings import Connection
from events_publish.shared_key import SharedKey, StringToSign
from events_publish.storage_fault import CLIENT_REQUEST_ID, StorageError

if TYPE_CHECKING:
    from events_publish.credential import KeptToken

VERSION = "2026-10-06"
"""Of the REST API."""

IDLE_SECONDS = 2
"""How long an idle connection is kept: less than an attempt may take, so that after one that hung on a connection which
had died without a word, the next finds none that is as old."""

SCOPE = "https://storage.azure.com/.default"
"""Of an identity's tokens for storage."""

XML = "application/xml"


class AnswerToAnother(OddAnswer):
    """To something else than was asked, as a connection may still hold."""


class QueueService:
    """The queues of an account; `credential` for a connection by identity."""

    def __init__(self, connection: Connection, http: HttpClient, credential: "KeptToken | None" = None) -> None:
        self._http = http
        self._credential = credential
        text = connection.connection_string
        self._account = queue_account(text) if text else QueueAccount(str(connection.queue_service_uri).rstrip("/"))
        self._key = SharedKey(self._account.name, self._account.key) if self._account.key else None
        self._origin = Origin.of(urlsplit(self._account.url))
        self._puts: dict[str, _Call] = {}

    async def put_message(self, queue: str, body: bytes, client_request_id: str) -> None:
        """Put a message on a queue, in base64, to stay there until it is taken.

        https://learn.microsoft.com/rest/api/storageservices/put-message

        Raises:
            StorageError: storage refused it, or could not be asked.
            OSError, ValueError: what became of it is not known.
        """
        call = self._puts.get(queue)
        if call is None:
            call = self._puts[queue] = self._call("POST", f"/{queue}/messages", "messagettl=-1", XML)
        content = b"<QueueMessage><MessageText>%b</MessageText></QueueMessage>" % b2a_base64(body, newline=False)
        answer = await self._ask(call, content, client_request_id, status=201)
        if not is_acknowledgement(answer.body):
            raise ValueError("it does not acknowledge a message")

    async def get_metadata(self, queue: str, client_request_id: str) -> None:
        """Look whether a queue is there.

        https://learn.microsoft.com/rest/api/storageservices/get-queue-metadata

        Raises:
            StorageError: it is not, or not for this identity, or storage could not be asked.
            OSError: it is not known.
        """
        await self._ask(self._call("GET", f"/{queue}", "comp=metadata"), b"", client_request_id, status=200)

    async def connect(self) -> None:
        """Have a connection, and a token, at hand for who comes next.

        Raises:
            StorageError, OSError: there is none.
        """
        if self._credential:
            await self._credential.get_token_info(SCOPE)
        await self._http.connect(self._origin)

    def _call(self, method: str, path: str, query: str, content_type: str = "") -> "_Call":
        account = self._account
        url = urlsplit(f"{account.url}{path}?{query}")
        signed = urlsplit(f"{account.url}{path}?{query}&{account.shared_access_signature}".rstrip("&"))
        headers = {"Accept": XML, **({"Content-Type": content_type} if content_type else {})}
        head = http_client.head(method, signed, headers)
        return _Call(head, StringToSign.of(method, content_type, url, account.name))

    async def _ask(self, call: "_Call", content: bytes, client_request_id: str, *, status: int) -> Answer:
        token = (await self._credential.get_token_info(SCOPE)).token if self._credential else None
        answer = await self._exchange(call, content, client_request_id, token)
        tenant = _TENANT.search(answer.headers.get("www-authenticate", "")) if answer.status == 401 else None
        if self._credential and tenant:
            # An identity that is known in several has shown the token of another than storage trusts.
            other = await self._credential.get_token_info(SCOPE, options={"tenant_id": tenant[1]})
            answer = await self._exchange(call, content, f"{client_request_id}-again", other.token)
        if answer.status != status:
            code = storage_fault.error_code(answer.headers, answer.body)
            raise StorageError(storage_fault.of_answer(answer.status, code, answer.headers))
        return answer

    async def _exchange(self, call: "_Call", content: bytes, client_request_id: str, token: str | None) -> Answer:
        headers = b"x-ms-client-request-id:%b\nx-ms-date:%b\nx-ms-version:%b\n" % (
            client_request_id.encode(),
            _date(int(time.time())),
            VERSION.encode(),
        )
        request = b"%b%b%bContent-Length: %d\r\n\r\n%b" % (
            call.head,
            headers.replace(b"\n", b"\r\n"),
            self._authorization(call, len(content), headers, token),
            len(content),
            content,
        )

        def check(answer: Answer) -> bool:
            return is_trusted(answer, client_request_id)

        return await self._http.exchange(self._origin, request, check=check)

    def _authorization(self, call: "_Call", length: int, headers: bytes, token: str | None) -> bytes:
        if token is not None:
            return b"Authorization: Bearer %b\r\n" % token.encode()
        if self._key is None:  # the URL is signed
            return b""
        return b"Authorization: %b\r\n" % self._key.authorization(call.to_sign.with_headers(length, headers))


class _Call(NamedTuple):
    """What is the same for each call of a kind."""

    head: bytes
    to_sign: StringToSign


def is_acknowledgement(body: bytes) -> bool:
    """Whether it is the answer to Put Message, whole and with a message id."""
    found = _ACKNOWLEDGEMENT(body)
    return found is not None and found[1] is not None


def is_trusted(answer: Answer, client_request_id: str) -> bool:
    """Whether an answer is of storage, which repeats what the request is called by.

    Raises:
        OddAnswer: it does not count, whatever it says.
    """
    answered = answer.headers.get(CLIENT_REQUEST_ID)
    if not storage_fault.may_count(answer.status, answered, asked=client_request_id):
        raise AnswerToAnother
    return http_client.require_plain(answer) and answered is not None


@functools.lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


_TENANT = re.compile(r'\bauthorization_uri="?https://[^/"\s]+/([0-9A-Za-z.-]+)')

_TIME = rb"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
_TIMES = rb"InsertionTime|ExpirationTime|TimeNextVisible"
_ELEMENTS = (
    rb"<MessageId>([^<>]++)</MessageId>",
    rb"<(%b)>%b</\2>" % (_TIMES, _TIME),
    rb"<(?!MessageId>|%b)([A-Za-z]++)>[^<>]*+</\3>" % _TIMES,
)
# Storage writes neither attributes nor comments nor escapes, and a byte-order mark at the beginning.
_ACKNOWLEDGEMENT = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:<\?xml[^<>]*+>)?\s*<QueueMessagesList>\s*<QueueMessage>"
    rb"(?:\s*(?:%b))*\s*</QueueMessage>\s*</QueueMessagesList>\s*" % b"|".join(_ELEMENTS)
).fullmatch
