"""Whether an issuer that hangs slows those whose key is known: latency through the host, calm and during a hang."""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from local import ROOT, azurite, issuer, serving
from local.child import Child
from local.issuer import Fault
from local.running import EVENTS_PATH
from local.up import SAMPLE, environment

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
            raise SystemExit(f"The endpoint answers {answer.status}.")
        found.append((time.perf_counter() - began) * 1000)
    return found


def described(name: str, found: list[float]) -> str:
    cuts = statistics.quantiles(found, n=100)
    return f"{name}: median {cuts[49]:.2f} ms, 99 of 100 within {cuts[98]:.2f} ms, slowest {max(found):.1f} ms, {len(found)} requests"


async def main() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        storage = await azurite.start(folder / "azurite", azurite.Ports(0, 0, 0))
        stack.push_async_callback(storage.child.stop)
        runner, identifier = await issuer.start(folder, 0)
        stack.push_async_callback(runner.cleanup)
        environ = environment(os.environ, storage.connection_string, identifier)
        command = [sys.executable, "-m", "local", "host", "--port", "0"]
        host = await Child.start(command, [rf"^{serving.READY}(\S+)"], env=environ, cwd=ROOT)
        stack.push_async_callback(host.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        await measure(session, host.ready[0][1] + EVENTS_PATH, folder, identifier)


async def measure(session: aiohttp.ClientSession, url: str, folder: Path, identifier: str) -> None:
    """Ten who need the issuer wait beside the one that is measured, when it hangs; when it is calm they are refused."""
    known = issuer.keys(folder).signing
    token = issuer.access_token(known, identifier, scope="altinn:events.publish", consumer="991825827", lifetime=600)
    header = json.dumps({"alg": "RS256", "kid": "unknown"}).encode()
    stranger = f"{urlsafe_b64encode(header).rstrip(b'=').decode()}.{token.partition('.')[2]}"

    async def wait_for_issuer() -> int:
        async with session.post(url, data=BODY, headers={"Authorization": f"Bearer {stranger}"}) as answer:
            return answer.status

    await latencies(session, url, token)
    calm = await latencies(session, url, token)
    await asyncio.sleep(COOLDOWN_SECONDS)
    issuer.set_fault(folder, Fault.SLOW)
    waiting = [asyncio.create_task(wait_for_issuer()) for _ in range(10)]
    await asyncio.sleep(0.2)
    hanging = await latencies(session, url, token)
    if any(each.done() for each in waiting):
        raise SystemExit("The issuer did not hang for long enough.")
    print(described("calm", calm))
    print(described("hanging issuer", hanging))
    print(f"median: {statistics.median(hanging) / statistics.median(calm):.2f} times the calm one")
    print(f"those who needed the issuer: {sorted(set(await asyncio.gather(*waiting)))}")


if __name__ == "__main__":
    asyncio.run(main())
