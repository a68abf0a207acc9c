"""Exponential integrators on y' = λy + μy, with λ treated as L and μ as N: exact functions of z₁ = hλ and z₂ = hμ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from sympy import Expr, Rational, S, Symbol, exp, expand

from tableau2net.exact.exponentials import Exponentials, Sum, Z
from tableau2net.scheme import ExponentialMultistep, ExponentialRungeKutta, Scheme

Z1, Z2, ZETA = Symbol("z1"), Symbol("z2"), Symbol("zeta")
ANY = Rational(314159, 271828)


@cache
def exponential_function(scheme: Scheme) -> Expr | None:
    """R(z₁, z₂) with y⁺ = R y, stage in stage as the scheme has them; of a multistep method Φ(ζ; z₁, z₂), whose roots ζ
    are its growth factors. None for another scheme."""
    if isinstance(scheme, ExponentialRungeKutta):
        return _nested(scheme, lambda c: exp(c * Z), lambda a: a, Z2).subs(Z, Z1)
    if isinstance(scheme, ExponentialMultistep):
        k = scheme.steps
        states = ((a * exp((k - j) * Z1), j) for j, a in enumerate(scheme.alpha))
        slopes = ((-Z2 * b.subs(Z, Z1), j) for j, b in enumerate(scheme.beta))
        return sum((c * ZETA**j for c, j in (*states, *slopes)), S.Zero)
    return None


@cache
def damps(scheme: Scheme) -> bool | None:
    """Whether R(z₁, z₂) → 0 for every z₂ as z₁ → −∞, so that stiff modes vanish in a step. None for another scheme, and
    where parameters decide it."""
    if not isinstance(scheme, ExponentialRungeKutta) or scheme.parameters:
        return None
    ring = scheme.ring
    entries = [ring.read(a) for row in (*scheme.A, scheme.b) for a in row]
    if all(_settles(ring, entry) for entry in entries):  # each function then has a limit, and so has their polynomial
        limit = _nested(scheme, lambda c: S.One if c.is_zero else S.Zero, lambda a: _limit(ring, ring.read(a)), Z2)
        return bool(expand(limit) == 0)
    return _settles(ring, grown := _growth(scheme)) and _limit(ring, grown) == 0


def _nested(
    scheme: ExponentialRungeKutta, flow: Callable[[Expr], Expr], weight: Callable[[Expr], Expr], z2: Expr
) -> Expr:
    """e^{z₁} + z₂ Σ b_i Y_i, Y_i = e^{c_i z₁} + z₂ Σ a_ij Y_j."""
    stages: list[Expr] = []

    def row(c: Expr, weights: Sequence[Expr]) -> Expr:
        return flow(c) + sum((z2 * weight(a) * y for a, y in zip(weights, stages, strict=False)), S.Zero)

    for c, weights in zip(scheme.c, scheme.A, strict=True):
        stages.append(row(c, weights))
    return row(S.One, scheme.b)


def _growth(scheme: ExponentialRungeKutta) -> Sum:
    """R as an exponential sum, at a number that is no root of anything in particular in the place of z₂."""
    ring = scheme.ring
    return ring.read(expand(_nested(scheme, lambda c: exp(c * Z), lambda a: ring.expression(ring.read(a)), ANY)))


def _settles(ring: Exponentials, value: Sum) -> bool:
    """Whether it has a limit as z → −∞."""
    signs = ((ring.domain.expression(c), n) for c, n in value)
    return all(c.is_positive or (c.is_zero and n <= 0) for c, n in signs)


def _limit(ring: Exponentials, value: Sum) -> Expr:
    return ring.domain.expression(value.get((ring.zero, 0), ring.zero))
