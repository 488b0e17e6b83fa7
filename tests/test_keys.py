"""The keys of an issuer: found, kept, asked for anew, and never more often than needed."""

import asyncio
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from events_publish import keys
from events_publish.keys import KeySet, metadata_urls
from events_publish.problem import KeysUnavailable
from events_publish.settings import Issuer

RSA = RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key(), as_dict=True)
PRIVATE = RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048), as_dict=True)
WEAK_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # it must not be taken
WEAK = RSAAlgorithm.to_jwk(WEAK_KEY.public_key(), as_dict=True)
EC = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
ISSUER = Issuer("https://issuer.example/", jwks_uri="https://issuer.example/jwk")


def rsa_jwk(**members: Any) -> dict[str, Any]:
    return {**RSA, "kid": "k", **members}


class Web:
    """What `fetch` finds at each URL: a value, or an exception that it raises. Counts."""

    def __init__(self, pages: dict[str, Any]) -> None:
        self.pages = pages
        self.fetched: list[str] = []

    async def fetch(self, url: str) -> Any:
        self.fetched.append(url)
        await asyncio.sleep(0)
        page = self.pages.get(url, OSError("it answers 404"))
        if isinstance(page, Exception):
            raise page
        return page


def deadline() -> float:
    return asyncio.get_running_loop().time() + 10


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The monotonic clock that `keys` reads, to be moved by hand."""

    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(keys, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("issuer", "urls"),
    [
        (
            "https://maskinporten.no/",
            [
                "https://maskinporten.no/.well-known/oauth-authorization-server",
                "https://maskinporten.no/.well-known/openid-configuration",
            ],
        ),
        (
            "https://platform.altinn.no/authentication/api/v1/openid/",
            [
                "https://platform.altinn.no/.well-known/oauth-authorization-server/authentication/api/v1/openid",
                "https://platform.altinn.no/authentication/api/v1/openid/.well-known/oauth-authorization-server",
                "https://platform.altinn.no/authentication/api/v1/openid/.well-known/openid-configuration",
            ],
        ),
    ],
)
def test_metadata_urls(issuer: str, urls: list[str]) -> None:
    assert metadata_urls(issuer) == urls


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_discovery(place: int) -> None:
    """Each place is tried in turn, and what is not the issuer's own metadata is passed over."""
    issuer = "https://issuer.example/path"
    urls = metadata_urls(issuer)
    web = Web({url: {"issuer": "https://other.example/", "jwks_uri": "https://other.example/"} for url in urls[:place]})
    web.pages[urls[place]] = {"issuer": issuer, "jwks_uri": "https://keys.example/"}
    web.pages["https://keys.example/"] = {"keys": [rsa_jwk()]}
    assert await KeySet(Issuer(issuer), web.fetch).key("k", deadline=deadline())
    assert web.fetched == [*urls[: place + 1], "https://keys.example/"]


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        {"issuer": "https://issuer.example/"},
        {"issuer": "https://issuer.example/", "jwks_uri": "http://issuer.example/jwk"},
        {"issuer": "https://issuer.example/", "jwks_uri": 1},
        {"issuer": "https://issuer.example/", "jwks_uri": "https://[::1"},
        {"issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/jwk"},
    ],
)
async def test_metadata_that_will_not_do(metadata: Any) -> None:
    web = Web(dict.fromkeys(metadata_urls("https://issuer.example/"), metadata))
    for scheme in ("https", "http"):
        web.pages[f"{scheme}://issuer.example/jwk"] = {"keys": [rsa_jwk()]}
    with pytest.raises(KeysUnavailable):
        await KeySet(Issuer("https://issuer.example/"), web.fetch).key("k", deadline=deadline())


@pytest.mark.parametrize(
    ("jwk", "algorithms"),
    [
        (rsa_jwk(), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (rsa_jwk(alg="RS512", use="sig"), {"RS512"}),
        ({**EC, "kid": "k"}, {"ES384"}),
    ],
)
async def test_algorithms(jwk: dict[str, Any], algorithms: set[str]) -> None:
    key = await KeySet(ISSUER, Web({"https://issuer.example/jwk": {"keys": [jwk]}}).fetch).key("k", deadline=deadline())
    assert key is not None
    assert key.algorithms == algorithms


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param(rsa_jwk(use="enc"), id="for encryption"),
        pytest.param(rsa_jwk(alg="HS256"), id="another kind of algorithm"),
        pytest.param(rsa_jwk(alg="nonsense"), id="unknown algorithm"),
        pytest.param(rsa_jwk(alg=["RS256"]), id="algorithm is an array"),
        pytest.param(rsa_jwk(kid=None), id="no kid"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0", "kid": "k"}, id="symmetric"),
        pytest.param({"kty": "unheard-of", "kid": "k"}, id="unknown type"),
        pytest.param({**WEAK, "kid": "k"}, id="weak"),
        pytest.param({**PRIVATE, "kid": "k"}, id="private"),
        pytest.param(rsa_jwk(n="?"), id="broken"),
        pytest.param({**EC, "kid": "k", "alg": "ES256"}, id="wrong curve"),
        pytest.param("k", id="no object"),
    ],
)
async def test_unfit_keys_are_passed_over(jwk: Any) -> None:
    web = Web({"https://issuer.example/jwk": {"keys": [jwk, rsa_jwk(kid="good")]}})
    key_set = KeySet(ISSUER, web.fetch)
    assert await key_set.key("good", deadline=deadline())
    assert await key_set.key("k", deadline=deadline()) is None


