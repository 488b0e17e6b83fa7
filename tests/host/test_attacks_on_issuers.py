"""Forged tokens at a host that trusts two issuers: one issuer does not speak for another, nor one key for another.

The second issuer has what the first has not: an elliptic key, a key for any RSA algorithm, and one with the kid of the
first issuer's key. Its keys lie on a server that tells whether somebody followed a URL of a token.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local import serving
from tests.background import Background
from tests.conftest import StartHost
from tests.forge import (
    STRANGER,
    Attack,
    Attacks,
    Forge,
    claimed,
    fixed,
    noncanonical,
    plus,
    pss,
    public_jwk,
    really,
    signature,
    signed,
    symmetric,
)
from tests.host.conftest import BODY, bearer, post, refused
from tests.storage import Queue

pytestmark = pytest.mark.usefixtures("messages")

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Stage(NamedTuple):
    """A host that trusts two issuers."""

    events: str
    web: str
    requested: list[str]
    """The paths that were asked for on `web`."""
    first: Forge
    """The issuer of all tests."""
    ec: Forge
    """The second issuer, with its P-256 key."""
    rsa: Forge
    """With its RSA key, whose JWK has no `alg`."""
    twin: Forge
    """With another RSA key, of the kid that the first issuer's key has."""


@pytest.fixture(scope="module")
def stage(background: Background, start_host: StartHost, settings: dict[str, str], forge: Forge) -> Iterator[Stage]:
    requested: list[str] = []
    issuer = "https://second.example/"
    forges = (
        Forge(issuer, "ec", "ES256", ec.generate_private_key(ec.SECP256R1())),
        Forge(issuer, "rsa", "RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        Forge(issuer, forge.kid, "RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    )
    own = [public_jwk(each.private, each.kid) for each in forges]
    bait = [public_jwk(STRANGER, kid) for kid in ("stranger", forge.kid)]

    async def jwk_set(request: web.Request) -> web.Response:
        requested.append(request.path)
        return web.json_response({"keys": own if request.path == "/jwk" else bait})

    app = web.Application()
    app.router.add_get("/{path:.*}", jwk_set)
    runner = web.AppRunner(app, access_log=None)
    url = background.run(serving.serve(runner, 0, ""))
    trusted = [{"issuer": forge.issuer}, {"issuer": issuer, "jwks_uri": f"{url}/jwk"}]
    host = start_host({**settings, "TOKEN_ISSUERS": json.dumps(trusted)})
    yield Stage(host.events, url, requested, forge, *forges)
    background.run(runner.cleanup())


# ECDSA


def ecdsa(change: Callable[[int, int], bytes]) -> Attack:
    """The two numbers of a good ES256 signature, written otherwise."""
    return signature(lambda made: change(int.from_bytes(made[:32]), int.from_bytes(made[32:])))


def raw(*numbers: int, size: int = 32) -> bytes:
    """As JWA has it (RFC 7518 §3.4)."""
    return b"".join(number.to_bytes(size) for number in numbers)


def of_sha384(forge: Forge) -> bytes:
    """What ES384 would be with this curve."""
    return raw(*decode_dss_signature(forge.private.sign(b"a", ec.ECDSA(hashes.SHA384()))), size=48)


def point(form: PublicFormat) -> Callable[[Any], bytes]:
    return lambda key: bytes(key.public_bytes(Encoding.X962, form))


def embedded(forge: Forge) -> str:
    private = ec.generate_private_key(ec.SECP256R1())
    return forge({"jwk": public_jwk(private, forge.kid)}, sign=signed(private, "ES256"))


ECDSA: Attacks = {
    "DER": ecdsa(encode_dss_signature),
    "zeros in DER": signature(fixed(encode_dss_signature(0, 0))),
    "nothing": signature(fixed(b"")),
    "zeros": signature(fixed(raw(0, 0))),
    "ones": signature(fixed(b"\xff" * 64)),
    "both are one": signature(fixed(raw(1, 1))),
    "r is zero": ecdsa(lambda _, s: raw(0, s)),
    "s is zero": ecdsa(lambda r, _: raw(r, 0)),
    "r is the order": ecdsa(lambda _, s: raw(P256_ORDER, s)),
    "s is the order": ecdsa(lambda r, _: raw(r, P256_ORDER)),
    "both are the order": signature(fixed(raw(P256_ORDER, P256_ORDER))),
    "r negated": ecdsa(lambda r, s: raw(P256_ORDER - r, s)),
    "turned around": ecdsa(lambda r, s: raw(s, r)),
    "r alone": ecdsa(lambda r, _: raw(r)),
    "a byte less": signature(lambda made: made[:-1]),
    "a byte less each": signature(lambda made: made[1:32] + made[33:]),
    "a zero byte more each": ecdsa(lambda r, s: raw(r, s, size=33)),
    "a zero byte before": signature(lambda made: b"\0" + made),
    "a zero byte behind": signature(lambda made: made + b"\0"),
    "as long as that of ES384": ecdsa(lambda r, s: raw(r, s, size=48)),
    "of SHA-384": lambda forge: forge({"alg": "ES384"}, sign=lambda _: of_sha384(forge)),
    "spare bits": lambda forge: noncanonical(forge()),
    **{f"said to be {alg}": claimed(alg) for alg in ("ES384", "ES512", "ES256K", "EdDSA", "RS256", "PS256", "none")},
    "none": claimed("none", b""),
    "HS256 with the point": symmetric(point(PublicFormat.UncompressedPoint)),
    "HS256 with the point, compressed": symmetric(point(PublicFormat.CompressedPoint)),
    "HS256 with x": symmetric(lambda key: raw(key.public_numbers().x)),
    "HS256 with PEM": symmetric(lambda key: bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))),
    "HS256 with DER": symmetric(lambda key: bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))),
    "another key": lambda forge: forge(sign=signed(ec.generate_private_key(ec.SECP256R1()), "ES256")),
    "another key, its jwk": embedded,
    "RSA": lambda forge: forge({"alg": "RS256"}, sign=signed(STRANGER, "RS256")),
    "RSA, said to be ES256": lambda forge: forge(sign=signed(STRANGER, "RS256")),
}


