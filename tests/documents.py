"""The documents that users read, as the blocks of code in them."""

import json
import re
import textwrap
from typing import NamedTuple

from local import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "SECURITY.md", "docs/**/*.md", "examples/**/README.md")
    for path in ROOT.glob(pattern)
    if "node_modules" not in path.parts
)


class Block(NamedTuple):
    """A code block of a document."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def before(self) -> str:
        """What a reader of the page has read by then."""
        return "\n".join((ROOT / self.page).read_text().splitlines()[: self.line - 1])


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text()
    found = re.finditer(r"^( *)```(\w*).*\n((?:.*\n)*?)\1```$", text, re.MULTILINE)
    return [Block(page, text.count("\n", 0, each.start()) + 1, each[2], textwrap.dedent(each[3])) for each in found]


def block(page: str, language: str, holding: str) -> str:
    """The one code block of a language that holds a text."""
    (found,) = [each.text for each in blocks(page) if each.language == language and holding in each.text]
    return found


def assert_shown(printed: str, shown: str) -> None:
    """An answer that curl printed is the one that a document shows, but for its trace id."""
    head, _, body = printed.partition("\n\n")
    shown_head, _, shown_body = shown.strip().partition("\n\n")
    lines, shown_lines = [
        [re.sub("(?<=Trace-Id: )[0-9a-f]{32}$", "…", line) for line in each.splitlines()] for each in (head, shown_head)
    ]
    assert lines[0] == shown_lines[0]
    assert set(shown_lines) <= set(lines)
    assert (json.loads(body) | {"traceId": ""} if body else None) == (
        json.loads(shown_body) | {"traceId": ""} if shown_body else None
    )
