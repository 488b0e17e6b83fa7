"""The site of the docs, as `make site` makes it, looked at in a browser."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from local import ROOT

PYTHON = ROOT / ".venv-site/bin/python"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
IN_CI = "CI" in os.environ

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not PYTHON.exists() and not IN_CI, reason="Sphinx is not there: make .venv-site/.ready"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It is made without a warning: no link, anchor or picture leads nowhere."""
    folder = tmp_path_factory.mktemp("site")
    command = re.findall(r"^SPHINX := \S+ (.+) --doctree-dir", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    options = f"--fail-on-warning --doctree-dir {folder}/doctrees --builder html . {folder}/html".split()
    made = subprocess.run([PYTHON, *command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    return folder / "html"


class Loaded(HTMLParser):
    """What a browser loads for a page by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"href"} if tag in {"link", "use", "image"} else {"src", "srcset", "data", "poster"}
        self.urls += [value for name, value in attrs if name in names and value]


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = Loaded()
        loaded.feed(page.read_text())
        assert [url for url in loaded.urls if re.match(r"[a-z]+:|//", url)] == [], page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""", sheet.read_text()), sheet.name


def test_pages_are_found(site: Path) -> None:
    """Each page of docs/ is in the list beside every page, and the way in leads to the first."""
    page = (site / "docs/settings.html").read_text()
    listed = set(re.findall(r'class="reference internal" href="([\w-]+)\.html"', page))
    assert listed | {"settings"} == {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert 'url=docs/index.html"' in (site / "index.html").read_text()


@pytest.mark.skipif(not BROWSER and not IN_CI, reason="there is no Chromium")
def test_pictures_are_drawn(site: Path, tmp_path: Path) -> None:
    """Mermaid itself draws each of them, out of the file that the site has with it."""
    drawn = {}
    for page in site.rglob("*.html"):
        if pictures := page.read_text().count('<pre class="mermaid">'):
            options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
            dump = [*options, "--virtual-time-budget=20000", "--dump-dom", page.as_uri()]
            shown = subprocess.run([BROWSER, *dump], capture_output=True, text=True, check=True, timeout=60).stdout
            kinds = re.findall(r'<svg[^>]*aria-roledescription="([\w-]+)"', shown)
            assert (page.name, len(kinds), "error" in kinds) == (page.name, pictures, False)
            drawn[page.stem] = pictures
    assert {"index", "architecture", "README"} <= drawn.keys()
