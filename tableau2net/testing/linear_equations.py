"""Linear equations over an exact field, with the unknowns that they leave open chosen by the caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Number = Any  # Fraction, or an element of a sympy field: + − · / and truth


def solution(
    rows: Sequence[Sequence[Number]], right: Sequence[Number], wanted: Sequence[Number]
) -> list[Number] | None:
    """x with rows·x = right; None where there is none.

    Unknowns that the equations leave open take their `wanted` value: the first ones, as far as that is possible, so
    that it is the last that are solved for (Gauss–Jordan elimination, columns from the right)."""
    table = [[*row, r] for row, r in zip(rows, right, strict=True)]
    pivots: dict[int, list[Number]] = {}
    for column in reversed(range(len(wanted))):
        pivot = next((row for row in table if row[column]), None)
        if pivot is None:
            continue
        table = [row for row in table if row is not pivot]
        pivot = [x / pivot[column] for x in pivot]
        table = [_without(row, pivot, column) for row in table]
        pivots = {c: _without(row, pivot, column) for c, row in pivots.items()} | {column: pivot}
    if any(row[-1] for row in table):
        return None
    x = list(wanted)
    for column, row in pivots.items():
        taken = sum((row[j] * w for j, w in enumerate(wanted) if j not in pivots), row[column] - row[column])
        x[column] = row[-1] - taken
    return x


def _without(row: list[Number], pivot: list[Number], column: int) -> list[Number]:
    """`row` with the unknown of `column` eliminated by the pivot row, in which its factor is 1."""
    factor = row[column]
    return [x - factor * y for x, y in zip(row, pivot, strict=True)] if factor else row
