"""Project Wycheproof's signatures: the verdict on each of them, with the key as an issuer's JWK Set has it.

A vector's message is any bytes, so it is no token: what is asked here is whether our keys take the JWK for the
algorithm, and whether the signature is then found good.
"""

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from events_publish import access_token, jwk

FOLDER = Path(__file__).parent / "vectors/wycheproof"

OCTETS = {"P-256": 32, "P-384": 48, "P-521": 66}
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


class Vector(NamedTuple):
    number: int
    result: str
    flags: tuple[str, ...]
    good: bool
    """What we say."""


def is_good(given: dict[str, Any], algorithm: str, message: bytes, signature: bytes) -> bool:
    """Whether a signature is good by our rules: the one place here that knows how these are applied."""
    try:
        key = jwk.signing_keys({"keys": [given]})[given["kid"]]
    except ValueError:
        return False
    if algorithm not in key:
        return False
    return access_token._JWS.get_algorithm_by_name(algorithm).verify(message, key[algorithm], signature)


def vectors(name: str, algorithm: str) -> list[Vector]:
    document = json.loads((FOLDER / f"{name}_test.json").read_text())
    judged = [
        Vector(
            test["tcId"],
            test["result"],
            tuple(test["flags"]),
            is_good(jwk_of(group), algorithm, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])),
        )
        for group in document["testGroups"]
        for test in group["tests"]
    ]
    assert len(judged) == document["numberOfTests"]
    return judged


def jwk_of(group: dict[str, Any]) -> dict[str, Any]:
    """The key of a group; some are there in hexadecimal only."""
    given: dict[str, Any] | None = group.get("publicKeyJwk") or group.get("keyJwk")
    if given:
        return given
    key = group["publicKey"]
    if "modulus" in key:
        return {"kty": "RSA", "kid": "none", "n": number(key["modulus"]), "e": number(key["publicExponent"])}
    curve = CURVES[key["curve"]]
    return {"kty": "EC", "kid": "none", "crv": curve, **{x: number(key[f"w{x}"], OCTETS[curve]) for x in ("x", "y")}}


def number(digits: str, octets: int | None = None) -> str:
    """A hexadecimal number as JWA writes it (RFC 7518 §6.2.1.2, §6.3.1.1)."""
    value = int(digits, 16)
    return urlsafe_b64encode(value.to_bytes(octets or (value.bit_length() + 7) // 8)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("algorithm", "name", "good", "bad"),
    [
        ("ES256", "ecdsa_secp256r1_sha256_p1363", 173, 89),
        ("ES384", "ecdsa_secp384r1_sha384_p1363", 193, 87),
        ("ES512", "ecdsa_secp521r1_sha512_p1363", 231, 87),
        ("PS256", "rsa_pss_2048_sha256_mgf1_32", 63, 45),
        ("PS384", "rsa_pss_2048_sha384_mgf1_48", 95, 46),
        ("PS512", "rsa_pss_4096_sha512_mgf1_64", 132, 47),
        ("RS256", "rsa_signature_2048_sha256", 9, 250),
        ("RS384", "rsa_signature_2048_sha384", 7, 251),
        ("RS512", "rsa_signature_2048_sha512", 8, 251),
    ],
)
def test_the_verdict_is_wycheproofs(algorithm: str, name: str, good: int, bad: int) -> None:
    judged = vectors(name, algorithm)
    assert [each for each in judged if each.good != (each.result == "valid")] == []
    assert (good, bad) == (sum(each.good for each in judged), sum(not each.good for each in judged))


@pytest.mark.parametrize(
    "name", ["rsa_signature_2048_sha256", "rsa_signature_2048_sha384", "rsa_signature_2048_sha512"]
)
def test_what_is_acceptable_is_refused(name: str) -> None:
    """Wycheproof leaves one signature of each file to the verifier: it lacks the NULL of its digest info."""
    acceptable = [each for each in vectors(name, f"RS{name[-3:]}") if each.result == "acceptable"]
    assert [(each.flags, each.good) for each in acceptable] == [(("MissingNull",), False)]


@pytest.mark.parametrize(
    ("algorithm", "name", "valid"),
    [
        pytest.param("PS256", "rsa_pss_2048_sha256_mgf1_0", 61, id="no salt, where PS256 has 32 bytes"),
        pytest.param("PS256", "rsa_pss_2048_sha256_mgf1sha1_20", 63, id="MGF1 with SHA-1, where PS256 has SHA-256"),
        pytest.param("PS512", "rsa_pss_2048_sha256_mgf1_0", 61, id="another digest"),
        pytest.param("RS256", "rsa_pss_2048_sha256_mgf1_32", 63, id="PSS, where RS256 has PKCS #1 v1.5"),
        pytest.param("ES384", "ecdsa_secp256r1_sha256_p1363", 173, id="another curve"),
        pytest.param("HS256", "rsa_signature_2048_sha256", 9, id="an HMAC with an RSA key"),
        pytest.param("none", "rsa_signature_2048_sha256", 9, id="none"),
    ],
)
def test_what_is_valid_otherwise_is_refused(algorithm: str, name: str, valid: int) -> None:
    """Good signatures by the parameters of the file, which are not those of the algorithm (RFC 7518 §3)."""
    judged = [each.good for each in vectors(name, algorithm) if each.result == "valid"]
    assert judged == [False] * valid


def test_the_parameters_are_those_of_the_algorithm() -> None:
    """Of the file without salt the one signature that is invalid there for its salt of 32 bytes is good here."""
    assert [each.number for each in vectors("rsa_pss_2048_sha256_mgf1_0", "PS256") if each.good] == [69]
