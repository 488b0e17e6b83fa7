"""A token issuer that looks like Maskinporten: metadata (RFC 8414), keys (RFC 7517) and the JWT-bearer grant (RFC 7523).

Its own keys, that of the one client it knows, and the fault it is to have lie in a folder: tokens survive a restart, and
any client library can be given the client's key to fetch tokens with. The folder is read at each request, so another
process changes keys and fault while the issuer runs.
"""

import functools
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from local import Failure, faults, serving, state_file

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_ID = "local-client"
CONSUMER = "991825827"
LIFETIME_SECONDS = 3600

KEYS_MAX_AGE_SECONDS = 60
"""How long the published keys may be kept: short enough to rehearse a rotation."""

_MAX_GRANT_SECONDS = 120  # Maskinporten's own limit

_CURVES: Mapping[str, Callable[[], ec.EllipticCurve]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
}
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", *_CURVES)

_PUBLIC_MEMBERS = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")

type JWK = dict[str, Any]


class Keys(NamedTuple):
    """The private JWKs of the issuer, oldest first, and that of its client."""

    issuer: tuple[JWK, ...]
    client: JWK

    @property
    def signing(self) -> JWK:
        """The one that the issuer signs with: its newest."""
        return self.issuer[-1]


class Fault(StrEnum):
    """What is wrong with the issuer, on request."""

    DOWN = "down"
    SLOW = "slow"
    GARBAGE = "garbage"
    NO_KEYS = "no-keys"


def keys(folder: Path) -> Keys:
    """The keys in `folder`, made there when there are none.

    Raises:
        Failure: they were spoiled, or cannot be read or written.
    """
    issuer = _read(_issuer_keys(folder), lambda: _jwk_set([make_key("RS256")]))
    client = _read(folder / "client-key.json", lambda: make_key("RS256"))
    return Keys(issuer, client[0])


def rotate(folder: Path, algorithm: str = "RS256") -> JWK:
    """Add a key that signs from now on; those before it stay published.

    Raises:
        Failure: there is no such algorithm, or the keys were spoiled.
    """
    if algorithm not in ALGORITHMS:
        raise Failure(f"{algorithm} is no algorithm of the issuer's; it must be one of {', '.join(ALGORITHMS)}.")
    key = make_key(algorithm)
    _write(_issuer_keys(folder), _jwk_set([*keys(folder).issuer, key]))
    return key


def retire(folder: Path, kid: str) -> None:
    """Take a key out, which ends the tokens that it has signed; without the newest, the one before it signs.

    Raises:
        Failure: there is no such key, or no other, or the keys were spoiled.
    """
    had = keys(folder).issuer
    kept = [key for key in had if key["kid"] != kid]
    if len(kept) == len(had):
        raise Failure(f"The issuer has no key {kid}; it has {', '.join(key['kid'] for key in had)}.")
    if not kept:
        raise Failure(f"{kid} is the only key of the issuer; add another first, with `issuer rotate`.")
    _write(_issuer_keys(folder), _jwk_set(kept))


def fault(folder: Path) -> Fault | None:
    """The fault that the issuer of `folder` has now.

    Raises:
        Failure: the file was spoiled.
    """
    return state_file.choice(_fault_file(folder), Fault)


def set_fault(folder: Path, fault: Fault | None) -> None:
    """Give the issuer of `folder` a fault, or with None take it away.

    Raises:
        Failure: the folder cannot be written.
    """
    if fault is None:
        state_file.remove(_fault_file(folder))
    else:
        state_file.write(_fault_file(folder), fault)


def access_token(key: JWK, issuer: str, *, scope: str, consumer: str, lifetime: int, **claims: Any) -> str:
    """An access token as Maskinporten's look: no `typ`, no `sub`; `lifetime` in seconds, `claims` added or replaced."""
    now = int(time.time())
    payload = {
        "iss": issuer,
        "client_amr": "private_key_jwt",
        "token_type": "Bearer",
        "client_id": CLIENT_ID,
        "consumer": {"authority": "iso6523-actorid-upis", "ID": f"0192:{consumer}"},
        "scope": scope,
        "iat": now,
        "exp": now + lifetime,
        "jti": str(uuid.uuid4()),
        **claims,
    }
    return jwt.encode(payload, jwt.PyJWK(key), algorithm=key["alg"], headers={"kid": key["kid"], "typ": None})


async def start(folder: Path, port: int) -> tuple[web.AppRunner, str]:
    """Serve the issuer on loopback; returns the runner, to be cleaned up, and the issuer's identifier, a URL.

    Raises:
        Failure: the port is taken, or the keys were spoiled.
    """
    state_file.write(folder / "client-key.pem", _pem(keys(folder).client))
    issuer = Issuer(folder)
    runner = web.AppRunner(issuer.app(), access_log=None)
    url = await serving.serve(runner, port, "--issuer-port")
    issuer.identifier = url + "/"  # with a slash at its end, like Maskinporten's
    return runner, issuer.identifier


