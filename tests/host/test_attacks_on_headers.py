"""A good token where none is looked for, or in a header that is not what RFC 6750 §2.1 has: it opens nothing."""

import socket
from collections.abc import Callable, Mapping, Sequence

import httpx
import pytest

from tests.conftest import Host
from tests.forge import Forge
from tests.host.conftest import BODY, bearer, post, refused
from tests.storage import Queue

pytestmark = pytest.mark.usefixtures("messages")

type Headers = Sequence[tuple[str, str]]

MALFORMED = [
    "Bearer",
    "Bearer Bearer {}",
    "Bearer token {}",
    "Bearer token={}",
    "Bearer access_token={}",
    "Bearer {} realm=a",
    'Bearer "{}"',
    "Bearer '{}'",
    "Bearer <{}>",
    "Bearer {},",
    "Bearer {};",
    "Bearer {}\\",
    "Bearer {}#",
    "Bearer {}%00",
    "Bearer {}%20",
    "Bearer {}=",
    "Bearer \t{} a",
    "Bearer \u00a0{}",
    "Bearer {}\u00a0",
    "Bearer {}\u200b",
    "Bearer {0}, Bearer {0}",
    "Bearer {0},Bearer {0}",
    "Bearer {0} {0}",
]
OF_ANOTHER_SCHEME = [
    "{}",
    "Bearer{}",
    "Bearer: {}",
    "Bearer={}",
    "Bearer,{}",
    "Bearer\t{}",
    "Bearer\u00a0{}",
    "Bеarer {}",  # its first e is Cyrillic
    '"Bearer" {}',
    ": Bearer {}",
    ",Bearer {}",
    "Authorization: Bearer {}",
    "Basic {}",
    "Basic dXNlcjpwdw==, Bearer {}",
    "Digest Bearer {}",
    "DPoP {}",
    "JWT {}",
    "MAC Bearer {}",
    "Negotiate {}",
    "OAuth {}",
    "Token {}",
]
OTHER_HEADERS = [
    "Access-Token",
    "Authentication",
    "Authorisation",
    "Authorization-",
    "Authorization2",
    "Authorization_",
    "Ce-Authorization",
    "PlatformAccessToken",
    "Proxy-Authorization",
    "Token",
    "WWW-Authenticate",
    "X-ARR-Authorization",
    "X-ARR-ClientCert",
    "X-Access-Token",
    "X-Auth-Token",
    "X-Authorization",
    "X-Forwarded-Access-Token",
    "X-Forwarded-Authorization",
    "X-HTTP-Authorization",
    "X-MS-CLIENT-PRINCIPAL",
    "X-MS-TOKEN-AAD-ACCESS-TOKEN",
    "X-Original-Authorization",
]
BASIC = ("Authorization", "Basic dXNlcjpwdw==")
EMPTY = ("Authorization", "")
SEVERAL: Mapping[str, Callable[[str], Headers]] = {
    "the same twice": lambda token: [bearer(token), bearer(token)],
    "a good one and a bad one": lambda token: [bearer(token), bearer("a.b.c")],
    "a bad one and a good one": lambda token: [bearer("a.b.c"), bearer(token)],
    "a good one and none": lambda token: [bearer(token), EMPTY],
    "Bearer and Basic": lambda token: [bearer(token), BASIC],
    "twice in other letters": lambda token: [bearer(token), ("AUTHORIZATION", f"bearer {token}")],
    "ten": lambda token: [bearer(token)] * 10,
}
BASIC_FIRST: Mapping[str, Callable[[str], Headers]] = {
    "Basic and Bearer": lambda token: [BASIC, bearer(token)],
    "none and a good one": lambda token: [EMPTY, bearer(token)],
}


@pytest.mark.parametrize("template", MALFORMED)
def test_a_malformed_header(client: httpx.Client, host: Host, forge: Forge, template: str) -> None:
    token = forge()
    refused(post(client, host.events, ("Authorization", template.format(token))), token)


@pytest.mark.parametrize("template", OF_ANOTHER_SCHEME)
def test_another_scheme(client: httpx.Client, host: Host, forge: Forge, template: str) -> None:
    token = forge()
    refused(post(client, host.events, ("Authorization", template.format(token))), token, "unauthenticated")


@pytest.mark.parametrize("headers", SEVERAL.values(), ids=SEVERAL.keys())
def test_several_headers(client: httpx.Client, host: Host, forge: Forge, headers: Callable[[str], Headers]) -> None:
    token = forge()
    refused(post(client, host.events, *headers(token)), token)


