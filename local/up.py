"""The whole product on a laptop: Azurite, the issuer, the host, a PDP if asked for; one event goes through them."""

import asyncio
import datetime
import fcntl
import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from events_publish.settings import InvalidSettings, Settings
from local import FOLDER, ROOT, Failure, app_folder, azurite, issuer, messages, pdp, publisher, running, serving
from local.child import Child, ChildEnded
from local.running import Running

SAMPLE = ROOT / "local/events/sample.json"


class Options(NamedTuple):
    """What `up` starts, and where; a port of 0 takes a free one."""

    folder: Path
    once: bool
    with_host: bool
    port: int
    issuer_port: int
    azurite_ports: azurite.Ports
    page_port: int
    pdp_port: int | None = None
    """None: without the stand-in for Altinn Authorization."""


async def up(options: Options) -> None:
    """Start everything, publish the sample and print what then lies on the queue; serve until told to stop.

    The event goes to standard output, all else to standard error. With `once` it ends after the event.

    Raises:
        Failure: a part did not start, or ended by itself, or another `up` has the folder.
    """
    settings = _settings(os.environ, with_pdp=options.pdp_port is not None)
    serving.stop_on_signal(asyncio.current_task())
    with _lock(options.folder) as lock:
        try:
            await _run(options, settings, lock)
        except asyncio.CancelledError:
            _say("Stopped before it was up.")
            raise
    if not options.once:
        _say("Stopped.")


async def _run(options: Options, settings: Settings, lock: int) -> None:
    async with AsyncExitStack() as stack:
        _say("Starting Azurite …")
        storage = await azurite.start(options.folder / "azurite", options.azurite_ports, keep=[lock])
        stack.push_async_callback(storage.child.stop)
        runner, identifier = await issuer.start(options.folder, options.issuer_port)
        stack.push_async_callback(runner.cleanup)
        pdp_url = await _start_pdp(options, stack)
        _warn_of_faults(options)
        parts = {"Azurite": storage.child}
        state = Running(
            issuer=identifier,
            storage=storage.connection_string,
            queue=settings.queue_name,
            scope=settings.publish_scope,
            shards=settings.queue_shards,
        )
        if options.with_host:
            _say("Starting the function app …")
            environ = environment(os.environ, state.storage, identifier, pdp_url)
            child, url = await _start_host(environ, options.port)
            stack.push_async_callback(child.stop)
            parts["The host"] = child
            state = state._replace(host=url)
        if not options.once:
            state = await _start_page(state, options, stack)
        state.save(options.folder)
        stack.callback(running.forget, options.folder)
        token = await publisher.token(state, options.folder)
        if options.with_host:
            await _publish_sample(state, token)
        if not options.once:
            _introduce(state, token, pdp_url, options)
            with suppress(asyncio.CancelledError):  # told to stop
                await _watch(parts)


@contextmanager
def _lock(folder: Path) -> Iterator[int]:
    """Keep a second `up` out of the folder: two Azurites would spoil each other's data.

    The lock is a file descriptor; whoever holds it open holds the lock, also when `up` itself was killed.

    Raises:
        Failure: another has it, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = (folder / "lock").open("w")
    except OSError as error:
        raise Failure(f"{folder} cannot be written: {error.strerror}") from error
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failure(
                f"Azurite is already running with its data in {folder}. Stop it first, or take another --folder and ports."
            ) from error
        yield file.fileno()


async def _start_pdp(options: Options, stack: AsyncExitStack) -> str | None:
    """The URL of the stand-in for Altinn Authorization, where it is wanted."""
    if options.pdp_port is None:
        return None
    started = await pdp.start(options.folder, options.pdp_port)
    stack.push_async_callback(started.runner.cleanup)
    return started.url


async def _start_page(state: Running, options: Options, stack: AsyncExitStack) -> Running:
    from local.page import server  # the page's packages are none of the demo's

    runner, url = await server.start(state, options.folder, options.page_port)
    stack.push_async_callback(runner.cleanup)
    return state._replace(page=url)


def _warn_of_faults(options: Options) -> None:
    """Tell what an earlier rehearsal has left behind; the sample event may be refused for it."""
    fault = issuer.fault(options.folder)
    if fault is not None:
        _say(f"The issuer has a fault: {fault}. It ends with: {_command('issuer fault none', options.folder)}")
    if options.pdp_port is not None and (answer := pdp.answer(options.folder)) is not pdp.Answer.PERMIT:
        _say(f"The PDP answers {answer}. It permits again with: {_command('pdp Permit', options.folder)}")


def environment(
    environ: Mapping[str, str], connection_string: str, identifier: str, pdp_url: str | None = None
) -> dict[str, str]:
    """The host's environment: `environ`, with the storage, the issuer and, if any, the PDP that `up` has started."""
    rest = {name: value for name, value in environ.items() if name.partition("__")[0] != "EVENTS_STORAGE"}
    started = {"EVENTS_STORAGE": connection_string, "TOKEN_ISSUERS": json.dumps([{"issuer": identifier}])}
    if pdp_url:
        started |= {"PDP_URL": pdp_url, "PDP_SUBSCRIPTION_KEY": "local"}
    return rest | started


