"""The words of the command line, and what `--help` tells of them."""

import argparse
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from local import FOLDER, commands

type Command = Callable[[argparse.Namespace], Coroutine[Any, Any, int | None]]

_EXIT_CODES = """\
exit codes:
  0    done
  1    not done; standard error says why
  2    a word is wrong
  130  stopped with Ctrl+C (up, host: 0)
"""


_HOW_PUBLISH_WORKS = """\
A file holds one event, or one event a line (NDJSON), or a batch: an array, which is accepted or refused as a whole. \
Lines are published as they come, 16 at a time, and told of in their order: those that are refused, and at the end \
how many were accepted and what is wrong with the others.

A 503 and a lost connection are sent again, after the pause that Retry-After asks for and some more; a token that \
expires is renewed.

With --json standard output has an object for each event, in one line, and standard error no summary:

  name, line          where it was read; line: where there is one a line
  id, source; events  of the event; of a batch how many events it has
  status, traceId     of the answer
  problem             the answer, when it is not 200
  error               why there is no answer
"""

_EXIT_CODES_OF_PUBLISH = """\
exit codes:
  0    all were accepted
  1    some were refused or could not be read, or nobody answers
  2    a word is wrong
  130  stopped with Ctrl+C; what was accepted until then is told
"""

_LINES_OF_MESSAGES = """\
With --json each is an object in one line: `queue`, its name, and `event`, with its numbers as they were written, or \
`text` where it is no JSON. `publish -` takes such a line for the event in it.
"""


