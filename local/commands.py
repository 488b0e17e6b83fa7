"""What each command of the laptop does.

Each imports what it runs: `host` must not load what it does not need, least of all the product.
"""

import argparse
import asyncio
import json
import os
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.messages import Found

_AT_ONCE = 16
"""Events that are on their way at the same time."""

_GRACE_SECONDS = 3
"""How long those on their way may take after Ctrl+C."""


async def up(options: argparse.Namespace) -> None:
    from local import azurite, up

    ports = azurite.Ports(options.blob_port, options.queue_port, options.table_port)
    await up.up(
        up.Options(
            folder=options.folder,
            once=options.once,
            with_host=not options.no_host,
            port=options.port,
            issuer_port=options.issuer_port,
            azurite_ports=ports,
            page_port=options.page_port,
            pdp_port=options.pdp_port if options.pdp else None,
        )
    )


async def host(options: argparse.Namespace) -> None:
    from local import host

    await host.run(Path.cwd(), options.port, options.function_key)
    # A worker has no moment at which an app could close what it holds; like the real host, end the process.
    sys.stdout.flush()
    os._exit(0)


async def token(options: argparse.Namespace) -> None:
    from local import publisher
    from local.running import Running

    running = Running.load(options.folder)
    claims = {"client_id": options.client} | ({"urn:altinn:org": options.org} if options.org else {})
    token = await publisher.token(
        running, options.folder, scope=options.scope, consumer=options.consumer, lifetime=options.lifetime, **claims
    )
    if options.json:
        import jwt

        print(json.dumps({"token": token, "claims": jwt.decode(token, options={"verify_signature": False})}))
    else:
        print(token)


async def issuer_keys(options: argparse.Namespace) -> None:
    from local import issuer

    keys = issuer.keys(options.folder)
    for key in keys.issuer:
        signs = key is keys.signing
        if options.json:
            print(json.dumps({"kid": key["kid"], "alg": key["alg"], "signs": signs}))
        else:
            print(key["kid"], key["alg"], *(["signs"] if signs else []))


async def issuer_rotate(options: argparse.Namespace) -> None:
    from local import issuer

    print(issuer.rotate(options.folder, options.algorithm)["kid"])


async def issuer_retire(options: argparse.Namespace) -> None:
    from local import issuer

    issuer.retire(options.folder, options.kid)


async def issuer_fault(options: argparse.Namespace) -> None:
    from local import issuer

    issuer.set_fault(options.folder, None if options.fault == "none" else issuer.Fault(options.fault))


async def pdp(options: argparse.Namespace) -> None:
    from local import pdp

    pdp.set_answer(options.folder, pdp.Answer(options.answer))


async def publish(options: argparse.Namespace) -> int:
    """Publishes as it reads, so many at once; what it says has the order of what it read."""
    from local import event_source, pipeline, publisher
    from local.report import Outcome, Report
    from local.running import Running

    report = Report(
        as_json=options.json,
        bar_of=event_source.size(options.files),
        may_have_bar=not event_source.is_typed(options.files),
    )
    running = Running.load(options.folder)
    async with publisher.Publisher(running, options.folder, retries=options.retries, note=report.note) as sender:

        async def send(item: event_source.Item) -> Outcome:
            if item.fault:
                return Outcome(item)
            try:
                return Outcome(item, await sender.send(item.body, batch=item.is_batch))
            except asyncio.CancelledError:  # it may have arrived
                return Outcome(item)

        def failed(item: event_source.Item) -> Outcome | None:
            """What became of one when the host was lost: it may have arrived, too."""
            return Outcome(item) if sender.was_reached else None

        items = pipeline.from_thread(event_source.read(options.files), ahead=_AT_ONCE)
        stopped = True
        try:
            outcomes = pipeline.in_order(items, send, failed=failed, at_once=_AT_ONCE, grace=_GRACE_SECONDS)
            async with aclosing(outcomes):
                async for outcome in outcomes:
                    report.take(outcome)
            stopped = False
        finally:
            report.close(stopped=stopped)
    return 0 if report.all_accepted else 1


async def messages(options: argparse.Namespace) -> None:
    from local import messages
    from local.running import Running

    def show(found: "Found") -> None:
        line = messages.as_line(found) if options.json else found.event.rstrip(b"\n")
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()

    running = Running.load(options.folder)
    async with messages.connect(running) as clients:
        if options.follow:
            print(f"Taking events off {', '.join(running.queues)} as they come, until Ctrl+C", file=sys.stderr)
            taken = 0
            try:
                async with aclosing(messages.consume(clients)) as consumed:
                    async for found in consumed:
                        show(found)
                        taken += 1
            finally:
                print(f"{taken:,} taken", file=sys.stderr)
            return
        for client in clients:
            events, more = await messages.peek(client)
            for event in events:
                show(messages.Found(client.queue_name, event))
            queue = "the queue" if len(clients) == 1 else client.queue_name
            print(f"{len(events)} shown, {more} more on {queue}", file=sys.stderr)
