"""The page in a real browser, headless: what a person does, what the console says, what axe finds."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, ViewportSize, sync_playwright

from local import ROOT

AXE = ROOT / "node_modules/axe-core/axe.min.js"

DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)

# The browser notes each answer of 400 and above there; the page shows what it is.
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d ")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's, or another; the test skips where there is none, but not in CI."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        assert "CI" not in os.environ, "CI must have Chromium on the PATH"
        pytest.skip("Chromium is not on the PATH (Debian and Ubuntu: apt-get install chromium)")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


class Row(NamedTuple):
    """An event in the list of the queue."""

    type: str
    id: str
    trace: str


class Tried:
    """The page, open, and what its console and its requests were."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requested: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._noted)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _REFUSED.match(message.text):
            self.complaints.append(message.text)

    def _noted(self, request: Request) -> None:
        self.requested.append(request.url)

    def open(self, url: str) -> None:
        """Go there, and wait for the token that the page has made for itself."""
        self.page.goto(url)
        self.page.locator("#claims", has_text="consumer").wait_for(state="attached")

    def take_example(self, name: str) -> None:
        self.page.get_by_label("Example").select_option(label=name)

    def publish(self) -> str:
        """Press the button, and return the status of the answer with its reason."""
        with self.page.expect_response("**/events/api/v1/events"):
            self.page.get_by_role("button", name="Publish", exact=True).click()
        self.page.locator("#publish", has_text="Publish").wait_for()
        return self.page.locator("#answer-status strong").inner_text()

    @property
    def rows(self) -> Locator:
        return self.page.locator("#messages > li")

    def row(self, locator: Locator) -> Row:
        return Row(*(locator.locator(f"summary .{part}").inner_text() for part in ("type", "id", "trace")))

    def text(self, editor: str) -> str:
        """What is in an editor, `body` or `headers`, without the faults that are shown in it."""
        lines = self.page.locator(f"#{editor} .cm-line").all_text_contents()
        return "\n".join(lines)

    def write(self, editor: str, text: str) -> None:
        content = self.page.locator(f"#{editor} .cm-content")
        content.press("ControlOrMeta+a")
        content.press("Delete")
        self.page.keyboard.insert_text(text)

    def faults(self, editor: str) -> list[tuple[str, str]]:
        """The faults in an editor: each with the line that it stands under."""
        found = []
        for fault in self.page.locator(f"#{editor} .fault").all():
            line = fault.locator("xpath=preceding-sibling::*[contains(@class, 'cm-line')][1]")
            found.append((line.inner_text(), fault.inner_text()))
        return found

    def axe(self, context: str = "document") -> dict[str, list[str]]:
        """What axe finds wrong, by its rules; `context` is what it is to look at, in JavaScript."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        results: dict[str, Any] = self.page.evaluate(f"axe.run({context})")
        return {each["id"]: [node["html"] for node in each["nodes"]] for each in results["violations"]}
