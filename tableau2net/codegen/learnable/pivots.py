"""Which unknowns to solve linear equations for, so that none of them moves more than what they depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sympy import Symbol

Numbers = Mapping[Symbol, float]
Rows = list[list[float]]
TINY = 1e-11


def pivots(rows: Sequence[Sequence[float]], groups: Sequence[int]) -> list[int]:
    """Columns that can be solved for: as many as the rank, those of earlier groups where they will do.

    Within a group, the first columns are taken, and then exchanged as long as one of them would change by more than a
    column that it depends on: each exchange multiplies the determinant by that factor, so it ends, and what is left
    are factors of at most 1 (the idea of maximal volume; Goreinov, Tyrtyshnikov, Zamarashkin 1997).
    """
    reduced = [list(row) for row in rows]
    chosen: list[int] = []
    place: dict[int, int] = {}  # column → its row
    first = 0
    for size in groups:
        columns = range(first, first + size)
        for j in columns:
            free = [i for i in range(len(reduced)) if i not in place.values()]
            best = max(free, key=lambda i: abs(reduced[i][j]), default=None)
            if best is not None and abs(reduced[best][j]) > TINY:
                place[j] = best
                _eliminate(reduced, best, j)
        _exchange(reduced, place, columns)
        first += size
    chosen = list(place)
    return sorted(chosen)


def _exchange(reduced: Rows, place: dict[int, int], columns: range) -> None:
    while True:
        factors = [(abs(reduced[place[j]][m]), j, m) for j in columns if j in place for m in columns if m not in place]
        factor, j, m = max(factors, default=(0.0, 0, 0))
        if factor <= 1 + 1e-9:
            return
        row = place.pop(j)
        place[m] = row
        _eliminate(reduced, row, m)


def _eliminate(reduced: Rows, i: int, j: int) -> None:
    """Make column j the unit vector of row i."""
    pivot = reduced[i][j]
    reduced[i] = [x / pivot for x in reduced[i]]
    for k, row in enumerate(reduced):
        if k != i and row[j]:
            reduced[k] = [x - row[j] * y for x, y in zip(row, reduced[i], strict=True)]
