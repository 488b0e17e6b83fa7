"""Whether an issuer that hangs slows those whose key is known: latency through the host, calm and during a hang."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode

import aiohttp

from benchmarks import load
from benchmarks.effort import Effort
from benchmarks.stack import Stack, stack
from benchmarks.systems import OURS
from benchmarks.table import Table
from local import Failure, issuer
from local.issuer import Fault
from local.up import SAMPLE

COOLDOWN_SECONDS = 31
"""After that an unknown `kid` causes a fetch again."""

MEASURED_SECONDS = 3
"""Less than the time that a fetch may take."""

BODY = SAMPLE.read_bytes()


async def latencies(session: aiohttp.ClientSession, url: str, token: str) -> list[float]:
    """Milliseconds from request to answer, one request after the other."""
    found = []
    end = time.perf_counter() + MEASURED_SECONDS
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/cloudevents+json"}
    while time.perf_counter() < end:
        began = time.perf_counter()
        async with session.post(url, data=BODY, headers=headers) as answer:
            await answer.read()
        if answer.status != 200:
            raise Failure(f"The endpoint answers {answer.status}.")
        found.append((time.perf_counter() - began) * 1000)
    return found


async def tables(_: Effort) -> list[Table]:
    """The latencies of one who is known, while others wait for the issuer and while none does."""
    async with stack(real_storage=True) as around, aiohttp.ClientSession() as session:
        (system,) = await around.start([OURS])
        found = await measure(session, system.events, around)
    header = ("the issuer is", "p50 ms", "p99 ms", "slowest ms", "requests")
    rows = [
        (name, load.quantile(each, 0.5), load.quantile(each, 0.99), max(each), len(each))
        for name, each in found.items()
    ]
    return [Table("While an issuer hangs", header, rows)]


async def measure(session: aiohttp.ClientSession, url: str, around: Stack) -> dict[str, list[float]]:
    """Ten who need the issuer wait beside the one that is measured, when it hangs; when it is calm they are refused."""
    token = around.token
    header = json.dumps({"alg": "RS256", "kid": "unknown"}).encode()
    stranger = f"{urlsafe_b64encode(header).rstrip(b'=').decode()}.{token.partition('.')[2]}"

    async def wait_for_issuer() -> int:
        async with session.post(url, data=BODY, headers={"Authorization": f"Bearer {stranger}"}) as answer:
            return answer.status

    await latencies(session, url, token)
    calm = await latencies(session, url, token)
    await asyncio.sleep(COOLDOWN_SECONDS)
    issuer.set_fault(around.folder, Fault.SLOW)
    waiting = [asyncio.create_task(wait_for_issuer()) for _ in range(10)]
    await asyncio.sleep(0.2)
    hanging = await latencies(session, url, token)
    if any(each.done() for each in waiting):
        raise Failure("The issuer did not hang for long enough.")
    await asyncio.gather(*waiting)
    return {"well": calm, "hanging": hanging}
