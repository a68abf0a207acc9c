"""Partial sums that several rows have in proportion, computed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from sympy import QQ

from tableau2net.exact.radicals import Number, Radical, magnitude, quotient
from tableau2net.step.passes.matrix import GROWTH, MatrixRow, Rows, Size, Terms, in_proportion

MAX_SUMS = 64  # partial sums that are introduced


@dataclass(frozen=True)
class _Plan:
    """A partial sum, the rows that are written with it, and what that saves."""

    saving: Size
    position: int
    terms: Terms
    rows: dict[int, MatrixRow]


def extract(rows: Rows) -> None:
    """Introduce partial sums one by one, the one that saves most first, until none saves anything."""
    for _ in range(MAX_SUMS):
        plans = [plan for proportional in _proportional(rows) for plan in _plans(rows, proportional)]
        best = max(plans, key=lambda plan: (plan.saving, -plan.position), default=None)
        if best is None:
            return
        name = _fresh(rows)
        for position, row in best.rows.items():
            rows.items[position] = replace(row, terms={name if v == "" else v: c for v, c in row.terms.items()})
        limit = GROWTH * max(map(magnitude, best.terms.values()))
        rows.items.insert(best.position, MatrixRow(name, best.terms, limit=limit))
        rows.kinds[name] = "y"
        rows.meaning[name] = rows.expanded(best.terms)


def _fresh(rows: Rows) -> str:
    n = 1
    while f"s{n}" in rows.kinds:
        n += 1
    return f"s{n}"


def _proportional(rows: Rows) -> Iterator[tuple[int, Terms]]:
    """Sets of terms that a later row has in proportion to an earlier one, as the earlier one has them."""
    seen: set[tuple[int, frozenset[str]]] = set()
    for (i, first), (_, second) in combinations(rows.rows(), 2):
        common = [v for v in second.terms if v in first.terms]
        for _, values in in_proportion(second.terms, first.terms, common, 2) if len(common) > 1 else ():
            whole = len(values) == len(first.terms) and not first.others  # the row itself: a base, see `rebase`
            if not whole and (key := (i, frozenset(values))) not in seen:
                seen.add(key)
                yield i, {value: first.terms[value] for value in values}


def _plans(rows: Rows, proportional: tuple[int, Terms]) -> Iterator[_Plan]:
    """The partial sum scaled as the first row has it, or so that one of its states has the coefficient 1."""
    position, terms = proportional
    having = list(_having(rows.rows(), position, terms))
    scales = dict.fromkeys(
        [QQ(1), *(1 / c for v, c in terms.items() if rows.kinds[v] == "y" and not isinstance(c, Radical))]
    )
    for scale in scales:
        scaled = {v: c * scale for v, c in terms.items()}
        new: dict[int, MatrixRow] = {}
        saved = _minus((0, 0), rows.size_of(scaled))
        for i, row, ratio in having:
            left = {v: c for v, c in row.terms.items() if v not in terms}
            written = replace(row, terms={"": ratio / scale, **left})
            gain = _minus(rows.size(row), _size(rows, written))
            if (i == position or gain > (0, 0)) and _allowed(written, scaled):
                new[i] = written
                saved = saved[0] + gain[0], saved[1] + gain[1]
        if len(new) > 1 and saved > (0, 0) and saved[1] >= 0:
            yield _Plan(saved, min(new), scaled, new)


def _having(
    rows: Iterable[tuple[int, MatrixRow]], position: int, terms: Terms
) -> Iterator[tuple[int, MatrixRow, Number]]:
    """The rows from a position on that have the terms in proportion, with the ratio."""
    for i, row in rows:
        if i >= position and all(v in row.terms for v in terms):
            ratios = {quotient(row.terms[v], c) for v, c in terms.items()}
            if len(ratios) == 1 and (ratio := ratios.pop()) is not None:
                yield i, row, ratio


def _size(rows: Rows, row: MatrixRow) -> Size:
    """What a row costs that reads the partial sum, which has no name yet."""
    starts = row.terms[""] == 1
    passes, kernels = rows.size_of({v: c for v, c in row.terms.items() if v}, len(row.others) + 1)
    unit = any(c == 1 and v and rows.kinds[v] == "y" for v, c in row.terms.items())
    return (passes - 2, kernels - 1) if starts and not unit else (passes, kernels)


def _allowed(row: MatrixRow, terms: Terms) -> bool:
    factor = magnitude(row.terms[""])
    return factor <= min(GROWTH, row.limit) and all(magnitude(c) <= row.limit for c in terms.values())


def _minus(left: Size, right: Size) -> Size:
    return left[0] - right[0], left[1] - right[1]