class _Paragraphs(argparse.HelpFormatter):
    """Fills paragraphs, but leaves lists and examples, which are indented, as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip().split("\n\n")
        return "\n\n".join(
            each if "\n  " in f"\n{each}" else super(_Paragraphs, self)._fill_text(each, width, indent)
            for each in paragraphs
        )


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        formatter_class=_Paragraphs,
        description="events_publish on a laptop: storage, a token issuer, the function app, and tools for them.",
        epilog=_examples(
            "up",
            "publish local/events/sample.json",
            "messages",
            "publish --help",
        )
        + "\n"
        + _EXIT_CODES,
    )
    words = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    _add_up(words)
    _add_host(words)
    _add_token(words)
    _add_publish(words)
    _add_messages(words)
    _add_issuer(words)
    _add_pdp(words)
    return parser


def _add_up(words: Any) -> None:
    up = _add(
        words,
        "up",
        commands.up,
        "start Azurite, the issuer and the host, publish the sample event, and serve until Ctrl+C",
        "up",
        "up --once",
        "up --pdp",
        "up --folder /tmp/second --port 0 --issuer-port 0 \\\n    --page-port 0 --blob-port 0 --queue-port 0 --table-port 0",
    )
    up.add_argument("--once", action="store_true", help="stop after the sample event")
    up.add_argument("--no-host", action="store_true", help="leave the host to `func start`")
    _add_port(up, "--port", 7071, "the host")
    _add_port(up, "--issuer-port", 7072, "the token issuer")
    _add_port(up, "--page-port", 7073, "the page to try it with")
    _add_port(up, "--blob-port", 10000, "Azurite's blob service")
    _add_port(up, "--queue-port", 10001, "Azurite's queue service")
    _add_port(up, "--table-port", 10002, "Azurite's table service")
    up.add_argument("--pdp", action="store_true", help="also a stand-in for Altinn Authorization, asked by the host")
    _add_port(up, "--pdp-port", 7074, "that stand-in")
    _add_folder(up)


def _add_host(words: Any) -> None:
    host = _add(words, "host", commands.host, "serve the function app of the current folder", "host --port 7075")
    _add_port(host, "--port", 7071, "the host")
    host.add_argument(
        "--function-key", metavar="KEY", help="what functions that are not anonymous ask for (default: a random one)"
    )


def _add_token(words: Any) -> None:
    token = _add(
        words,
        "token",
        commands.token,
        "print a token of the running issuer",
        "token",
        "token --consumer 974761076 --org skd",
        "token --lifetime=-31",
        "token --json",
    )
    token.add_argument("--scope", help="scopes, space-separated (default: the one to publish with)")
    token.add_argument("--consumer", default="991825827", help="an organisation number (default: %(default)s)")
    token.add_argument(
        "--lifetime",
        type=int,
        default=3600,
        metavar="SECONDS",
        help="less than -30, the leeway: expired (default: %(default)s)",
    )
    token.add_argument("--org", metavar="NAME", help="what the claim urn:altinn:org says (default: no such claim)")
    token.add_argument(
        "--client", metavar="ID", default="local-client", help="what client_id says (default: %(default)s)"
    )
    token.add_argument("--json", action="store_true", help="print an object with the token and its claims")
    _add_folder(token)


def _add_publish(words: Any) -> None:
    publish = _add(
        words,
        "publish",
        commands.publish,
        "publish events to the running host",
        "publish local/events/sample.json",
        "publish local/events/*.json",
        "messages --json | .venv/bin/python -m local publish -",
        "publish --json - < local/events/sample.json",
    )
    publish.description = f"{publish.description}\n\n{_HOW_PUBLISH_WORKS}"
    publish.epilog = f"{publish.epilog}\n{_EXIT_CODES_OF_PUBLISH}"
    publish.add_argument("files", nargs="+", metavar="FILE", help="what to publish; - for standard input")
    publish.add_argument("--json", action="store_true", help="tell what became of each, for scripts")
    publish.add_argument(
        "--retries",
        type=_count,
        default=5,
        metavar="N",
        help="how many times to send the same event again (default: %(default)s)",
    )
    _add_folder(publish)


def _add_messages(words: Any) -> None:
    messages = _add(
        words,
        "messages",
        commands.messages,
        "show the events at the head of the queue, or of each shard",
        "messages",
        "messages --follow",
        "messages --json | jq .event.id",
    )
    messages.description = f"{messages.description}\n\n{_LINES_OF_MESSAGES}"
    messages.add_argument(
        "--follow", action="store_true", help="take events off the queue as they come, until Ctrl+C; say how many"
    )
    messages.add_argument("--json", action="store_true", help="print an object for each, in one line")
    _add_folder(messages)


def _add_issuer(words: Any) -> None:
    summary = "change the keys of the issuer, or have it fail; it need not run"
    issuer = words.add_parser(
        "issuer",
        help=summary,
        description=_sentence(summary),
        formatter_class=_Paragraphs,
        epilog=_examples("issuer keys", "issuer rotate --algorithm ES256", "issuer fault down", "issuer fault none"),
    )
    subwords = issuer.add_subparsers(required=True, metavar="COMMAND", title="commands")

    keys = _add(
        subwords,
        "keys",
        commands.issuer_keys,
        "list the keys, oldest first: kid, algorithm, and which one signs",
        "issuer keys",
        "issuer keys --json",
    )
    keys.add_argument("--json", action="store_true", help="print an object for each: kid, alg, signs")
    _add_folder(keys)

    rotate = _add(
        subwords,
        "rotate",
        commands.issuer_rotate,
        "add a key that signs from now on, and print its kid",
        "issuer rotate --algorithm ES256",
    )
    algorithms = [family + size for family in ("RS", "PS", "ES") for size in ("256", "384", "512")]
    rotate.add_argument(
        "--algorithm", choices=algorithms, default="RS256", help="what it signs with (default: %(default)s)"
    )
    _add_folder(rotate)

    retire = _add(
        subwords,
        "retire",
        commands.issuer_retire,
        "take a key out",
        "issuer rotate",
        "issuer retire $(.venv/bin/python -m local issuer keys | head -1 | cut -d' ' -f1)",
    )
    retire.add_argument("kid", metavar="KID", help="as `issuer keys` lists it")
    _add_folder(retire)

    fault = _add(
        subwords,
        "fault",
        commands.issuer_fault,
        "give the issuer a fault, or take it away",
        "issuer fault down",
        "issuer fault none",
    )
    fault.add_argument(
        "fault",
        choices=["none", "down", "slow", "garbage", "no-keys"],
        help="it closes connections, answers late, answers HTML, has no keys; none: it is well",
    )
    _add_folder(fault)


def _add_pdp(words: Any) -> None:
    pdp = _add(
        words,
        "pdp",
        commands.pdp,
        "set what the stand-in for Altinn Authorization answers",
        "pdp Deny",
        "pdp Permit",
    )
    answers = ["Permit", "Deny", "NotApplicable", "Indeterminate", "down", "slow", "garbage"]
    pdp.add_argument("answer", choices=answers, help="a decision, or a fault")
    _add_folder(pdp)


def _add(words: Any, name: str, command: Command, summary: str, *examples: str) -> argparse.ArgumentParser:
    subparser: argparse.ArgumentParser = words.add_parser(
        name,
        help=summary,
        description=_sentence(summary),
        epilog=_examples(*examples),
        formatter_class=_Paragraphs,
    )
    subparser.set_defaults(command=command)
    return subparser


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def _examples(*commands: str) -> str:
    """As they are pasted in the folder of the project."""
    return "examples:\n" + "".join(f"  .venv/bin/python -m local {command}\n" for command in commands)


def _add_port(subparser: argparse.ArgumentParser, option: str, default: int, what: str) -> None:
    subparser.add_argument(
        option,
        type=_port,
        default=default,
        metavar="PORT",
        help=f"port of {what}; 0 takes a free one (default: %(default)s)",
    )


def _add_folder(subparser: argparse.ArgumentParser) -> None:
    subparser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where data, keys and state lie (default: .local)"
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536):
        raise argparse.ArgumentTypeError("must be a number from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise argparse.ArgumentTypeError("must be a number from 0 to 99999")
    return int(text)
