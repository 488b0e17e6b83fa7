"""An issuer that hangs up after each answer without saying so beforehand (RFC 9112 §9.3: it may)."""

import asyncio
import contextlib
import json

import pytest

from events_publish.http_client import HttpClient
from events_publish.issuers import Issuer
from events_publish.json_client import JsonClient
from events_publish.keys import KeySet
from local.serving import ADDRESS

KEY = {"kty": "EC", "crv": "P-256", "kid": "1", "alg": "ES256",
       "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}  # fmt: skip  # RFC 7517 A.1


@pytest.mark.xfail(reason="what an issuer hangs up on is not asked again by a connection of its own")
async def test_keys_of_an_issuer_that_hangs_up() -> None:
    """Its metadata are had, and then its keys: by a connection of their own, where the first is gone."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            asked = await reader.readuntil(b"\r\n\r\n")
            document = {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"} if b"/.well-known" in asked else {"keys": [KEY]}
            body = json.dumps(document).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    server = await asyncio.start_server(serve, ADDRESS, 0)
    issuer = f"http://{ADDRESS}:{server.sockets[0].getsockname()[1]}"
    try:
        async with HttpClient(idle_seconds=15) as http:
            keys = KeySet(Issuer(issuer), JsonClient(http).get)
            await keys.fill(deadline=asyncio.get_running_loop().time() + 5)
            assert keys.is_filled()
    finally:
        server.close()
        server.close_clients()
        await asyncio.sleep(0)