@pytest.mark.parametrize("headers", BASIC_FIRST.values(), ids=BASIC_FIRST.keys())
def test_several_schemes(client: httpx.Client, host: Host, forge: Forge, headers: Callable[[str], Headers]) -> None:
    token = forge()
    refused(post(client, host.events, *headers(token)), token, "unauthenticated")


@pytest.mark.parametrize("template", ["Bearer {}", "{}"])
@pytest.mark.parametrize("name", OTHER_HEADERS)
def test_another_header(client: httpx.Client, host: Host, forge: Forge, name: str, template: str) -> None:
    token = forge()
    refused(post(client, host.events, (name, template.format(token))), token, "unauthenticated")


@pytest.mark.parametrize("name", [".ALTINNTOKEN", "AltinnStudioRuntime", "access_token", "Authorization"])
def test_a_cookie(client: httpx.Client, host: Host, forge: Forge, name: str) -> None:
    token = forge()
    refused(post(client, host.events, ("Cookie", f"{name}={token}")), token, "unauthenticated")


@pytest.mark.parametrize("name", ["access_token", "Authorization", "authorization", "token", "code"])
@pytest.mark.parametrize("template", ["Bearer {}", "{}"])
def test_query_and_form(client: httpx.Client, host: Host, forge: Forge, name: str, template: str) -> None:
    token = forge()
    where = {name: template.format(token)}
    refused(client.post(host.events, params=where), token, "unauthenticated")
    refused(client.post(host.events, data=where), token, "unauthenticated")


NOT_HTTP = {
    "folded before the token": b"Authorization: Bearer\r\n {}\r\n",
    "folded within": b"Authorization: Bearer {}\r\n {}\r\n",
    "folded behind": b"Authorization: Bearer {}\r\n \r\n",
    "folded in the name": b"Authorization\r\n : Bearer {}\r\n",
    "a space before the name": b" Authorization: Bearer {}\r\n",
    "a space behind the name": b"Authorization : Bearer {}\r\n",
    "no colon": b"Authorization Bearer {}\r\n",
    "no name": b": Bearer {}\r\n",
    "NUL in the name": b"Author\0ization: Bearer {}\r\n",
    "NUL in the scheme": b"Authorization: Bear\0er {}\r\n",
    "NUL behind the token": b"Authorization: Bearer {}\0\r\n",
    "a backspace": b"Authorization: Bearer {}\x08\r\n",
    "a vertical tab": b"Authorization: Bearer\x0b{}\r\n",
    "a form feed": b"Authorization: Bearer\x0c{}\r\n",
    "an escape": b"Authorization: Bearer \x1b{}\r\n",
    "DEL": b"Authorization: Bearer {}\x7f\r\n",
    "a bare CR": b"Authorization: Bearer {}\r Bearer {}\r\n",
    "a bare LF": b"Authorization: Bearer a\nAuthorization: Bearer {}\r\n",
    "a no-break space in Latin-1": b"Authorization: Bearer\xa0{}\r\n",
    "no UTF-8 in the name": b"Authorization\xff: Bearer {}\r\n",
    "no UTF-8 behind the token": b"Authorization: Bearer {}\xff\r\n",
    "longer than all headers may be": b"Authorization: Bearer " + b"a" * 33_000 + b"\r\n",
    "more than all headers may be": b"Authorization: Bearer {}\r\n" * 60,
}


@pytest.mark.parametrize("lines", NOT_HTTP.values(), ids=NOT_HTTP.keys())
def test_what_no_client_sends(host: Host, forge: Forge, lines: bytes) -> None:
    """The host refuses it, or the function does; neither breaks."""
    assert status(host, lines.replace(b"{}", forge().encode())) in {400, 401, 431}


def test_what_is_good(host: Host, messages: Queue, forge: Forge) -> None:
    assert status(host, f"aUTHORIZATION:\t bEARER   {forge()} \t\r\n".encode()) == 200
    assert messages.take() == [BODY]


def status(host: Host, lines: bytes) -> int:
    """The status of a POST with these header lines, sent as they are."""
    url = httpx.URL(host.events)
    head = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %d\r\n" % (
        url.raw_path,
        len(BODY),
    )
    head += b"Content-Type: application/cloudevents+json\r\n"
    with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
        connection.sendall(head + lines + b"\r\n" + BODY)
        return int(connection.makefile("rb").readline().split()[1])
