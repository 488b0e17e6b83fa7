"""Whether the endpoint grows or slows with time: a steady mix of requests against the whole stack, for some minutes.

``make soak MINUTES=10``. It ends with 1 when an answer came that was not expected, or memory grew by more than a tenth.
"""

import argparse
import asyncio
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue.aio import QueueClient

from benchmarks import load, vitals
from benchmarks.load import Exchange
from benchmarks.vitals import Vitals
from local import ROOT, azurite, issuer, serving
from local.child import Child
from local.running import EVENTS_PATH
from local.up import environment

RATE = 120
"""Requests each second: the machine must not be saturated, or all that is measured is how long they wait."""

MINUTE_SECONDS = 60
CONNECTIONS = 100
BATCH_EVENTS = 10
DATA_BYTES = 500
EMPTY_SECONDS = 5
QUEUE_NAME = "soak"

SETTLING_MINUTES = 2
"""The first fills what is kept; the second is what the rest is compared with."""

MAY_GROW = 0.1

ATTRIBUTES = {
    "specversion": "1.0",
    "type": "no.example.created",
    "source": "https://example.no/api",
    "resource": "urn:altinn:resource:example.api",
}


class Kind(NamedTuple):
    """One kind of request, and the status that it must get."""

    status: int
    make: Callable[[], bytes]


class Minute(NamedTuple):
    """What came in one minute."""

    statuses: Counter[int | None]
    milliseconds: list[float]

    def __str__(self) -> str:
        answers = ", ".join(f"{count} × {status or 'no answer'}" for status, count in self.statuses.most_common())
        return (
            f"{answers}; median {self.median:.1f} ms, 99 of 100 within {load.quantile(self.milliseconds, 0.99):.1f} ms"
        )

    @property
    def median(self) -> float:
        return load.quantile(self.milliseconds, 0.5)


class Tally:
    """Counts what comes, minute by minute, and what was not expected."""

    def __init__(self, expected: Sequence[int]) -> None:
        self._expected = expected
        self.minutes = [Minute(Counter(), [])]
        """The last one is not over yet."""
        self.unexpected = Counter[tuple[int, int | None]]()
        """How often one status was expected, and another came."""

    def take(self, exchange: Exchange) -> None:
        minute = self.minutes[-1]
        minute.statuses[exchange.status] += 1
        minute.milliseconds.append(exchange.latency * 1000)
        expected = self._expected[exchange.number % len(self._expected)]
        if exchange.status != expected:
            self.unexpected[expected, exchange.status] += 1


class Publisher:
    """Makes requests of all kinds, no two with the same event."""

    def __init__(self, url: str, sign: Callable[[], str]) -> None:
        self._url = url
        self._sign = sign
        self._token = sign()
        self._numbers = itertools.count()

    def mix(self) -> list[Kind]:
        """Twenty requests, to be sent over and over."""
        valid = [Kind(200, self.structured)] * 8 + [Kind(200, self.binary)] * 4 + [Kind(200, self.batch)] * 2
        refused = [
            Kind(400, self.invalid),
            Kind(400, self.broken),
            Kind(401, self.without_token),
            Kind(401, self.forged),
        ]
        kinds = [*valid, *[Kind(200, self.new_token)] * 2, *refused]
        return [kinds[index * 7 % len(kinds)] for index in range(len(kinds))]  # 7 is prime to 20: well mixed

    def structured(self) -> bytes:
        return self._post(self._json_event(), token=self._token)

    def binary(self) -> bytes:
        attributes = {f"ce-{name}": value for name, value in self._attributes().items()}
        return self._post(b"x" * DATA_BYTES, "text/plain", token=self._token, **attributes)

    def batch(self) -> bytes:
        events = b",".join(self._json_event() for _ in range(BATCH_EVENTS))
        return self._post(b"[%b]" % events, "application/cloudevents-batch+json", token=self._token)

    def new_token(self) -> bytes:
        return self._post(self._json_event(), token=self._sign())

    def invalid(self) -> bytes:
        return self._post(self._json_event(source=""), token=self._token)

    def broken(self) -> bytes:
        return self._post(self._json_event()[:-1], token=self._token)

    def without_token(self) -> bytes:
        return self._post(self._json_event())

    def forged(self) -> bytes:
        return self._post(self._json_event(), token=self._sign()[:-8] + "AAAAAAAA")

    def _attributes(self) -> dict[str, str]:
        return {**ATTRIBUTES, "id": str(next(self._numbers))}

    def _json_event(self, **more: str) -> bytes:
        return json.dumps({**self._attributes(), "data": "x" * DATA_BYTES, **more}).encode()

    def _post(
        self, body: bytes, content_type: str = "application/cloudevents+json", *, token: str | None = None, **more: str
    ) -> bytes:
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        return load.post(self._url, {"Content-Type": content_type, **authorization, **more})(body)


