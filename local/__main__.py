"""The command line of the laptop: ``python -m local``."""

import argparse
import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from local import ROOT, Failure


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
    await up.up(up.Options(options.folder, options.once, not options.no_host, options.port, options.issuer_port, ports))


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
    print(
        await publisher.token(
            running, options.folder, scope=options.scope, consumer=options.consumer, lifetime=options.lifetime
        )
    )


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
    async with messages.connect(running) as client:
        if options.follow:
            print(f"Taking events off {running.queue} as they come, until Ctrl+C", file=sys.stderr)
            async for event in messages.consume(client):
                _print_event(event)
            return
        events, more = await messages.peek(client)
        for event in events:
            _print_event(event)
        print(f"{len(events)} shown, {more} more on the queue", file=sys.stderr)


def _print_event(event: bytes) -> None:
    sys.stdout.buffer.write(event.rstrip(b"\n") + b"\n")
    sys.stdout.buffer.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="events_publish on a laptop.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Any, summary: str) -> argparse.ArgumentParser:
        subparser = commands.add_parser(name, help=summary, description=summary)
        subparser.set_defaults(command=command)
        return subparser

    def add_folder(subparser: argparse.ArgumentParser) -> None:
        subparser.add_argument(
            "--folder", type=Path, default=ROOT / ".local", help="where data, keys and state lie (default: .local)"
        )

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
    add_port(up, "--blob-port", 10000, "Azurite's blob service")
    add_port(up, "--queue-port", 10001, "Azurite's queue service")
    add_port(up, "--table-port", 10002, "Azurite's table service")
    add_folder(up)

    host = add("host", _host, "serve the function app of the current folder")
    add_port(host, "--port", 7071, "the host")
    host.add_argument("--function-key", metavar="KEY", help="what functions that are not anonymous ask for (random)")

    token = add("token", _token, "print a token of the running issuer")
    token.add_argument("--scope", help="scopes, space-separated (default: the one to publish with)")
    token.add_argument("--consumer", default="991825827", help="an organisation number (%(default)s)")
    token.add_argument(
        "--lifetime", type=int, default=3600, help="in seconds; less than -30, the leeway: expired (%(default)s)"
    )
    add_folder(token)

    publish = add("publish", _publish, "publish events to the running host")
    publish.add_argument("files", nargs="+", metavar="FILE", help="a file with one event; - for standard input")
    add_folder(publish)

    messages = add("messages", _messages, "show the events at the head of the queue")
    messages.add_argument("--follow", action="store_true", help="take events off the queue as they come")
    add_folder(messages)
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError("must be a number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
