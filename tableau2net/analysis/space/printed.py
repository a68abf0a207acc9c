"""The stencil that a source meant which printed decimals: moved, as little as possible, to where the moments vanish
that vanish to the decimals. A constant whose derivative is 1e-9 would else grow, and nothing be stable."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import factorial, prod

from sympy import Expr, Rational

from tableau2net.analysis.stability.decimals import least_change
from tableau2net.scheme import Stencil

LARGEST = 24  # the degree of moments that are tried

Place = tuple[str, tuple[int, ...]]  # which side, and the offset


@lru_cache(maxsize=64)
def meant_stencil(stencil: Stencil) -> Stencil:
    """The nearest one that fulfils the conditions of order which the printed one fulfils to its decimals: those
    before the first that fails. Whole numbers are meant as they stand."""
    if stencil.digits is None:
        return stencil
    sides = {"weights": stencil.points, "left": stencil.left_points}
    values: dict[Place, Fraction] = {(side, j): _fraction(w) for side, ws in sides.items() for j, w in ws.items()}
    free = [place for place, value in values.items() if value.denominator > 1]
    radius = Fraction(1, 2 * 10**stencil.digits)
    rows: list[list[Fraction]] = []
    missed: list[Fraction] = []
    for k in _indices(stencil.dimension):
        weigh = {place: _weight(place, k, stencil.terms) for place in values}
        off = sum((weigh[place] * value for place, value in values.items()), Fraction(0))
        if abs(off) > sum((abs(weigh[place]) for place in free), Fraction(0)) * radius:
            break
        rows.append([weigh[place] for place in free])
        missed.append(off)
    for place, change in zip(free, least_change(rows, missed), strict=False):
        values[place] -= change
    return _with(stencil, values)


def _indices(dimension: int) -> list[tuple[int, ...]]:
    every = product(range(LARGEST if dimension == 1 else 8), repeat=dimension)
    return sorted(every, key=lambda k: (sum(k), k))


def _weight(place: Place, k: tuple[int, ...], derivatives: tuple[tuple[int, ...], ...]) -> Fraction:
    """What the place counts in M_k(w) − Σ M_{k−m}(a), over the derivatives m that are added."""
    side, offset = place
    if side == "weights":
        return _power(offset, k)
    lower = (tuple(a - m for a, m in zip(k, orders, strict=True)) for orders in derivatives)
    return -sum((_power(offset, n) for n in lower if min(n) >= 0), Fraction(0))


def _power(offset: tuple[int, ...], k: tuple[int, ...]) -> Fraction:
    """j^k/k!."""
    return Fraction(prod(j**n for j, n in zip(offset, k, strict=True)), prod(map(factorial, k)))


def _with(stencil: Stencil, values: dict[Place, Fraction]) -> Stencil:
    """The stencil with other values at the places of its weights."""

    def entry(at: tuple[int, ...], given: Expr) -> Expr:
        value = values.get(("weights", stencil._offset(at)))
        return given if value is None else Rational(value.numerator, value.denominator)

    def moved(grid: tuple[object, ...], at: tuple[int, ...]) -> tuple[object, ...]:
        return tuple(moved(x, (*at, i)) if isinstance(x, tuple) else entry((*at, i), x) for i, x in enumerate(grid))

    left = stencil.left
    if left is not None:
        own = [values.get(("left", (j,)), Fraction(0)) for j in left.offsets]
        left = replace(left, weights=tuple(Rational(v.numerator, v.denominator) for v in own), digits=None)
    return replace(stencil, weights=moved(stencil.weights, ()), left=left, digits=None, claims={})


def _fraction(value: Expr) -> Fraction:
    exact = value if isinstance(value, Rational) else Rational(value.evalf(60))
    return Fraction(int(exact.p), int(exact.q))