async def main(minutes: int) -> int:
    """Start the stack, load it, and return the exit code."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        storage = await azurite.start(folder / "azurite", azurite.Ports(0, 0, 0))
        stack.push_async_callback(storage.child.stop)
        runner, identifier = await issuer.start(folder, 0)
        stack.push_async_callback(runner.cleanup)
        key = issuer.rotate(folder, "ES256")  # signs quickly
        environ = environment(os.environ, storage.connection_string, identifier) | {"EVENTS_QUEUE_NAME": QUEUE_NAME}
        command = [sys.executable, "-m", "local", "host", "--port", "0"]
        host = await Child.start(command, [rf"^{serving.READY}(\S+)"], env=environ, cwd=ROOT)
        stack.push_async_callback(host.stop)
        queue = QueueClient.from_connection_string(storage.connection_string, QUEUE_NAME)
        await stack.enter_async_context(queue)
        stack.push_async_callback(stop, asyncio.create_task(empty(queue)))

        def sign() -> str:
            scope, lifetime = "altinn:events.publish", (minutes + 10) * 60
            return issuer.access_token(key, identifier, scope=scope, consumer=issuer.CONSUMER, lifetime=lifetime)

        return await soak(host.ready[0][1] + EVENTS_PATH, host.pid, sign, minutes)


async def soak(url: str, pid: int, sign: Callable[[], str], minutes: int) -> int:
    """Load the host, print a line each minute and a verdict, and return the exit code."""
    mix = Publisher(url, sign).mix()
    tally = Tally([kind.status for kind in mix])
    print(f"{RATE} requests a second to a stack of its own, for {minutes} min; a line follows each", flush=True)
    async with vitals.watched(pid) as samples:
        reporting = asyncio.create_task(report(tally, samples, minutes - 1))
        await load.offer(
            url,
            rate=RATE,
            seconds=minutes * MINUTE_SECONDS,
            request=lambda number: mix[number % len(mix)].make(),
            take=tally.take,
            connections=CONNECTIONS,
        )
        await reporting
    print_minute(tally, samples)
    return verdict(tally, samples)


async def report(tally: Tally, samples: Sequence[Vitals], minutes: int) -> None:
    """Print each of the first minutes when it is over."""
    for _ in range(minutes):
        await asyncio.sleep(max(0, samples[0].at + MINUTE_SECONDS * len(tally.minutes) - time.monotonic()))
        print_minute(tally, samples)


def print_minute(tally: Tally, samples: Sequence[Vitals]) -> None:
    """The one that is over; the next begins."""
    now = samples[-1]
    print(
        f"minute {len(tally.minutes)}: {tally.minutes[-1].statuses.total()} requests: {tally.minutes[-1]};"
        f" {now.memory:.1f} MB, {now.files} open files",
        flush=True,
    )
    tally.minutes.append(Minute(Counter(), []))


def verdict(tally: Tally, samples: Sequence[Vitals]) -> int:
    """Print it, and return the exit code."""
    faults = [
        f"{count} answers of {status or 'nothing'} where {expected} was expected"
        for (expected, status), count in tally.unexpected.items()
    ]
    began = samples[0].at
    in_hours = [((each.at - began) / 3600, each.memory) for each in samples if each.at - began >= 120]
    medians = [(index / 60, minute.median) for index, minute in enumerate(tally.minutes) if minute.milliseconds]
    if len(medians) > SETTLING_MINUTES + 1:
        second = [each.memory for each in samples if 60 <= each.at - began < 120]
        growth = statistics.mean(each.memory for each in samples[-30:]) / statistics.mean(second) - 1
        print(
            f"from the third minute on: memory {vitals.slope(in_hours):+.1f} MB an hour, median latency"
            f" {vitals.slope(medians[SETTLING_MINUTES:]):+.2f} ms an hour; memory since the second minute: {growth:+.1%}"
        )
        if growth > MAY_GROW:
            faults.append(f"memory grew by {growth:.1%}, more than {MAY_GROW:.0%}")
    else:
        print(f"too short to tell of growth: that takes {SETTLING_MINUTES + 2} minutes")
    print("; ".join(faults) or "all answers were as expected")
    return 1 if faults else 0


async def empty(queue: QueueClient) -> None:
    """Keep the queue from growing: storage has to be what it was."""
    while True:
        await asyncio.sleep(EMPTY_SECONDS)
        with suppress(ResourceNotFoundError):
            await queue.clear_messages()


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=int)
    raise SystemExit(asyncio.run(main(parser.parse_args().minutes)))
