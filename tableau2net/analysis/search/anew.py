"""Weights solved for anew: order conditions are linear in them, whatever else a table holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from sympy import Expr, Float, Poly, Rational, S

from tableau2net.analysis.reading.step_reading import BSeriesError, Reading
from tableau2net.analysis.reading.trees import forest_of
from tableau2net.analysis.search.exchanges import Change, TableRows
from tableau2net.analysis.space.moments import moments
from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, domain_of
from tableau2net.exact.linear_systems import Decimals, Exact
from tableau2net.exact.text import symbol
from tableau2net.scheme import CoefficientTable, Scheme, Stencil
from tableau2net.scheme.parameters import Parameter
from tableau2net.step import lower

MOST_ORDER = 9  # of schemes: there are 486 trees so far
Group = dict[str, int]  # coefficients that are one unknown, each times a sign


def weights_anew(table: CoefficientTable, goal: int, *, embedded: bool) -> Iterator[tuple[str, Change]]:
    """The weights of each kind as the order asks for them, the nearest where there are many: the rows b of a tableau,
    β of a multistep method; of a stencil those of one size together, then each for itself."""
    if table.parameters or (isinstance(table, Scheme) and goal > MOST_ORDER):
        return
    for words, groups in _unknowns(table, embedded):
        try:
            found = _nearest(table, groups, _conditions(table, groups, goal, embedded))
        except (InputError, BSeriesError, ValueError):
            continue
        if found:
            yield words, found


def _unknowns(table: CoefficientTable, embedded: bool) -> Iterator[tuple[str, list[Group]]]:
    values = table.coefficients
    if isinstance(table, Stencil):
        if table.left is None and table.boundary is None:
            names = [n for n in values if n.startswith("weights")]
            sizes = dict.fromkeys(abs(values[n]) for n in names if not values[n].is_zero)
            alike = [{n: 1 if values[n] == size else -1 for n in names if abs(values[n]) == size} for size in sizes]
            yield "weights solved for anew, those of one size alike", alike
            yield "weights solved for anew", [{n: 1} for n in names]
        return
    rows = TableRows(table)
    for row in rows.rows:
        letter = row.rstrip("p0123456789").rstrip("_")
        if letter in ("beta", "b_hat" if embedded else "b") and row not in values:
            yield f"{row} solved for anew", [{n: 1} for n in rows.rows[row]]


def _conditions(table: CoefficientTable, groups: list[Group], goal: int, embedded: bool) -> list[Poly]:
    unknowns = [symbol(f"u{i}") for i in range(len(groups))]
    put = {n: sign * u for u, group in zip(unknowns, groups, strict=True) for n, sign in group.items()}
    own = tuple(Parameter(str(u), S.Zero) for u in unknowns)
    open_ = table.with_coefficients({**table.coefficients, **put}, parameters=own, digits=None)
    return [Poly(e, *unknowns) for e in _residuals(open_, goal, embedded)]


def _residuals(table: CoefficientTable, goal: int, embedded: bool) -> list[Expr]:
    if isinstance(table, Stencil):
        found = moments(table, goal + sum(table.orders) - 1)
        return [value - (1 if k in table.terms else 0) for k, value in found.items()]
    assert isinstance(table, Scheme)
    step = lower(table)
    grown = forest_of(step, with_time=not step.history and len(step.states) == 1)
    reading = Reading(step, grown)
    reading.extend(goal)
    result = step.estimate if embedded else step.result
    assert result is not None
    states = {state.component for state in step.states} if len(step.states) > 1 else None
    trees = chain.from_iterable(grown.of_order(n) for n in range(1, goal + 1))
    return [reading.residual(result, t) for t in trees if states is None or grown.colour[t] == step.states[0].component]


def _nearest(table: CoefficientTable, groups: list[Group], equations: Sequence[Poly]) -> Change | None:
    """The solution nearest to what stands there; None where there is none, or it is what stands there."""
    if any(e.total_degree() > 1 for e in equations):
        return None
    arithmetic: Exact | Decimals
    rows = [[e.coeff_monomial(u) for u in e.gens] for e in equations]
    right = [-e.coeff_monomial(1) for e in equations]
    now = [table.coefficients[next(iter(g))] * next(iter(g.values())) for g in groups]
    if table.digits is None:
        domain: Domain = domain_of([x for row in [*rows, right, now] for x in row])
        arithmetic = Exact(domain)
    else:
        arithmetic = Decimals(table.digits)
    matrix = [[arithmetic.convert(x) for x in row] for row in rows]
    solved = arithmetic.solved(matrix, [[arithmetic.convert(x)] for x in right])
    if solved is None:
        return None
    found, columns = solved
    best = [row[0] for row in found]
    if columns and table.digits is not None:
        return None
    if columns:  # NᵀN y = Nᵀ(now − found)
        gap = [arithmetic.convert(n) - x for n, x in zip(now, best, strict=True)]
        normal = [[_dot(a, b) for b in columns] for a in columns]
        moved = arithmetic.solved(normal, [[_dot(a, gap)] for a in columns])
        assert moved is not None
        best = [
            x + _dot([m[0] for m in moved[0]], row) for x, row in zip(best, zip(*columns, strict=True), strict=True)
        ]
    numbers = [_printed(arithmetic.expression(x), x, table.digits) for x in best]
    change = {n: sign * x for g, x in zip(groups, numbers, strict=True) for n, sign in g.items()}
    return {n: x for n, x in change.items() if x != table.coefficients[n]}


def _dot(a: Sequence[object], b: Sequence[object]) -> object:
    total = None
    for x, y in zip(a, b, strict=True):
        term = x * y  # type: ignore[operator]
        total = term if total is None else total + term
    return total


def _printed(value: Expr, element: object, digits: int | None) -> Expr:
    """Of decimals, as many as there are."""
    if digits is None:
        return value
    unit = Rational(1, 10**digits)
    exact = Rational(str(element)) if isinstance(value, Float) or value.is_zero else value
    return Rational(round(exact / unit)) * unit
