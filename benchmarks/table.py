"""What a measurement shows: a table, to be read as Markdown, as text, or by a program."""

from collections.abc import Sequence
from typing import Any, NamedTuple

type Cell = str | int | float | None


class Table(NamedTuple):
    """Its columns have names; None is an empty cell."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __str__(self) -> str:
        cells = [list(self.header), *([_text(cell) for cell in row] for row in self.rows)]
        columns = [
            _aligned(column, is_text) for column, is_text in zip(zip(*cells, strict=True), self._texts(), strict=True)
        ]
        lines = ["| " + " | ".join(line) + " |" for line in zip(*columns, strict=True)]
        return f"### {self.title}\n\n" + "\n".join(lines) + "\n"

    def records(self) -> list[dict[str, Any]]:
        """The rows, each by the names of the columns."""
        return [dict(zip(self.header, row, strict=True)) for row in self.rows]

    def _texts(self) -> list[bool]:
        """Whether a column is one of texts."""
        return [all(isinstance(cell, str) for cell in column) for column in zip(*self.rows, strict=True)]


def ratio(value: float, base: float | None) -> float | None:
    """How many times `base` the value is, where there is one."""
    return value / base if base else None


def _aligned(column: Sequence[str], is_text: bool) -> list[str]:  # noqa: FBT001
    """All as wide as the widest, with the rule below the first."""
    width = max(map(len, column))
    rule = "-" * width if is_text else "-" * (width - 1) + ":"
    name, *rest = (text.ljust(width) if is_text else text.rjust(width) for text in column)
    return [name, rule, *rest]


def _text(cell: Cell) -> str:
    """Three digits are what such a measurement can tell."""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if cell >= 100 else f"{cell:.1f}" if cell >= 10 else f"{cell:.2f}"
    return "" if cell is None else str(cell)
