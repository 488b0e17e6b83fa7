"""The command line of the laptop: ``python -m local``."""

import argparse
import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from local import FOLDER, Failure


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    command: Coroutine[Any, Any, int | None] = options.command(options)
    try:
        return asyncio.run(command) or 0
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except BrokenPipeError:  # `messages | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python flushes, and fails, at its exit
        return 1


# Each command imports what it runs: `host` must not load what it does not need, least of all the product.


async def _up(options: argparse.Namespace) -> None:
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


async def _host(options: argparse.Namespace) -> None:
    from local import host

    await host.run(Path.cwd(), options.port, options.function_key)
    # A worker has no moment at which an app could close what it holds; like the real host, end the process.
    sys.stdout.flush()
    os._exit(0)


async def _token(options: argparse.Namespace) -> None:
    from local import publisher
    from local.running import Running

    running = Running.load(options.folder)
    claims = {"client_id": options.client} | ({"urn:altinn:org": options.org} if options.org else {})
    print(
        await publisher.token(
            running, options.folder, scope=options.scope, consumer=options.consumer, lifetime=options.lifetime, **claims
        )
    )


async def _issuer_keys(options: argparse.Namespace) -> None:
    from local import issuer

    keys = issuer.keys(options.folder)
    for key in keys.issuer:
        print(key["kid"], key["alg"], *(["signs"] if key is keys.signing else []))


async def _issuer_rotate(options: argparse.Namespace) -> None:
    from local import issuer

    print(issuer.rotate(options.folder, options.algorithm)["kid"])


async def _issuer_retire(options: argparse.Namespace) -> None:
    from local import issuer

    issuer.retire(options.folder, options.kid)


async def _issuer_fault(options: argparse.Namespace) -> None:
    from local import issuer

    issuer.set_fault(options.folder, None if options.fault == "none" else issuer.Fault(options.fault))


async def _pdp(options: argparse.Namespace) -> None:
    from local import pdp

    pdp.set_answer(options.folder, pdp.Answer(options.answer))


async def _publish(options: argparse.Namespace) -> int:
    from local import publisher
    from local.running import Running

    running = Running.load(options.folder)
    token = await publisher.token(running, options.folder)
    refused = 0
    for name in options.files:
        try:
            body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        except OSError as error:
            print(f"{name}: cannot be read: {error.strerror}", flush=True)
            refused += 1
            continue
        status, answer = await publisher.publish(running, token, body)
        print(f"{name}: {status} {answer}".rstrip(), flush=True)
        refused += status != 200
    return 1 if refused else 0


async def _messages(options: argparse.Namespace) -> None:
    from local import messages
    from local.running import Running

    running = Running.load(options.folder)
    async with messages.connect(running) as clients:
        if options.follow:
            print(f"Taking events off {', '.join(running.queues)} as they come, until Ctrl+C", file=sys.stderr)
            async for event in messages.consume(clients):
                _print_event(event)
            return
        for client in clients:
            events, more = await messages.peek(client)
            for event in events:
                _print_event(event)
            queue = "the queue" if len(clients) == 1 else client.queue_name
            print(f"{len(events)} shown, {more} more on {queue}", file=sys.stderr)


def _print_event(event: bytes) -> None:
    sys.stdout.buffer.write(event.rstrip(b"\n") + b"\n")
    sys.stdout.buffer.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="events_publish on a laptop.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Any, summary: str) -> argparse.ArgumentParser:
        return _add(commands, name, command, summary)

    def add_port(subparser: argparse.ArgumentParser, option: str, default: int, what: str) -> None:
        subparser.add_argument(
            option,
            type=_port,
            default=default,
            metavar="PORT",
            help=f"port of {what}; 0 takes a free one (%(default)s)",
        )

    up = add("up", _up, "start Azurite, the issuer and the host, publish the sample event, and serve until Ctrl+C")
    up.add_argument("--once", action="store_true", help="stop after the sample event")
    up.add_argument("--no-host", action="store_true", help="leave the host to `func start`")
    add_port(up, "--port", 7071, "the host")
    add_port(up, "--issuer-port", 7072, "the token issuer")
    add_port(up, "--page-port", 7073, "the page to try it with")
    add_port(up, "--blob-port", 10000, "Azurite's blob service")
    add_port(up, "--queue-port", 10001, "Azurite's queue service")
    add_port(up, "--table-port", 10002, "Azurite's table service")
    up.add_argument("--pdp", action="store_true", help="also a stand-in for Altinn Authorization, asked by the host")
    add_port(up, "--pdp-port", 7074, "that stand-in")
    _add_folder(up)

    host = add("host", _host, "serve the function app of the current folder")
    add_port(host, "--port", 7071, "the host")
    host.add_argument("--function-key", metavar="KEY", help="what functions that are not anonymous ask for (random)")

    token = add("token", _token, "print a token of the running issuer")
    token.add_argument("--scope", help="scopes, space-separated (default: the one to publish with)")
    token.add_argument("--consumer", default="991825827", help="an organisation number (%(default)s)")
    token.add_argument(
        "--lifetime", type=int, default=3600, help="in seconds; less than -30, the leeway: expired (%(default)s)"
    )
    token.add_argument("--org", metavar="NAME", help="what the claim urn:altinn:org says (default: no such claim)")
    token.add_argument("--client", metavar="ID", default="local-client", help="what client_id says (%(default)s)")
    _add_folder(token)

    publish = add("publish", _publish, "publish events to the running host")
    publish.add_argument("files", nargs="+", metavar="FILE", help="a file with one event; - for standard input")
    _add_folder(publish)

    messages = add("messages", _messages, "show the events at the head of the queue, or of each shard")
    messages.add_argument("--follow", action="store_true", help="take events off the queue as they come")
    _add_folder(messages)

    _add_issuer(commands)

    pdp = add("pdp", _pdp, "set what the stand-in for Altinn Authorization answers")
    answers = ["Permit", "Deny", "NotApplicable", "Indeterminate", "down", "slow", "garbage"]
    pdp.add_argument("answer", choices=answers, help="a decision, or a fault")
    _add_folder(pdp)
    return parser


def _add_issuer(commands: Any) -> None:
    summary = "change the keys of the issuer, or have it fail; it need not run"
    subcommands = commands.add_parser("issuer", help=summary, description=summary).add_subparsers(
        required=True, metavar="COMMAND"
    )

    keys = _add(subcommands, "keys", _issuer_keys, "list the keys, oldest first: kid, algorithm, and which one signs")
    _add_folder(keys)

    rotate = _add(subcommands, "rotate", _issuer_rotate, "add a key that signs from now on, and print its kid")
    algorithms = [family + size for family in ("RS", "PS", "ES") for size in ("256", "384", "512")]
    rotate.add_argument("--algorithm", choices=algorithms, default="RS256", help="what it signs with (%(default)s)")
    _add_folder(rotate)

    retire = _add(subcommands, "retire", _issuer_retire, "take a key out")
    retire.add_argument("kid", metavar="KID", help="as `issuer keys` lists it")
    _add_folder(retire)

    fault = _add(subcommands, "fault", _issuer_fault, "give the issuer a fault, or take it away")
    fault.add_argument("fault", choices=["none", "down", "slow", "garbage", "no-keys"])
    _add_folder(fault)


def _add(commands: Any, name: str, command: Any, summary: str) -> argparse.ArgumentParser:
    subparser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    subparser.set_defaults(command=command)
    return subparser


def _add_folder(subparser: argparse.ArgumentParser) -> None:
    subparser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where data, keys and state lie (default: .local)"
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError("must be a number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
