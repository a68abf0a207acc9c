"""A-stability beyond the imaginary axis: poles, infinity, and the angle of A(α)-stability.

The sector |arg(−z)| ≤ α is stable when its edges are and no root is infinite inside (maximum principle), so α is the
least angle at which the root locus {z: |ζ| = 1} is found. It is a float; how it is found depends on the method:
from a polynomial in cos θ where Φ = ρ(ζ) − zσ(ζ), by Sturm's theorem along rays for one-step methods, and by
following the locus in floating point for general linear methods.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from functools import partial
from typing import Any

from sympy import QQ, Float, Poly, Rational, S, Symbol, chebyshevt_poly, chebyshevu_poly

from tableau2net.analysis.reading.linear import Curve, Z, snapped
from tableau2net.analysis.stability.locus import least_angle
from tableau2net.exact.balls import ROUNDING, UNIT, Ball, Balls
from tableau2net.exact.complex_roots import complex_roots, context
from tableau2net.exact.polynomials import evaluate, hurwitz, non_negative, positive_roots, sign_in
from tableau2net.exact.series import Series

X = Symbol("x")
BALLS = Balls(1)  # their one and zero
BITS = 44  # of cos α, wanted to 1e-9 degrees


def no_poles_on_the_left(curve: Curve) -> bool:
    """Whether no root ζ is infinite for Re z ≤ 0: with stability on the imaginary axis that is A-stability, since the
    largest |ζ| is subharmonic in z (for one-step methods the maximum principle; HW II, IV.3, eq. 3.6)."""
    lead = curve.coefficients[-1]
    return hurwitz(lead.compose(Poly(-Z, Z, domain=lead.domain)))


def vanishes_at_infinity(curve: Curve) -> bool:
    """Whether all roots tend to 0 as z does to infinity (HW II, IV.3, Definition 3.7; for multistep methods, σ = β_k
    ζ^k)."""
    if curve.factors:
        return all(map(vanishes_at_infinity, curve.factors))
    degrees = [p.degree() for p in curve.coefficients]
    return all(d < degrees[-1] for d in degrees[:-1])


def alpha_degrees(curve: Curve) -> float:
    """The largest α for which a method, stable on the negative real axis but not A-stable, is A(α)-stable; degrees,
    right to 1e-9."""
    if curve.factors:
        return min(map(alpha_degrees, curve.factors))
    if curve.steps > 1 and all(p.degree() <= 1 for p in curve.coefficients):
        return math.degrees(_one_root_locus(curve))
    guess = least_angle(curve)
    if curve.steps > 1:
        return math.degrees(guess)
    return math.degrees(_along_rays(curve, guess))


def _one_root_locus(curve: Curve) -> float:
    """With z = ρ/σ(e^{iθ}) and x = cos θ, |σ|² z = a(x) ± i√(1 − x²) b(x): tan α is the infimum of √(1 − x²)|b|/|a|
    where a < 0. It is taken where the derivative vanishes, or as a limit at the end of an arc: where ρ or σ has a root
    on the circle, which a and b share, so that z tends to 0 or to infinity there in some direction."""
    a, b = _real_and_imaginary(curve)
    common = a.gcd(b)
    p, q = a.quo(common), b.quo(common)
    x, one = Poly(X, X, domain=a.domain), Poly(1 - X**2, X, domain=a.domain)
    slope = p.diff() * one * q + x * p * q - one * p * q.diff()
    sign = sign_in(a.domain)
    points = [S.NegativeOne, *_between_minus_one_and_one(slope, a), S.One]
    left = [sign(evaluate(a, (low + high) / 2)) < 0 for low, high in itertools.pairwise(points)]
    top, bottom = one * q * q, p * p
    ends = [x for i, x in enumerate(points) if any(left[max(i - 1, 0) : i + 1])]
    return min((math.atan(_root_of_quotient(top, bottom, x)) for x in ends), default=math.pi / 2)


def _root_of_quotient(top: Poly, bottom: Poly, x: Rational) -> float:
    over, under = evaluate(top, x), evaluate(bottom, x)
    return math.sqrt(float(Float(top.domain.to_sympy(over / under), 20))) if under else math.inf


def _between_minus_one_and_one(*polys: Poly) -> list[Rational]:
    """The roots of some polynomials in (−1, 1), to forty binary digits more than the angle needs, in order."""
    moved = [p.compose(Poly(X - 1, X, domain=p.domain)) for p in polys]
    narrow = [r.within(QQ(1, 2**80)) for r in positive_roots(moved) if r.low < 2]
    points = [Rational(Fraction(int(r.low.numerator), int(r.low.denominator))) - 1 for r in narrow]
    return [point for point in points if point < 1]


def _real_and_imaginary(curve: Curve) -> tuple[Poly, Poly]:
    """Re ρσ̄ and Im ρσ̄/sin θ on the unit circle as polynomials in x = cos θ."""
    domain = curve.coefficients[-1].domain
    rho = [p.nth(0) for p in curve.coefficients]
    sigma = [-p.nth(1) for p in curve.coefficients]
    real, imaginary = Poly(0, X, domain=domain), Poly(0, X, domain=domain)
    for j, r in enumerate(rho):
        for k, s in enumerate(sigma):
            m = abs(j - k)
            real += chebyshevt_poly(m, X, polys=True).set_domain(domain) * (r * s)
            if m:
                turned = chebyshevu_poly(m - 1, X, polys=True).set_domain(domain) * (r * s)
                imaginary += turned if j > k else -turned
    return real, imaginary


def _along_rays(curve: Curve, guess: float) -> float:
    """The angle of a one-step method: bisection in cos α, with each ray decided exactly. The guess makes it short.

    Up to the first pole a stable ray means a stable sector (maximum principle); beyond, rays can be stable again."""
    Q, is_stable = curve.coefficients[1], partial(_ray_is_stable, curve)
    stable, unstable = Fraction(1), _cosine_of_first_pole(Q)  # cosines
    middle = max(Fraction(round(math.cos(guess) * 2**BITS), 2**BITS), unstable)
    width = Fraction(1, 2**BITS)
    for side in (1, -1):
        while stable > middle > unstable and width < 1:
            tried = middle + side * width
            if not unstable < tried < stable:
                break
            if is_stable(tried):
                stable = tried
            else:
                unstable = tried
            if (side == 1) == (stable == tried):
                break
            width *= 16
        width = Fraction(1, 2**BITS)
    while math.acos(unstable) - math.acos(stable) > 1e-12:
        tried = (stable + unstable) / 2
        if is_stable(tried):
            stable = tried
        else:
            unstable = tried
        if stable - unstable < Fraction(1, 2**100):
            break
    return (math.acos(stable) + math.acos(unstable)) / 2


def _cosine_of_first_pole(Q: Poly) -> Fraction:
    """cos of the least angle from the negative real axis at which Q has a root; 0 where all are on the right."""
    cosines = [-root.real / abs(root) for root in complex_roots(Q, context(30))]
    return Fraction(round(max([0, *cosines]) * 2**BITS), 2**BITS)


def _ray_is_stable(curve: Curve, cosine: Fraction) -> bool:
    """Whether |P| ≤ |Q| at z = −t e^{iα} for all t > 0: a polynomial in t, by Sturm's theorem. Its terms that may be
    zero to printed decimals are."""
    domain = curve.coefficients[1].domain
    inner, outer = ([domain.convert(x) for x in reversed(p.rep.to_list())] for p in curve.coefficients)
    at = domain.convert(QQ(cosine.numerator, cosine.denominator))
    difference = _difference(inner, outer, at, domain)
    if curve.rough is not None:
        inner, outer = curve.rough
        near = Ball(cosine.numerator * UNIT // cosine.denominator, ROUNDING)
        difference = snapped(difference, _difference(inner, outer, near, BALLS)[: len(difference)])
    return non_negative(Poly(list(reversed(difference)) or [0], Z, domain=domain))


def _difference(inner: Series, outer: Series, cosine: Any, domain: Any) -> Series:
    """|Q|² − |P|² there by powers of t."""
    smaller, larger = (_squared(p, cosine, domain) for p in (inner, outer))
    return [b - a for a, b in itertools.zip_longest(smaller, larger, fillvalue=domain.zero)]


def _squared(c: Series, cosine: Any, domain: Any) -> Series:
    """|p(−t e^{iα})|² = Σ p_j p_k (−t)^(j+k) cos (j − k)α, by powers of t; of numbers of any kind."""
    cosines = [domain.one, cosine]
    while len(cosines) < len(c):
        cosines.append((cosine + cosine) * cosines[-1] - cosines[-2])
    square = [domain.zero] * max(2 * len(c) - 1, 0)
    for j, a in enumerate(c):
        for k, b in enumerate(c):
            term = a * b * cosines[abs(j - k)]
            square[j + k] = square[j + k] - term if (j + k) % 2 else square[j + k] + term
    return square
