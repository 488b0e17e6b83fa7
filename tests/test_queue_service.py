"""The calls of the queue service: as the client library of Azure Storage makes them, which is the reference."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
from azure.core.credentials import AccessTokenInfo
from azure.core.pipeline.transport import HttpRequest
from azure.storage.queue import BinaryBase64EncodePolicy
from azure.storage.queue.aio import QueueClient
from hypothesis import given
from hypothesis import strategies as st

from events_publish import connection_string, queue_service
from events_publish.http_client import HttpClient
from events_publish.queue_service import QueueService, is_acknowledgement
from events_publish.settings import Connection
from events_publish.storage_fault import CLIENT_REQUEST_ID, StorageError
from local.serving import ADDRESS
from tests.storage_stand_in import CREATED, TIME

NAME = "0af7651916cd43dd8448eb211c80319c"


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Service:
    """A service that answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.status = "201 Created"
        self.headers = "Content-Type: application/xml\r\n"
        self.body = CREATED
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method, target, _ = lines[0].split(" ")
                self.asked.append(Asked(method, target, headers, body))
                head = f"HTTP/1.1 {self.status}\r\n{self.headers}{CLIENT_REQUEST_ID}: {headers[CLIENT_REQUEST_ID]}\r\n"
                writer.write(f"{head}Content-Length: {len(self.body)}\r\n\r\n{self.body}".encode())
        except asyncio.IncompleteReadError:
            writer.close()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    server = await asyncio.start_server(service.serve, ADDRESS, 0)
    service.url = f"http://{ADDRESS}:{server.sockets[0].getsockname()[1]}"
    yield service
    server.close()


@asynccontextmanager
async def ours(connection: Connection, credential: Any = None) -> AsyncIterator[QueueService]:
    async with HttpClient(idle_seconds=2) as http:
        yield QueueService(connection, http, credential)


