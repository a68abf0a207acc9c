"""A table as a program has it, what the program says of it, and what the checker finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from sympy import Expr, Rational

from tableau2net.analysis import order_conditions
from tableau2net.analysis.order.evidence import Order
from tableau2net.analysis.space.moments import space_order
from tableau2net.scheme import AdditiveRungeKutta, RungeKutta, Scheme, Stencil
from tableau2net.scheme.coefficient_table import MAX_DIGITS

Row = Sequence[Expr]
SLACK = 3  # decimals by which a condition may miss what is printed, as errors add up
MOST = 14  # the order to which trees are grown
LEAST = 4  # decimals that are asked of anything
NOTHING = Rational(1, 10**8)  # a condition that misses by less is tried again with fewer decimals
LADDER = (30, 28, 25, 20, 17, 15, 13, 11, 10, 9, 8)


@dataclass(frozen=True)
class Table:
    """A Butcher tableau of a source. c: as the source has it, or None where it takes the row sums.

    order, embedded: what the source says of b and of b_hat; None where it says nothing.
    decimals: to how many the source prints; None where its numbers are exact.
    partner: the other part of an additive pair; the orders are then those of both together."""

    name: str
    A: Sequence[Row]
    b: Row
    c: Row | None = None
    b_hat: Row | None = None
    order: int | None = None
    embedded: int | None = None
    decimals: int | None = None
    partner: Table | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Formula:
    """A stencil of a source, and the order that it says."""

    name: str
    stencil: Stencil
    order: int


@dataclass(frozen=True)
class Unread:
    """A table that is in the source and could not be read, and why."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


@dataclass(frozen=True)
class Finding:
    """A claim and whether it holds; `text`: what was claimed, and what was found where that is something else."""

    name: str
    ok: bool
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


def claims(table: Table | Formula) -> Iterator[Finding]:
    """Every claim of a table, decided."""
    if isinstance(table, Formula):
        found = space_order(table.stencil)
        ok = found.order >= table.order
        text = f"{table.order}" if ok else f"claimed {table.order}, found {found.order}; {found.failing[0]}"
        yield Finding(table.name, ok, text)
        return
    if table.order is not None:
        yield _decide(table.name, table.order, _schemes(table, table.b), table.decimals)
    if table.b_hat is not None and table.embedded is not None:
        yield _decide(f"{table.name} embedded", table.embedded, _schemes(table, table.b_hat), table.decimals)


def _schemes(table: Table, b: Row) -> RungeKutta | AdditiveRungeKutta:
    scheme = RungeKutta(A=tuple(map(tuple, table.A)), b=tuple(b), c=tuple(table.c or ()))
    if table.partner is None:
        return scheme
    weights = table.partner.b if b is table.b else table.partner.b_hat
    return AdditiveRungeKutta(parts=(_schemes(table.partner, weights or b), scheme))


def _decide(name: str, claimed: int, scheme: Scheme, decimals: int | None) -> Finding:
    """Exactly, or to the decimals that are printed; where that fails by next to nothing, to how many it does hold."""
    digits = None if decimals is None else min(max(decimals - SLACK, LEAST), MAX_DIGITS)
    limit = claimed if claimed <= MOST else None  # beyond, by the simplifying assumptions alone
    first = order_conditions(replace(scheme, digits=digits), limit)
    fewer = LADDER if first.order < claimed and abs(first.failing[0].value) < NOTHING else ()
    tried = ((n, order_conditions(replace(scheme, digits=n), limit)) for n in fewer if n < (digits or MAX_DIGITS))
    for held, found in chain([(digits, first)], tried):
        if found.order >= claimed:
            return Finding(name, True, f"{claimed}" + (f", to {held} decimals" if held else ""))
        first = found  # what fails with the fewest decimals is the fault, not the rounding
    return Finding(name, False, f"claimed {claimed}, found {_said(first)}")


def _said(found: Order) -> str:
    without = f" ({found.autonomous} without time)" if found.autonomous > found.order else ""
    value = found.failing[0].value
    shown = value if value.is_Rational and len(str(value)) < 30 else value.evalf(4)
    return f"{found.order}{without}; {list(found.failing[0].tree)}, {shown}"
