"""A row as multiples of states known before it and a sparse rest: ``row = λ·base + μ·other + rest``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sympy import QQ

from tableau2net.exact.radicals import Number, magnitude
from tableau2net.step.passes.matrix import GROWTH, MatrixRow, Rows, Terms, available, in_proportion

BEAM = 6  # how many ways to write a row are followed further
DEPTH = 4  # how many bases a row may have


def rebase(rows: Rows) -> None:
    """Write each row in the cheapest way found; it stays as it is where none is cheaper."""
    for position, row in rows.rows():
        if rows.size(row)[1] > 1:
            rows.items[position] = _cheapest(rows, position, row)


def _cheapest(rows: Rows, position: int, row: MatrixRow) -> MatrixRow:
    bases = {name: rows.meaning[name] for name in available(rows, position)}
    best, best_rank = row, _rank(rows, row, row.terms)
    beam: list[tuple[Terms, Terms]] = [({}, rows.expanded(row.terms))]
    for _ in range(DEPTH):
        found = []
        for used, rest in beam:
            for name, base in bases.items():
                for factor in _factors(rest, base) if name not in used else ():
                    found.append(({**used, name: factor}, _without(rest, base, factor)))
        allowed = [(u, r) for u, r in found if all(magnitude(c) <= row.limit for c in (*u.values(), *r.values()))]
        ranked = sorted(allowed, key=lambda way: _rank(rows, row, way[0] | way[1]))
        beam = ranked[:BEAM]
        if not beam:
            break
        terms = beam[0][0] | beam[0][1]
        if (rank := _rank(rows, row, terms))[:2] < best_rank[:2]:
            best, best_rank = replace(row, terms=terms), rank
        if best_rank[1] <= 1:
            break  # a combination is one kernel at least
    return best


def _rank(rows: Rows, row: MatrixRow, terms: Mapping[str, Number]) -> tuple[int, int, float]:
    """Cost, and among equals the sum of magnitudes, which is what rounding grows with."""
    passes, kernels = rows.size_of(terms, len(row.others))
    return passes, kernels, sum(map(magnitude, terms.values()))


def _factors(rest: Terms, base: Terms) -> list[Number]:
    """The multiples of a base that make what is left shorter."""
    common = [atom for atom in base if atom in rest]
    extra = len(base) - len(common)
    if len(common) < max(extra + 1, 2):
        return []
    found = in_proportion(rest, base, common, max(extra + 1, 2))
    return [factor for factor, _ in found if abs(factor) <= GROWTH]


def _without(rest: Terms, base: Terms, factor: Number) -> Terms:
    left = dict(rest)
    for atom, x in base.items():
        c = left.get(atom, QQ(0)) - factor * x
        if c:
            left[atom] = c
        else:
            del left[atom]
    return left
