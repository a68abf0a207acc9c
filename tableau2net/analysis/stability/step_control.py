"""Whether a step size controller comes to rest where stability limits the step of a pair (Hall 1985; Gustafsson 1988;
HW II, IV.2).

On y' = λy a controller ends at steps for which hλ = z is on the boundary of the stability region. With η = log |y|,
χ = log h and log err = η + log |E(z)|, E = R − R̂, it is linear nearby: η⁺ = η + uχ and log err = η + vχ with
u = Re zR′/R, v = Re zE′/E. What a law makes of that dies out exactly when the roots of

    (ζ − 1)² (ζ^m + Σ α_j ζ^(m−j+1)) + (Σ β_j ζ^(m−j+1)) (vζ + u − v)

lie in the open unit disk. Here that is decided by interval arithmetic at points of the boundary that are isolated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import atan, degrees
from typing import Any

from mpmath import iv
from sympy import QQ, Expr, Poly, Rational

from tableau2net.analysis.order.conditions import order, order_conditions
from tableau2net.analysis.order.pairs import blind_on_linear
from tableau2net.analysis.reading.linear import Z, stability_function
from tableau2net.analysis.stability.boundary import Ray
from tableau2net.errors import InputError
from tableau2net.exact.enclosure import Enclosure, enclose, precision
from tableau2net.exact.polynomials import RealRoot, evaluate, sign_in
from tableau2net.scheme import Scheme, by_name
from tableau2net.step import lower

RAYS = 8  # half angles' tangents k/RAYS: from the negative real axis up to below the imaginary one
BITS = 160
SHARE = Rational(1, 25)  # of the integral part in the PI law: Gustafsson's stabilisation as in DOPRI5


@dataclass(frozen=True)
class Law:
    """h⁺/h = Π (tol/err_(n−j+1))^β_j Π (h_(n−j+2)/h_(n−j+1))^−α_j, j from 1 for β and from 2 for α (Söderlind 2003).

    betas: of k, where err = O(h^k)."""

    betas: Callable[[int], tuple[Rational, ...]]
    alphas: tuple[Rational, ...] = ()


def _over_order(*betas: Rational | int, alphas: tuple[Rational, ...] = ()) -> Law:
    return Law(lambda k: tuple(Rational(b) / k for b in betas), alphas)


LAWS: Mapping[str, Law] = {
    "I": _over_order(1),
    "PI": Law(lambda k: (Rational(1, k) - SHARE * 3 / 4, -SHARE)),  # HW II, IV.2, eq. 2.43c; what `integrate` uses
    "PI.3.4": _over_order(Rational(7, 10), Rational(-2, 5)),  # Gustafsson 1991
    "H211b": _over_order(Rational(1, 4), Rational(1, 4), alphas=(Rational(1, 4),)),  # Söderlind 2003, b = 4
    "H312PID": _over_order(Rational(1, 18), Rational(1, 9), Rational(1, 18)),  # Söderlind 2003
}


@dataclass(frozen=True)
class BoundaryPoint:
    """A point of the boundary of the stability region, the first on a ray: `angle` degrees from the negative real axis,
    |z| = `size`, and u and v there, as intervals."""

    angle: float
    size: RealRoot
    u: Enclosure
    v: Enclosure


@dataclass(frozen=True)
class StepControl:
    """order: k of the estimate.  points: the boundary on some rays.  stable: for each law whether it comes to rest,
    point by point; None where it is not decided."""

    order: int
    points: tuple[BoundaryPoint, ...]
    stable: Mapping[str, tuple[bool | None, ...]]


@by_name(Scheme)
def step_control(scheme: Scheme, laws: Mapping[str, Law] = LAWS) -> StepControl | None:
    """What each law does on the boundary of the stability region of a pair, at its declared parameter values.

    None for schemes without an embedded method, or a stability function, or an estimate that sees anything, and where
    no ray leaves the region."""
    if not isinstance(laws, Mapping) or not all(isinstance(law, Law) for law in laws.values()):
        raise InputError(
            f"laws: by name a Law, {{'mine': law([0.7, -0.4])}} say; LAWS of this module has {', '.join(LAWS)}"
        )
    fixed = scheme.at_defaults() if scheme.parameters else scheme
    step = lower(fixed)
    if step.estimate is None or step.history or len(step.states) != 1 or step.parts > 1:
        return None
    P, Q = stability_function(fixed)
    P_hat, Q_hat = stability_function(fixed, embedded=True)
    E = P * Q_hat - P_hat * Q
    if E.is_zero or P.degree() < 1 or blind_on_linear(fixed):
        return None
    pairs = [(P, Q), (E, Q * Q_hat)]
    points = tuple(point for k in range(RAYS) if (point := _boundary(pairs, Rational(k, RAYS))) is not None)
    if not points:
        return None
    k = 1 + min(order(fixed), order_conditions(fixed, embedded=True).order)
    with precision(BITS):
        stable = {
            name: tuple(_comes_to_rest(p, law.betas(k), law.alphas) for p in points) for name, law in laws.items()
        }
    return StepControl(k, points, stable)


def _boundary(pairs: Sequence[tuple[Poly, Poly]], tangent: Rational) -> BoundaryPoint | None:
    """Where the ray z = ρ(−cos φ + i sin φ), tan(φ/2) = tangent, leaves the region."""
    (P, Q), _ = pairs
    square = 1 + tangent**2
    turn = (-(1 - tangent**2) / square, 2 * tangent / square)
    outside = _square_on(P, turn) - _square_on(Q, turn)
    sign = sign_in(outside.domain)
    end = Ray((outside,), lambda t: sign(evaluate(outside, t)) <= 0).exit()
    if not isinstance(end, RealRoot):
        return None
    size = end.within(QQ(1, 2 ** (BITS + 40)) * max(end.high, 1))
    with precision(BITS):
        low, high = (iv.mpf(int(x.numerator)) / int(x.denominator) for x in (size.low, size.high))
        rho = iv.mpf([low.a, high.b])
        z = iv.mpc(rho * enclose(turn[0]), rho * enclose(turn[1]))
        u, v = ((z * _slope(N, z) - z * _slope(D, z)).real for N, D in pairs)
    return BoundaryPoint(degrees(2 * atan(tangent)), size, u, v)


def _square_on(p: Poly, turn: tuple[Rational, Rational]) -> Poly:
    """|p(ρw)|² as a polynomial in ρ, for a w on the unit circle."""
    domain = p.domain
    at = [domain.convert(QQ(int(x.p), int(x.q))) for x in turn]
    re, im = domain.one, domain.zero
    parts: list[list[Any]] = [[], []]
    for c in reversed(p.rep.to_list()):
        parts[0].append(c * re)
        parts[1].append(c * im)
        re, im = re * at[0] - im * at[1], re * at[1] + im * at[0]
    real, imaginary = (Poly(x[::-1], Z, domain=domain) for x in parts)
    return real * real + imaginary * imaginary


def _slope(p: Poly, z: Enclosure) -> Enclosure:
    """p′/p."""

    def value(q: Poly) -> Enclosure:
        total = iv.mpc(0)
        for c in q.all_coeffs():
            total = total * z + enclose(c)
        return total

    return value(p.diff()) / value(p)


def _comes_to_rest(point: BoundaryPoint, betas: Sequence[Rational], alphas: Sequence[Rational]) -> bool | None:
    """Whether all roots are inside the unit circle, by Schur and Cohn in intervals; None where that is not decided."""
    m = max(len(betas) - 1, len(alphas))
    filtered: list[Enclosure] = [iv.mpf(1), *map(enclose, alphas), *[iv.mpf(0)] * (m - len(alphas))]
    weighed = [*map(enclose, betas), *[iv.mpf(0)] * (m + 1 - len(betas))]
    c = _product(filtered, [iv.mpf(1), iv.mpf(-2), iv.mpf(1)])
    for i, x in enumerate(_product(weighed, [point.v, point.u - point.v]), 1):
        c[i] += x
    while len(c) > 1:
        last = c[-1] / c[0]
        room = 1 - last * last
        if room.b <= 0:
            return False
        if room.a <= 0:
            return None
        c = [a / c[0] for a in c]
        c = [a - last * b for a, b in zip(c[:-1], reversed(c[1:]), strict=True)]
    return True


def _product(p: Sequence[Enclosure], q: Sequence[Enclosure]) -> list[Enclosure]:
    found: list[Enclosure] = [iv.mpf(0)] * (len(p) + len(q) - 1)
    for i, x in enumerate(p):
        for j, y in enumerate(q):
            found[i + j] += x * y
    return found


def law(betas: Sequence[Expr | float | int], alphas: Sequence[Expr | float | int] = ()) -> Law:
    """A law of one's own; betas are divided by k. Raises InputError where one is no number."""
    try:
        return _over_order(*(Rational(str(b)) for b in betas), alphas=tuple(Rational(str(a)) for a in alphas))
    except (TypeError, ValueError):
        raise InputError(f"betas = {betas!r}, alphas = {alphas!r}: numbers are expected, one a step back") from None
