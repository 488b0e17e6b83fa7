"""The issuer, as a client library meets it."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from local import Failure, issuer
from local.issuer import Fault
from tests.background import Background
from tests.conftest import PUBLISH_SCOPE, Host, Issuer, Publish, StartHost

type StartIssuer = Callable[[], Issuer]


def grant(token_issuer: Issuer, **claims: Any) -> str:
    now = int(time.time())
    key = token_issuer.keys.client
    payload = {
        "iss": issuer.CLIENT_ID,
        "aud": token_issuer.identifier,
        "scope": PUBLISH_SCOPE,
        "iat": now,
        "exp": now + 100,
        **claims,
    }
    return jwt.encode(payload, jwt.PyJWK(key).key, "RS256", {"kid": key["kid"]})


def ask(client: httpx.Client, token_issuer: Issuer, **form: str) -> httpx.Response:
    metadata = client.get(token_issuer.identifier + ".well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == token_issuer.identifier
    return client.post(metadata["token_endpoint"], data={"grant_type": metadata["grant_types_supported"][0], **form})


def test_a_grant_becomes_a_token_that_publishes(client: httpx.Client, token_issuer: Issuer, host: Host) -> None:
    answer = ask(client, token_issuer, assertion=grant(token_issuer)).json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "altinn:events.publish")
    header = jwt.get_unverified_header(answer["access_token"])
    assert header.keys() == {"alg", "kid"}
    publish = Publish(client, host.events, answer["access_token"])
    assert publish(b"{}").status_code == 400, "the token is good, the event is not"


def test_a_grant_for_a_resource(client: httpx.Client, token_issuer: Issuer) -> None:
    assertion = grant(token_issuer, resource="https://events.example.no")
    token = ask(client, token_issuer, assertion=assertion).json()["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == "https://events.example.no"


@pytest.mark.parametrize(
    ("claims", "form", "error"),
    [
        pytest.param({}, {"grant_type": "password"}, "unsupported_grant_type", id="another grant"),
        pytest.param({}, {"assertion": "a.b.c"}, "invalid_grant", id="no JWT"),
        pytest.param({"aud": "https://other.example/"}, {}, "invalid_grant", id="for another issuer"),
        pytest.param({"iss": "stranger"}, {}, "invalid_grant", id="of an unknown client"),
        pytest.param({"iat": 1, "exp": 2}, {}, "invalid_grant", id="expired"),
        pytest.param({"exp": str(int(time.time()) + 60)}, {}, "invalid_grant", id="exp is a string"),
        pytest.param({"exp": 9_999_999_999}, {}, "invalid_grant", id="lives too long"),
        pytest.param({"scope": ""}, {}, "invalid_scope", id="no scope"),
        pytest.param({"scope": ["a"]}, {}, "invalid_scope", id="scope is an array"),
    ],
)
def test_a_grant_that_is_refused(
    client: httpx.Client, token_issuer: Issuer, claims: dict[str, Any], form: dict[str, str], error: str
) -> None:
    answer = ask(client, token_issuer, **{"assertion": grant(token_issuer, **claims), **form})
    assert answer.status_code == 400
    assert answer.json()["error"] == error


@pytest.fixture
def start(background: Background, tmp_path: Path) -> Iterator[StartIssuer]:
    """Starts an issuer of the test's own, with its keys in `tmp_path`."""
    runners = []

    def start() -> Issuer:
        runner, identifier = background.run(issuer.start(tmp_path, 0))
        runners.append(runner)
        return Issuer(identifier, issuer.keys(tmp_path), tmp_path)

    yield start
    for runner in runners:
        background.run(runner.cleanup())


def published(client: httpx.Client, identifier: str) -> dict[str, dict[str, Any]]:
    """The keys that an issuer publishes, by `kid`."""
    return {key["kid"]: key for key in client.get(identifier + "jwk").json()["keys"]}


def test_keys_survive_and_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert issuer.keys(folder) == issuer.keys(folder)
    issuer.rotate(folder)
    issuer.set_fault(folder, Fault.DOWN)
    assert {path.name for path in folder.iterdir()} == {"issuer-keys.json", "client-key.json", "issuer-fault"}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_the_clients_key_as_pem(client: httpx.Client, start: StartIssuer, tmp_path: Path) -> None:
    """It is the one that is there as a JWK, and signs a grant."""
    started = start()
    file = tmp_path / "client-key.pem"
    assert file.stat().st_mode & 0o777 == 0o600
    now = int(time.time())
    claims = {"iss": issuer.CLIENT_ID, "aud": started.identifier, "scope": PUBLISH_SCOPE, "iat": now, "exp": now + 9}
    assertion = jwt.encode(claims, file.read_text(), "RS256")
    assert ask(client, started, assertion=assertion).status_code == 200


