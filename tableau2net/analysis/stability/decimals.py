"""The characteristic polynomial that a source meant which printed decimals.

How the principal root leaves 1 decides the verdicts near z = 0, and decimals disturb it: a method of order p has
Φ(e^s, s^d) = O(s^(p+d)) (e^(ns) for n fields), printed it is off by 1e-16 in each coefficient. So Φ is moved, as little
as possible, to where the conditions hold that hold to the decimals: they are linear in its coefficients."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import factorial

from sympy import QQ, Poly
from sympy.polys.matrices import DomainMatrix

from tableau2net.analysis.reading.linear import Curve
from tableau2net.exact.series import Series

LARGEST = 24  # conditions that are tried


def meant(curve: Curve, derivative: int, fields: int) -> Curve:
    """The polynomial nearest to a printed one that fulfils the conditions of order which the printed one fulfils to its
    decimals. Whole numbers are meant as they stand. fields: how many add up, each with z. Of factors each by
    itself, but for those of one root, which are read like one-step methods."""
    if curve.factors:
        own = (p if p.steps == 1 and p.rough else meant(p, derivative, fields) for p in curve.factors)
        return replace(curve, factors=tuple(own))
    if curve.rough is None or not curve.coefficients[-1].domain.is_QQ:
        return curve
    terms = {(j, k): Fraction(int(c.p), int(c.q)) for j, p in enumerate(curve.coefficients) for (k,), c in p.terms()}
    free = [place for place, c in terms.items() if c.denominator > 1]
    radius = {place: Fraction(_radius(curve.rough, place)) for place in terms}
    rows: list[list[Fraction]] = []
    missed: list[Fraction] = []
    for order in range(LARGEST if free else 0):
        weights = {place: _weight(place, order, derivative, fields) for place in terms}
        off = sum((weights[place] * c for place, c in terms.items()), Fraction(0))
        if abs(off) > sum((abs(weights[place]) * radius[place] for place in terms), Fraction(0)):
            break
        rows.append([weights[place] for place in free])
        missed.append(off)
    for place, change in zip(free, least_change(rows, missed), strict=False):
        terms[place] -= change
    columns: list[dict[tuple[int], object]] = [{} for _ in curve.coefficients]
    for (j, k), c in terms.items():
        columns[j][(k,)] = QQ(c.numerator, c.denominator)
    gen = curve.coefficients[-1].gen
    moved = [Poly.from_dict(column or {(0,): QQ(0)}, gen, domain=QQ) for column in columns]
    return Curve(tuple(moved))


def _radius(rough: tuple[Series, ...], place: tuple[int, int]) -> float:
    """How far a coefficient may be off."""
    j, k = place
    return rough[j][k].radius if k < len(rough[j]) else 0.0


def _weight(place: tuple[int, int], order: int, derivative: int, fields: int) -> Fraction:
    """The coefficient of s^order in ζ^j z^k at ζ = e^(fields s), z = s^d."""
    j, n = place[0] * fields, order - derivative * place[1]
    return Fraction(j**n, factorial(n)) if n >= 0 else Fraction(0)


def least_change(rows: list[list[Fraction]], missed: list[Fraction]) -> list[Fraction]:
    """The x of least Euclidean norm with rows · x = missed, of as many of the first rows as have a solution."""
    while rows:
        gram = [[sum(a * b for a, b in zip(u, v, strict=True)) for v in rows] for u in rows]
        table = [[QQ(x.numerator, x.denominator) for x in (*row, m)] for row, m in zip(gram, missed, strict=True)]
        n = len(rows)
        reduced, pivots = DomainMatrix(table, (n, n + 1), QQ).rref()
        if n not in pivots:
            solved = reduced.to_list()
            factors = [Fraction(0)] * n
            for i, pivot in enumerate(pivots):
                factors[pivot] = Fraction(int(solved[i][n].numerator), int(solved[i][n].denominator))
            return [
                sum((f * row[i] for f, row in zip(factors, rows, strict=True)), Fraction(0))
                for i in range(len(rows[0]))
            ]
        rows, missed = rows[:-1], missed[:-1]
    return []
