"""Forged tokens: each is refused with 401 and the exact challenge, and leaves nothing on the queue.

A row forges one token; `test_what_is_good` shows that what the rows are made of publishes. Most rows are signed by the
issuer itself, so that nothing but the rule they are there for can refuse them.
"""

import datetime
import hashlib
import json
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from tests.conftest import Host
from tests.forge import (
    ABSENT,
    STRANGER,
    Attack,
    Attacks,
    Forge,
    b64,
    block,
    claimed,
    claims,
    claims_text,
    fixed,
    header,
    header_text,
    keyed,
    noncanonical,
    plus,
    public_jwk,
    really,
    resigned,
    signature,
    signature_of,
    signed,
    stranger,
    symmetric,
)
from tests.host.conftest import BODY, bearer, post, refused
from tests.storage import Queue

pytestmark = pytest.mark.usefixtures("messages")

# Which algorithm


def pem(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def pkcs1(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.PEM, PublicFormat.PKCS1))


def modulus(key: Any) -> bytes:
    return int(key.public_numbers().n).to_bytes(256)


def jwk(key: Any, **how: Any) -> bytes:
    return json.dumps(RSAAlgorithm.to_jwk(key, as_dict=True), **how).encode()


def certificate(key: Any, encoding: Encoding = Encoding.PEM) -> bytes:
    """A certificate of a public key, by the attacker."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer.example")])
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key, serial_number=1)
    year = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = builder.not_valid_before(year).not_valid_after(year.replace(year=2040))
    return builder.sign(STRANGER, hashes.SHA256()).public_bytes(encoding)


SECRETS: Mapping[str, Callable[[Any], bytes]] = {
    "PEM": pem,
    "PEM without its last newline": lambda key: pem(key).strip(),
    "PEM with CRLF": lambda key: pem(key).replace(b"\n", b"\r\n"),
    "PEM in one line": lambda key: pem(key).replace(b"\n", b""),
    "what is between the lines of PEM": lambda key: b"".join(pem(key).splitlines()[1:-1]),
    "PKCS #1 PEM": pkcs1,
    "PKCS #1 PEM without its last newline": lambda key: pkcs1(key).strip(),
    "DER": lambda key: bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
    "PKCS #1 DER": lambda key: bytes(key.public_bytes(Encoding.DER, PublicFormat.PKCS1)),
    "SSH": lambda key: bytes(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)),
    "modulus": modulus,
    "modulus in base64url": lambda key: b64(modulus(key)).encode(),
    "modulus in base64": lambda key: b64encode(modulus(key)),
    "modulus in hexadecimal": lambda key: modulus(key).hex().encode(),
    "JWK": jwk,
    "JWK without spaces": lambda key: jwk(key, separators=(",", ":")),
    "certificate": certificate,
    "certificate in DER": lambda key: certificate(key, Encoding.DER),
    "certificate as in x5c": lambda key: b64encode(certificate(key, Encoding.DER)),
    "nothing": lambda _: b"",
    "null": lambda _: b"null",
}
NONE: Sequence[Any] = [
    *["none", "None", "NONE", "nOnE", "none ", " none", "none\0", "ｎone", "", "null"],
    *[None, [], ["none"], {}, False, 0],
]
UNFIT = [
    *["ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "ML-DSA-65", "HS256", "HS384", "HS512"],
    *["RSA1_5", "RSA-OAEP", "dir", "A128KW", "RS1", "rs256", "Rs256", "RS256 ", " RS256", "RS256\n", "RS256\0"],
    *["RS-256", "ＲＳ256", "RS256,HS256", "RS256;none", "*", "SHA256withRSA"],
    *[
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        ["RS256"],
        ["RS256", "none"],
        {"RS256": True},
        True,
        256,
        1.5,
    ],
]
OTHERS = ["RS384", "RS512", "PS256", "PS384", "PS512"]
"""Algorithms that an RSA key can do, and that the issuer's JWK is not for."""