@pytest.mark.parametrize("algorithm", issuer.ALGORITHMS)
def test_rotate(client: httpx.Client, start: StartIssuer, tmp_path: Path, algorithm: str) -> None:
    """The new key signs at once, in its own algorithm; the old one stays published; of both only the public half."""
    running = start()
    added = issuer.rotate(tmp_path, algorithm)
    assert issuer.keys(tmp_path).issuer == (running.keys.signing, added)

    token = ask(client, running, assertion=grant(running)).json()["access_token"]
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "kid": added["kid"]}
    keys = published(client, running.identifier)
    assert list(keys) == [running.keys.signing["kid"], added["kid"]]
    jwt.decode(token, jwt.PyJWK(keys[added["kid"]]), [algorithm], issuer=running.identifier)
    members = {"crv", "x", "y"} if algorithm.startswith("ES") else {"n", "e"}
    assert keys[added["kid"]].keys() == {"kty", "kid", "use", "alg"} | members
    assert (keys[added["kid"]]["use"], keys[added["kid"]]["alg"]) == ("sig", algorithm)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "EdDSA", "rs256", ""])
def test_rotate_to_an_algorithm_that_there_is_not(tmp_path: Path, algorithm: str) -> None:
    with pytest.raises(Failure, match="must be one of RS256, RS384"):
        issuer.rotate(tmp_path, algorithm)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("queue")
def test_tokens_before_and_after_a_rotation_publish(
    client: httpx.Client, start_host: StartHost, settings: dict[str, str], start: StartIssuer, tmp_path: Path
) -> None:
    """An EC key beside an RSA key: the host takes the tokens of both."""
    running = start()
    before = ask(client, running, assertion=grant(running)).json()["access_token"]
    issuer.rotate(tmp_path, "ES256")
    after = ask(client, running, assertion=grant(running)).json()["access_token"]
    host = start_host({**settings, "TOKEN_ISSUERS": f'[{{"issuer": "{running.identifier}"}}]'})
    for token in (before, after):
        assert Publish(client, host.events, token)(b"{}").status_code == 400, "the token is good, the event is not"


def test_retire(client: httpx.Client, start: StartIssuer, tmp_path: Path) -> None:
    running = start()
    first, second = running.keys.signing, issuer.rotate(tmp_path)
    third = issuer.rotate(tmp_path, "ES384")
    issuer.retire(tmp_path, second["kid"])
    assert list(published(client, running.identifier)) == [first["kid"], third["kid"]]
    assert issuer.keys(tmp_path).signing == third
    issuer.retire(tmp_path, third["kid"])
    assert issuer.keys(tmp_path).signing == first, "the one before signs again"


def test_a_key_that_cannot_be_retired(tmp_path: Path) -> None:
    kid = issuer.keys(tmp_path).signing["kid"]
    with pytest.raises(Failure, match=f"The issuer has no key stranger; it has {kid}."):
        issuer.retire(tmp_path, "stranger")
    with pytest.raises(Failure, match=f"{kid} is the only key of the issuer; add another first"):
        issuer.retire(tmp_path, kid)
    assert issuer.keys(tmp_path).signing["kid"] == kid


def test_keys_may_be_kept_for_a_minute(client: httpx.Client, token_issuer: Issuer) -> None:
    assert client.get(token_issuer.identifier + "jwk").headers["cache-control"] == "max-age=60"


METADATA = ("GET", ".well-known/oauth-authorization-server")
JWK_SET = ("GET", "jwk")
TOKEN = ("POST", "token")


@pytest.mark.parametrize("resource", [METADATA, JWK_SET, TOKEN], ids=lambda resource: resource[1])
def test_faults(client: httpx.Client, start: StartIssuer, tmp_path: Path, resource: tuple[str, str]) -> None:
    """Each comes and goes while the issuer runs, on all that it serves."""
    running = start()
    method, url = resource[0], running.identifier + resource[1]
    usual = client.request(method, url)
    assert usual.headers["content-type"].startswith("application/json")

    issuer.set_fault(tmp_path, Fault.DOWN)
    with pytest.raises(httpx.RemoteProtocolError):
        client.request(method, url)
    issuer.set_fault(tmp_path, Fault.GARBAGE)
    garbage = client.request(method, url)
    assert (garbage.status_code, garbage.headers["content-type"]) == (200, "text/html; charset=utf-8")
    issuer.set_fault(tmp_path, Fault.SLOW)
    with pytest.raises(httpx.ReadTimeout):
        client.request(method, url, timeout=0.2)
    issuer.set_fault(tmp_path, None)
    issuer.set_fault(tmp_path, None)
    assert client.request(method, url).content == usual.content


