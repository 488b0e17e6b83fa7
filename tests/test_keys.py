"""The keys of an issuer: found, kept, asked for anew, and never more often than needed."""

import asyncio
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from events_publish import keys
from events_publish.issuers import Issuer
from events_publish.json_client import Document
from events_publish.keys import KeySet, metadata_urls
from events_publish.problem import KeysUnavailable
from tests.clock import Clock

RSA = RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key(), as_dict=True)
JWK = "https://issuer.example/jwk"
ISSUER = Issuer("https://issuer.example/", jwks_uri=JWK)


def rsa_jwk(**members: Any) -> dict[str, Any]:
    return {**RSA, "kid": "k", **members}


class Web:
    """What `fetch` finds at each URL: a value, an exception that it raises, or None for a page that hangs. Counts."""

    def __init__(self, pages: dict[str, Any], fresh_seconds: float | None = None) -> None:
        self.pages = pages
        self.fresh_seconds = fresh_seconds
        self.fetched: list[str] = []

    async def fetch(self, url: str) -> Document:
        self.fetched.append(url)
        await asyncio.sleep(0)
        page = self.pages.get(url, OSError("it answers 404"))
        if page is None:
            await asyncio.sleep(3600)
        if isinstance(page, Exception):
            raise page
        return Document(page, self.fresh_seconds)


def deadline() -> float:
    return asyncio.get_running_loop().time() + 10


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """That of `keys`."""
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
        {"issuer": "https://issuer.example/", "jwks_uri": "http://127.0.0.1/jwk"},
        {"issuer": "https://issuer.example/", "jwks_uri": "https://user@issuer.example/jwk"},
        {"issuer": "https://issuer.example/", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "https://issuer.example/", "jwks_uri": "/jwk"},
        {"issuer": "https://issuer.example/", "jwks_uri": 1},
        {"issuer": "https://issuer.example/", "jwks_uri": "https://[::1"},
        {"issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/jwk"},
    ],
)
async def test_metadata_that_will_not_do(metadata: Any) -> None:
    web = Web(dict.fromkeys(metadata_urls("https://issuer.example/"), metadata))
    for scheme in ("https", "http"):
        for host in ("issuer.example", "127.0.0.1", "user@issuer.example"):
            web.pages[f"{scheme}://{host}/jwk"] = {"keys": [rsa_jwk()]}
    with pytest.raises(KeysUnavailable):
        await KeySet(Issuer("https://issuer.example/"), web.fetch).key("k", deadline=deadline())


async def test_http_only_where_the_issuer_is_on_loopback_itself() -> None:
    issuer = "http://127.0.0.1:7072/"
    for jwks_uri in ("http://issuer.example/jwk", "http://127.0.0.1:7072/jwk"):
        web = Web({metadata_urls(issuer)[0]: {"issuer": issuer, "jwks_uri": jwks_uri}, jwks_uri: {"keys": [rsa_jwk()]}})
        found = KeySet(Issuer(issuer), web.fetch).key("k", deadline=deadline())
        if "127" in jwks_uri:
            assert await found
        else:
            with pytest.raises(KeysUnavailable):
                await found


@pytest.mark.parametrize(
    "page", [{}, [], {"keys": 1}, {"keys": []}, OSError("down"), ValueError("garbage"), TimeoutError()]
)
async def test_no_keys(clock: Clock, page: Any) -> None:
    """503 until the issuer works; it is asked again soon, and not by every request."""
    web = Web({JWK: page})
    key_set = KeySet(ISSUER, web.fetch)
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await key_set.key("k", deadline=deadline())
    assert len(web.fetched) == 1
    web.pages[JWK] = {"keys": [rsa_jwk()]}
    clock.now += 10
    assert await key_set.key("k", deadline=deadline())


async def test_one_fetch_for_all_who_wait() -> None:
    web = Web({JWK: {"keys": [rsa_jwk()]}})
    key_set = KeySet(ISSUER, web.fetch)
    assert all(await asyncio.gather(*(key_set.key("k", deadline=deadline()) for _ in range(100))))
    assert len(web.fetched) == 1


