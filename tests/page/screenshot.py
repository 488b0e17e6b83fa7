"""The pictures of the page in the README, taken anew: ``make screenshot``."""

import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.sync_api import Browser, expect

from local import ROOT, azurite, issuer, up
from local.page import server
from local.running import Running
from tests.background import Background
from tests.conftest import host_of
from tests.page.browser import DESKTOP, Tried, chromium

PICTURES = {"light": ROOT / "docs/page.png", "dark": ROOT / "docs/page-dark.png"}


def main() -> None:
    background, stack = Background(), AsyncExitStack()
    try:
        with tempfile.TemporaryDirectory() as folder, chromium() as browser:
            url = background.run(_start(Path(folder), stack))
            for scheme, picture in PICTURES.items():
                _take(browser, url, scheme, picture)
            background.run(stack.aclose())
    finally:
        background.close()


async def _start(folder: Path, stack: AsyncExitStack) -> str:
    storage = await azurite.start(folder / "azurite", azurite.Ports(0, 0, 0))
    stack.push_async_callback(storage.child.stop)
    runner, identifier = await issuer.start(folder, 0)
    stack.push_async_callback(runner.cleanup)
    host = await host_of(ROOT, up.environment({}, storage.connection_string, identifier))
    stack.push_async_callback(host.child.stop)
    running = Running(host=host.url, issuer=identifier, storage=storage.connection_string)
    runner, url = await server.start(running, folder, 0)
    stack.push_async_callback(runner.cleanup)
    return url


def _take(browser: Browser, url: str, scheme: str, picture: Path) -> None:
    """The page after an event was taken, and another one refused."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="dark" if scheme == "dark" else "light")
    page = Tried(context.new_page())
    page.open(url)
    for example in ("Sample event", "Event with a trace", "No id, and a time that is none"):
        page.take_example(example)
        page.publish()
    expect(page.rows.first).to_contain_text("trace")
    page.page.wait_for_timeout(1000)  # the colour of what has just landed fades
    page.page.screenshot(path=picture)
    context.close()


if __name__ == "__main__":
    main()
