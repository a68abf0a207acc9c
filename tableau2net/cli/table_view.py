"""A table in a terminal, as wide as that is."""

from __future__ import annotations

import re
from textwrap import fill
from typing import TYPE_CHECKING, Literal

from rich.table import Table as Grid
from rich.text import Text

from tableau2net.cli.terminal import Terminal
from tableau2net.recipes.task import TASKS

if TYPE_CHECKING:
    from tableau2net.comparison.sheet import Sheet

GAP = 2  # between columns
# The first to go where a terminal is too narrow for all; then columns from the right.
LEAST = (
    "device", "precision", "images/s", "seconds/run", "evaluations", "seeds", "preset", "order", "scheme",
    *(f"validation {measure.axis}" for task in TASKS.values() for measure in task.measures), "test MSE", "test",
    "FLOPs", "parameters", "data", "coefficients",
)  # fmt: skip

# What may tell rows of one name apart, the first that do so.
TELLING = ("adversary", "coefficients", "scheme", "data", "preset", "precision", "parameters")


def show(sheet: Sheet) -> None:
    """Print the sheet with the columns that there is room for, the caption below it."""
    from tableau2net.comparison.formats import sentences

    console = Terminal()
    left_out = _left_out(sheet, console.width)
    shown = sheet.without(left_out)
    widths = _widths(shown)
    whole = [max(len(heading), width) for heading, width in widths.items()]
    room = sum(whole) + GAP * (len(whole) - 1) <= console.width  # for headings in one line
    grid = Grid(header_style="bold", box=None, pad_edge=False)
    for column, (heading, width) in enumerate(widths.items()):
        side: Literal["left", "right"] = "right" if shown.right(column) else "left"
        grid.add_column(Text(heading), justify=side, width=None if column == 0 else whole[column] if room else width)
    for r, row in enumerate(shown.rows):
        grid.add_row(*(Text(cell, style="bold" if (r, c) in shown.strong else "") for c, cell in enumerate(row)))
    console.print(grid)
    console.print()
    told = sentences(sheet)
    if left_out:
        told.append(f"No room for {', '.join(left_out)}: a wider terminal, --markdown or -o FILE show them.")
    for sentence in told:
        console.print(Text(fill(sentence, console.width)))


def _left_out(sheet: Sheet, room: int) -> list[str]:
    """What there is no room for: first what matters least; then, with names on two lines, columns from the right."""
    widths = _widths(sheet)
    name = sheet.headings[0]
    telling = _telling(sheet)
    left_out: list[str] = []
    least = [heading for heading in LEAST if heading not in telling]
    for heading in (*least, *reversed(sheet.headings[1:])):
        if sum(widths.values()) + GAP * (len(widths) - 1) <= room:
            break
        if heading not in least:
            widths[name] = max(len(word) for row in sheet.rows for word in (name, *row[0].split()))
            if sum(widths.values()) + GAP * (len(widths) - 1) <= room:
                break
        if heading in widths:
            left_out.append(heading)
            del widths[heading]
    return left_out


def _telling(sheet: Sheet) -> set[str]:
    """The columns that tell rows apart which otherwise have the same name, depth and all: they stay."""
    kept = [column for column, heading in enumerate(sheet.headings) if heading in (sheet.headings[0], "depth")]
    for heading in TELLING:
        if heading in sheet.headings:
            more = [*kept, sheet.headings.index(heading)]
            parts = [len({tuple(row[column] for column in columns) for row in sheet.rows}) for columns in (kept, more)]
            kept = more if parts[0] < parts[1] else kept
    return {sheet.headings[column] for column in kept}


def _widths(sheet: Sheet) -> dict[str, int]:
    """What each column takes; a heading is broken between its words."""
    columns = zip(*sheet.rows, strict=True)
    return {
        heading: max(len(text) for text in (*re.findall(r"\S+(?: %$)?", heading), *cells))
        for heading, cells in zip(sheet.headings, columns, strict=True)
    }