async def test_unknown_kids(clock: Clock) -> None:
    """However many ask, one fetch each 30 s; a new key is found by it, and while it fails the answer is 503."""
    web = Web({JWK: {"keys": [rsa_jwk()]}})
    key_set = KeySet(ISSUER, web.fetch)
    assert await asyncio.gather(*(key_set.key(f"{n}", deadline=deadline()) for n in range(100))) == [None] * 100
    assert len(web.fetched) == 1
    clock.now += 31
    web.pages[JWK] = {"keys": [rsa_jwk(), rsa_jwk(kid="new")]}
    assert await key_set.key("new", deadline=deadline())
    assert len(web.fetched) == 2
    clock.now += 31
    web.pages[JWK] = OSError("down")
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await key_set.key("newer", deadline=deadline())
    assert len(web.fetched) == 3
    assert await key_set.key("k", deadline=deadline()), "what is known is kept"


@pytest.mark.parametrize(
    ("said", "fresh"), [(None, 600), (0, 60), (59, 60), (61, 61), (300, 300), (3599, 3599), (10**9, 3600)]
)
async def test_how_long_keys_are_fresh(clock: Clock, said: float | None, fresh: float) -> None:
    """As long as the issuer says, within bounds; they are fetched behind a request ahead of that."""
    web = Web({JWK: {"keys": [rsa_jwk()]}}, said)
    key_set = KeySet(ISSUER, web.fetch)
    assert await key_set.key("k", deadline=deadline())
    await clock.pass_by(0.79 * fresh)
    assert await key_set.key("k", deadline=deadline())
    await clock.pass_by(0)
    assert len(web.fetched) == 1
    await clock.pass_by(0.02 * fresh)
    web.pages[JWK] = {"keys": [rsa_jwk(kid="new")]}
    assert await key_set.key("k", deadline=deadline()), "this request does not wait"
    await clock.pass_by(0)
    assert len(web.fetched) == 2
    assert await key_set.key("k", deadline=deadline()) is None, "a key that was removed is gone"


async def test_stale_keys_do_not_count_before_the_issuer_was_asked(clock: Clock) -> None:
    """After a pause without requests, the first one waits, or a key that was removed would still be good."""
    web = Web({JWK: {"keys": [rsa_jwk()]}})
    key_set = KeySet(ISSUER, web.fetch)
    assert await key_set.key("k", deadline=deadline())
    clock.now += keys.FRESH_SECONDS + 1
    web.pages[JWK] = {"keys": [rsa_jwk(kid="new")]}
    assert await key_set.key("k", deadline=deadline()) is None


@pytest.mark.parametrize("pause", [61, keys.FRESH_SECONDS - 10, 20 * 3600])
async def test_a_failure_before_the_pause_changes_nothing(clock: Clock, pause: float) -> None:
    web = Web({JWK: {"keys": [rsa_jwk()]}})
    key_set = KeySet(ISSUER, web.fetch)
    assert await key_set.key("k", deadline=deadline())
    web.pages[JWK] = OSError("down")
    await clock.pass_by(keys.FRESH_SECONDS)
    assert await key_set.key("k", deadline=deadline())
    await clock.pass_by(pause)
    web.pages[JWK] = {"keys": [rsa_jwk(kid="new")]}
    assert await key_set.key("k", deadline=deadline()) is None


