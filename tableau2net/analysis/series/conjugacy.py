"""What a scheme is up to a change of coordinates: effective order, conjugate symplecticity, and what it keeps itself.

A map Φ is the flow of a field f̃ = log Φ. A property of the flow is a linear condition on f̃ at the trees of each order:
of the exact solution, b(t) = 0 for |t| > 1; of a symplectic map, b(u∘v) + b(v∘u) = 0; of one that keeps the energy,
see `geometry`. A change of coordinates χ = exp X, with X at the trees of n − 1 nodes, leaves f̃ as it is at fewer
than n nodes and adds to it, at n, the bracket

    (M X)(t) = Σ X(t without one leaf) − X(t_1), the second where t = [t_1]

so that order by order a linear system over ℚ decides, exactly. It leaves X open by the fields that have the property
themselves and by no more, as its rank says; these change nothing that follows. (Butcher 1969; HLW VI.8.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from sympy import Expr, Rational, expand, factor

from tableau2net.analysis.backward.modified import is_drawn, states_read
from tableau2net.analysis.reading.rooted_tree import tree_of
from tableau2net.analysis.reading.trees import Forest
from tableau2net.analysis.series.b_series import BSeries
from tableau2net.analysis.series.butcher_group import subtrees
from tableau2net.analysis.series.geometry import energy_conditions, symplectic_conditions
from tableau2net.analysis.series.of_scheme import bseries
from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, Element
from tableau2net.scheme import PartitionedRungeKutta, Scheme, as_scheme, plain_numbers

Row = Mapping[int, Fraction]  # of a linear condition: its factor at each tree
Conditions = Callable[[Forest, int], tuple[Row, ...]]  # those at the trees of n nodes


@dataclass(frozen=True)
class Reached:
    """How far a property goes.

    order: the largest n with every condition at up to n nodes fulfilled.
    complete: whether a condition fails beyond it; False where the search ended at its limit.
    missing: what those of the next order miss, 0 where they hold: each as a sum over trees, and its value. With
        parameters, equations: their common roots go further.
    by: χ, for which χ∘Φ∘χ^(−1) has the property so far; None where none is looked for."""

    order: int
    complete: bool
    missing: tuple[tuple[str, Expr], ...]
    by: BSeries | None = None

    def __str__(self) -> str:
        return f"{self.order}" if self.complete else f"at least {self.order}"


@plain_numbers
def effective_order(scheme: Scheme | str, limit: int = 6) -> Reached:
    """The largest q for which some change of coordinates χ makes χ∘Φ∘χ^(−1) a method of order q (Butcher 1969).

    Steps in the new coordinates are steps of Φ with χ^(−1) before the first and χ after the last: the error grows as
    that of a method of order q. Searched for up to `limit`. Raises InputError for schemes without a B-series."""
    return _reached(scheme, limit, _exact_conditions, conjugate=True)


@plain_numbers
def conjugate_symplectic_order(scheme: Scheme | str, limit: int = 6) -> Reached:
    """The largest q for which some χ∘Φ∘χ^(−1) is symplectic up to terms in h^(q+1) (HLW VI.8; Hairer and Zbinden 2013).

    Raises InputError for partitioned schemes and those without a B-series."""
    return _reached(scheme, limit, symplectic_conditions, conjugate=True)


@plain_numbers
def symplectic_order(scheme: Scheme | str, limit: int = 6) -> Reached:
    """Up to which power of h a step is symplectic; at least the order. Raises as `conjugate_symplectic_order`."""
    return _reached(scheme, limit, symplectic_conditions, conjugate=False)


@plain_numbers
def energy_order(scheme: Scheme | str, limit: int = 6) -> Reached:
    """Up to which power of h a step keeps the energy of every y' = J^(−1)∇H(y), J skew and constant; at least the order
    (Faou, Hairer and Pham 2004; Celledoni, McLachlan, Owren and Quispel 2010). No Runge–Kutta method keeps all of
    them for ever. Raises InputError for schemes with several fields and those without a B-series."""
    return _reached(scheme, limit, energy_conditions, conjugate=False)


@plain_numbers
def conjugate_energy_order(scheme: Scheme | str, limit: int = 6) -> Reached:
    """The same up to a change of coordinates. Raises as `energy_order`."""
    return _reached(scheme, limit, energy_conditions, conjugate=True)


def _reached(scheme: Scheme | str, limit: int, conditions: Conditions, *, conjugate: bool) -> Reached:
    table = as_scheme(scheme)
    if limit < 1:
        raise InputError(f"limit = {limit}: an order is searched for up to 1 at least")
    if conditions is not _exact_conditions and isinstance(table, PartitionedRungeKutta):
        raise InputError(f"{table.name or table.family}: of partitioned schemes only the effective order is found here")
    if conditions is energy_conditions and bseries(table, 1).colours > 1:
        raise InputError(f"{table.name or table.family}: with several fields there is no energy that is looked at here")
    reads = states_read(table)
    step = bseries(table, limit)
    drawn = frozenset(
        tree for tree in range(len(step)) if reads is None or is_drawn(step.forest, tree, reads)
    )  # of the others F(t) = 0
    return search(step, conditions, drawn, conjugate=conjugate, digits=table.digits)


def search(
    step: BSeries, conditions: Conditions, drawn: frozenset[int], *, conjugate: bool, digits: int | None = None
) -> Reached:
    """The same of a map, at the trees `drawn`, as far as it is known.  digits: the decimals that are to be trusted."""
    roots = step.forest.of_order(1)
    if any(step.element(root) != step.domain.one for root in roots):
        wrong = tuple((f"a({tree_of(step.forest, t)}) − 1", step[tree_of(step.forest, t)] - 1) for t in roots)
        return Reached(0, True, wrong, None)
    turns: list[dict[int, Element]] = []  # the X found so far
    for n in range(2, step.order + 1):
        known = step.truncate(n)
        by = _coordinates(known, turns) if conjugate else None
        field = (known if by is None or not turns else known.conjugated(by)).log()
        change, missed = _change(step.forest, n, conditions(step.forest, n), field, drawn, conjugate, digits)
        if missed:
            return Reached(n - 1, True, tuple((_told(step.forest, row), value) for row, value in missed), by)
        if any(change.values()):
            turns.append(change)
    return Reached(step.order, False, (), _coordinates(step, turns) if conjugate else None)


def _coordinates(step: BSeries, turns: Sequence[Mapping[int, Element]]) -> BSeries:
    """χ = exp X_1, then exp X_2, and so on, as far as the step is known."""
    made, zero = step**0, step.domain.zero
    for turn in turns:
        values = [turn.get(t, zero) for t in range(len(step))]
        made = made.then(BSeries(step.forest, step.domain, step.order, values, zero, step.states).exp())
    return made


def _change(
    forest: Forest, n: int, conditions: Iterable[Row], field: BSeries, drawn: frozenset[int], conjugate: bool,
    digits: int | None,
) -> tuple[dict[int, Element], list[tuple[Row, Expr]]]:  # fmt: skip
    """X at the trees of n − 1 nodes, and the conditions that no X fulfils, with what they miss."""
    domain = field.domain
    echelon: dict[int, tuple[dict[int, Fraction], Element]] = {}  # by the first column: Σ left X + value = 0
    missed: list[tuple[Row, Expr]] = []
    for condition in conditions:
        row = {t: x for t, x in condition.items() if t in drawn}
        value = sum((_times(domain, x, field.element(t)) for t, x in row.items()), domain.zero)
        left = _moved(forest, row, drawn) if conjugate else {}
        while left and min(left) in echelon:
            other, known = echelon[min(left)]
            factor_ = left[min(left)] / other[min(left)]
            left = _sum(left, other, -factor_)
            value = value - _times(domain, factor_, known)
        if left:
            echelon[min(left)] = (left, value)
        elif not _is_zero(told := domain.expression(value), digits):
            missed.append((row, factor(told) if told.free_symbols else expand(told)))
    return ({} if missed else _solved(echelon, domain)), missed


def _solved(echelon: Mapping[int, tuple[dict[int, Fraction], Element]], domain: Domain) -> dict[int, Element]:
    """X with 0 where it is free."""
    found: dict[int, Element] = {}
    for column in sorted(echelon, reverse=True):
        left, value = echelon[column]
        rest = sum((_times(domain, x, found[j]) for j, x in left.items() if j in found), value)
        found[column] = _times(domain, -1 / left[column], rest)
    return found


def _moved(forest: Forest, row: Row, drawn: frozenset[int]) -> dict[int, Fraction]:
    """The row times M: a linear form in X."""
    total: dict[int, Fraction] = {}
    for tree, x in row.items():
        total = _sum(total, {t: Fraction(k) for t, k in bracket_of(forest, tree).items() if t in drawn}, x)
    return total


@cache
def bracket_of(forest: Forest, tree: int) -> dict[int, int]:
    """The row of M at a tree: which X it holds, how often."""
    found: dict[int, int] = {}
    for (rest, pieces), times in subtrees(forest).of(tree).items():
        if len(pieces) == 1 and forest.order[pieces[0]] == 1:
            found[rest] = found.get(rest, 0) + times
    if len(branches := forest.branches(tree)) == 1:
        found[branches[0]] = found.get(branches[0], 0) - 1
    return found


def _sum(a: Mapping[int, Fraction], b: Mapping[int, Fraction], times: Fraction) -> dict[int, Fraction]:
    total = dict(a)
    for j, x in b.items():
        total[j] = total.get(j, Fraction(0)) + times * x
    return {j: x for j, x in total.items() if x}


def _times(domain: Domain, number: Fraction, element: Element) -> Element:
    return domain.rational(number.numerator, number.denominator) * element


def _is_zero(value: Expr, digits: int | None) -> bool:
    """Of a table with printed decimals, as far as they go."""
    printed = digits is not None and value.is_Rational and abs(value) < Rational(1, 10 ** max(digits - 2, 0))
    return bool(value == 0 or printed)


def _exact_conditions(forest: Forest, n: int) -> tuple[Row, ...]:
    """b(t) = 0."""
    return tuple({tree: Fraction(1)} for tree in forest.of_order(n))


def _told(forest: Forest, row: Row) -> str:
    """``b([τ,[τ]]) − 1/2 b([[τ²]])``."""
    text = ""
    for tree, x in row.items():
        size = "" if abs(x) == 1 else f"{abs(x)} "
        text += f"{' − ' if x < 0 else ' + ' if text else ''}{size}b({tree_of(forest, tree)})"
    return text.strip()
