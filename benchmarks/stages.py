"""What each stage on the way of an event costs, in one process without a host: CPU time, beside plain's.

Of some rounds the best, since others use the machine, too.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from benchmarks.effort import Effort
from benchmarks.stack import STRUCTURED, Stack, stack
from benchmarks.systems import PLAIN
from benchmarks.table import Table, ratio
from events_publish import content, envelope, json_text, policy, publish_policy
from events_publish.access_token import Authenticator
from events_publish.endpoint import Endpoint
from events_publish.exchange import Request, respond
from events_publish.issuers import Issuer
from events_publish.json_client import Document
from events_publish.keys import KeySet
from events_publish.settings import Settings
from local import Failure, issuer
from local.up import SAMPLE

ROUNDS = 7

AT_ONCE = 32
"""Events that are on their way through the whole."""

BODY = SAMPLE.read_bytes()

ISSUER = "https://issuer.example/"
SCOPE = "altinn:events.publish"
POLICY = '[{"publishers": ["991825827"], "resources": ["urn:altinn:resource:*"]}]'

FIRST, AGAIN = "token, first seen", "token, seen before"
JSON, RULES, LOG = "JSON alone", "rules alone", "log line"
CONTENT, QUEUE, WHOLE = "headers, JSON and rules", "queue, and all else", "whole, its token seen before"


class TokenCost(NamedTuple):
    """CPU time of finding a token good, in µs."""

    first: float
    again: float


async def tables(effort: Effort) -> list[Table]:
    """Ours by stage, and plain's where it has that stage; tokens by algorithm."""
    tokens = await _tokens()
    async with stack(real_storage=False) as around:
        ours = {FIRST: tokens["RS256"].first, AGAIN: tokens["RS256"].again, **await _ours(around)}
        plain = await asyncio.to_thread(_plain, around) if PLAIN in effort.systems else {}
    whole = ours.pop(WHOLE)
    ours[QUEUE] = whole - sum(ours[stage] for stage in (AGAIN, CONTENT, LOG))
    ours[WHOLE] = whole
    rows = [(stage, cost, plain.get(stage), ratio(cost, plain.get(stage))) for stage, cost in ours.items()]
    by_algorithm = [(name, *cost, cost.first / cost.again) for name, cost in tokens.items()]
    return [
        Table("By stage, without a host", ("CPU µs/event", "ours", "plain", "of plain"), rows),
        Table("Tokens, by algorithm", ("CPU µs", "first seen", "seen before", "times"), by_algorithm),
    ]


async def _ours(around: Stack) -> dict[str, float]:
    """By stage, without the token; the whole last, which goes to the queue."""
    settings = Settings.from_environ(around.environ)
    headers = {"authorization": f"Bearer {around.token}", "content-type": STRUCTURED}
    value = json_text.parse(json_text.decode(BODY))
    assert isinstance(value, tuple)  # noqa: S101  # what a JSON object becomes
    events = content.parse(headers, BODY, settings.limits)
    entries = publish_policy.parse(POLICY)
    endpoint = Endpoint(settings)

    async def publish() -> Request:
        request = Request("POST", headers, BODY)
        response = await respond(endpoint.events, request)
        if response.status != 200:
            raise Failure(f"The endpoint answered {response.status}: {response.body.decode()}")
        return request

    async def publish_at_once() -> None:
        await asyncio.gather(*(publish() for _ in range(AT_ONCE)))

    record = (await publish()).record
    publisher = record.publisher
    assert publisher  # noqa: S101  # it was accepted

    async def authorise() -> None:
        await policy.authorise(publisher, events, policy=entries, pdp=None, deadline=float("inf"))

    try:
        return {
            JSON: _cpu(lambda: json_text.parse(json_text.decode(BODY))),
            RULES: _cpu(lambda: envelope.faults(value)),
            CONTENT: _cpu(lambda: content.parse(headers, BODY, settings.limits)),
            "policy": await _cpu_async(authorise),
            LOG: _cpu(lambda: record.line(200)),
            WHOLE: await _cpu_async(publish_at_once, times=50) / AT_ONCE,
        }
    finally:
        await endpoint.close()


def _plain(around: Stack) -> dict[str, float]:
    """By the same stages; its whole is their sum."""
    os.environ.update({name: around.environ[name] for name in ("EVENTS_STORAGE", "EVENTS_QUEUE_NAME", "TOKEN_ISSUERS")})
    from benchmarks.plain import function_app as plain  # reads them

    authorization = f"Bearer {around.token}"
    plain.scopes(authorization)  # fetches the keys
    token = _cpu(lambda: plain.scopes(authorization))
    rules = _cpu(lambda: plain.Event.model_validate_json(BODY))
    send = _cpu(lambda: plain.queue.send_message(BODY, time_to_live=-1), times=100)
    plain.queue.close()
    return {FIRST: token, AGAIN: token, CONTENT: rules, QUEUE: send, WHOLE: token + rules + send}


async def _tokens() -> dict[str, TokenCost]:
    """Of a token with two kinds of signature."""
    rsa_key, ec_key = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    pairs = {
        "RS256": (RSAAlgorithm.to_jwk(rsa_key, as_dict=True), RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True)),
        "ES256": (ECAlgorithm.to_jwk(ec_key, as_dict=True), ECAlgorithm.to_jwk(ec_key.public_key(), as_dict=True)),
    }

    async def fetch(_: str) -> Document:
        return Document({"keys": [{**public, "kid": name} for name, (_, public) in pairs.items()]})

    key_sets = {ISSUER: KeySet(Issuer(ISSUER, ISSUER + "jwk"), fetch)}
    return {
        name: await _token_cost({**private, "kid": name, "alg": name}, key_sets) for name, (private, _) in pairs.items()
    }


async def _token_cost(key: issuer.JWK, key_sets: Mapping[str, KeySet]) -> TokenCost:
    token = issuer.access_token(key, ISSUER, scope=SCOPE, consumer=issuer.CONSUMER, lifetime=3600)
    known = Authenticator(key_sets, SCOPE)

    async def authenticate(authenticator: Authenticator) -> None:
        await authenticator.authenticate(f"Bearer {token}", now=time.time(), deadline=float("inf"))

    return TokenCost(
        first=await _cpu_async(lambda: authenticate(Authenticator(key_sets, SCOPE))),
        again=await _cpu_async(lambda: authenticate(known)),
    )


def _cpu(call: Callable[[], object], *, times: int = 500) -> float:
    """CPU time of one call, in µs."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            call()
        rounds.append((time.process_time() - began) / times * 1e6)
    return min(rounds)


async def _cpu_async(call: Callable[[], Awaitable[object]], *, times: int = 500) -> float:
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            await call()
        rounds.append((time.process_time() - began) / times * 1e6)
    return min(rounds)
