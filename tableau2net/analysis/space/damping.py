"""What the signs of a stencil say: whether it damps every wave, whether it keeps what is positive positive.

Both are asked of u_t = σ Du with the sign σ that the equation itself has. Of an even derivative it is one: u_t = u_xx,
but u_t = −u_xxxx. Of an odd one either will do, and which it is says from where the wind must blow: the backward
difference damps u_t = −u_x and makes u_t = u_x grow. All is at the declared values of parameters.
"""

from __future__ import annotations

import numpy as np
from sympy import QQ, Expr, Poly, Rational, oo

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.space.cosines import never_negative
from tableau2net.analysis.space.printed import meant_stencil
from tableau2net.analysis.space.symbol import symbol
from tableau2net.analysis.ssp.coefficient import ssp_coefficient
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.exact.bernstein import Grid, bernstein, corners, moved
from tableau2net.exact.boxes import non_positive
from tableau2net.exact.domain import domain_of
from tableau2net.exact.polynomials import X, sign_in
from tableau2net.scheme import Scheme, Stencil, as_stencil, by_name

Signs = tuple[int, ...]


def equation_signs(stencil: Stencil) -> Signs:
    """The σ for which waves of u_t = σ ∂^o u do not grow; () for a mixed even derivative, and for none at all."""
    if (total := sum(stencil.orders)) % 2:
        return (1, -1)
    if total == 0 or any(m % 2 for term in stencil.terms for m in term):
        return ()
    return ((-1) ** (total // 2 + 1),)


def damped(stencil: Stencil) -> Signs:
    """The σ of `equation_signs` for which σ Re ŝ(θ) ≤ 0 at every θ; decimals, as far as they were printed."""
    signs = equation_signs(stencil)
    if not signs:
        return ()
    found = symbol(meant_stencil(stencil.at_defaults()))
    real = {axes: p for axes, p in found.parts.items() if len(axes) % 2 == 0}
    if not real:
        return signs
    if real.keys() != {()}:
        raise TooMuch("the sign of a real part with products of sines is not decided")
    below = found.denominator if found.dimension == 1 else 1  # which changes its sign where the left side vanishes
    return tuple(sign for sign in signs if _never_positive(real[()] * below * sign))


def dissipative(stencil: Stencil) -> bool | None:
    """Whether u_t = σ Du damps no wave the wrong way: σ Re ŝ ≤ 0 at all angles, for a sign σ that the equation has.

    None where the equation has none (see `equation_signs`). Raises TooMuch where it is not decided."""
    return bool(damped(stencil)) if equation_signs(stencil) else None


def damps_nothing(stencil: Stencil) -> bool:
    """Whether Re ŝ = 0 at every θ."""
    return symbol(stencil.at_defaults()).is_imaginary


def _never_positive(p: Poly) -> bool:
    """Whether p ≤ 0 on [−1, 1]^d, by Sturm, or on several axes by Bernstein's basis."""
    free = p.exclude() if len(p.gens) > 1 else p  # FLINT's polynomials, of one generator, have no such method
    if len(free.gens) == 1:
        return never_negative(-free.replace(free.gen, X))
    if not free.domain.is_QQ:
        raise TooMuch("the sign on several axes of weights that are not rational is not decided")
    whole = free.clear_denoms(convert=True)[1]
    powers: Grid = np.zeros([whole.degree(x) + 1 for x in whole.gens], dtype=object)
    for at, c in whole.rep.to_dict().items():
        powers[at] = int(c)
    for axis in range(powers.ndim):
        powers = moved(powers, axis, QQ(-1), QQ(1))
    corner = bernstein(powers)
    if corner.max() <= 0 or any(value > 0 for value in corners(corner)):
        return bool(corner.max() <= 0)
    holds = non_positive(powers) if powers.ndim == 2 else None
    if holds is None:
        raise TooMuch("the sign of a real part that couples the axes is not decided")
    return holds


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


@by_name(Scheme)
def positivity_limit(scheme: Scheme, stencil: Stencil | str) -> Expr | Isolated | None:
    """The largest ν = Δt/h^m for which a scheme is proved to keep u ≥ 0, and no extremum to grow: its SSP coefficient
    times the limit of an Euler step. None where either does not exist; an interval where the coefficient is one."""
    step, coefficient = euler_limit(as_stencil(stencil)), ssp_coefficient(scheme)
    if step is None or coefficient is None:
        return None
    if isinstance(coefficient, Isolated):
        return Isolated(coefficient.low * step, coefficient.high * step) if step.is_Rational else None
    return coefficient * step if coefficient != 0 else Rational(0)
