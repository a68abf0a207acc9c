"""How a scheme or a stencil looks in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate, pairwise

from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from sympy import Expr, Rational, Symbol
from sympy.polys.rootoftools import ComplexRootOf

from tableau2net.analysis.report.claims import Claim, check
from tableau2net.analysis.report.facts import facts
from tableau2net.analysis.report.pieces import Fact, number
from tableau2net.analysis.report.report import Report
from tableau2net.exact.text import float_of, is_long, text_of
from tableau2net.scheme import CoefficientTable
from tableau2net.scheme.layout import Cell, CellGrid, Label
from tableau2net.words import counted

SHOWN_DIGITS = 8  # of a long coefficient whose source printed decimals; the JSON has them all
DECIMALS = re.compile(r"\d+\.\d+(e[+-]?\d+)?")
Letters = dict[Expr, Symbol]
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
BETWEEN = 4  # columns between tables that stand side by side


def scheme_view(report: Report) -> Group:
    """A table's title, its coefficients, and the facts."""
    scheme = report.table
    title = Text(scheme.name or "unnamed", style="bold")
    if scheme.title:
        title.append(f"  {scheme.title}", style="not bold")
    parts: list[RenderableType] = [title]
    if scheme.reference:
        parts.append(Text(scheme.reference, style="dim"))
    return Group(*parts, TableView(scheme), fact_table(facts(report), scheme))


class TableView:
    """The Butcher tableau, or α and β by age: side by side where a scheme has several and the terminal has room; a
    list of the nonzero coefficients where one alone would be too wide."""

    def __init__(self, scheme: CoefficientTable) -> None:
        self.scheme = scheme
        roots = (x for value in scheme.coefficients.values() for x in sorted(value.atoms(ComplexRootOf), key=float_of))
        self.letters = {root: Symbol(f"γ{str(i).translate(LOWERED)}") for i, root in enumerate(dict.fromkeys(roots), 1)}

    def _legend(self) -> list[str]:
        """What the letters in the table are: numbers that are roots of polynomials, too long to stand in it."""
        return [f" {letter} = {text_of(root)} ≈ {float_of(root):.5g}" for root, letter in self.letters.items()]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        printed = self.scheme.digits is not None  # decimals already: a few of them are as good to look at
        tables = [_lines(grid, self.letters, rounded=printed) for grid in self.scheme.grids()]
        if max(len(lines[0]) for lines in tables) > options.max_width:
            yield _listing(self.scheme, self.letters, rounded=printed)
        elif sum(len(lines[0]) + BETWEEN for lines in tables) > options.max_width:
            for lines in tables:
                yield Text("\n".join(["", *lines, ""]), no_wrap=True)
        else:
            height = max(map(len, tables))
            padded = [lines + [" " * len(lines[0])] * (height - len(lines)) for lines in tables]
            yield Text("\n".join(["", *map((" " * BETWEEN).join, zip(*padded, strict=True)), ""]), no_wrap=True)
        if self.letters:
            yield Text("\n".join([*self._legend(), ""]))


def fact_table(found: Iterable[Fact], scheme: CoefficientTable) -> Table:
    """The facts, a line each, and last what the source claims and whether it is so."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    section = ""
    for fact in found:
        if section and fact.section != section:
            table.add_row()
        section = fact.section
        table.add_row(fact.name, fact.text)
    if scheme.claims:
        table.add_row()
    for claim in check(scheme).claims if scheme.claims else ():
        verdict = _verdict(claim)
        table.add_row("claim", Text(f"{claim.claim} = {_value(claim.declared)}  ").append(verdict))
    return table


def _verdict(claim: Claim) -> Text:
    if claim.undecided:
        return Text(f"not decided: {claim.undecided}", style="yellow")
    found = claim.nearly or _value(claim.found)
    if not claim.ok:
        return Text(f"refuted: {found}", style="bold red")
    nearly = f" to {counted(claim.declared.digits, 'decimal')}: {found}" if claim.nearly else ""
    return Text(f"proved{nearly}", style="green")


def _lines(grid: CellGrid, letters: Letters, *, rounded: bool) -> list[str]:
    """A table as lines of equal width, the first group of columns ruled off, and the sections from one another."""
    sections = [[[_text(cell, letters, rounded) for cell in row] for row in section] for section in grid.sections]
    rows = [row for section in sections for row in section]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]

    def groups(cells: list[str]) -> list[str]:
        ends = list(accumulate(grid.columns, initial=0))
        return ["  ".join(cells[i:j]) for i, j in pairwise(ends)]

    rule = " " + "─┼─".join(groups(["─" * w for w in widths])).replace(" ", "─")
    lines = [] if grid.name is None else [f" {grid.name.text}".ljust(len(rule))]
    for i, section in enumerate(sections):
        lines += [rule] * (i > 0)
        for row in section:
            padded = [" " * (w - _width(cell)) + cell for w, cell in zip(widths, row, strict=True)]
            lines.append(" " + " │ ".join(groups(padded)))
    return lines


def _text(cell: Cell, letters: Letters, rounded: bool) -> str:
    if cell is None:
        return ""
    return cell.text if isinstance(cell, Label) else _number(cell, letters, rounded)


def _number(value: Expr, letters: Letters, rounded: bool) -> str:
    """The number exactly; where it is to be `rounded` and long, or has thousands of digits, `SHOWN_DIGITS` of it and an
    ellipsis. Of what holds letters, a polynomial in random variables say, each number so."""
    exact = "" if is_long(value) else text_of(value.xreplace(letters))  # of thousands of digits: none is written out
    if exact and (not rounded or len(exact) <= SHOWN_DIGITS):
        return exact
    if value.is_number:
        return f"{float_of(value):.{SHOWN_DIGITS}g}…"
    long = [n for n in value.atoms(Rational) if is_long(n) or len(text_of(n)) > SHOWN_DIGITS]
    return DECIMALS.sub(r"\g<0>…", text_of(value.xreplace({n: n.evalf(SHOWN_DIGITS) for n in long})))


def _width(cell: str) -> int:
    return len(cell.replace("\u0302", ""))  # a hat takes no room of its own


def _listing(scheme: CoefficientTable, letters: Letters, *, rounded: bool) -> RenderableType:
    entries = [
        f"{name} = {_number(value, letters, rounded)}"
        for name, value in scheme.coefficients.items()
        if not value.is_zero
    ]
    return Padding(Columns(entries, equal=True, column_first=True, padding=(0, 3)), (1, 0, 1, 1))


def _value(value: object) -> str:
    if isinstance(value, Expr) and is_long(value):
        return number(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
