"""A token issuer that looks like Maskinporten: metadata (RFC 8414), keys (RFC 7517) and the JWT-bearer grant (RFC 7523).

Its own key, and that of the one client it knows, lie in a folder: tokens survive a restart, and any client library can
be given the client's key to fetch tokens with.
"""

import json
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from local import serving

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_ID = "local-client"
CONSUMER = "991825827"
LIFETIME_SECONDS = 3600

_MAX_GRANT_SECONDS = 120  # Maskinporten's own limit


class Keys(NamedTuple):
    """The private JWKs of the issuer and of its client."""

    issuer: dict[str, Any]
    client: dict[str, Any]


def keys(folder: Path) -> Keys:
    """The keys in `folder`, made there when there are none."""
    return Keys(_key(folder / "issuer-key.json"), _key(folder / "client-key.json"))


def access_token(key: dict[str, Any], issuer: str, *, scope: str, consumer: str, lifetime: int, **claims: Any) -> str:
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
    return jwt.encode(payload, jwt.PyJWK(key), algorithm="RS256", headers={"kid": key["kid"], "typ": None})


async def start(folder: Path, port: int) -> tuple[web.AppRunner, str]:
    """Serve the issuer on loopback; returns the runner, to be cleaned up, and the issuer's identifier, a URL.

    Raises:
        Failure: the port is taken.
    """
    issuer = Issuer(keys(folder))
    runner = web.AppRunner(issuer.app(), access_log=None)
    url = await serving.serve(runner, port, "--issuer-port")
    issuer.identifier = url + "/"  # with a slash at its end, like Maskinporten's
    return runner, issuer.identifier


class Issuer:
    """The issuer's three resources."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.identifier = ""

    def app(self) -> web.Application:
        app = web.Application()
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
        return web.json_response({"keys": [_public(self._keys.issuer)]})

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
            self._keys.issuer, self.identifier, scope=scope, consumer=CONSUMER, lifetime=LIFETIME_SECONDS, **audience
        )
        body = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS, "scope": scope}
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    def _grant(self, assertion: str) -> dict[str, Any]:
        """The claims of a grant that our client has signed for us (RFC 7523 §3)."""
        grant: dict[str, Any] = jwt.decode(
            assertion,
            jwt.PyJWK(_public(self._keys.client)).key,
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


def _key(path: Path) -> dict[str, Any]:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        jwk = {"kid": str(uuid.uuid4()), "use": "sig", "alg": "RS256", **RSAAlgorithm.to_jwk(private, as_dict=True)}
        unfinished = path.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(jwk), encoding="utf-8")
        unfinished.replace(path)
    key: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return key


def _public(jwk: dict[str, Any]) -> dict[str, Any]:
    return {name: jwk[name] for name in ("kty", "kid", "use", "alg", "n", "e")}
