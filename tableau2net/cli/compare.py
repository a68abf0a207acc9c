"""`tableau2net compare`: schemes side by side, or stencils."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from tableau2net.analysis.budget import budget
from tableau2net.analysis.report.catalogue import sections
from tableau2net.analysis.report.facts import LEFT_OUT, facts
from tableau2net.analysis.report.pieces import Fact
from tableau2net.analysis.report.report import report
from tableau2net.cli.options import labelled
from tableau2net.cli.streams import print_json
from tableau2net.errors import InputError
from tableau2net.scheme import CoefficientTable, Equation, Scheme, Stencil, StochasticRungeKutta, load

MISSING = "–"
KINDS = {"a scheme": Scheme, "a stencil": Stencil, "an equation": Equation, "a stochastic scheme": StochasticRungeKutta}
NARROWEST, WIDEST = 16, 36  # characters of a scheme's column
MOST = 40  # schemes: a full report takes seconds


def compare(
    schemes: Annotated[list[str], typer.Argument(help="Names or files, of schemes or of stencils.")],
    json: Annotated[bool, typer.Option("--json", help="As a JSON list of what `show --json` prints.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False,
) -> None:
    """Compare schemes, or stencils: the same facts of each, a column each."""
    if json and markdown:
        raise InputError("--json and --markdown: choose one")
    if len(schemes) > MOST:
        raise InputError(f"{len(schemes)} schemes: at most {MOST} are compared at once")
    loaded = labelled(_of_one_kind([load(s, CoefficientTable) for s in schemes]))
    if json:
        print_json([_record(scheme) for scheme in loaded.values()])
        return
    known = {label: _facts(scheme) for label, scheme in loaded.items()}
    found = {label: [f for f in every if not f.detail] for label, every in known.items()}
    columns = {label: {f.name: f.short for f in column} for label, column in found.items()}
    rows = merged_names(list(found.values()), type(next(iter(loaded.values()))))
    table = [[column.get(row, MISSING) for column in columns.values()] for row in rows]
    if markdown:
        body = [[row, *cells] for row, cells in zip(rows, table, strict=True)]
        lines = [["", *columns], ["---"] * (1 + len(columns)), *body]
        print("\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines))
    else:
        _show(list(columns), rows, table)
    for label, every in known.items():
        for fact in every:
            if fact.section == LEFT_OUT:
                print(f"{label}, left out: {fact.text}")


def _of_one_kind(tables: list[CoefficientTable]) -> list[CoefficientTable]:
    """The tables, if what is asked of one is asked of all. Raises InputError."""
    kinds = {
        what: table.name or "unnamed" for table in tables for what, kind in KINDS.items() if isinstance(table, kind)
    }
    if len(kinds) > 1:
        (one, a), (other, b), *_ = kinds.items()
        raise InputError(
            f"{a} is {one} and {b} {other}: compare like with like; "
            "how far a scheme can step on a stencil is `tableau2net cfl`"
        )
    return tables


def _record(table: CoefficientTable) -> dict[str, object]:
    with budget():
        return report(table).to_dict()


def _facts(table: CoefficientTable) -> tuple[Fact, ...]:
    with budget():
        return facts(report(table))


def merged_names(columns: Sequence[Sequence[Fact]], kind: type[CoefficientTable] = Scheme) -> list[str]:
    """Every fact's name once, section by section, each after the one that it follows in its own column.

    kind: of what table they are told."""
    merged: list[str] = []
    for section in sections(kind):
        names: list[str] = []
        for column in columns:
            at = 0
            for name in (fact.name for fact in column if fact.section == section):
                if name not in names:
                    names.insert(at, name)
                at = names.index(name) + 1
        merged += names
    return merged


def _show(labels: list[str], rows: list[str], table: list[list[str]]) -> None:
    """As many schemes beside one another as the terminal is wide; the others below."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from tableau2net.cli.terminal import Terminal

    console = Terminal()
    first = max(map(len, rows))
    wanted = [max(NARROWEST, len(label), *(_longest_word(row[i]) for row in table)) for i, label in enumerate(labels)]
    for group in fitting_groups(wanted, console.width - first - 4):
        shown = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
        shown.add_column("", style="cyan", no_wrap=True)
        for i in group:
            shown.add_column(labels[i], overflow="fold", min_width=wanted[i], max_width=max(WIDEST, wanted[i]))
        for name, cells in zip(rows, table, strict=True):
            if any(cells[i] != MISSING for i in group):
                shown.add_row(name, *(cells[i] for i in group))
        console.print(shown)


def _longest_word(cell: str) -> int:
    return min(WIDEST, max(map(len, cell.split()), default=0))


def fitting_groups(widths: Sequence[int], room: int) -> Iterator[range]:
    """Runs of columns that fit into the room, at least one each."""
    start = used = 0
    for i, width in enumerate(widths):
        if i > start and used + width + 2 > room:
            yield range(start, i)
            start, used = i, 0
        used += width + 2
    yield range(start, len(widths))
