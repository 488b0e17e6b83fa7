"""What it costs to find a token good: the first time, and when it is remembered. CPU time, in one process."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from events_publish import verified_tokens
from events_publish.access_token import Authenticator
from events_publish.issuers import Issuer
from events_publish.json_client import Document
from events_publish.keys import KeySet
from local import issuer

ISSUER = "https://issuer.example/"
SCOPE = "altinn:events.publish"
ROUNDS, TIMES = 7, 1000


async def cpu_microseconds(call: Callable[[], Awaitable[object]]) -> float:
    """CPU time of one call: the best of some rounds, since others use the machine, too."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(TIMES):
            await call()
        rounds.append((time.process_time() - began) / TIMES * 1e6)
    return min(rounds)


async def main() -> None:
    rsa_key, ec_key = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    algorithms = {
        "RS256": (RSAAlgorithm.to_jwk(rsa_key, as_dict=True), RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True)),
        "ES256": (ECAlgorithm.to_jwk(ec_key, as_dict=True), ECAlgorithm.to_jwk(ec_key.public_key(), as_dict=True)),
    }

    async def fetch(_: str) -> Document:
        return Document({"keys": [{**public, "kid": name} for name, (_, public) in algorithms.items()]})

    for name, (private, _) in algorithms.items():
        key = {**private, "kid": name, "alg": name}
        token = issuer.access_token(key, ISSUER, scope=SCOPE, consumer=issuer.CONSUMER, lifetime=3600)
        authenticator = Authenticator({ISSUER: KeySet(Issuer(ISSUER, ISSUER + "jwk"), fetch)}, SCOPE)

        async def remembered(authenticator: Authenticator = authenticator, token: str = token) -> None:
            await authenticator.authenticate(f"Bearer {token}", now=time.time(), deadline=float("inf"))

        async def verified(authenticator: Authenticator = authenticator, token: str = token) -> None:
            authenticator._verified.forget(verified_tokens.digest(f"Bearer {token}"))  # noqa: SLF001  # as if it were new
            await authenticator.authenticate(f"Bearer {token}", now=time.time(), deadline=float("inf"))

        first, again = await cpu_microseconds(verified), await cpu_microseconds(remembered)
        print(
            f"{name}, {len(token)} bytes: verified {first:.0f} µs, remembered {again:.1f} µs: {first / again:.0f} times"
        )
    print(f"Remembered: {verified_tokens.MAX_TOKENS} tokens, {verified_tokens.MAX_BYTES} bytes of them at most.")


if __name__ == "__main__":
    asyncio.run(main())
