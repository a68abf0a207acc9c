"""How many points a wave must have for a stencil to be good to a percent, isolated by Taylor series with remainder.

Of an odd derivative the imaginary part of the symbol moves waves, of an even one the real part damps them: that part is
principal, and ρ(θ) is its quotient by that of (iθ)^m; ρ(0) = 1 where the stencil is consistent. ρ is even in θ, so that
|ρ − 1| ≤ ε ends at a root of a power series in τ = θ²; θ is no algebraic number.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import factorial, isqrt
from typing import Any

import numpy as np
from mpmath import expj, mpf, workdps
from sympy import Expr, Rational, S, pi

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.space.moments import space_order
from tableau2net.analysis.space.symbol import sampled
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.exact.bernstein import Grid, moved
from tableau2net.exact.boxes import non_positive
from tableau2net.exact.text import float_of
from tableau2net.scheme import Stencil, by_name

PERCENT = Rational(1, 100)
UNIT, FINE = 10**40, 10**120
MOST_TERMS = 100
PI = Fraction(int((pi * UNIT).evalf(60)), UNIT)  # a little less; with one unit more, a little more
SMALL = Fraction(1, 10**16)  # of what the series leave out
GRID = 2**52  # τ is told in multiples of its inverse
SAMPLES = 2000

Weights = Mapping[int, Fraction]
Series = list[Fraction]


@by_name(Stencil)
def points_per_wavelength(stencil: Stencil, error: Rational = PERCENT) -> Isolated | None:
    """So many points a wave must have, as every longer one has, for |ρ(θ) − 1| ≤ error: 2π/θ at the first θ where it is
    more.

    None for a filter, on several axes, where the order is below 1, and where every wave of the grid is as good."""
    if stencil.dimension != 1 or stencil.orders == (0,) or space_order(stencil).order < 1:
        return None
    fixed = stencil.at_defaults()
    seen = _sampled_crossing(fixed, float(error))
    if seen is None:
        return None
    low, high = _isolated(fixed, Fraction(int(error.p), int(error.q)), *(Fraction(angle**2) for angle in seen))
    return Isolated(_rational(2 * PI / _root(high, up=True)), _rational(2 * (PI + Fraction(1, UNIT)) / _root(low)))


def _sampled_crossing(stencil: Stencil, error: float) -> tuple[float, float] | None:
    """Two angles between which it is, as floats see it; None where none of many angles is beyond."""
    m = stencil.orders[0]
    angles = np.linspace(0, np.pi, SAMPLES + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.real(sampled(stencil, angles) / (1j * angles) ** m)
    quotient[0] = 1
    rounded = angles**m <= 1e-12 * sum(abs(float_of(w)) for w in stencil.points.values())
    quotient[1:][rounded[1:]] = [_quotient(stencil, angle) for angle in angles[1:][rounded[1:]]]
    beyond = ~(np.abs(quotient - 1) <= error)
    first = int(beyond.argmax())
    return (float(angles[first - 1]), float(angles[first])) if beyond.any() else None


def _quotient(stencil: Stencil, angle: float) -> float:
    """Re of ŝ(θ)/(iθ)^m in many digits, where a long wave is lost in the rounding of a high derivative."""
    with workdps(60):

        def total(points: Mapping[tuple[int, ...], Expr]) -> Any:
            return sum(mpf(w.numerator) / w.denominator * expj(j * mpf(angle)) for j, w in _fractions(points).items())

        return float((total(stencil.points) / total(stencil.left_points) / (1j * mpf(angle)) ** stencil.orders[0]).real)


def _isolated(stencil: Stencil, error: Fraction, low: Fraction, high: Fraction) -> tuple[Fraction, Fraction]:
    """The first τ = θ² where |ρ − 1| = error, in an interval: halved between the two given, and proved: nothing is
    beyond on [0, low], by Bernstein's basis, and `high` is. Raises TooMuch where that is not so."""
    rooms, rest = _rooms(stencil, error, high)
    room = min(rooms, key=lambda series: _value(series, high))
    low, high = (Fraction(int(end * GRID), GRID) for end in (low if low > SMALL else SMALL, high))
    while high - low > Fraction(2, GRID):
        middle = Fraction(int((low + high) / 2 * GRID), GRID)
        low, high = (middle, high) if _value(room, middle) > 0 else (low, middle)
    for pad in (Fraction(2**k, GRID) for k in range(2, 40, 3)):
        if _value(room, low - pad) > rest and _value(room, high + pad) < -rest:
            low, high = low - pad, high + pad
            break
    else:
        raise TooMuch("the angle where a percent is reached is not isolated")
    if not all(_nowhere_below(series, rest, low) for series in rooms):
        raise TooMuch("an angle before that where a percent is reached is not excluded")
    return low, high


def _rooms(stencil: Stencil, error: Fraction, reach: Fraction) -> tuple[list[Series], Fraction]:
    """ε B ∓ (S − B) by powers of τ, which are ≥ 0 while |ρ − 1| ≤ ε, and what they leave out at most for τ ≤ reach: B
    the left side (its |·|² where it is not real) and S the principal part over (iθ)^m."""
    m, left = stencil.orders[0], stencil.left_points
    one: Mapping[tuple[int, ...], Expr] = {(0,): S.One}
    real = all(left.get((-j,)) == a for (j,), a in left.items())
    other = one if real else left
    above, below = _correlated(stencil.points, other), _correlated(left, other)
    terms, rest, angle = 4, Fraction(1), _root(reach, up=True)
    while rest > SMALL:
        terms += 4
        rest = _remainder(above, m + 2 * terms, angle, m) + (1 + error) * _remainder(below, 2 * terms, angle, 0)
        rest += Fraction(terms, FINE) * max(angle, Fraction(1)) ** (2 * terms)  # the coefficients are rounded
        if terms > MOST_TERMS:
            raise TooMuch(f"a Taylor series of more than {MOST_TERMS} terms")
    mean: Series = [(-1) ** i * _moment(below, 2 * i) for i in range(terms)]
    wrong = [(-1) ** i * _moment(above, m + 2 * i) - c for i, c in enumerate(mean)]
    both = ([error * c - sign * d for c, d in zip(mean, wrong, strict=True)] for sign in (1, -1))
    return [[Fraction(round(c * FINE), FINE) for c in series] for series in both], rest


def _nowhere_below(series: Series, rest: Fraction, reach: Fraction) -> bool:
    """Whether the series stays ≥ rest on [0, reach]."""
    powers: Grid = np.array([-int(c * FINE) for c in series], dtype=object)
    powers[0] += int(rest * FINE) + 1
    return bool(non_positive(moved(powers, 0, Fraction(0), reach)))


def _value(series: Series, at: Fraction) -> Fraction:
    value = Fraction(0)
    for c in reversed(series):
        value = value * at + c
    return value


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


def _fractions(points: Mapping[tuple[int, ...], Expr]) -> Weights:
    return {j: _fraction(w) for (j,), w in points.items()}


def _fraction(value: Expr) -> Fraction:
    exact = value if isinstance(value, Rational) else Rational(value.evalf(50))
    return Fraction(int(exact.p), int(exact.q))


def _rational(value: Fraction) -> Rational:
    return Rational(value.numerator, value.denominator)


def _root(value: Fraction, up: bool = False) -> Fraction:
    """√ to 40 digits, downwards or upwards."""
    return Fraction(isqrt(value.numerator * UNIT**2 // value.denominator) + up, UNIT)
