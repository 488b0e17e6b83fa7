"""JSON Web Keys (RFC 7517): which keys of an issuer may vouch for a token, and with which algorithms (RFC 7518)."""

from collections.abc import Mapping
from typing import Any

from jwt import PyJWK

type Key = Mapping[str, Any]
"""A public key by the JWS algorithm that it verifies: each that it is good for."""

MIN_RSA_BITS = 2048
"""RFC 7518 §3.3."""

_ALGORITHMS = {
    "RSA": frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    "P-256": frozenset({"ES256"}),
    "P-384": frozenset({"ES384"}),
    "P-521": frozenset({"ES512"}),
}
"""By key type, or by curve (RFC 7518 §3.4)."""


def signing_keys(jwk_set: object) -> dict[str, Key]:
    """The keys of a JWK Set that verify signatures, by `kid`; those that are unfit are passed over (RFC 7517 §5).

    Keys that share a `kid` are one key here, with the algorithms of them all; the first of each counts (§4.5).

    Raises:
        ValueError: it is not a JWK Set, or has no such key.
    """
    listed = jwk_set.get("keys") if isinstance(jwk_set, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is not a JWK Set")
    found: dict[str, Key] = {}
    for each in listed:
        key = _signing_key(each) if isinstance(each, dict) else {}
        if key:
            found[each["kid"]] = {**key, **found.get(each["kid"], {})}
    if not found:
        raise ValueError("there is no key in it that signs")
    return found


def _signing_key(jwk: dict[str, Any]) -> Key:
    """The public key by algorithm; empty when it is unfit."""
    algorithms = _algorithms(jwk)
    if not algorithms or not isinstance(jwk.get("kid"), str) or not _is_for_signatures(jwk):
        return {}
    if "d" in jwk:
        return {}  # a private key that lies in public signs nothing that can be trusted
    try:
        public = PyJWK(jwk, algorithm=next(iter(algorithms))).key
    except Exception:  # noqa: BLE001  # whatever the libraries make of others' input, it costs this key and no other
        return {}
    if jwk["kty"] == "RSA" and public.key_size < MIN_RSA_BITS:
        return {}
    return dict.fromkeys(algorithms, public)


def _algorithms(jwk: dict[str, Any]) -> frozenset[str]:
    """Those of its type and curve; where `alg` is stated, that one alone (RFC 8725 §3.1)."""
    kind = jwk.get("crv") if jwk.get("kty") == "EC" else jwk.get("kty")
    algorithms = _ALGORITHMS.get(kind, frozenset()) if isinstance(kind, str) else frozenset()
    return frozenset(each for each in algorithms if each == jwk.get("alg", each))


def _is_for_signatures(jwk: dict[str, Any]) -> bool:
    """RFC 7517 §4.2 and §4.3: both members may be absent."""
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