@pytest.mark.parametrize("attack", ECDSA.values(), ids=ECDSA.keys())
def test_a_forged_elliptic_signature(client: httpx.Client, stage: Stage, attack: Attack) -> None:
    token = attack(stage.ec)
    refused(post(client, stage.events, bearer(token)), token)


# A key for any RSA algorithm

ANY_RSA: Attacks = {
    "PS256 without salt": lambda forge: forge({"alg": "PS256"}, sign=pss(forge.private, 0)),
    "PS256 with a salt too short": lambda forge: forge({"alg": "PS256"}, sign=pss(forge.private, 31)),
    "PS256 with all the salt there is room for": lambda forge: forge({"alg": "PS256"}, sign=pss(forge.private, 222)),
    "RS256, said to be PS256": really("RS256", "PS256"),
    "PS256, said to be RS256": really("PS256", "RS256"),
    "RS512, said to be RS256": really("RS512", "RS256"),
    "RS256, said to be RS512": really("RS256", "RS512"),
    "PS384, said to be PS256": really("PS384", "PS256"),
    "ES256": claimed("ES256"),
    "none": claimed("none", b""),
    **{
        f"HS{bits} with the modulus": symmetric(lambda key: raw(key.public_numbers().n, size=256), bits)
        for bits in (256, 512)
    },
}


@pytest.mark.parametrize("attack", ANY_RSA.values(), ids=ANY_RSA.keys())
def test_an_algorithm_that_is_not_the_one_it_says(client: httpx.Client, stage: Stage, attack: Attack) -> None:
    token = attack(stage.rsa)
    refused(post(client, stage.events, bearer(token)), token)


# Two issuers

type Crossing = Callable[[Stage], str]


def crossed(key: str, kid: str, issuer: str) -> Crossing:
    """Signed by the key of one, with the kid of another and the name of a third."""

    def attack(stage: Stage) -> str:
        forges: dict[str, Forge] = stage._asdict()
        return forges[key]({"kid": forges[kid].kid}, {"iss": forges[issuer].issuer})

    return attack


