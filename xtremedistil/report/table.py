"""A table of a report as text: how its numbers look, and its two renderings."""

import numbers
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MISSING = "—"


@dataclass(frozen=True)
class Table:
    """A table as text: every cell is ready to be shown.

    Attributes:
        number: as in the paper; 0 for one that the paper does not have.
        title: what it is of.
        columns: headings; a line break parts what is measured from where it comes from.
        rows: cells.
        notes: what a reader must know, a sentence or two each.
        runs: names of the runs that it shows.
    """

    number: int
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether a column holds numbers, which stand to the right."""
        return tuple(
            all(row[i] == MISSING or row[i][:1].isdigit() for row in self.rows)
            for i in range(len(self.columns))
        )

    @property
    def caption(self) -> str:
        """The title with the number."""
        return f"Table {self.number}. {self.title}" if self.number else self.title


def counts(values: Iterable[int | None]) -> str:
    """Whole numbers for readers: one, or the smallest and the largest."""
    found = sorted({value for value in values if value is not None})
    if not found:
        return MISSING
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"


def number(value: Any, digits: int = 2) -> str:
    """A cell: a float with so many digits; whole numbers, averages and text as they are."""
    if value is None or value == "" or value != value:  # NaN, pandas' word for missing
        return MISSING
    if isinstance(value, numbers.Integral):
        return f"{value:,}"
    return f"{value:,.{digits}f}" if isinstance(value, float) else str(value)


def abbreviated(value: int | None) -> str:
    """A count as the paper prints it: 705K, 7.2MM."""
    if value is None:
        return MISSING
    return f"{value / 1e6:g}MM" if value >= 1e6 else f"{value / 1e3:g}K"


def to_text(table: Table) -> str:
    """The table in aligned columns, its notes below."""
    heads = [column.split("\n") for column in table.columns]
    height = max(map(len, heads))
    above = [[""] * (height - len(head)) + head for head in heads]
    body = [[cells[i] for cells in above] for i in range(height)]
    widths = [max(map(len, column)) for column in zip(*body, *table.rows)]

    def line(cells: Iterable[str]) -> str:
        sides = zip(cells, widths, table.numeric)
        return "  ".join(c.rjust(w) if right else c.ljust(w) for c, w, right in sides).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    notes = [textwrap.fill(note, 100) for note in table.notes]
    rows = [line(row) for row in table.rows]
    return "\n".join([table.caption, "", *map(line, body), rule, *rows, "", *notes]) + "\n"


def to_markdown(table: Table) -> str:
    """The table in Markdown, its notes below."""

    def line(cells: Iterable[str]) -> str:
        safe = (c.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ") for c in cells)
        return f"| {' | '.join(safe)} |"

    rule = "|".join("---:" if right else ":---" for right in table.numeric)
    notes = [f"- {note.replace('<', '&lt;')}" for note in table.notes]
    head = [f"**Table {table.number}.** {table.title}", "", line(table.columns), f"|{rule}|"]
    return "\n".join([*head, *map(line, table.rows), "", *notes]) + "\n"