class Issuer:
    """The issuer's three resources."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.identifier = ""

    def app(self) -> web.Application:
        app = web.Application()
        faults.have_faults(app, lambda: fault(self._folder))
        app.router.add_get("/.well-known/oauth-authorization-server", self.metadata)
        app.router.add_get("/jwk", self.jwk_set)
        app.router.add_post("/token", self.token)
        return app

    async def metadata(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.identifier,
                "token_endpoint": self.identifier + "token",
                "jwks_uri": self.identifier + "jwk",
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "grant_types_supported": [GRANT_TYPE],
                "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "RS512"],
            }
        )

    async def jwk_set(self, _: web.Request) -> web.Response:
        published = () if fault(self._folder) is Fault.NO_KEYS else keys(self._folder).issuer
        return web.json_response(
            _jwk_set(_public(key) for key in published),
            headers={"Cache-Control": f"max-age={KEYS_MAX_AGE_SECONDS}"},
        )

    async def token(self, request: web.Request) -> web.Response:
        """The token endpoint; refuses as RFC 6749 §5.2 has it."""
        form = await request.post()
        if form.get("grant_type") != GRANT_TYPE:
            return _refuse("unsupported_grant_type", f"grant_type must be {GRANT_TYPE}")
        try:
            grant = self._grant(str(form.get("assertion", "")))
        except (jwt.PyJWTError, TypeError) as error:  # PyJWT takes times that are strings
            return _refuse("invalid_grant", str(error))
        scope = grant.get("scope")
        if not isinstance(scope, str) or not scope:
            return _refuse("invalid_scope", "the grant must have a scope")
        audience = {"aud": grant["resource"]} if "resource" in grant else {}
        token = access_token(
            keys(self._folder).signing,
            self.identifier,
            scope=scope,
            consumer=CONSUMER,
            lifetime=LIFETIME_SECONDS,
            **audience,
        )
        body = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS, "scope": scope}
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    def _grant(self, assertion: str) -> dict[str, Any]:
        """The claims of a grant that our client has signed for us (RFC 7523 §3)."""
        grant: dict[str, Any] = jwt.decode(
            assertion,
            jwt.PyJWK(_public(keys(self._folder).client)).key,
            algorithms=["RS256", "RS384", "RS512"],
            audience=self.identifier,
            issuer=CLIENT_ID,
            leeway=10,
            options={"require": ["iss", "aud", "iat", "exp"]},
        )
        if grant["exp"] - grant["iat"] > _MAX_GRANT_SECONDS:
            raise jwt.InvalidTokenError(f"exp must be at most {_MAX_GRANT_SECONDS} s after iat")
        return grant


def _refuse(error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=400)


def _issuer_keys(folder: Path) -> Path:
    return folder / "issuer-keys.json"


def _fault_file(folder: Path) -> Path:
    return folder / "issuer-fault"


def _read(path: Path, make: Callable[[], dict[str, Any]]) -> tuple[JWK, ...]:
    """The private keys in a file, which `make` makes where there is none."""
    text = state_file.read(path)
    if text is None:
        text = _write(path, make())
    try:
        return _private_keys(text)
    except (ValueError, TypeError, KeyError, jwt.PyJWTError) as error:
        raise Failure(f"{path} does not hold the keys that it should; delete it to have new ones.") from error


def _write(path: Path, keys: dict[str, Any]) -> str:
    text = json.dumps(keys)
    state_file.write(path, text)
    return text


@functools.lru_cache  # an RSA key takes 30 ms to read
def _private_keys(text: str) -> tuple[JWK, ...]:
    """The keys of a JWK Set, or the one that is a JWK; each signs, or it is an error of what they are read by."""
    parsed = json.loads(text)
    found = tuple(parsed["keys"]) if "keys" in parsed else (parsed,)
    for key in found:
        if key["alg"] not in ALGORITHMS or "d" not in key:
            raise ValueError("it is no private key of ours")
        jwt.encode({}, jwt.PyJWK(key), key["alg"], {"kid": key["kid"]})
    if not found:
        raise ValueError("there is no key in it")
    return found


def make_key(algorithm: str) -> JWK:
    """A new private key for one of `ALGORITHMS`."""
    if algorithm in _CURVES:
        members = ECAlgorithm.to_jwk(ec.generate_private_key(_CURVES[algorithm]()), as_dict=True)
    else:
        members = RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048), as_dict=True)
    return {"kid": str(uuid.uuid4()), "use": "sig", "alg": algorithm, **members}


def _jwk_set(keys: Iterable[JWK]) -> dict[str, Any]:
    return {"keys": list(keys)}


def _pem(key: JWK) -> str:
    """A private key as OpenSSL, and what is built on it, wants it."""
    private: bytes = jwt.PyJWK(key).key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private.decode()


def _public(jwk: JWK) -> JWK:
    return {name: jwk[name] for name in _PUBLIC_MEMBERS if name in jwk}