ALGORITHM: Attacks = {
    **{f"{alg!r}, unsigned": claimed(alg, b"") for alg in NONE},
    **{f"{alg!r}, signed": claimed(alg) for alg in NONE},
    "'none', one byte": claimed("none", b"\0"),
    **{repr(alg): claimed(alg) for alg in UNFIT},
    **{f"HS256 with {name}": symmetric(secret) for name, secret in SECRETS.items()},
    **{f"HS384 with {name}": symmetric(SECRETS[name], 384) for name in ("PEM", "DER", "JWK", "nothing")},
    **{f"HS512 with {name}": symmetric(SECRETS[name], 512) for name in ("PEM", "DER", "JWK", "nothing")},
    "HS256 with PEM, said to be RS256": lambda forge: forge(sign=keyed(pem(forge.private.public_key()))),
    **{f"{alg} by the key": really(alg) for alg in OTHERS},
    **{f"{alg} by the key, said to be RS256": really(alg, "RS256") for alg in OTHERS},
    **{f"RS256 by the key, said to be {alg}": really("RS256", alg) for alg in OTHERS},
    "absent": header(alg=ABSENT),
}

# Whose key

IN_DER = certificate(STRANGER.public_key(), Encoding.DER)
BROUGHT = {
    "jwk": public_jwk(STRANGER, "stranger"),
    "x5c": [b64encode(IN_DER).decode()],
    "x5t": b64(hashlib.sha1(IN_DER, usedforsecurity=False).digest()),
    "x5t#S256": b64(hashlib.sha256(IN_DER).digest()),
}
"""What a header may bring of its own key (RFC 7515 §4.1.3 to §4.1.8)."""

KEY: Attacks = {
    "another": stranger(),
    "another, and its kid": stranger(kid="stranger"),
    **{f"its own {name}": stranger(**{name: value}) for name, value in BROUGHT.items()},
    **{f"its own {name}, its own kid": stranger(**{name: value}, kid="stranger") for name, value in BROUGHT.items()},
    "all that tells of a key": stranger(**BROUGHT),
    "jwk with the kid of the issuer": lambda forge: stranger(jwk=public_jwk(STRANGER, forge.kid))(forge),
    "jwk of the issuer": lambda forge: stranger(jwk=public_jwk(forge.private, forge.kid))(forge),
    "jwk with its private half": stranger(jwk=RSAAlgorithm.to_jwk(STRANGER, as_dict=True)),
    "jwk that is null": stranger(jwk=None),
    "jwk that is a secret": lambda forge: forge(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": b64(b"secret"), "kid": forge.kid}}, sign=keyed(b"secret")
    ),
    "jwks in the claims": lambda forge: forge(
        claims={"jwks": {"keys": [public_jwk(STRANGER, forge.kid)]}, "cnf": {"jwk": public_jwk(STRANGER, forge.kid)}},
        sign=signed(STRANGER, "RS256"),
    ),
}


def kid(change: Callable[[str], Any]) -> Attack:
    """The kid of the issuer's key, changed."""
    return lambda forge: forge({"kid": change(forge.kid)})


KID: Attacks = {
    "absent": header(kid=ABSENT),
    **{repr(value): header(kid=value) for value in (None, 0, 1.5, True, "", " ", "\0", "__proto__", "\ud800")},
    "in an array": kid(lambda kid: [kid]),
    "in an object": kid(lambda kid: {"kid": kid}),
    "very long": header(kid="a" * 9000),
    "a path": header(kid="../../../dev/null"),
    "a path that ends in it": kid(lambda kid: f"../{kid}"),
    "a URL": header(kid="http://127.0.0.1:1/jwk"),
    "SQL": kid(lambda kid: f"{kid}' OR '1'='1"),
    "SQL that brings a key": header(kid="' UNION SELECT 'secret"),
    "a command": kid(lambda kid: f"{kid}|id"),
    "a template": header(kid="${jndi:ldap://127.0.0.1/a}"),
    "with NUL": kid(lambda kid: f"{kid}\0"),
    "with a newline": kid(lambda kid: f"{kid}\n"),
    "with a space before": kid(lambda kid: f" {kid}"),
    "with a space behind": kid(lambda kid: f"{kid} "),
    "with a zero-width space": kid(lambda kid: f"{kid}\u200b"),
    "with another hyphen": kid(lambda kid: kid.replace("-", "\u2010")),
    "percent-encoded": kid(lambda kid: kid.replace("-", "%2D")),
    "in capitals": kid(str.upper),
    "cut": kid(lambda kid: kid[:-1]),
    "of an empty file, with its HMAC": lambda forge: forge(
        {"alg": "HS256", "kid": "../../../dev/null"}, sign=keyed(b"")
    ),
}