@pytest.mark.parametrize("account", ["/account", "", "/a/b%20c/"])
@pytest.mark.parametrize(
    "secret", ["AccountName=account;AccountKey=c2VjcmV0", "SharedAccessSignature=?sv=1&sig=a%2Bb%3D"]
)
async def test_a_request_is_that_of_the_client_library(
    service: Service, account: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed alike, too, at the same moment."""
    text = f"QueueEndpoint={service.url}{account};{secret}"
    policy = BinaryBase64EncodePolicy()
    async with QueueClient.from_connection_string(text, "a-queue", message_encode_policy=policy) as reference:
        await reference.send_message(b"<\xc3\xa5>", time_to_live=-1, client_request_id=NAME)
    (theirs,) = service.asked
    moment = int(parsedate_to_datetime(theirs.headers["x-ms-date"]).timestamp())
    monkeypatch.setattr(time, "time", lambda: moment)
    async with ours(Connection(text)) as queues:
        await queues.put_message("a-queue", b"<\xc3\xa5>", NAME)
    mine = service.asked[1]
    assert mine.method == theirs.method
    assert urlsplit(mine.target).path == urlsplit(theirs.target).path
    assert sorted(parse_qsl(urlsplit(mine.target).query)) == sorted(parse_qsl(urlsplit(theirs.target).query))
    same = {"host", "content-type", "x-ms-version", "x-ms-date", CLIENT_REQUEST_ID}
    assert {name: mine.headers[name] for name in same} == {name: theirs.headers[name] for name in same}
    text_of = re.compile(rb"<QueueMessage><MessageText>([A-Za-z0-9+/=]+)</MessageText></QueueMessage>$").search
    assert (found := text_of(mine.body)), mine.body
    assert (expected := text_of(theirs.body)), theirs.body
    assert found[1] == expected[1]
    if "AccountKey" in secret:
        # Only the length is another, for the library begins with an XML declaration; so theirs is signed anew.
        assert mine.headers["authorization"] == signed_by_the_library(mine, "account", "c2VjcmV0", service.url)
    else:
        assert "authorization" not in mine.headers


def signed_by_the_library(asked: Asked, account: str, key: str, url: str) -> str:
    from azure.core.pipeline import PipelineContext, PipelineRequest
    from azure.storage.queue._shared.authentication import SharedKeyCredentialPolicy

    unsigned = {name: value for name, value in asked.headers.items() if name not in ("authorization", "")}
    request = HttpRequest(asked.method, url + asked.target, headers=unsigned)
    policy: Any = SharedKeyCredentialPolicy
    policy(account, key).on_request(PipelineRequest(request, PipelineContext(None)))
    return str(request.headers["Authorization"])


async def test_looking_is_signed_as_the_library_does(service: Service) -> None:
    service.status, service.body = "200 OK", ""
    async with ours(
        Connection(f"AccountName=account;AccountKey=c2VjcmV0;QueueEndpoint={service.url}/account")
    ) as queues:
        await queues.get_metadata("a-queue", NAME)
    (asked,) = service.asked
    assert (asked.method, asked.target) == ("GET", "/account/a-queue?comp=metadata")
    assert asked.headers["authorization"] == signed_by_the_library(asked, "account", "c2VjcmV0", service.url)


async def test_the_version_is_that_of_the_client_library() -> None:
    async with QueueClient.from_connection_string("UseDevelopmentStorage=true", "a-queue") as reference:
        assert reference.api_version == queue_service.VERSION


@pytest.mark.parametrize(
    "text",
    [
        "UseDevelopmentStorage=true",
        "AccountName=account;AccountKey=c2VjcmV0",
        "AccountName=account;AccountKey=c2VjcmV0;EndpointSuffix=core.chinacloudapi.cn;DefaultEndpointsProtocol=http",
        "AccountName=account;AccountKey=c2VjcmV0;DefaultEndpointsProtocol=http",
        "AccountName=account;AccountKey=c2VjcmV0;EndpointSuffix=core.chinacloudapi.cn",
        "AccountName=account;AccountKey=c2VjcmV0;QueueEndpoint=https://elsewhere.example/a/",
        "accountname=account;accountkey=c2VjcmV0;queueendpoint=https://elsewhere.example;",
        "AccountName=account;SharedAccessSignature=sv=1&sig=a%3D",
        "QueueEndpoint=https://a.example;SharedAccessSignature=?sv=1&sig=a%3D",
        "QueueEndpoint=https://a.example;AccountName=a11;AccountKey=c2VjcmV0;SharedAccessSignature=sv=1&sig=a%3D",
    ],
)
async def test_a_connection_string_leads_where_the_client_library_goes(text: str) -> None:
    connection_string.parse(text)
    account = connection_string.queue_account(text)
    query = f"?{account.shared_access_signature}" if account.shared_access_signature else ""
    async with QueueClient.from_connection_string(text, "a-queue") as reference:
        assert f"{account.url}/a-queue{query}" == reference.url
        credential = getattr(reference, "credential", None)
        assert account.name == getattr(credential, "account_name", "")
    assert bool(account.key) != bool(query)
    assert "c2VjcmV0" not in repr(account)
    assert "sig" not in repr(account)


class Credential:
    """One token for each tenant."""

    def __init__(self) -> None:
        self.tenants: list[str | None] = []

    async def get_token_info(self, scope: str, *, options: Mapping[str, str] | None = None) -> AccessTokenInfo:
        assert scope == queue_service.SCOPE
        self.tenants.append(options["tenant_id"] if options else None)
        return AccessTokenInfo(f"token-of-{self.tenants[-1]}", int(time.time()) + 3600)


async def test_a_token_of_the_tenant_that_storage_trusts(service: Service) -> None:
    """As the client library does it: once, with the tenant that storage names."""
    service.status = "401 Unauthorized"
    service.headers = (
        "WWW-Authenticate: Bearer authorization_uri=https://login.microsoftonline.com/a-tenant/oauth2/authorize"
        " resource_id=https://storage.azure.com\r\n"
    )
    credential = Credential()
    async with ours(Connection(queue_service_uri=service.url), credential) as queues:
        with pytest.raises(StorageError) as refused:
            await queues.put_message("a-queue", b"{}", NAME)
    assert refused.value.fault.status == 401
    assert credential.tenants == [None, "a-tenant"]
    assert [each.headers["authorization"] for each in service.asked] == [
        "Bearer token-of-None",
        "Bearer token-of-a-tenant",
    ]


async def test_a_connection_and_a_token_at_hand(service: Service) -> None:
    credential = Credential()
    async with ours(Connection(queue_service_uri=service.url), credential) as queues:
        await queues.connect()
        assert credential.tenants == [None]
        assert not service.asked


MESSAGE = CREATED.partition("<QueueMessage>")[2].partition("</QueueMessage>")[0]


def acknowledgement(message: str, before: str = '<?xml version="1.0" encoding="utf-8"?>') -> bytes:
    return f"{before}<QueueMessagesList><QueueMessage>{message}</QueueMessage></QueueMessagesList>".encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(CREATED.encode(), id="with line breaks"),
        pytest.param(acknowledgement(MESSAGE, '\ufeff<?xml version="1.0" encoding="utf-8"?>'), id="as Azure writes it"),
        pytest.param(acknowledgement(MESSAGE, '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'), id="Azurite"),
        pytest.param(acknowledgement(MESSAGE, ""), id="no declaration"),
        pytest.param(acknowledgement("<New>1</New>" + MESSAGE + "<Newer></Newer>"), id="more than there is today"),
        pytest.param(
            acknowledgement(f"<TimeNextVisible>{TIME}</TimeNextVisible><MessageId>1</MessageId>"), id="another order"
        ),
    ],
)
def test_acknowledgements(body: bytes) -> None:
    assert is_acknowledgement(body)
    assert not any(is_acknowledgement(body[:length]) for length in range(len(body.rstrip())))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<QueueMessagesList/>",
        acknowledgement(""),
        acknowledgement("<MessageId></MessageId>"),
        acknowledgement("<MessageId><b/></MessageId>"),
        acknowledgement("<MessageId>1</Message>"),
        acknowledgement("<PopReceipt>1</PopReceipt>"),
        acknowledgement("<MessageId>1</MessageId><InsertionTime>never</InsertionTime>"),
        acknowledgement("<MessageId>1</MessageId>") * 2,
        acknowledgement("<MessageId>1</MessageId>").replace(b"QueueMessagesList", b"html"),
    ],
)
def test_what_is_no_acknowledgement(body: bytes) -> None:
    assert not is_acknowledgement(body)


@given(st.binary(max_size=2000))
def test_bytes_are_no_acknowledgement(body: bytes) -> None:
    assert not is_acknowledgement(body)
    assert not is_acknowledgement(acknowledgement(MESSAGE)[:-3] + body[:50].replace(b"st>", b""))
