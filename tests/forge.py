"""Forges access tokens. A `Forge` called with nothing makes a good one; an `Attack` makes one that differs in one thing."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import ECAlgorithm, RSAAlgorithm, get_default_algorithms

from tests.conftest import PUBLISH_SCOPE

type Json = Mapping[str, Any]
type Sign = Callable[[bytes], bytes]
"""Signs the encoded header and claims, with the dot between them."""

type Attack = Callable[["Forge"], str]
type Attacks = Mapping[str, Attack]

ABSENT = object()
"""The value of a member that is to be left out."""

STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
"""The attacker's own key."""

_ALGORITHMS = get_default_algorithms()
_NOTHING: Json = {}


class Forge(NamedTuple):
    """Makes tokens as the issuer with this key does, and others."""

    issuer: str
    kid: str
    algorithm: str
    private: Any

    def __call__(
        self, header: Json | bytes = _NOTHING, claims: Json | bytes = _NOTHING, sign: Sign | None = None
    ) -> str:
        """A token; members are added, replaced or with `ABSENT` left out, bytes are taken as they are."""
        return self.seal(b64(self.header(header)), b64(self.claims(claims)), sign)

    def seal(self, header: str, claims: str, sign: Sign | None = None) -> str:
        """A token of parts that are encoded already."""
        signing_input = f"{header}.{claims}"
        return f"{signing_input}.{b64((sign or self.sign)(signing_input.encode()))}"

    def header(self, changes: Json | bytes = _NOTHING) -> bytes:
        return _text({"alg": self.algorithm, "kid": self.kid}, changes)

    def claims(self, changes: Json | bytes = _NOTHING) -> bytes:
        now = int(time.time())
        return _text({"iss": self.issuer, "scope": PUBLISH_SCOPE, "iat": now, "exp": now + 600}, changes)

    def sign(self, signing_input: bytes) -> bytes:
        return signed(self.private, self.algorithm)(signing_input)

    @property
    def modulus(self) -> int:
        """Of an RSA key."""
        modulus: int = self.private.public_key().public_numbers().n
        return modulus


def signed(private: Any, algorithm: str) -> Sign:
    """A signature by an algorithm of JWA (RFC 7518 §3.1)."""
    return lambda signing_input: _ALGORITHMS[algorithm].sign(signing_input, private)


def pss(private: Any, salt: int) -> Sign:
    """A PS256 signature with a salt of any length (RFC 7518 §3.5 has 32)."""
    return lambda signing_input: bytes(private.sign(signing_input, padding.PSS(padding.MGF1(SHA256()), salt), SHA256()))


def keyed(secret: bytes, bits: int = 256) -> Sign:
    """An HMAC."""
    return lambda signing_input: hmac.digest(secret, signing_input, f"sha{bits}")


def fixed(signature: bytes) -> Sign:
    return lambda _: signature


def block(private: Any, make: Callable[[bytes], bytes]) -> Sign:
    """RSA without padding, of the block that `make` makes of the SHA-256 of what is signed."""
    numbers, size = private.private_numbers(), private.key_size // 8

    def sign(signing_input: bytes) -> bytes:
        encoded = make(hashlib.sha256(signing_input).digest())
        assert len(encoded) == size
        number: int = pow(int.from_bytes(encoded), numbers.d, numbers.public_numbers.n)
        return number.to_bytes(size)

    return sign


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def signature_of(token: str) -> bytes:
    return urlsafe_b64decode(token.rpartition(".")[2] + "==")


def resigned(token: str, signature: bytes) -> str:
    """The token with another signature."""
    return f"{token.rpartition('.')[0]}.{b64(signature)}"


def plus(text: bytes, members: str) -> bytes:
    """A JSON object with more members, however they are written."""
    return text[:-1] + b"," + members.encode() + b"}"


def noncanonical(text: str) -> str:
    """The same bytes in base64url, but for the bits that are left over and should be zero (RFC 4648 §3.5)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(text.rpartition(".")[2]) % 4 in {2, 3}, "no bits are left over"
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


def public_jwk(private: Any, kid: str) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else ECAlgorithm
    return {**algorithm.to_jwk(private.public_key(), as_dict=True), "kid": kid, "use": "sig"}


def header(**members: Any) -> Attack:
    """Other members in the header, signed by the issuer all the same."""
    return lambda forge: forge(members)


def claims(**members: Any) -> Attack:
    """Other claims, signed by the issuer all the same."""
    return lambda forge: forge(claims=members)


def header_text(text: str) -> Attack:
    """More members in the header, as they are written here."""
    return lambda forge: forge(plus(forge.header(), text))


def claims_text(text: str) -> Attack:
    """More claims, as they are written here."""
    return lambda forge: forge(claims=plus(forge.claims(), text))


def claimed(algorithm: Any, signature: bytes | None = None) -> Attack:
    """Another `alg`, with this signature or else the issuer's own."""
    return lambda forge: forge({"alg": algorithm}, sign=None if signature is None else fixed(signature))


def really(algorithm: str, claimed: str | None = None) -> Attack:
    """Signed by the issuer's key with another algorithm, and saying so or else saying `claimed`."""
    return lambda forge: forge({"alg": claimed or algorithm}, sign=signed(forge.private, algorithm))


def symmetric(secret: Callable[[Any], bytes], bits: int = 256) -> Attack:
    """An HMAC with what everybody can know: the public key."""
    return lambda forge: forge({"alg": f"HS{bits}"}, sign=keyed(secret(forge.private.public_key()), bits))


def stranger(**members: Any) -> Attack:
    """Signed by the attacker, with other members in the header."""
    return lambda forge: forge(members, sign=signed(STRANGER, "RS256"))


def signature(change: Callable[[bytes], bytes]) -> Attack:
    """The signature of a good token, changed."""
    return lambda forge: forge(sign=lambda signing_input: change(forge.sign(signing_input)))


def _text(members: Json, changes: Json | bytes) -> bytes:
    if isinstance(changes, bytes):
        return changes
    return json.dumps({name: value for name, value in {**members, **changes}.items() if value is not ABSENT}).encode()