# What it claims

TIMES = ["exp", "nbf", "iat"]
NO_TIMES = ["soon", "9999999999", "", True, False, None, [9999999999], {"$date": 9999999999}]
BEYOND_TIME = [float("nan"), float("inf"), -float("inf"), 2**53, -(2**53), 10**400, -(10**400)]
CLAIMS: Attacks = {
    **{f"{name} is {value!r:.30}": claims(**{name: value}) for name in TIMES for value in NO_TIMES + BEYOND_TIME},
    **{f"exp is {value}": claims(exp=value) for value in (0, -1, 1, 1_500_000_000.5)},
    "exp is absent": claims(exp=ABSENT),
    "nbf is 1e999": claims_text('"nbf":1e999'),
    "not valid yet": claims(nbf=9_999_999_999),
    "issued in the future": claims(iat=9_999_999_999),
    "issued in milliseconds": claims(iat=1_700_000_000_000),
}


NO_ISSUERS: Sequence[Any] = [None, "", "/", 1, True, {}, [], "https://maskinporten.example/"]


def issuer(change: Callable[[str], Any]) -> Attack:
    """The name of the issuer, changed."""
    return lambda forge: forge(claims={"iss": change(forge.issuer)})


ISSUER: Attacks = {
    "absent": claims(iss=ABSENT),
    **{repr(value): claims(iss=value) for value in NO_ISSUERS},
    "in an array": issuer(lambda iss: [iss]),
    "in an object": issuer(lambda iss: {iss: iss}),
    "no slash": issuer(lambda iss: iss.rstrip("/")),
    "two slashes": issuer(lambda iss: f"{iss}/"),
    "capitals": issuer(str.upper),
    "a capital": issuer(lambda iss: iss.replace("http", "Http")),
    "another scheme": issuer(lambda iss: iss.replace("http", "https")),
    "no scheme": issuer(lambda iss: iss.removeprefix("http:")),
    "a space behind": issuer(lambda iss: f"{iss} "),
    "a space before": issuer(lambda iss: f" {iss}"),
    "a newline behind": issuer(lambda iss: f"{iss}\n"),
    "NUL behind": issuer(lambda iss: f"{iss}\0"),
    "another port": issuer(lambda iss: f"{iss.rpartition(':')[0]}:1/"),
    "no port": issuer(lambda iss: f"{iss.rpartition(':')[0]}/"),
    "a path": issuer(lambda iss: f"{iss}path"),
    "a dot": issuer(lambda iss: f"{iss}."),
    "a path that leads back": issuer(lambda iss: f"{iss}a/../"),
    "percent-encoded": issuer(lambda iss: f"{iss[:-1]}%2F"),
    "a query": issuer(lambda iss: f"{iss}?"),
    "a fragment": issuer(lambda iss: f"{iss}#"),
    "a user": issuer(lambda iss: iss.replace("//", "//user@")),
    "a host that begins like it": issuer(lambda iss: iss.replace("127.0.0.1", "127.0.0.1.example")),
    "another name of the host": issuer(lambda iss: iss.replace("127.0.0.1", "localhost")),
    "another notation of the host": issuer(lambda iss: iss.replace("127.0.0.1", "127.1")),
    "a lone surrogate": issuer(lambda iss: f"{iss}\ud800"),
    "two in one": issuer(lambda iss: f"{iss} {iss}"),
}
REPEATED: Attacks = {
    "alg, none behind": header_text('"alg":"none"'),
    "alg, none first": lambda forge: forge(b'{"alg":"none",' + forge.header()[1:]),
    "alg, the same": header_text('"alg":"RS256"'),
    "alg, escaped": header_text(r'"\u0061lg":"none"'),
    "kid": header_text('"kid":"stranger"'),
    "typ": header_text('"typ":"JWT","typ":"JWT"'),
    "an unknown member": header_text('"a":1,"a":2'),
    "further down in the header": header_text('"a":[{"b":1,"b":2}]'),
    "iss, another behind": claims_text('"iss":"https://maskinporten.example/"'),
    "iss, another first": lambda forge: forge(claims=b'{"iss":"https://maskinporten.example/",' + forge.claims()[1:]),
    "iss, escaped": claims_text(r'"\u0069ss":"https://maskinporten.example/"'),
    "exp": claims_text('"exp":9999999999'),
    "exp, escaped": claims_text(r'"e\u0078p":9999999999'),
    "nbf": claims_text('"nbf":0,"nbf":9999999999'),
    "scope": claims_text('"scope":"altinn:events.publish"'),
    "aud": claims_text('"aud":"a","aud":"b"'),
    "a name without letters": claims_text('"":1,"":2'),
    "further down in the claims": claims_text('"consumer":{"ID":"0192:1","ID":"0192:2"}'),
}

