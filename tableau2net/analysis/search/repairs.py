"""Repair: the changes of a table that make its claimed order true.

First what is likely on the way from a paper into a program (rows exchanged, nodes not filled, a 0 lost; `exchanges`),
then each coefficient by itself: with all others as they stand the conditions are polynomials in it, and their common
roots are all values that mend it (`openings`). Where no single change does, those that raise the order are built on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sympy import Expr, expand

from tableau2net.analysis.budget import budget
from tableau2net.analysis.reading.step_reading import BSeriesError
from tableau2net.analysis.search.anew import weights_anew
from tableau2net.analysis.search.exchanges import Change, TableRows, changed, exchanges, pairs_of_rows
from tableau2net.analysis.search.openings import evidence, values
from tableau2net.analysis.search.spelling import one_slip, written
from tableau2net.errors import InputError
from tableau2net.exact.text import exact_json, text_of
from tableau2net.scheme import CoefficientTable, Scheme, Stencil, as_table, plain_numbers
from tableau2net.scheme.exact_rows import whole_number
from tableau2net.step import lower

SECONDS = 20.0  # of a whole search
MOST_CHANGES = 3
WIDTH = 6  # of the tables that are built on
ORDERS = {"order": False, "embedded_order": True}


@dataclass(frozen=True)
class Repair:
    """A change that makes the claimed orders true.

    changes: by the name of a coefficient what stands there and what should.  table: with that, claims as they were.
    how: in words, each change for itself."""

    how: tuple[str, ...]
    changes: Mapping[str, tuple[Expr, Expr]]
    table: CoefficientTable

    def __str__(self) -> str:
        return "; ".join(self.how)

    def to_dict(self) -> dict[str, Any]:
        """For JSON, numbers exact."""
        changes = {n: {"from": exact_json(a), "to": exact_json(b)} for n, (a, b) in self.changes.items()}
        return {"how": list(self.how), "changes": changes}


@dataclass(frozen=True)
class Repairs:
    """What mends a table, the likeliest first.

    complete: whether all single changes were tried; False where the time was over before."""

    claims: Mapping[str, int]
    found: tuple[Repair, ...]
    complete: bool


@dataclass(frozen=True)
class _Try:
    """A changed table: how it came about, and what it is worth."""

    table: CoefficientTable
    how: tuple[str, ...]
    cost: float
    orders: tuple[int, ...]
    uneven: int


@plain_numbers
def repairs(table: CoefficientTable | str, *, seconds: float = SECONDS, **claims: int) -> Repairs:
    """The changes that make the claimed orders of a scheme, or of a stencil, true.

    claims: ``order=4``, ``embedded_order=3`` in the place of the table's own.
    seconds: of the processor, after which it ends.
    A change is of one coefficient, to any exact value (all are found, but for roots of degree three and more), or
    one of the usual exchanges; where there is none, up to three of these one after the other.
    Raises InputError where no order is claimed.
    """
    given = as_table(table, CoefficientTable)
    wanted = {c: claims.get(c, given.claims.get(c)) for c in ORDERS}
    goals = {c: whole_number(p, c) for c, p in wanted.items() if p is not None}
    if unknown := set(claims) - set(ORDERS):
        raise InputError(f"{min(unknown)}: repair is of {' and '.join(ORDERS)}")
    if not isinstance(given, Scheme | Stencil) or not goals:
        raise InputError(
            f"{given.name or 'table'}: no order is claimed that could be restored; write [claims] order = 4"
        )
    search = _Search(given, goals, time.thread_time() + seconds)
    with budget(2 * seconds) as held:
        held.ask("repair", search.run, silent=True)
    if isinstance(given, Scheme):
        lower.cache_clear()  # thousands of programs that nobody asks for again
    best = sorted(search.found.values(), key=lambda t: (len(t.how), t.cost))
    kept = {**given.claims, **goals}
    mended = tuple(Repair(t.how, _changes(given, t.table), replace(t.table, claims=kept)) for t in best)
    return Repairs(goals, mended, search.complete)


def _changes(old: CoefficientTable, new: CoefficientTable) -> dict[str, tuple[Expr, Expr]]:
    after = new.coefficients
    return {n: (c, after[n]) for n, c in old.coefficients.items() if c != after[n]}


def _explicit(table: CoefficientTable) -> bool:
    return bool(getattr(table, "explicit", False))


class _Search:
    def __init__(self, table: CoefficientTable, goals: Mapping[str, int], until: float) -> None:
        self.table, self.goals, self.until = table, goals, until
        self.found: dict[CoefficientTable, _Try] = {}
        self.seen: set[tuple[Expr, ...]] = set()
        self.complete = False

    def run(self) -> None:
        start = self._try(self.table, (), 0.0)
        if start is None or self._mended(start):
            self.complete = True
            return
        level = [start]
        for depth in range(1, MOST_CHANGES + 1):
            raised = [better for one in level for better in self._changed(one)]
            self.complete |= depth == 1 and not self._over()
            if self.found or self._over():
                return
            by_order = sorted(raised, key=lambda t: (-sum(t.orders), t.uneven, t.cost))[:WIDTH]
            by_rows = sorted(raised, key=lambda t: (t.uneven, t.cost))[:WIDTH]
            level = list({t.table: t for t in (*by_order, *by_rows)}.values())

    def _over(self) -> bool:
        return time.thread_time() > self.until

    def _mended(self, one: _Try) -> bool:
        return one.orders == tuple(self.goals.values())

    def _changed(self, one: _Try) -> Iterator[_Try]:
        """The tables one change further that are better; those that are mended are kept."""
        for how, change, cost in self._candidates(one.table):
            if self._over():
                return
            try:
                table = changed(one.table, change)
            except InputError:  # no table of its family: another number than 1 for α_k, say
                continue
            if _explicit(one.table) and not _explicit(table):
                cost += 3  # it would be a table of another shape
            made = self._try(table, (*one.how, how), one.cost + cost)
            if made is None:
                continue
            if self._mended(made):
                self.found[made.table] = made
            elif (sum(made.orders), -made.uneven) > (sum(one.orders), -one.uneven):
                yield made

    def _candidates(self, table: CoefficientTable) -> Iterator[tuple[str, Change, float]]:
        single = ((words, change) for words, change in exchanges(table) if len(change) == 1)
        several = ((words, change) for words, change in exchanges(table) if len(change) > 1)
        for _, change in single:
            ((name, new),) = change.items()
            yield self._said(table, name, new), change, self._height(table, name, new)
        for words, change in several:
            yield words, change, 1 + len(change) / 10
        for claim, goal in self.goals.items():
            for words, change in weights_anew(table, goal, embedded=ORDERS[claim]):
                if len(change) > 1:
                    yield words, change, 4 + len(change) / 10
        if table is not self.table:
            return
        for claim, goal in self.goals.items():
            for name, old in table.coefficients.items():
                for new in values(table, name, goal, embedded=ORDERS[claim]):
                    if new != old:
                        yield self._said(table, name, new), {name: new}, self._height(table, name, new)
        for claim, goal in () if self.found else self.goals.items():  # a row that is wrong in two places and adds up
            for name, other in pairs_of_rows(table):
                a, b = table.coefficients[name], table.coefficients[other]
                for new in values(table, name, goal, embedded=ORDERS[claim], other=other):
                    change = {name: new, other: expand(a + b - new)}
                    words = ", ".join(self._said(table, n, x) for n, x in change.items())
                    yield words, change, 2 + self._height(table, name, new)

    def _said(self, table: CoefficientTable, name: str, new: Expr) -> str:
        old = table.coefficients[name]
        why = " (the sign)" if new == -old else " (one digit)" if old != 0 and one_slip(old, new) else ""
        return f"{name} = {written(new, table.digits)}, not {written(old, table.digits)}{why}"

    def _height(self, table: CoefficientTable, name: str, new: Expr) -> float:
        """How unlikely a number is: what a slip makes of the old one is likely, a long one is not, nor one at all
        where a 0 belongs to the shape."""
        old = table.coefficients[name]
        if old.is_zero:
            return 6 + len(text_of(new)) / 10
        if new == -old:
            return 0.0
        return 0.5 if one_slip(old, new) else 1 + len(text_of(new)) / 10

    def _try(self, table: CoefficientTable, how: tuple[str, ...], cost: float) -> _Try | None:
        """None where it was tried before, or has no order."""
        numbers = tuple(c if c.is_Rational else expand(c) for c in table.coefficients.values())  # one number, one form
        if numbers in self.seen:
            return None
        self.seen.add(numbers)
        orders = []
        for claim, goal in self.goals.items():
            try:
                orders.append(evidence(table, goal, embedded=ORDERS[claim]).order)
            except (InputError, BSeriesError, ValueError):
                return None
        rows = TableRows(table)
        uneven = sum(len(rows.uneven(t)) for t in rows.tableaus)
        return _Try(table, how, cost, tuple(orders), uneven)