def _settings(environ: Mapping[str, str], *, with_pdp: bool) -> Settings:
    """The settings that the host will have, but for where the parts are that are not up yet."""
    pdp_url = "http://127.0.0.1/" if with_pdp else None
    environ = environment(environ, "UseDevelopmentStorage=true", "http://127.0.0.1/", pdp_url)
    try:
        return Settings.from_environ({**environ, **app_folder.local_settings(ROOT, environ)}, ROOT)
    except InvalidSettings as error:
        raise Failure(str(error)) from error


async def _start_host(environ: Mapping[str, str], port: int) -> tuple[Child, str]:
    command = [sys.executable, "-m", "local", "host", "--port", str(port)]
    try:
        child = await Child.start(command, [rf"^{serving.READY}(\S+)"], env=environ, cwd=ROOT, show=_say)
    except ChildEnded as ended:
        raise Failure("The host did not start; the reason is above.") from ended
    return child, child.ready[0][1]


async def _publish_sample(state: Running, token: str) -> None:
    body = SAMPLE.read_bytes()
    since = datetime.datetime.now(datetime.UTC)
    status, problem = await publisher.publish(state, token, body)
    if status != 200:
        raise Failure(f"The sample event was refused with {status}: {problem}")
    async with messages.connect(state) as clients:
        found = await messages.find(clients, body, since)
    if found is None:
        _say(
            f"Published {SAMPLE.relative_to(ROOT)}: 200. On the queue {', '.join(state.queues)} it lies behind the first"
            f" {messages.PAGE} messages, which is all that the service shows, or it is consumed already."
        )
        return
    _say(f"Published {SAMPLE.relative_to(ROOT)}: 200. As it lies on the queue {found.queue}:")
    sys.stdout.buffer.write(found.event)
    sys.stdout.buffer.flush()


def _introduce(state: Running, token: str, pdp_url: str | None, options: Options) -> None:
    decides = f"\n  PDP       {pdp_url}" if pdp_url else ""
    host = "" if options.with_host else ", once `func start` runs in a second terminal"
    _say(f"""
  Try it    {state.page}
  Publish   {state.events}
  Issuer    {state.issuer}{decides}
  Storage   {state.storage}
  Queue     {", ".join(state.queues)}

Stop with Ctrl+C. See what lies on the queue with {_command("messages", options.folder)}
Publish an event, with a token that is good for an hour{host}:

curl -i {state.events} -H 'Content-Type: {publisher.CONTENT_TYPE}' -H 'Authorization: Bearer {token}' \
--data-binary @{SAMPLE}""")


async def _watch(parts: Mapping[str, Child]) -> None:
    """For as long as all parts run.

    Raises:
        Failure: one ended by itself.
    """
    ends = {asyncio.create_task(child.wait()): name for name, child in parts.items()}
    ended, running = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        task.cancel()
    raise Failure(" ".join(f"{ends[task]} ended by itself, with exit code {task.result()}." for task in ended))


def _command(words: str, folder: Path) -> str:
    """A command about this stack, to be pasted in the folder of the project."""
    which = "" if folder == FOLDER else f" --folder {shlex.quote(str(folder))}"
    return f"{shlex.quote(sys.executable)} -m local {words}{which}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
