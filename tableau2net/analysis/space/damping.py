"""What the signs of a stencil say: whether it damps every wave, whether it keeps what is positive positive.

Both are asked of u_t = σ Du with the sign σ that the equation itself has. Of an even derivative it is one: u_t = u_xx,
but u_t = −u_xxxx. Of an odd one either will do, and which it is says from where the wind must blow: the backward
difference damps u_t = −u_x and makes u_t = u_x grow. All is at the declared values of parameters.
"""

from __future__ import annotations

from sympy import Expr, Poly, Rational, oo

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.space.cosines import constant_sign, never_negative
from tableau2net.analysis.space.symbol import symbol
from tableau2net.analysis.ssp.coefficient import ssp_coefficient
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.exact.domain import domain_of
from tableau2net.exact.polynomials import X, sign_in
from tableau2net.scheme import Scheme, Stencil

Signs = tuple[int, ...]


def equation_signs(stencil: Stencil) -> Signs:
    """The σ for which waves of u_t = σ ∂^o u do not grow; () for a mixed even derivative, and for none at all."""
    if (total := sum(stencil.orders)) % 2:
        return (1, -1)
    if total == 0 or any(m % 2 for m in stencil.orders):
        return ()
    return ((-1) ** (total // 2 + 1),)


def damped(stencil: Stencil) -> Signs:
    """The σ of `equation_signs` for which σ Re ŝ(θ) ≤ 0 at every θ; decimals, as far as they were printed."""
    signs = equation_signs(stencil)
    if not signs:
        return ()
    fixed = stencil.at_defaults()
    found = symbol(fixed)
    real = {axes: p for axes, p in found.parts.items() if len(axes) % 2 == 0}
    if not real:
        return signs
    if real.keys() != {()}:
        raise TooMuch("the sign of a real part with products of sines is not decided")
    p, slack = real[()], _rounding(fixed)
    if stencil.dimension == 1:
        return tuple(sign for sign in signs if never_negative(p * -sign + slack))
    sign = _sign_of_factors(p)
    return tuple(s for s in signs if sign is not None and s * sign <= 0)


def dissipative(stencil: Stencil) -> bool | None:
    """Whether u_t = σ Du damps no wave the wrong way: σ Re ŝ ≤ 0 at all angles, for a sign σ that the equation has.

    None where the equation has none (see `equation_signs`). Raises TooMuch where it is not decided: real parts of
    several angles that are no product."""
    return bool(damped(stencil)) if equation_signs(stencil) else None


def damps_nothing(stencil: Stencil) -> bool:
    """Whether Re ŝ = 0 at every θ."""
    return symbol(stencil.at_defaults()).is_imaginary


def _rounding(stencil: Stencil) -> Rational:
    """How far the real part may be off where a source printed decimals, at any angle."""
    if stencil.digits is None:
        return Rational(0)
    half = Rational(1, 2 * 10**stencil.digits)
    above, below = stencil.points.values(), stencil.left_points.values()
    counts = [sum(not w.is_Integer for w in side) for side in (above, below)]
    sizes = [sum(abs(Rational(w.evalf(30))) + half for w in side) for side in (above, below)]
    explicit = stencil.left is None
    return half * (counts[0] * (1 if explicit else sizes[1]) + counts[1] * sizes[0])


def _sign_of_factors(p: Poly) -> int | None:
    """The sign on [−1, 1]^d of a polynomial in several cosines that is a product of those in one each."""
    constant, factors = p.factor_list()
    sign = sign_in(p.domain)(p.domain.convert(constant))
    for factor, times in factors:
        used = [x for x in factor.gens if factor.degree(x) > 0]
        if len(used) > 1:
            raise TooMuch("the sign of a real part that couples the axes is not decided")
        if times % 2:
            own = constant_sign(Poly(factor.as_expr(), used[0], domain=p.domain).replace(used[0], X))
            if own is None:
                return None
            sign *= own
    return sign


def positive_sign(stencil: Stencil) -> int | None:
    """The σ of `equation_signs` for which every weight of σ D off the centre is ≥ 0; None where there is none."""
    fixed = stencil.at_defaults()
    points = {at: w for at, w in fixed.points.items() if any(at)}
    domain = domain_of(points.values())
    sign = sign_in(domain.domain)
    signs = {sign(domain.convert(w)) for w in points.values()}
    return next((s for s in equation_signs(stencil) if -s not in signs), None)


def monotone(stencil: Stencil) -> bool | None:
    """Whether small Euler steps of u_t = σ Du make no new extrema: the weights off the centre are ≥ 0 (Harten 1983).

    None for a compact stencil, whose weights are those of an inverse, and where the equation has no sign."""
    if stencil.left is not None or not equation_signs(stencil):
        return None
    return positive_sign(stencil) is not None


def barrier(stencil: Stencil) -> int:
    """The highest order that monotone stencils of a derivative have: Godunov's 1 of a first (Σ w_j j² = 0 asks weights
    of both signs), 2 of a second (so does Σ w_j j⁴ = 0); none of higher ones is consistent, which is −1."""
    return {1: 1, 2: 2}.get(sum(stencil.orders), -1)


def euler_limit(stencil: Stencil) -> Expr | None:
    """The largest ν = Δt/h^m for which an Euler step of u_t = σ Du has no negative weight: 1/(−σ w_0), exactly.

    None where the stencil is not monotone."""
    if not monotone(stencil):
        return None
    fixed = stencil.at_defaults()
    sigma = positive_sign(stencil)
    centre = fixed.points.get((0,) * stencil.dimension, Rational(0)) * (sigma or 0)
    return -1 / centre if centre.is_negative else oo


def positivity_limit(scheme: Scheme, stencil: Stencil) -> Expr | Isolated | None:
    """The largest ν = Δt/h^m for which a scheme is proved to keep u ≥ 0, and no extremum to grow: its SSP coefficient
    times the limit of an Euler step. None where either does not exist; an interval where the coefficient is one."""
    step, coefficient = euler_limit(stencil), ssp_coefficient(scheme)
    if step is None or coefficient is None:
        return None
    if isinstance(coefficient, Isolated):
        return Isolated(coefficient.low * step, coefficient.high * step) if step.is_Rational else None
    return coefficient * step if coefficient != 0 else Rational(0)
