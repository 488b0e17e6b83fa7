"""The site of the docs, made by Sphinx of the Markdown files that GitHub shows, and of no others: `make site`."""

import html
import re
import shutil
from pathlib import Path

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).parent.parent
EXAMPLES = [
    f"/{page.relative_to(ROOT).with_suffix('')}"
    for page in sorted(ROOT.glob("examples/**/*.md"))
    if not {"node_modules", ".venv"} & set(page.parts)
]

CONTENTS = {
    "Use it": ["Try it </README>", "publishing", "problems", "consuming", *EXAMPLES, "compatibility", "sdks", "local"],
    "Run it": ["deploying", "settings", "operating", "reliability", "security", "performance"],
    "Change it": ["architecture", "decisions", "contributing", "/CHANGELOG", "Report a weakness </SECURITY>"],
}
"""The pages beside the first, in the order in which the site lists them."""

project = "events_publish"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", *(f"{page[1:]}.md" for page in EXAMPLES)]

myst_heading_anchors = 6  # those that GitHub gives

html_theme = "furo"
html_title = "events_publish"
html_static_path = ["site", "../node_modules/@mermaid-js/tiny/dist"]
html_extra_path = ["site/index.html"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_use_index = False
html_show_sphinx = False
html_show_copyright = False

linkcheck_retries = 3
linkcheck_timeout = 20
linkcheck_report_timeouts_as_broken = False
linkcheck_anchors = False  # a script may fill the page later


class ForTheSite(SphinxTransform):  # type: ignore[misc]  # Sphinx is in a venv of its own
    """What GitHub does with Markdown, and Sphinx does not by itself."""

    default_priority = 1

    def apply(self) -> None:
        """Change what was read of a page."""
        self._leave_pictures_to_mermaid()
        self._say_the_names_of_folders()

    def _leave_pictures_to_mermaid(self) -> None:
        for block in list(self.document.findall(nodes.literal_block)):
            if block.get("language") == "mermaid":
                picture = f'<pre class="mermaid">{html.escape(block.astext())}</pre>'
                block.replace_self(nodes.raw("", picture, format="html"))

    def _say_the_names_of_folders(self) -> None:
        """A file of the checkout goes with the site; a folder cannot be shown."""
        here = Path(self.document["source"]).parent
        for link in list(self.document.findall(pending_xref)):
            folder = (here / link["reftarget"]).resolve()
            if folder.is_dir() and folder.is_relative_to(ROOT):
                link.replace_self(link.children)


def add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Put the list of all pages behind the text of the first, where GitHub does not show it."""
    if page == root_doc:
        for caption, pages in CONTENTS.items():
            source[0] += "\n".join(["\n```{toctree}", ":hidden:", f":caption: {caption}", *pages, "```\n"])


def take_pictures_along(app: Sphinx, failure: Exception | None) -> None:
    """Those that a page has as HTML, in its own folder or beneath it."""
    if failure or app.builder.format != "html":
        return
    for page in app.env.found_docs:
        for node in app.env.get_doctree(page).findall(nodes.raw):
            for name in re.findall(r'\b(?:src|srcset)="([^":]+)"', node.astext()):
                place = Path(app.outdir, page).parent / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy((ROOT / page).parent / name, place)


def setup(app: Sphinx) -> None:
    """What Sphinx asks for."""
    app.connect("build-finished", take_pictures_along)
    app.connect("source-read", add_contents)
    app.add_transform(ForTheSite)
    app.add_lexer("bicep", TextLexer)  # Pygments has none of its own