def test_slow_is_slow_and_not_silent(
    client: httpx.Client, start: StartIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer comes in the end."""
    monkeypatch.setattr("local.faults.SLOW_SECONDS", 0.2)
    running = start()
    issuer.set_fault(tmp_path, Fault.SLOW)
    began = time.monotonic()
    assert list(published(client, running.identifier)) == [running.keys.signing["kid"]]
    assert time.monotonic() - began >= 0.2


async def test_slow_does_not_hold_up_the_end(tmp_path: Path) -> None:
    runner, identifier = await issuer.start(tmp_path, 0)
    issuer.set_fault(tmp_path, Fault.SLOW)
    async with httpx.AsyncClient(trust_env=False) as client:
        waiting = asyncio.create_task(client.get(identifier + "jwk", timeout=30))
        gone = asyncio.create_task(client.get(identifier + "jwk", timeout=0.1))
        with pytest.raises(httpx.ReadTimeout):
            await gone
        began = time.monotonic()
        await runner.cleanup()
        assert time.monotonic() - began < 5
        with pytest.raises(httpx.TransportError):
            await waiting


def test_no_keys(client: httpx.Client, start: StartIssuer, tmp_path: Path) -> None:
    """An empty JWK Set; metadata and tokens as usual."""
    running = start()
    issuer.set_fault(tmp_path, Fault.NO_KEYS)
    assert client.get(running.identifier + "jwk").json() == {"keys": []}
    assert "access_token" in ask(client, running, assertion=grant(running)).json()


SPOILED = [
    pytest.param("", id="empty"),
    pytest.param("{", id="not JSON"),
    pytest.param("[]", id="an array"),
    pytest.param("null", id="null"),
    pytest.param('{"keys": []}', id="no key"),
    pytest.param('{"keys": {}}', id="keys is an object"),
    pytest.param('{"keys": [1]}', id="a number for a key"),
    pytest.param('{"keys": [{"kid": "1", "alg": "RS256", "kty": "RSA", "d": "AA"}]}', id="half a key"),
    pytest.param('{"keys": [{"kid": "1", "alg": "HS256", "kty": "oct", "k": "c2VjcmV0"}]}', id="a secret"),
]


@pytest.mark.parametrize("text", SPOILED)
def test_spoiled_keys(tmp_path: Path, text: str) -> None:
    """One clear line, and nothing is replaced without being asked to."""
    file = tmp_path / "issuer-keys.json"
    file.write_text(text)
    for use in (issuer.keys, issuer.rotate, lambda folder: issuer.retire(folder, "1")):
        with pytest.raises(Failure, match=f"^{file} does not hold the keys .*; delete it to have new ones.$"):
            use(tmp_path)
    assert file.read_text() == text


def test_a_spoiled_key_of_the_client(tmp_path: Path) -> None:
    (tmp_path / "client-key.json").write_text("{}")
    with pytest.raises(Failure, match=r"client-key\.json does not hold the keys"):
        issuer.keys(tmp_path)


def test_public_keys_are_no_keys_of_the_issuer(tmp_path: Path) -> None:
    key = {
        name: value for name, value in issuer.keys(tmp_path).signing.items() if name in ("kty", "kid", "alg", "n", "e")
    }
    (tmp_path / "issuer-keys.json").write_text(json.dumps({"keys": [key]}))
    with pytest.raises(Failure, match="does not hold the keys"):
        issuer.keys(tmp_path)


def test_state_that_is_spoiled_while_it_runs(client: httpx.Client, start: StartIssuer, tmp_path: Path) -> None:
    """The issuer says what is wrong, and goes on when that is put right."""
    running = start()
    (tmp_path / "issuer-fault").write_text("dwon")
    answer = client.get(running.identifier + "jwk")
    assert (answer.status_code, answer.text) == (
        500,
        f"{tmp_path / 'issuer-fault'} must say one of down, slow, garbage, no-keys; delete it or set it anew.\n",
    )
    issuer.set_fault(tmp_path, None)
    assert client.get(running.identifier + "jwk").status_code == 200


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for use in (issuer.keys, issuer.fault, lambda folder: issuer.set_fault(folder, None)):
        with pytest.raises(Failure, match="cannot be"):
            use(tmp_path / "file")
