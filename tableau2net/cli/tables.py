"""How a scheme looks in a terminal."""

from __future__ import annotations

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tableau2net.analysis import Order, Report, check
from tableau2net.analysis.trees import bracket
from tableau2net.scheme import Multistep, Parameter, RungeKutta, Scheme
from tableau2net.scheme.expression import text_of

SHOWN_RESIDUALS = 4


def scheme_view(report: Report) -> Group:
    """A scheme's title, its coefficient table, and the facts."""
    scheme = report.scheme
    title = Text(scheme.name or "unnamed", style="bold")
    if scheme.title:
        title.append(f"  {scheme.title}", style="not bold")
    parts: list[RenderableType] = [title]
    if scheme.reference:
        parts.append(Text(scheme.reference, style="dim"))
    return Group(*parts, coefficient_table(scheme), _facts(report))


def coefficient_table(scheme: Scheme) -> RenderableType:
    """The Butcher tableau, or α and β by age; a list of the nonzero coefficients where that would be too wide."""
    grid = _butcher(scheme) if isinstance(scheme, RungeKutta) else _multistep(scheme)
    if len(grid[0]) > Console().width:
        return _listing(scheme)
    return Text("\n".join(["", *grid, ""]), no_wrap=True)


def _butcher(scheme: RungeKutta) -> list[str]:
    rows = [[text_of(c)] for c in scheme.c]
    for i, row in enumerate(scheme.A):
        # an explicit tableau is a triangle; an implicit one ends at its last entry that is not zero
        shown = i if scheme.explicit else 1 + max((j for j, a in enumerate(row) if not a.is_zero), default=-1)
        rows[i] += [text_of(a) if j < shown else "" for j, a in enumerate(row)]
    weights = [["b", *map(text_of, scheme.b)]]
    if scheme.b_hat is not None:
        weights.append(["b̂", *map(text_of, scheme.b_hat)])
    return _grid([rows, weights])


def _multistep(scheme: Scheme) -> list[str]:
    assert isinstance(scheme, Multistep)
    ages = ["n" if j == 0 else f"n+{j}" for j in range(scheme.steps + 1)]
    return _grid([[["", *ages]], [["α", *map(text_of, scheme.alpha)], ["β", *map(text_of, scheme.beta)]]])


def _grid(sections: list[list[list[str]]]) -> list[str]:
    """Rows of cells as lines, the first column ruled off, and the sections from one another."""
    rows = [row for section in sections for row in section]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]

    def line(row: list[str]) -> str:
        first, *rest = (" " * (w - _width(cell)) + cell for w, cell in zip(widths, row, strict=True))
        return f" {first} │ {'  '.join(rest)}"

    rule = f" {'─' * (widths[0] + 1)}┼{'─' * (sum(widths[1:]) + 2 * len(widths) - 3)}"
    return [text for i, section in enumerate(sections) for text in ([rule] * (i > 0) + [line(row) for row in section])]


def _width(cell: str) -> int:
    return len(cell.replace("\u0302", ""))  # a hat takes no room of its own


def _listing(scheme: Scheme) -> RenderableType:
    entries = [f"{name} = {text_of(value)}" for name, value in scheme.coefficients.items() if not value.is_zero]
    return Padding(Columns(entries, equal=True, column_first=True, padding=(0, 3)), (1, 0, 1, 1))


def _facts(report: Report) -> Table:
    scheme, order = report.scheme, report.order
    size = f"{scheme.stages} stages" if isinstance(scheme, RungeKutta) else ""
    size = f"{scheme.steps} steps" if isinstance(scheme, Multistep) else size
    facts: list[tuple[str, str]] = [
        ("family", ", ".join([scheme.family, size, "explicit" if getattr(scheme, "explicit", False) else "implicit"])),
        *(("parameter", _parameter(p)) for p in scheme.parameters),
        ("order", _order(order)),
        *([_next_order(order)] if order.failing else []),
    ]
    if report.embedded:
        facts.append(("embedded order", _order(report.embedded)))
    if report.stage_order is not None:
        facts.append(("stage order", str(report.stage_order)))
    if isinstance(scheme, Multistep):
        facts.append(("zero-stable", _yes(report.zero_stable) + _at_defaults(scheme)))
        if report.effective_step is not None:
            facts.append(("effective step", f"{text_of(report.effective_step)} h"))
    for name, holds in (("stiffly accurate", report.stiffly_accurate), ("first same as last", report.fsal)):
        if holds is not None:
            facts.append((name, _yes(holds)))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, value)
    for claim in check(scheme).claims if scheme.claims else ():
        verdict = Text("proved", style="green") if claim.ok else Text(f"refuted: {claim.found}", style="bold red")
        table.add_row("claim", Text(f"{claim.claim} = {_value(claim.declared)}  ").append(verdict))
    return table


def _parameter(p: Parameter) -> str:
    text = f"{p.name} = {text_of(p.value)}"
    if p.range is not None:
        text += f" in [{text_of(p.range[0])}, {text_of(p.range[1])}]"
    if p.init is not None:
        text += f", learnt from {p.init.kind}({text_of(p.init.first)}, {text_of(p.init.second)})"
    return text


def _order(order: Order) -> str:
    if order.order < 0:
        return "none: a constant solution is not kept"
    text = str(order.order) if order.complete else f"at least {order.order}"
    text += ", exact" if order.kind == "exact" else ", for all values of the parameters"
    if order.autonomous > order.order:
        text += f" ({order.autonomous} without time: the nodes c are not the row sums)"
    return text


def _next_order(order: Order) -> tuple[str, str]:
    """Why it is not one more: equations in the parameters, or the numbers that should be 0, each with its tree."""
    equations = any(r.value.free_symbols for r in order.failing)
    shown = [
        f"{text_of(r.value)}{' = 0' if equations else ''} at {bracket(r.tree)}" for r in order.failing[:SHOWN_RESIDUALS]
    ]
    more = len(order.failing) - SHOWN_RESIDUALS
    text = ", ".join([*shown, f"{more} more"] if more > 0 else shown)
    return (f"order {order.order + 1} {'needs' if equations else 'misses by'}", text)


def _at_defaults(scheme: Multistep) -> str:
    open_ones = {s for a in scheme.alpha for s in a.free_symbols}
    if not open_ones:
        return ""
    return " at " + ", ".join(f"{p.name} = {text_of(p.value)}" for p in scheme.parameters if p.symbol in open_ones)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