# How it is written


def part(number: int, change: Callable[[str], str]) -> Attack:
    """Header or claims changed as they are encoded; the issuer signs what they are then."""

    def attack(forge: Forge) -> str:
        encoded = [b64(forge.header({"a": "?" * 9})), b64(forge.claims({"a": "?" * 9}))]
        encoded[number] = change(encoded[number])
        return forge.seal(encoded[0], encoded[1])

    return attack


def each_part(name: str, change: Callable[[str], str]) -> Attacks:
    return {f"{name}, header": part(0, change), f"{name}, claims": part(1, change)}


def parts(change: Callable[[str, str, str], str]) -> Attack:
    """The three parts of a good token, put together otherwise."""
    return lambda forge: change(*forge().split("."))


def written(text: str) -> Attack:
    return lambda _: text


def token(change: Callable[[str], str]) -> Attack:
    """A good token, changed as a whole."""
    return lambda forge: change(forge())


def header_bytes(change: Callable[[bytes], bytes]) -> Attack:
    return lambda forge: forge(change(forge.header()))


def claims_bytes(change: Callable[[bytes], bytes]) -> Attack:
    return lambda forge: forge(claims=change(forge.claims()))


def plain_base64(forge: Forge) -> str:
    """The signature with the plus that base64 has for a hyphen."""
    tokens = (forge(claims={"jti": str(n)}).rpartition(".") for n in count())
    return next(f"{signed}.{signature.replace('-', '+')}" for signed, _, signature in tokens if "-" in signature)


def deflated(forge: Forge) -> str:
    """Compressed as a JWE's plaintext may be (RFC 7516 §4.1.3)."""
    packer = zlib.compressobj(wbits=-15)
    return forge({"zip": "DEF"}, packer.compress(forge.claims()) + packer.flush())


def spare(forge: Forge, remainder: int) -> list[str]:
    """Header and claims in base64url, their lengths by 4 with this remainder: some bits are left over then."""
    return [
        next(each for n in count() if len(each := b64(plus(text, f'"a":"{"?" * n}"'))) % 4 == remainder)
        for text in (forge.header(), forge.claims())
    ]


def spare_bits(number: int, remainder: int) -> Attack:
    def attack(forge: Forge) -> str:
        encoded = spare(forge, remainder)
        encoded[number] = noncanonical(encoded[number])
        return forge.seal(encoded[0], encoded[1])

    return attack