@pytest.mark.parametrize(
    "page", [{}, [], {"keys": 1}, {"keys": []}, OSError("down"), ValueError("garbage"), TimeoutError()]
)
async def test_no_keys(clock: Any, page: Any) -> None:
    """503 until the issuer works; it is asked again soon, and not by every request."""
    web = Web({"https://issuer.example/jwk": page})
    key_set = KeySet(ISSUER, web.fetch)
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await key_set.key("k", deadline=deadline())
    assert len(web.fetched) == 1
    web.pages["https://issuer.example/jwk"] = {"keys": [rsa_jwk()]}
    clock.now += 10
    assert await key_set.key("k", deadline=deadline())


async def test_one_fetch_for_all_who_wait() -> None:
    web = Web({"https://issuer.example/jwk": {"keys": [rsa_jwk()]}})
    key_set = KeySet(ISSUER, web.fetch)
    assert all(await asyncio.gather(*(key_set.key("k", deadline=deadline()) for _ in range(100))))
    assert len(web.fetched) == 1


async def test_unknown_kids(clock: Any) -> None:
    """However many ask, one fetch each 30 s; a new key is found by it, and while it fails the answer is 503."""
    web = Web({"https://issuer.example/jwk": {"keys": [rsa_jwk()]}})
    key_set = KeySet(ISSUER, web.fetch)
    assert await asyncio.gather(*(key_set.key(f"{n}", deadline=deadline()) for n in range(100))) == [None] * 100
    assert len(web.fetched) == 1
    clock.now += 31
    web.pages["https://issuer.example/jwk"] = {"keys": [rsa_jwk(), rsa_jwk(kid="new")]}
    assert await key_set.key("new", deadline=deadline())
    assert len(web.fetched) == 2
    clock.now += 31
    web.pages["https://issuer.example/jwk"] = OSError("down")
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await key_set.key("newer", deadline=deadline())
    assert len(web.fetched) == 3
    assert await key_set.key("k", deadline=deadline()), "what is known is kept"


async def test_old_keys_are_fetched_behind_a_request(clock: Any) -> None:
    web = Web({"https://issuer.example/jwk": {"keys": [rsa_jwk()]}})
    key_set = KeySet(ISSUER, web.fetch)
    assert await key_set.key("k", deadline=deadline())
    clock.now += keys.MAX_AGE_SECONDS + 1
    web.pages["https://issuer.example/jwk"] = {"keys": [rsa_jwk(kid="new")]}
    assert await key_set.key("k", deadline=deadline()), "this request does not wait"
    await asyncio.sleep(0.01)
    assert len(web.fetched) == 2
    assert await key_set.key("k", deadline=deadline()) is None, "a key that was removed is gone"


async def test_a_failing_issuer_is_not_asked_by_every_request(clock: Any) -> None:
    web = Web({"https://issuer.example/jwk": {"keys": [rsa_jwk()]}})
    key_set = KeySet(ISSUER, web.fetch)
    assert await key_set.key("k", deadline=deadline())
    clock.now += keys.MAX_AGE_SECONDS + 1
    web.pages["https://issuer.example/jwk"] = OSError("down")
    for _ in range(5):
        assert await key_set.key("k", deadline=deadline()), "what is known is kept"
        await asyncio.sleep(0.01)
    assert len(web.fetched) == 2


class Slow:
    """An issuer that answers when it is told to; counts."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self.asked = 0

    async def fetch(self, _: str) -> Any:
        self.asked += 1
        await self.answer.wait()
        return {"keys": [rsa_jwk()]}


async def test_a_request_does_not_wait_past_its_deadline() -> None:
    """And when it gives up, those who wait longer still get the answer that it had asked for."""
    slow = Slow()
    key_set = KeySet(ISSUER, slow.fetch)
    patient = asyncio.create_task(key_set.key("k", deadline=deadline()))
    with pytest.raises(KeysUnavailable):
        await key_set.key("k", deadline=asyncio.get_running_loop().time() + 0.01)
    slow.answer.set()
    assert await patient
    assert slow.asked == 1


async def test_no_request_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "WAIT_SECONDS", 0.01)
    with pytest.raises(KeysUnavailable):
        await KeySet(ISSUER, Slow().fetch).key("k", deadline=float("inf"))
