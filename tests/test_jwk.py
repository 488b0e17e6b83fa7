"""Which keys of an issuer may vouch for a token, and with which algorithms."""

import base64
from typing import Any

import hypothesis
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from events_publish import jwk

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA = RSAAlgorithm.to_jwk(PRIVATE.public_key(), as_dict=True)
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # it must not be taken
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
EC = {
    algorithm: ECAlgorithm.to_jwk(ec.generate_private_key(curve).public_key(), as_dict=True)
    for algorithm, curve in CURVES.items()
}
SECP256K1 = {
    "kty": "EC",
    "crv": "secp256k1",
    "x": "eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g",
    "y": "SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg",
}


def rsa_jwk(**members: Any) -> dict[str, Any]:
    return {**RSA, "kid": "k", **members}


def ordinary_base64(number: str) -> str:
    """As Altinn writes `n` and `e`."""
    return base64.b64encode(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4))).decode()


@pytest.mark.parametrize(
    ("members", "algorithms"),
    [
        pytest.param(rsa_jwk(), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, id="RSA"),
        pytest.param(rsa_jwk(alg="RS512", use="sig", key_ops=["verify"]), {"RS512"}, id="RSA, all stated"),
        pytest.param(rsa_jwk(alg="PS256"), {"PS256"}, id="PS"),
        pytest.param(rsa_jwk(key_ops=["verify", "encrypt"]), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        pytest.param(
            rsa_jwk(alg="RS256", n=ordinary_base64(RSA["n"]), e=ordinary_base64(RSA["e"]), x5c=["?"]),
            {"RS256"},
            id="ordinary base64",
        ),
        *(pytest.param({**EC[name], "kid": "k"}, {name}, id=name) for name in EC),
        *(pytest.param({**EC[name], "kid": "k", "alg": name}, {name}, id=f"{name}, stated") for name in EC),
    ],
)
def test_algorithms(members: dict[str, Any], algorithms: set[str]) -> None:
    assert jwk.signing_keys({"keys": [members]})["k"].keys() == algorithms


@pytest.mark.parametrize(
    "members",
    [
        pytest.param(rsa_jwk(use="enc"), id="for encryption"),
        pytest.param(rsa_jwk(use=["sig"]), id="use is an array"),
        pytest.param(rsa_jwk(key_ops=["encrypt"]), id="for an operation that is not verify"),
        pytest.param(rsa_jwk(key_ops=["sign"]), id="for signing"),
        pytest.param(rsa_jwk(key_ops=[]), id="for nothing"),
        pytest.param(rsa_jwk(key_ops="verify"), id="key_ops is a string"),
        pytest.param(rsa_jwk(key_ops=None), id="key_ops is null"),
        pytest.param(rsa_jwk(alg="HS256"), id="HMAC"),
        pytest.param(rsa_jwk(alg="RSA-OAEP"), id="an algorithm for encryption"),
        pytest.param(rsa_jwk(alg="ES256"), id="another type's algorithm"),
        pytest.param(rsa_jwk(alg="none"), id="none"),
        pytest.param(rsa_jwk(alg="rs256"), id="another case"),
        pytest.param(rsa_jwk(alg=["RS256"]), id="alg is an array"),
        pytest.param(rsa_jwk(alg=None), id="alg is null"),
        pytest.param(rsa_jwk(kid=None), id="kid is null"),
        pytest.param(rsa_jwk(kid=1), id="kid is a number"),
        pytest.param({**RSA}, id="no kid"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0", "kid": "k", "alg": "HS256"}, id="symmetric"),
        pytest.param({"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "k"}, id="EdDSA"),
        pytest.param({**RSA, "kty": ["RSA"], "kid": "k"}, id="kty is an array"),
        pytest.param({**RSAAlgorithm.to_jwk(WEAK.public_key(), as_dict=True), "kid": "k"}, id="RSA of 1024 bits"),
        pytest.param({**RSAAlgorithm.to_jwk(PRIVATE, as_dict=True), "kid": "k"}, id="private"),
        pytest.param(rsa_jwk(n="?"), id="broken"),
        pytest.param(rsa_jwk(n=1), id="n is a number"),
        pytest.param(rsa_jwk(e="AQ"), id="e is 1"),
        pytest.param(rsa_jwk(e="Ag"), id="e is even"),
        pytest.param({**EC["ES256"], "kid": "k", "alg": "ES384"}, id="a curve that the algorithm does not want"),
        pytest.param({**EC["ES256"], "kid": "k", "crv": "P-384"}, id="a point of another curve"),
        pytest.param({**EC["ES256"], "kid": "k", "y": EC["ES256"]["x"]}, id="a point that is on no curve"),
        pytest.param({**SECP256K1, "kid": "k"}, id="secp256k1"),
        pytest.param({**SECP256K1, "kid": "k", "alg": "ES256"}, id="secp256k1 for ES256"),
        pytest.param("k", id="no object"),
    ],
)
def test_unfit_keys_are_passed_over(members: Any) -> None:
    assert jwk.signing_keys({"keys": [members, rsa_jwk(kid="good")]}).keys() == {"good"}
    with pytest.raises(ValueError, match="no key in it"):
        jwk.signing_keys({"keys": [members]})


def test_keys_of_one_kid() -> None:
    """The first counts, for each algorithm."""
    other = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key(), as_dict=True)
    key = jwk.signing_keys({"keys": [rsa_jwk(alg="RS256"), {**EC["ES256"], "kid": "k"}, {**other, "kid": "k"}]})["k"]
    assert key.keys() == {"ES256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
    assert key["RS256"] == PRIVATE.public_key()
    assert key["RS384"] != PRIVATE.public_key()


@pytest.mark.parametrize("jwk_set", [None, [], {}, {"keys": {}}, {"keys": "k"}, {"keys": []}, "keys", 1])
def test_no_jwk_set(jwk_set: object) -> None:
    with pytest.raises(ValueError, match="it"):
        jwk.signing_keys(jwk_set)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    st.lists,
    max_leaves=5,
)
MEMBER = st.sampled_from(["kty", "crv", "kid", "alg", "use", "key_ops", "n", "e", "x", "y", "d", "k", "x5c"])
VALUE = JSON | st.sampled_from(
    ["RSA", "EC", "OKP", "oct", "P-256", "P-521", "RS256", "ES512", RSA["n"], EC["ES256"]["x"]]
)


@pytest.mark.property
@hypothesis.given(st.sampled_from([rsa_jwk(), {**EC["ES256"], "kid": "k"}]), st.dictionaries(MEMBER, VALUE, max_size=4))
def test_whatever_an_issuer_publishes(base: dict[str, Any], members: dict[str, Any]) -> None:
    """One odd key is passed over or taken for what it says; it never spoils the others."""
    found = jwk.signing_keys({"keys": [{**base, **members}, rsa_jwk(kid="\x00good")]})
    assert "\x00good" in found
    for key in found.values():
        assert key.keys() <= {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
