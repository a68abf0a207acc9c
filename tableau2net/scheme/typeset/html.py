"""HTML of a scheme: its tables, small, with no style but what a table needs; for notebooks and web pages."""

from __future__ import annotations

from html import escape

from sympy import Expr

from tableau2net.exact.typeset_numbers import html_number
from tableau2net.scheme.layout import Cell, CellGrid, Label, Tabulated

LINE = "1px solid currentColor"


def html(scheme: Tabulated) -> str:
    """The scheme's title and its coefficient tables as one HTML element."""
    head = f"<strong>{escape(scheme.name or 'unnamed')}</strong>"
    if scheme.title:
        head += f" {escape(scheme.title)}"
    if scheme.reference:
        head += f"<br><small>{escape(scheme.reference)}</small>"
    tables = "".join(map(html_grid, scheme.grids()))
    return f'<div><div>{head}</div><div style="display:flex;flex-wrap:wrap;gap:2em">{tables}</div></div>'


def html_grid(grid: CellGrid) -> str:
    """One table of coefficients, ruled as it is on paper."""
    starts = {sum(grid.columns[:i]) for i in range(1, len(grid.columns))}
    rows = []
    for s, section in enumerate(grid.sections):
        for r, row in enumerate(section):
            top = s > 0 and r == 0
            rows.append("<tr>" + "".join(_td(cell, j in starts, top) for j, cell in enumerate(row)) + "</tr>")
    name = "" if grid.name is None else f"<caption>{escape(grid.name.text)}</caption>"
    style = "border-collapse:collapse;width:auto;margin:.5em 0"
    return f'<table style="{style}">{name}<tbody>{"".join(rows)}</tbody></table>'


def _td(cell: Cell, left: bool, top: bool) -> str:
    rules = [f"border-{side}:{LINE if drawn else 'none'}" for side, drawn in (("left", left), ("top", top))]
    style = ";".join(["padding:.15em .6em", "text-align:center", "background:none", "white-space:nowrap", *rules])
    return f'<td style="{style}">{_content(cell)}</td>'


def _content(cell: Label | Expr | None) -> str:
    if cell is None:
        return ""
    return escape(cell.text) if isinstance(cell, Label) else html_number(cell)
