"""The stability region along a ray from 0, exactly: the points where a root ζ can cross the unit circle, and whether
all roots are inside at a rational point between.

Along z = −t the polynomial Φ(ζ, −t) is real; along z = iy, Φ(ζ, iy) Φ(ζ, −iy) is real and depends on w = y² alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sympy import Poly, Rational

from tableau2net.analysis.reading.linear import ZETA, Curve, Z, snapped
from tableau2net.analysis.stability.unit_disk import in_closed_disk, root_condition
from tableau2net.exact.balls import Ball
from tableau2net.exact.polynomials import RealRoot, evaluate, positive_roots, samples, sign_in
from tableau2net.exact.series import Series

MAX_STEPS = 16  # of a history: beyond, resultants take more than seconds
ZERO = Ball(0, 0.0)


@dataclass(frozen=True)
class Ray:
    """A ray z(t), t > 0. critical: polynomials in t that vanish wherever a root crosses the circle.
    stable: whether no root is outside, at a rational t that is not critical."""

    critical: tuple[Poly, ...]
    stable: Callable[[Any], bool]

    def exit(self) -> RealRoot | int | None:
        """The first point after which the ray is not in the stability region: 0, a root, or None where it never is.

        At a point where two roots meet on the circle the region may end though both stay in the closed disk; then
        they were or will be outside on the ray (near a branch point ζ − ζ_0 ~ ±c√(t − t_0): four directions of which
        one leads out), so the points between decide."""
        roots = positive_roots(self.critical)
        for i, t in enumerate(samples(roots)):
            if not self.stable(t):
                return roots[i - 1] if i else 0
        return None

    @classmethod
    def together(cls, rays: Sequence[Ray]) -> Ray:
        """Where all of some are stable."""
        critical = dict.fromkeys(p for ray in rays for p in ray.critical)
        return cls(tuple(critical), lambda t: all(ray.stable(t) for ray in rays))


def negative_axis(curve: Curve) -> Ray:
    """z = −t."""
    if curve.factors:
        return Ray.together([negative_axis(p) for p in curve.factors])
    if curve.steps == 1:
        P, Q = _one_step(curve)
        above, below = Q - P, Q + P
        if curve.rough is not None:
            minus, plus = curve.rough  # −P and Q
            above = _snapped(above, [a + b for a, b in zip_longest(minus, plus, fillvalue=ZERO)])
            below = _snapped(below, [b - a for a, b in zip_longest(minus, plus, fillvalue=ZERO)])
        return _fraction(_flipped(above), _flipped(below))
    f = tuple(_flipped(p) for p in curve.coefficients)

    def stable(t: Any) -> bool:
        return in_closed_disk(_at([evaluate(p, t) for p in f], curve))

    return Ray(_crossings(f, tuple(reversed(f))), stable)


def negative_axis_of_vibrations(curve: Curve) -> Ray:
    """The same of a method for y'' = f, whose double roots on the circle are Jordan blocks, and grow: of its matrix at
    z = 0 too, so that where roots are double for every z it is none that is a multiple of the identity."""
    ray = negative_axis(curve)
    f = tuple(_flipped(p) for p in curve.coefficients)

    def stable(t: Any) -> bool:
        return ray.stable(t) and root_condition(_at([evaluate(p, t) for p in f], curve))

    return Ray(ray.critical, stable)


def imaginary_axis(curve: Curve) -> Ray:
    """z = iy, by w = y²."""
    if curve.factors:
        return Ray.together([imaginary_axis(p) for p in curve.factors])
    if curve.steps == 1:
        e = e_polynomial(curve)
        sign = sign_in(e.domain)
        return Ray((e,), lambda w: sign(evaluate(e, w)) >= 0)
    reverse = tuple(_flipped(p) for p in reversed(curve.coefficients))
    critical = tuple(_in_square(p) for p in _crossings(curve.coefficients, reverse))
    halves = [_even_odd(p) for p in curve.coefficients]

    def stable(w: Any) -> bool:
        even = _at([evaluate(e, w) for e, _ in halves], curve)
        odd = _at([evaluate(o, w) for _, o in halves], curve)
        return in_closed_disk(even * even + odd * odd * _number(w))

    return Ray(critical, stable)


def e_polynomial(curve: Curve) -> Poly:
    """E = |Q(iy)|² − |P(iy)|² of a one-step method as a polynomial in w = y² (HW II, IV.3, eq. 3.8)."""
    P, Q = _one_step(curve)
    exact = _modulus(Q) - _modulus(P)
    if curve.rough is None:
        return exact
    inner, outer = (_modulus_series(series) for series in curve.rough)
    return _snapped(exact, [b - a for a, b in zip_longest(inner, outer, fillvalue=ZERO)])


def _snapped(exact: Poly, rough: Series) -> Poly:
    """A polynomial without the terms that may be zero to the printed decimals."""
    c = list(reversed(exact.rep.to_list()))
    return Poly(list(reversed(snapped(c, rough[: len(c)]))) or [0], Z, domain=exact.domain)


def _modulus(p: Poly) -> Poly:
    """|p(iy)|² in w = y²."""
    even, odd = _even_odd(p)
    return even * even + odd * odd * Poly(Z, Z, domain=p.domain)


def _modulus_series(p: Series) -> Series:
    """|p(iy)|² by powers of w = y²: Σ_j (−1)^(k−j) p_j p_(2k−j)."""
    square = []
    for k in range(len(p)):
        total = ZERO
        for j in range(max(0, 2 * k - len(p) + 1), min(2 * k, len(p) - 1) + 1):
            term = p[j] * p[2 * k - j]
            total = total - term if (k - j) % 2 else total + term
        square.append(total)
    return square


def _even_odd(p: Poly) -> tuple[Poly, Poly]:
    """(e, o) with p(iy) = e(w) + iy·o(w), w = y²."""
    c = list(reversed(p.rep.to_list()))
    halves = []
    for first in (0, 1):
        part = [-x if k % 2 else x for k, x in enumerate(c[first::2])]
        halves.append(Poly(list(reversed(part)) or [0], Z, domain=p.domain))
    return halves[0], halves[1]


def _one_step(curve: Curve) -> tuple[Poly, Poly]:
    return -curve.coefficients[0], curve.coefficients[1]


def _fraction(above: Poly, below: Poly) -> Ray:
    """Q − P and Q + P along the ray."""
    sign = sign_in(above.domain)

    def stable(t: Any) -> bool:
        """Q² ≥ P²."""
        factors = [sign(evaluate(p, t)) for p in (above, below)]
        return factors[0] * factors[1] >= 0

    return Ray((above, below), stable)


def _crossings(f: tuple[Poly, ...], g: tuple[Poly, ...]) -> tuple[Poly, ...]:
    """Polynomials in z that vanish where Σ f_j ζ^j has a root crossing the circle; g are its coefficients mirrored in
    the circle, so that roots on the circle are common to both."""
    ends = tuple(sum((p * s**j for j, p in enumerate(f)), f[0] * 0) for s in (1, -1))
    lead = f[-1]
    if len(f) == 3 and g == f[::-1]:  # real, of two roots: a pair is on the circle where its product is 1
        return tuple(p for p in (*ends, lead, lead - f[0]) if p)
    common = resultant(f, g)
    if not common.is_zero:
        return (*ends, lead, common)
    # roots that are mirror images of each other for every z: they leave the circle only where they meet
    F, G = _bivariate(f), _bivariate(g)
    mirrored = F.gcd(G)
    rest, other = _univariate(F.exquo(mirrored)), _univariate(G.exquo(mirrored))
    simple = mirrored.exquo(mirrored.gcd(mirrored.diff(ZETA)))
    parts = _univariate(simple)
    meeting = [resultant(parts, _derivative(parts)), parts[-1]] if len(parts) > 1 else []
    leaving = [resultant(rest, other)] if len(rest) > 1 and len(other) > 1 else []
    return (*ends, lead, *meeting, *leaving)


def _derivative(f: tuple[Poly, ...]) -> tuple[Poly, ...]:
    return tuple(p * j for j, p in enumerate(f))[1:]


def resultant(f: tuple[Poly, ...], g: tuple[Poly, ...]) -> Poly:
    """The resultant of Σ f_j ζ^j and Σ g_j ζ^j, a polynomial in z, from its values at integers."""
    m, n = len(f) - 1, len(g) - 1
    domain = f[-1].domain
    degree = n * max(p.degree() for p in f if p) + m * max(p.degree() for p in g if p)
    points: list[int] = []
    values: list[Any] = []
    t = 0
    while len(points) <= degree:
        t = -t if t > 0 else 1 - t
        a, b = (Poly([evaluate(p, t) for p in reversed(h)], ZETA, domain=domain) for h in (f, g))
        if a.degree() == m and b.degree() == n:
            points.append(t)
            values.append(domain.from_sympy(a.resultant(b)) if m and n else domain.one)
    return _interpolated(points, values, domain)


def _interpolated(points: list[int], values: list[Any], domain: Any) -> Poly:
    """Newton's divided differences."""
    c = list(values)
    for k in range(1, len(points)):
        for i in range(len(points) - 1, k - 1, -1):
            c[i] = (c[i] - c[i - 1]) / domain.convert(points[i] - points[i - k])
    p = Poly(0, Z, domain=domain)
    for x, y in zip(reversed(c), reversed(points), strict=True):
        p = p * Poly(Z - y, Z, domain=domain) + Poly([x], Z, domain=domain)
    return p


