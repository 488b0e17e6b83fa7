"""Charts as SVG files for the docs: one style, readable on a light page and a dark one, the same bytes each time."""

from pathlib import Path
from typing import Any

from pygal.style import Style

STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#7d8590",  # a grey that stands out against white and near-black alike
    foreground_strong="#7d8590",
    foreground_subtle="#7d8590",
    guide_stroke_color="#7d858055",
    major_guide_stroke_color="#7d858055",
    colors=("#c9510c", "#1f883d", "#0969da", "#8250df", "#bf3989", "#9a6700"),
    font_family="sans-serif",
    title_font_size=18,
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=13,
    stroke_width="3",
    stroke_opacity="1",
)

OPTIONS = {
    "style": STYLE,
    "js": [],  # nothing is fetched
    "no_prefix": True,  # else the styles have a random name in front
    "width": 900,
    "height": 480,
    "show_dots": False,
    "truncate_legend": -1,
}
"""For any chart of pygal's, of which `save` makes a file."""


def save(chart: Any, path: Path) -> None:
    """Write a chart as a picture, without the script that pygal adds for a browser, and the date of today."""
    chart.add_xml_filter(_picture)
    path.write_bytes(chart.render() + b"\n")


def _picture(root: Any) -> Any:
    for parent in root.iter():
        for child in list(parent):
            is_comment = not isinstance(child.tag, str)
            if is_comment or child.tag.endswith("script"):
                parent.remove(child)
    return root