DEEP = 5000
SPELLING: Attacks = {
    **each_part("padded", lambda text: f"{text}="),
    **each_part("padded twice", lambda text: f"{text}=="),
    **each_part("padded in full", lambda text: text + "=" * (-len(text) % 4 or 4)),
    **each_part("base64", lambda text: text.replace("_", "/")),
    **each_part("hexadecimal", lambda text: text.encode().hex()),
    **each_part("a tilde", lambda text: f"{text}~"),
    **each_part("a space", lambda text: f"{text} "),
    **each_part("a percent sign", lambda text: f"{text}%20"),
    **each_part("an impossible length", lambda text: text[: (len(text) - 1) // 4 * 4 + 1]),
    "padded, signature": token(lambda token: f"{token}="),
    "padded in full, signature": token(lambda token: f"{token}=="),
    "base64, signature": plain_base64,
    "hexadecimal, signature": token(lambda token: f"{token.rpartition('.')[0]}.{signature_of(token).hex()}"),
    "an impossible length, signature": signature(lambda made: made[:-1]),
    "spare bits, signature": token(noncanonical),
    "four spare bits, header": spare_bits(0, 2),
    "four spare bits, claims": spare_bits(1, 2),
    "two spare bits, header": spare_bits(0, 3),
    "two spare bits, claims": spare_bits(1, 3),
    "a tab": token(lambda token: token.replace(".", ".\t", 1)),
    "a byte-order mark, header": header_bytes(lambda text: b"\xef\xbb\xbf" + text),
    "a byte-order mark, claims": claims_bytes(lambda text: b"\xef\xbb\xbf" + text),
    "UTF-16, header": header_bytes(lambda text: text.decode().encode("utf-16-le")),
    "UTF-16, claims": claims_bytes(lambda text: text.decode().encode("utf-16")),
    "UTF-32, claims": claims_bytes(lambda text: text.decode().encode("utf-32-be")),
    "broken UTF-8": claims_bytes(lambda text: plus(text, '"a":""')[:-2] + b'\xff"}'),
    "overlong UTF-8": claims_bytes(lambda text: text.replace(b"/", b"\xc0\xaf")),
    "surrogates in UTF-8": claims_bytes(lambda text: plus(text, '"a":""')[:-2] + b'\xed\xa0\x80"}'),
    "compressed": deflated,
    "compressed with zlib": claims_bytes(zlib.compress),
    "compressed, critically": header(zip="DEF", crit=["zip"]),
    "a comment": claims_bytes(lambda text: text.replace(b"{", b"{/**/")),
    "single quotes": claims_bytes(lambda text: text.replace(b'"', b"'")),
    "a comma behind": claims_bytes(lambda text: text[:-1] + b",}"),
    "an object behind": claims_bytes(lambda text: text * 2),
    "NUL behind": claims_bytes(lambda text: text + b"\0"),
    "an array around": claims_bytes(lambda text: b"[" + text + b"]"),
    "cut claims": claims_bytes(lambda text: text[:-1]),
    **{
        f"claims {text!r}": claims_bytes(fixed(text))
        for text in (b"[]", b"null", b"true", b"0", b'"iss"', b"{", b"a", b"")
    },
    **{
        f"header {text!r}": header_bytes(fixed(text))
        for text in (b"{}", b"[]", b"null", b"1", b'"RS256"', b"{", b"a", b"")
    },
    "deep header by a stranger": stranger(a=json.loads("[" * 900 + "]" * 900)),
    "deep header, broken": header_bytes(lambda _: b"[" * 12_000),
    "deep claims, broken": claims_bytes(lambda _: b"[" * 11_000),
    "deep objects, broken": claims_bytes(lambda _: b'{"":' * 2700),
    "a very long integer, header": header_text(f'"a":{"1" * DEEP}'),
    "a very long integer, claims": claims_text(f'"a":{"1" * DEEP}'),
    "a very long time": claims_text(f'"nbf":-{"1" * DEEP}'),
    "too large, header": header(a="a" * 13_000),
    "too large, claims": claims(a="a" * 13_000),
    "too large by a byte": lambda forge: forge(claims={"a": "a" * 11_000}).ljust(16_385, "A"),
}
NO_CRIT: Sequence[Any] = [None, "exp", {}, 0, True, [], [1], ["alg"], ["exp"], ["b64"]]
SHAPE: Attacks = {
    **{repr(text): written(text) for text in (".", "..", "...", "....", "a", "a.b", "a.b.c", "e30.e30.e30")},
    "no header": parts(lambda _, two, three: f".{two}.{three}"),
    "no claims": parts(lambda one, _, three: f"{one}..{three}"),
    "no claims, signed so": lambda forge: forge.seal(b64(forge.header()), ""),
    "no signature": parts(lambda one, two, _: f"{one}.{two}."),
    "no signature and no dot": parts(lambda one, two, _: f"{one}.{two}"),
    "a signature alone": parts(lambda _, __, three: three),
    "another order": parts(lambda one, two, three: f"{two}.{one}.{three}"),
    "a dot before": token(lambda token: f".{token}"),
    "a dot behind": token(lambda token: f"{token}."),
    "two dots": token(lambda token: token.replace(".", "..", 1)),
    "a fourth part": token(lambda token: f"{token}.e30"),
    "two tokens": token(lambda token: f"{token}.{token}"),
    "five parts, as a JWE has": parts(lambda one, two, three: f"{one}.{two}.{three}.{two}.{three}"),
    "a JWE": lambda forge: f"{forge({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.AAAA.AAAA",
    "the header of a JWE": header(alg="dir", enc="A256GCM"),
    "JSON, flattened": parts(
        lambda *three: json.dumps(dict(zip(("protected", "payload", "signature"), three, strict=True)))
    ),
    "JSON, general": parts(
        lambda one, two, three: json.dumps({"payload": two, "signatures": [{"protected": one, "signature": three}]})
    ),
    "JSON in base64url": parts(
        lambda *three: b64(json.dumps(dict(zip(("protected", "payload", "signature"), three, strict=True))).encode())
    ),
    "a token in a token": lambda forge: forge({"cty": "JWT"}, forge().encode()),
    "a token in a string in a token": lambda forge: forge({"cty": "JWT"}, json.dumps(forge()).encode()),
    **{f"crit {crit!r}": header(crit=crit) for crit in NO_CRIT},
    "crit of what is there": header(crit=["https://example.com/a"], **{"https://example.com/a": True}),
    "crit of what is not there": header(crit=["https://example.com/a"]),
    "b64 false (RFC 7797), claims as they are": lambda forge: forge.seal(
        b64(forge.header({"b64": False, "crit": ["b64"]})), forge.claims().decode().replace(" ", "").replace(".", "")
    ),
    "b64 false, claims in base64url": header(b64=False, crit=["b64"]),
    "b64 false without crit": header(b64=False),
    "b64 true": header(b64=True, crit=["b64"]),
}

# How it is signed

DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
WITHOUT_NULL = bytes.fromhex("302f300b0609608648016503040201" + "0420")
WITH_A_LONG_LENGTH = bytes.fromhex("308131300d060960864801650304020105000420")
OF_SHA512 = bytes.fromhex("3051300d060960864801650304020305000440")
OF_SHA1 = bytes.fromhex("3021300906052b0e03021a05000414")


def padded(
    info: bytes, behind: bytes = b"", *, kind: int = 1, filler: bytes = b"\xff", fillers: int | None = None
) -> Attack:
    """PKCS #1 v1.5 padding (RFC 8017 §9.2) by hand: what a careless check would take from one without the key."""

    def make(digest: bytes) -> bytes:
        encoded = b"\0" + info + digest + behind
        before = bytes([0, kind]) + filler * (254 - len(encoded) if fillers is None else fillers)
        return (before + encoded).ljust(256, b"\x5a")

    return lambda forge: forge(sign=block(forge.private, make))


def with_signature_below(forge: Forge, limit: int) -> str:
    """A good token whose signature, as a number, is small."""
    tokens = (forge(claims={"jti": str(n)}) for n in count())
    return next(token for token in tokens if int.from_bytes(signature_of(token)) < limit)


def above_the_modulus(forge: Forge) -> str:
    """The same number modulo n (RFC 8017 §5.2.2 refuses it)."""
    token = with_signature_below(forge, 2**2048 - forge.modulus)
    return resigned(token, (int.from_bytes(signature_of(token)) + forge.modulus).to_bytes(256))


def stripped(forge: Forge) -> str:
    """Without the zero byte that it begins with (RFC 8017 §8.2.2 wants the length of the modulus)."""
    token = with_signature_below(forge, 2**2040)
    return resigned(token, signature_of(token)[1:])


SIGNATURE: Attacks = {
    "one byte": signature(fixed(b"\0")),
    "zeros": signature(fixed(bytes(256))),
    "one": signature(fixed((1).to_bytes(256))),
    "ones": signature(fixed(b"\xff" * 256)),
    "the modulus": lambda forge: forge(sign=fixed(forge.modulus.to_bytes(256))),
    "the modulus less one": lambda forge: forge(sign=fixed((forge.modulus - 1).to_bytes(256))),
    "above the modulus": above_the_modulus,
    "the leading zero byte stripped": stripped,
    "a zero byte before": signature(lambda made: b"\0" + made),
    "a zero byte behind": signature(lambda made: made + b"\0"),
    "twice": signature(lambda made: made * 2),
    "cut": signature(lambda made: made[:-1]),
    "half": signature(lambda made: made[:128]),
    "turned around": signature(lambda made: made[::-1]),
    "a bit at the start": signature(lambda made: bytes([made[0] ^ 1]) + made[1:]),
    "a bit at the end": signature(lambda made: made[:-1] + bytes([made[-1] ^ 1])),
    "of nothing": lambda forge: forge(sign=lambda _: forge.sign(b"")),
    "of the claims alone": lambda forge: forge(sign=lambda text: forge.sign(text.partition(b".")[2])),
    "of both parts without the dot": lambda forge: forge(sign=lambda text: forge.sign(text.replace(b".", b""))),
    "of both parts, decoded": lambda forge: forge(sign=lambda _: forge.sign(forge.header() + b"." + forge.claims())),
    "of other claims": lambda forge: resigned(
        forge(claims={"scope": "a altinn:events.publish"}), signature_of(forge())
    ),
    "of another header": lambda forge: resigned(forge({"a": 1}), signature_of(forge())),
    "no padding": lambda forge: forge(sign=block(forge.private, lambda digest: digest.rjust(256, b"\0"))),
    "no digest info": padded(b""),
    "digest info without NULL": padded(WITHOUT_NULL),
    "digest info with a long length": padded(WITH_A_LONG_LENGTH),
    "digest info of SHA-1": padded(OF_SHA1),
    "digest info of SHA-512": padded(OF_SHA512),
    "garbage behind the digest": padded(DIGEST_INFO, fillers=8),
    "a byte behind the digest": padded(DIGEST_INFO, b"\0"),
    "no filler": padded(DIGEST_INFO, fillers=0),
    "filler of zeros": padded(DIGEST_INFO, filler=b"\0"),
    "filler of a block to encrypt": padded(DIGEST_INFO, kind=2, filler=b"\x5a"),
    "block type 0": padded(DIGEST_INFO, kind=0),
}

TABLES: Mapping[str, Attacks] = {
    "alg": ALGORITHM,
    "key": KEY,
    "kid": KID,
    "claims": CLAIMS,
    "iss": ISSUER,
    "repeated": REPEATED,
    "spelling": SPELLING,
    "shape": SHAPE,
    "signature": SIGNATURE,
}
TOKENS = {f"{table}: {row}": attack for table, rows in TABLES.items() for row, attack in rows.items()}


@pytest.mark.parametrize("attack", TOKENS.values(), ids=TOKENS.keys())
def test_a_forged_token(client: httpx.Client, host: Host, forge: Forge, attack: Attack) -> None:
    token = attack(forge)
    refused(post(client, host.events, bearer(token)), token)


def test_there_are_many() -> None:
    assert len(TOKENS) >= 100


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda forge: forge(), id="nothing changed"),
        pytest.param(header(a="?" * 9), id="an unknown member of the header"),
        pytest.param(claims(a=["?"], nbf=0, iat=0, exp=2**53 - 1), id="other claims"),
        pytest.param(claims(iat=ABSENT), id="no iat"),
        pytest.param(claims_bytes(lambda text: b" \n" + text + b"\t"), id="white space around the claims"),
        pytest.param(claims_text(r'"client_id":"\ud800","jti":"\ud800"'), id="lone surrogates"),
        pytest.param(claims_text(f'"a":{"[" * DEEP}{"]" * DEEP}'), id="depth"),
        pytest.param(claims(a="a" * 11_000), id="size"),
        pytest.param(part(0, str), id="parts encoded one by one"),
        pytest.param(lambda forge: forge.seal(*spare(forge, 2)), id="four spare bits"),
        pytest.param(lambda forge: forge.seal(*spare(forge, 3)), id="two spare bits"),
        pytest.param(padded(DIGEST_INFO), id="padding by hand"),
        pytest.param(lambda forge: forge(BROUGHT), id="keys in the header that nobody looks at"),
    ],
)
def test_what_is_good(client: httpx.Client, host: Host, messages: Queue, forge: Forge, make: Attack) -> None:
    """What the rows above are made of publishes, so that each is refused for its one difference."""
    assert post(client, host.events, bearer(make(forge))).status_code == 200
    assert messages.take() == [BODY]


