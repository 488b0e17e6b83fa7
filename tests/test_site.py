"""The site of the docs, as `make site` makes it, read in a real browser."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from local import ROOT
from tests.page.browser import PHONE, Tried, chromium

PYTHON = ROOT / ".venv-site/bin/python"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not PYTHON.exists() and "CI" not in os.environ, reason="Sphinx is not there: make .venv-site/.ready"
    ),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It is made without a warning: no link or anchor leads nowhere."""
    folder = tmp_path_factory.mktemp("site")
    (command,) = re.findall(r"^SPHINX := \S+ (.+) --doctree-dir", (ROOT / "Makefile").read_text(), re.MULTILINE)
    options = f"--fail-on-warning --doctree-dir {folder}/doctrees --builder html . {folder}/html".split()
    made = subprocess.run([PYTHON, *command.split(), *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    return folder / "html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def expect_pictures(page: Page, number: int) -> None:
    expect(page.locator("pre.mermaid > svg")).to_have_count(number)
    expect(page.locator("svg[aria-roledescription=error]")).to_have_count(0)


def test_pages_on_a_phone(site: Path, browser: Browser) -> None:
    """Mermaid itself draws each picture, nothing comes from elsewhere or is missing, and no page is wider than the phone."""
    context = browser.new_context(viewport=PHONE, color_scheme="dark")
    drawn = {}
    for file in sorted({*site.rglob("*.html")} - {site / "index.html"}):  # which leads on to another
        tried = Tried(context.new_page())
        tried.page.goto(file.as_uri())
        name = str(file.relative_to(site).with_suffix(""))
        drawn[name] = file.read_text().count('<pre class="mermaid">')
        expect_pictures(tried.page, drawn[name])
        assert tried.complaints == [], file.name
        assert [url for url in tried.requested if not url.startswith((site.as_uri(), "data:"))] == [], file.name
        assert tried.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], file.name
        tried.page.close()
    context.close()
    assert drawn["README"] > 0
    assert min(drawn[f"docs/{name}"] for name in ("architecture", "consuming", "deploying", "publishing")) > 0


def test_pictures_have_the_colours_that_are_chosen(site: Path, browser: Browser) -> None:
    page = browser.new_page(color_scheme="light")
    page.goto((site / "docs/architecture.html").as_uri())
    text = page.locator("pre.mermaid > svg .messageText").first
    colours = [text.evaluate("each => getComputedStyle(each).fill")]
    page.locator(".theme-toggle:visible").first.click()
    expect(page.locator("body")).to_have_attribute("data-theme", "dark")
    expect(text).not_to_have_css("fill", colours[0])
    expect_pictures(page, 1)
    page.close()


def test_pages_are_found(site: Path, browser: Browser) -> None:
    """By the way in, the list beside each page, and the search."""
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.wait_for_url("**/docs/index.html")
    listed = page.locator(".sidebar-tree a").evaluate_all("links => links.map(link => new URL(link.href).pathname)")
    assert {Path(path).stem for path in listed} >= {file.stem for file in (ROOT / "docs").glob("*.md")} - {"index"}
    page.get_by_role("searchbox").or_(page.locator("input[name=q]")).first.fill("overloaded")
    page.keyboard.press("Enter")
    expect(page.locator("#search-results a", has_text="overloaded").first).to_be_visible()
    page.close()
