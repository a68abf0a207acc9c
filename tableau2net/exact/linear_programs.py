"""Small linear programs over any ordered field: exact where the numbers are, and a guess where they are floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Vector = list[Any]
MOST_PIVOTS = 10_000  # Bland's rule ends, but may take long: floats that circle are stopped


def least_sum(G: Sequence[Sequence[Any]], g: Sequence[Any], sign: Callable[[Any], int], one: Any) -> Vector | None:
    """The z ≥ 0 with G z ≤ g of the least Σ z; None where there is none.

    By the dual simplex method, from z = 0, which no sum is less than (Lemke 1954); ties go to the first variable, so
    that it ends (Bland 1977). A row that stays negative whatever is done proves that there is none."""
    n = len(G[0]) if G else 0
    zero = one - one
    free, held = list(range(n)), list(range(n, n + len(G)))  # variables at zero, and those that follow from them
    rows = [[b, *(-a for a in row)] for row, b in zip(G, g, strict=True)]  # held = b − a · free
    cost = [zero, *[one] * n]
    for _ in range(MOST_PIVOTS):
        at = min((i for i, row in enumerate(rows) if sign(row[0]) < 0), key=held.__getitem__, default=None)
        if at is None:
            value = dict(zip(held, (row[0] for row in rows), strict=True))
            return [value.get(j, zero) for j in range(n)]
        columns = [j for j in range(1, n + 1) if sign(rows[at][j]) > 0]
        if not columns:
            return None
        column = columns[0]
        for j in columns[1:]:
            order = sign(cost[j] * rows[at][column] - cost[column] * rows[at][j])
            if order < 0 or (order == 0 and free[j - 1] < free[column - 1]):
                column = j
        _pivot(rows, cost, at, column, one)
        held[at], free[column - 1] = free[column - 1], held[at]
    return None


def _pivot(rows: list[Vector], cost: Vector, at: int, column: int, one: Any) -> None:
    """Solve a row for the variable of a column, and put that into the others."""
    head = rows[at]
    pivot = head[column]
    solved = [-x / pivot for x in head]
    solved[column] = one / pivot
    for row in (*(row for i, row in enumerate(rows) if i != at), cost):
        factor = row[column]
        row[column] = factor - factor
        if factor:
            row[:] = [x + factor * y for x, y in zip(row, solved, strict=True)]
    rows[at] = solved
