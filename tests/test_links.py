"""Links between the pages of the project, and their pictures: read as GitHub reads them, without asking anybody else."""

import functools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

from docs import links
from local import ROOT

MARKDOWN = MarkdownIt("commonmark").enable("table").use(anchors_plugin, max_level=6)
LISTED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "*.md"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.splitlines()
PAGES = [ROOT / name for name in LISTED if (ROOT / name).exists()]


def tokens(page: Path) -> Iterator[Token]:
    for token in MARKDOWN.parse(page.read_text()):
        yield token
        yield from token.children or ()


def in_html(token: Token, attributes: str) -> list[str]:
    return re.findall(rf'\b(?:{attributes})="([^"]*)"', token.content) if token.type.startswith("html_") else []


@functools.cache
def anchors(page: Path) -> set[str]:
    found = {str(token.attrs["id"]) for token in tokens(page) if token.type == "heading_open"}
    return found.union(*(in_html(token, "id|name") for token in tokens(page)))


def targets(page: Path) -> Iterator[str]:
    for token in tokens(page):
        yield from (str(token.attrs[name]) for name in ("href", "src") if name in token.attrs)
        yield from in_html(token, "href|src|srcset")


def leads_somewhere(page: Path, target: str, within: Path = ROOT) -> bool:
    """Whether what a page links to is in the checkout, anchor included; elsewhere is not looked at."""
    url = urlsplit(target)
    if url.scheme or url.netloc:
        return True
    file = (page.parent / unquote(url.path)).resolve() if url.path else page
    if not file.is_relative_to(within) or not file.exists():
        return False
    return not url.fragment or file.suffix != ".md" or unquote(url.fragment) in anchors(file)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [target for target in targets(page) if not leads_somewhere(page, target)] == []


def test_what_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Åpne `events`, and more\n\n## Same\n\n## Same\n")
    page = tmp_path / "page.md"
    good = [
        "[a](other.md) [b](other.md#åpne-events-and-more) [c](other.md#same-1) [d](https://example.no/#x)",
        '[e](#here) <a id="there"></a> [f](#there) [g](.)',
        "`[in code](missing.md)`",
        "# Here",
    ]
    bad = [
        ("[a](missing.md)", "missing.md"),
        ("| a |\n|---|\n| [b](other.md#same-2) |", "other.md#same-2"),
        ("[c](#nowhere)", "#nowhere"),
        ("![d](missing.svg)", "missing.svg"),
        ('<img src="missing.png">', "missing.png"),
        ("[e][e]\n\n[e]: missing.txt", "missing.txt"),
        ("[f](..)", ".."),
    ]
    page.write_text("\n\n".join([*good, *(text for text, _ in bad)]))
    found = [target for target in targets(page) if not leads_somewhere(page, target, tmp_path)]
    assert found == [target for _, target in bad]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        pytest.param({"working": ""}, 0, id="well"),
        pytest.param({"working": "", "broken": "503 Server Error: Service Unavailable"}, 0, id="busy"),
        pytest.param({"working": "", "timeout": "Read timed out."}, 0, id="slow"),
        pytest.param({"working": "", "broken": "404 Client Error: Not Found"}, 1, id="not found"),
        pytest.param({"working": "", "broken": "410 Client Error: Gone"}, 1, id="gone"),
        pytest.param({"broken": "Name or service not known"}, 1, id="no network"),
    ],
)
def test_links_to_elsewhere(tmp_path: Path, answers: dict[str, str], code: int) -> None:
    """Only a page that says that it is gone is a fault."""
    output = tmp_path / "output.json"
    link = {"filename": "page.md", "lineno": 1, "uri": "https://example.no/"}
    output.write_text(
        "".join(json.dumps({**link, "status": status, "info": info}) + "\n" for status, info in answers.items())
    )
    assert links.main(output) == code