def _bivariate(f: tuple[Poly, ...]) -> Poly:
    terms = {(j, *m): c for j, p in enumerate(f) for m, c in p.as_dict().items()}
    return Poly(terms, ZETA, Z, domain=f[-1].domain)


def _univariate(p: Poly) -> tuple[Poly, ...]:
    rows: list[dict[tuple[int], Any]] = [{} for _ in range(p.degree(ZETA) + 1)]
    for (j, k), c in p.as_dict().items():
        rows[j][(k,)] = c
    return tuple(Poly(row or {(0,): 0}, Z, domain=p.domain) for row in rows)


def _in_square(p: Poly) -> Poly:
    """A polynomial that is even or odd in z, by w = −z² (a factor z dropped)."""
    c = list(reversed(p.rep.to_list()))
    first = next((k for k, x in enumerate(c) if x), 0) % 2
    even, odd = _even_odd(p)
    return odd if first else even


def _flipped(p: Poly) -> Poly:
    """p(−z)."""
    return p.compose(Poly(-Z, Z, domain=p.domain))


def _at(values: list[Any], curve: Curve) -> Poly:
    return Poly(list(reversed(values)) or [0], ZETA, domain=curve.coefficients[-1].domain)


def _number(x: Any) -> Rational:
    return Rational(int(x.numerator), int(x.denominator))
