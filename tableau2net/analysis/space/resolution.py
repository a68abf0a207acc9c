"""How many points a wave must have for a stencil to be good to a percent, isolated by Taylor series with remainder.

Of an odd derivative the imaginary part of the symbol moves waves, of an even one the real part damps them: that part is
principal, and ρ(θ) is its quotient by that of (iθ)^m; ρ(0) = 1 where the stencil is consistent. ρ is even in θ, so that
|ρ − 1| ≤ ε ends at a root of a power series in τ = θ², between the roots of two polynomials; θ is no algebraic number.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import factorial, isqrt

import numpy as np
from sympy import QQ, Expr, Poly, Rational, S, pi

from tableau2net.analysis.space.moments import space_order
from tableau2net.analysis.space.symbol import sampled
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.exact.polynomials import X, real_roots
from tableau2net.scheme import Stencil

PERCENT = Rational(1, 100)
UNIT = 10**40
PI = Fraction(int((pi * UNIT).evalf(60)), UNIT)  # a little less; with one unit more, a little more
SMALL = Fraction(1, 10**16)  # of what the series leave out
WIDTH = Fraction(1, 10**14)
SAMPLES = 2000

Weights = Mapping[int, Fraction]


def points_per_wavelength(stencil: Stencil, error: Rational = PERCENT) -> Isolated | None:
    """So many points a wave must have, as every longer one has, for |ρ(θ) − 1| ≤ error: 2π/θ at the first θ where it is
    more.

    None for a filter, on several axes, where the order is below 1, and where every wave of the grid is as good."""
    if stencil.dimension != 1 or stencil.orders == (0,) or space_order(stencil).order < 1:
        return None
    fixed = stencil.at_defaults()
    crossing = _sampled_crossing(fixed, float(error))
    if crossing is None:
        return None
    found = _first_roots(fixed, Fraction(int(error.p), int(error.q)), Fraction(min(1.1 * crossing, 3.15)))
    if found is None:
        return None
    low, high = found
    return Isolated(_rational(2 * PI / _root(high, up=True)), _rational(2 * (PI + Fraction(1, UNIT)) / _root(low)))


def _sampled_crossing(stencil: Stencil, error: float) -> float | None:
    """Roughly where it is, which says how far the series must reach; None where none of many angles is beyond."""
    m = stencil.orders[0]
    angles = np.linspace(0, np.pi, SAMPLES + 1)[SAMPLES // 100 :]
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = sampled(stencil, angles) / (1j * angles) ** m
    beyond = ~(np.abs(quotient.real - 1) <= error)
    return float(angles[beyond.argmax()]) if beyond.any() else None


def _first_roots(stencil: Stencil, error: Fraction, reach: Fraction) -> tuple[Fraction, Fraction] | None:
    """Two numbers between which lies the first τ = θ² where |ρ − 1| = error, with θ ≤ reach."""
    m, left = stencil.orders[0], stencil.left_points
    above, below = _correlated(stencil.points, left), _correlated(left, left)
    terms, rest = 4, Fraction(1)
    while rest > SMALL:
        terms += 4
        rest = _remainder(above, m + 2 * terms, reach, m) + (1 + error) * _remainder(below, 2 * terms, reach, 0)
        rest += Fraction(terms, UNIT) * max(reach, Fraction(1)) ** (2 * terms)  # the coefficients are rounded
    mean: list[Fraction] = [(-1) ** i * _moment(below, 2 * i) for i in range(terms)]
    wrong = [(-1) ** i * _moment(above, m + 2 * i) - c for i, c in enumerate(mean)]
    edges = []
    for shift in (-rest, rest):
        series = [[error * c - sign * d for c, d in zip(mean, wrong, strict=True)] for sign in (1, -1)]
        roots = [root for s in series if (root := _least_root(s, shift, reach**2)) is not None]
        if not roots:
            return None
        edges.append(min(roots))
    (low, _), (_, high) = edges
    return low, high


def _least_root(series: list[Fraction], shift: Fraction, reach: Fraction) -> tuple[Fraction, Fraction] | None:
    """The least positive root, up to reach, of a polynomial in τ and a constant that is added to it."""
    rounded = [Rational(round(c * UNIT), UNIT) for c in reversed([series[0] + shift, *series[1:]])]
    roots = real_roots(Poly(rounded, X, domain=QQ).sqf_part(), positive=True)
    if not roots:
        return None
    root = roots[0].within(QQ(WIDTH.numerator, WIDTH.denominator))
    low, high = (Fraction(int(end.numerator), int(end.denominator)) for end in (root.low, root.high))
    return (low, high) if high <= reach else None


def _remainder(weights: Weights, k: int, reach: Fraction, m: int) -> Fraction:
    """A bound on what Σ w_j e^{ijθ} has beyond its terms below θ^k, of the parity of k, over θ^m (Lagrange)."""
    return sum((abs(w) * abs(j) ** k for j, w in weights.items()), Fraction(0)) * reach ** (k - m) / factorial(k)


def _moment(weights: Weights, k: int) -> Fraction:
    return sum((w * j**k for j, w in weights.items()), Fraction(0)) / factorial(k)


def _correlated(a: Mapping[tuple[int, ...], Expr], b: Mapping[tuple[int, ...], Expr]) -> Weights:
    """Σ_l a_{j+l} b_l by j, roots to 50 digits: ŝ is a ⋆ b over b ⋆ b."""
    found: dict[int, Expr] = {}
    for (i,), x in a.items():
        for (k,), y in b.items():
            found[i - k] = found.get(i - k, S.Zero) + x * y
    return {j: _fraction(value) for j, value in found.items()}


def _fraction(value: Expr) -> Fraction:
    exact = value if isinstance(value, Rational) else Rational(value.evalf(50))
    return Fraction(int(exact.p), int(exact.q))


def _rational(value: Fraction) -> Rational:
    return Rational(value.numerator, value.denominator)


def _root(value: Fraction, up: bool = False) -> Fraction:
    """√ to 40 digits, downwards or upwards."""
    return Fraction(isqrt(value.numerator * UNIT**2 // value.denominator) + up, UNIT)