CROSSED: Mapping[str, Crossing] = {
    "the second's key and kid, the first's name": crossed("rsa", "rsa", "first"),
    "the second's elliptic key and kid, the first's name": crossed("ec", "ec", "first"),
    "the second's key, the first's kid and name": crossed("rsa", "first", "first"),
    "the second's key of the same kid, the first's name": crossed("twin", "twin", "first"),
    "the first's key and kid, the second's name": crossed("first", "first", "rsa"),
    "the first's key, the second's kid and name": crossed("first", "rsa", "rsa"),
    "one key of the second, the kid of another": crossed("rsa", "twin", "rsa"),
    "one key of the second, the kid of an elliptic one": crossed("rsa", "ec", "rsa"),
    "an elliptic key, the kid of another": crossed("ec", "rsa", "ec"),
    "both names": lambda stage: stage.rsa(claims={"iss": [stage.first.issuer, stage.rsa.issuer]}),
    "both names, one behind the other": lambda stage: stage.rsa(
        claims=plus(stage.rsa.claims(), f'"iss":"{stage.first.issuer}"')
    ),
    "the other's name in the header": lambda stage: stage.rsa({"iss": stage.rsa.issuer}, {"iss": stage.first.issuer}),
    "a slash less": lambda stage: stage.rsa(claims={"iss": stage.rsa.issuer.rstrip("/")}),
}


@pytest.mark.parametrize("attack", CROSSED.values(), ids=CROSSED.keys())
def test_one_issuer_in_the_name_of_another(client: httpx.Client, stage: Stage, attack: Crossing) -> None:
    token = attack(stage)
    refused(post(client, stage.events, bearer(token)), token)


# URLs


def pointed(name: str, kid: str | None = None) -> Crossing:
    """Signed by a stranger, with a URL where his key lies."""
    return lambda stage: stage.first(
        {name: f"{stage.web}/bait", "kid": kid or stage.first.kid}, sign=signed(STRANGER, "RS256")
    )


URLS: Mapping[str, Crossing] = {
    **{name: pointed(name) for name in ("jku", "x5u", "url", "iss", "jwks_uri", "kid_url", "$ref")},
    **{f"{name}, a kid of its own": pointed(name, "stranger") for name in ("jku", "x5u")},
    "jku and x5u, signed by the issuer": lambda stage: stage.first(
        {"jku": f"{stage.web}/bait", "x5u": f"{stage.web}/bait", "kid": "stranger"}
    ),
    "kid": lambda stage: stage.first({"kid": f"{stage.web}/bait"}),
    "jku in the jwk": lambda stage: stage.first(
        {"jwk": {"kty": "RSA", "jku": f"{stage.web}/bait"}}, sign=signed(STRANGER, "RS256")
    ),
    "jku in an array": lambda stage: stage.first({"jku": [f"{stage.web}/bait"]}, sign=signed(STRANGER, "RS256")),
    "iss": lambda stage: stage.first({"kid": "stranger"}, {"iss": f"{stage.web}/"}, signed(STRANGER, "RS256")),
    "iss with the trusted one as its user": lambda stage: stage.first(
        claims={"iss": stage.first.issuer.rstrip("/") + f"@{stage.web.removeprefix('http://')}/"}
    ),
    "jwks_uri in the claims": lambda stage: stage.first(
        {"kid": "stranger"}, {"jwks_uri": f"{stage.web}/bait"}, signed(STRANGER, "RS256")
    ),
}


@pytest.mark.parametrize("attack", URLS.values(), ids=URLS.keys())
def test_no_url_is_followed(client: httpx.Client, stage: Stage, attack: Crossing) -> None:
    token = attack(stage)
    refused(post(client, stage.events, bearer(token)), token)
    assert set(stage.requested) <= {"/jwk"}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda stage: stage.first(), id="the first issuer"),
        pytest.param(lambda stage: stage.ec(), id="the second, ES256"),
        pytest.param(lambda stage: stage.rsa(), id="the second, RS256"),
        pytest.param(lambda stage: stage.twin(), id="the second, a kid that the first has too"),
        pytest.param(lambda stage: really("RS384")(stage.rsa), id="RS384"),
        pytest.param(lambda stage: really("PS512")(stage.rsa), id="PS512"),
        pytest.param(lambda stage: stage.rsa({"alg": "PS256"}, sign=pss(stage.rsa.private, 32)), id="PSS by hand"),
        pytest.param(lambda stage: ecdsa(raw)(stage.ec), id="ECDSA by hand"),
        # Whoever has an ECDSA signature can make this second one. It is for the same claims, JWS does not forbid it,
        # and nothing here knows a token by its signature.
        pytest.param(lambda stage: ecdsa(lambda r, s: raw(r, P256_ORDER - s))(stage.ec), id="s negated"),
    ],
)
def test_what_is_good(client: httpx.Client, stage: Stage, messages: Queue, make: Crossing) -> None:
    assert post(client, stage.events, bearer(make(stage))).status_code == 200
    assert messages.take() == [BODY]
