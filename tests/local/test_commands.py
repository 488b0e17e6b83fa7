"""Each command of the documents is run as it stands there, or needs what a laptop has not, or is in the table below."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import ROOT
from tests.documents import PAGES, Block, assert_shown, blocks
from tests.reader import Reader, check

NEEDS = {
    "az": "Azure subscription",
    "azd": "Azure subscription",
    "gh": "Azure subscription",
    "make deploy": "Azure subscription",
    "func": "Functions CLI",
    "jq": "jq",
}
"""Programs that are not run here, and what a page says before the first of them."""

ELSEWHERE = {
    "make test": ".ci/run runs it, and it runs this",
    "make test-long": ".ci/run runs it, and it runs this",
    "make lint": ".ci/run runs it",
    "make site": "tests/test_site.py makes it",
    "make bench": "it takes minutes; tests/test_benchmarks.py runs its parts",
}
"""Commands that something else runs."""

OTHERS = {
    ("README.md", "http"): "tests/host/test_documents.py",
    ("README.md", "json"): "tests/host/test_documents.py",
    ("docs/consuming.md", "python"): "tests/host/test_consuming.py",
    ("docs/local.md", ""): "tests/local/test_report.py",
    ("docs/local.md", "json"): "tests/local/test_publish_command.py",
    ("docs/deploying.md", "bicep"): "tests/infra/test_bicep.py",
    ("docs/deploying.md", ""): "tests/infra/test_operating.py",
    ("docs/operating.md", "bicep"): "tests/infra/test_bicep.py",
    ("docs/operating.md", "kusto"): "tests/infra/test_queries.py",
    ("docs/operating.md", "python"): "tests/infra/test_operating.py",
    ("docs/problems.md", "http"): "tests/host/test_documents.py",
    ("docs/publishing.md", "http"): "tests/host/test_documents.py",
    ("docs/publishing.md", "json"): "tests/host/test_documents.py",
    ("docs/publishing.md", "python"): "tests/host/test_documents.py",
    ("docs/reliability.md", "json"): "tests/host/test_log.py",
    ("docs/reliability.md", "kusto"): "tests/infra/test_queries.py",
    ("docs/settings.md", "json"): "tests/test_settings.py",
}
"""What runs or compares blocks of other languages."""


def programs(script: str) -> set[str]:
    """Those of `NEEDS` that a script calls."""
    start = r"(?:^|[|;&({]|\b(?:do|then|else)\b) *"
    return {name for name in NEEDS if re.search(rf"{start}{name}\b", script, re.MULTILINE)}


def here(script: str) -> str:
    """A script without what is run elsewhere."""
    lines = script.splitlines(keepends=True)
    return "".join(line for line in lines if not re.match(rf"(?:\w+=\S+ )?(?:{'|'.join(ELSEWHERE)})(?![\w-])", line))


SCRIPTS = [each for page in PAGES for each in blocks(page) if each.language == "sh"]
RUN = [each for each in SCRIPTS if not programs(each.text) and here(each.text).strip()]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    reader.close()


@pytest.mark.long
@pytest.mark.parametrize("page", sorted({each.page for each in RUN}))
def test_commands(reader: Reader, page: str) -> None:
    """One after the other, with what the page says that they answer."""
    all_blocks = blocks(page)
    for each, next_block in zip(all_blocks, [*all_blocks[1:], None], strict=True):
        if each in RUN:
            printed = reader.run(here(each.text))
            if next_block and next_block.language == "http":
                assert_shown(printed, next_block.text)


@pytest.mark.parametrize(
    ("script", "called"),
    [
        ("az login", {"az"}),
        ("make setup && make deploy ENVIRONMENT=dev", {"make deploy"}),
        ("id=$(gh api x | az_queue)\nfor a in b; do\n  azd up; done", {"gh", "azd"}),
        ("make demo # az\ncurl azure.example/func", set()),
    ],
)
def test_programs(script: str, called: set[str]) -> None:
    assert programs(script) == called


def test_what_is_run_elsewhere() -> None:
    assert here("make test-long\nmake tests\nA=b make bench ARGS=c\nmake run\n") == "make tests\nmake run\n"


@pytest.mark.parametrize(
    ("commands", "printed", "seconds"),
    [
        ("publish a.json  # 200\n", "a.json: 503 {\n", 1),
        ("publish a.json b.json  # 200\n", "a.json: 200\nb.json: 400\n", 1),
        ("curl x  # 200\n", "", 1),
        ("curl x  # 503, after 5 s\n", "HTTP/1.1 503 Service Unavailable\n", 1),
    ],
)
def test_what_a_comment_claims_is_looked_at(commands: str, printed: str, seconds: float) -> None:
    with pytest.raises(AssertionError):
        check(commands, printed, seconds)


def test_blocks_that_are_no_commands_have_a_test() -> None:
    """One that speaks of the page, or of all."""
    languages = {(each.page, each.language) for page in PAGES for each in blocks(page)}
    assert {each for each in languages if each[1] not in {"sh", "mermaid"}} == OTHERS.keys()
    for (page, _), test in OTHERS.items():
        text = (ROOT / test).read_text()
        assert page in text or "in PAGES" in text or 'ROOT / "docs").glob' in text, test


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda each: each.place)
def test_a_script_is_run_or_its_page_says_what_it_needs(script: Block) -> None:
    """And a shell understands it."""
    subprocess.run(["sh", "-n"], input=script.text, text=True, check=True)
    for program in programs(script.text):
        assert NEEDS[program] in script.before, f"{script.place} does not say that {program} needs it"