AFTER_A_GOOD_ONE: Mapping[str, Callable[[str], str]] = {
    "signed by a stranger": lambda good: resigned(good, signed(STRANGER, "RS256")(good.rpartition(".")[0].encode())),
    "a bit of the signature": lambda good: resigned(good, bytes([signature_of(good)[0] ^ 1]) + signature_of(good)[1:]),
    "spare bits of the signature": noncanonical,
    "no signature": lambda good: f"{good.rpartition('.')[0]}.",
    "padding": lambda good: f"{good}==",
    "a fourth part": lambda good: f"{good}.e30",
    "another header": lambda good: f"{b64(b'{"alg":"none","kid":"a"}')}.{good.partition('.')[2]}",
    "capitals": str.upper,
}


@pytest.mark.parametrize("change", AFTER_A_GOOD_ONE.values(), ids=AFTER_A_GOOD_ONE.keys())
def test_what_a_good_token_lends_to_a_like_one(
    client: httpx.Client, host: Host, messages: Queue, forge: Forge, change: Callable[[str], str]
) -> None:
    """Nothing: a token is known again by all of its bytes, or not at all."""
    good = forge()
    token = change(good)
    assert post(client, host.events, bearer(good)).status_code == 200
    assert messages.take() == [BODY]
    refused(post(client, host.events, bearer(token)), token)
    assert post(client, host.events, bearer(good)).status_code == 200
    assert messages.take() == [BODY]


@pytest.mark.parametrize(
    "typ",
    [
        *["logout+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt", "kb+jwt", "application/logout+jwt"],
        *[
            "JOSE",
            "JWE",
            "JWT ",
            " JWT",
            "JWTT",
            "at+jwt,JWT",
            "text/at+jwt",
            "application/",
            "application/at+jwt; a=b",
        ],
        *["", "ＪＷＴ", None, 1, True, ["JWT"], {"JWT": 1}],
    ],
    ids=repr,
)
def test_another_kind_of_token(client: httpx.Client, host: Host, forge: Forge, typ: object) -> None:
    """RFC 8725 §3.11: what one was given for another purpose is no access token."""
    token = forge({"typ": typ})
    refused(post(client, host.events, bearer(token)), token)


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/JWT"])
def test_an_access_token(client: httpx.Client, host: Host, messages: Queue, forge: Forge, typ: str) -> None:
    assert post(client, host.events, bearer(forge({"typ": typ}))).status_code == 200
    assert messages.take() == [BODY]