@pytest.mark.parametrize("pause", [keys.AHEAD * keys.FRESH_SECONDS + 1, keys.FRESH_SECONDS + 1])
async def test_an_issuer_that_hangs_does_not_hold_up_known_keys(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    """Neither ahead of time, nor when the keys are stale: then the first waits a little, and the others not at all."""
    monkeypatch.setattr(keys, "STALE_WAIT_SECONDS", 0.05)
    web = Web({JWK: {"keys": [rsa_jwk()]}})
    key_set = KeySet(ISSUER, web.fetch)
    assert await key_set.key("k", deadline=deadline())
    web.pages[JWK] = None
    await clock.pass_by(pause)
    async with asyncio.timeout(0.5):
        assert await key_set.key("k", deadline=deadline())
        await clock.pass_by(1)
        for _ in range(100):
            assert await key_set.key("k", deadline=deadline())
    assert len(web.fetched) == 2


@pytest.mark.parametrize("outage", [OSError("down"), ValueError("garbage"), {}, {"keys": []}, [], {"keys": ["k"]}])
async def test_the_last_good_keys_are_kept(clock: Clock, outage: Any) -> None:
    """Through an outage and through garbage, for a day; the issuer is asked each 30 s, and not by every request."""
    web = Web({JWK: {"keys": [rsa_jwk()]}})
    key_set = KeySet(ISSUER, web.fetch)
    assert await key_set.key("k", deadline=deadline())
    web.pages[JWK] = outage
    await clock.pass_by(keys.KEPT_SECONDS - 100)
    for _ in range(3):
        before = len(web.fetched)
        for _ in range(5):
            assert await key_set.key("k", deadline=deadline())
            await clock.pass_by(0)
        assert len(web.fetched) == before + 1
        await clock.pass_by(31)
    await clock.pass_by(10)
    with pytest.raises(KeysUnavailable):
        await key_set.key("k", deadline=deadline())
    web.pages[JWK] = {"keys": [rsa_jwk()]}
    await clock.pass_by(keys.NO_KEYS_RETRY_SECONDS + 1)
    assert await key_set.key("k", deadline=deadline())


async def test_a_key_that_stays_is_the_same_object(clock: Clock) -> None:
    """By which a verified token is remembered, and one whose key was replaced is not."""
    web = Web({JWK: {"keys": [rsa_jwk()]}})
    key_set = KeySet(ISSUER, web.fetch)
    first = await key_set.key("k", deadline=deadline())
    clock.now += keys.FRESH_SECONDS + 1
    web.pages[JWK] = {"keys": [rsa_jwk(kid="new"), rsa_jwk()]}
    assert await key_set.key("k", deadline=deadline()) is first
    clock.now += keys.FRESH_SECONDS + 1
    web.pages[JWK] = {"keys": [rsa_jwk(alg="RS256")]}
    replaced = await key_set.key("k", deadline=deadline())
    assert replaced is not first
    assert replaced


async def test_a_place_that_hangs_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "FETCH_SECONDS", 0.4)
    issuer = "https://issuer.example/path"
    urls = metadata_urls(issuer)
    web = Web({urls[0]: None, urls[1]: {"issuer": issuer, "jwks_uri": JWK}, JWK: {"keys": [rsa_jwk()]}})
    assert await KeySet(Issuer(issuer), web.fetch).key("k", deadline=deadline())


async def test_a_request_does_not_wait_past_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """And when it gives up, those who wait longer still get the answer that it had asked for."""
    answer = asyncio.Event()
    web = Web({JWK: {"keys": [rsa_jwk()]}})
    fetch = web.fetch

    async def slow(url: str) -> Document:
        await answer.wait()
        return await fetch(url)

    monkeypatch.setattr(web, "fetch", slow)
    key_set = KeySet(ISSUER, web.fetch)
    patient = asyncio.create_task(key_set.key("k", deadline=deadline()))
    with pytest.raises(KeysUnavailable):
        await key_set.key("k", deadline=asyncio.get_running_loop().time() + 0.01)
    answer.set()
    assert await patient
    assert len(web.fetched) == 1


async def test_no_request_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "FETCH_SECONDS", 0.01)
    with pytest.raises(KeysUnavailable):
        await KeySet(ISSUER, Web({JWK: None}).fetch).key("k", deadline=float("inf"))


async def test_what_went_wrong_is_logged_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    other = {"issuer": "https://other.example/"}
    web = Web(dict.fromkeys(metadata_urls("https://issuer.example/"), other))
    with pytest.raises(KeysUnavailable):
        await KeySet(Issuer("https://issuer.example/"), web.fetch).key("k", deadline=deadline())
    (record,) = caplog.records
    assert "https://issuer.example/.well-known/oauth-authorization-server: ValueError('its issuer is another')" in (
        record.getMessage()
    )
