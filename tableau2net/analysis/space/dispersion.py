"""What a stencil does to waves: its modified wavenumber, how fast wave packets run, which waves it does not see.

All of it is on one axis, at the declared values of parameters, and exact: functions of x = cos θ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from sympy import Expr, Poly, Rational, S, acos, oo, pi

from tableau2net.analysis.space.cosines import largest, never_negative, roots_between
from tableau2net.analysis.space.symbol import StencilSymbol, symbol
from tableau2net.analysis.space.terms import vanishes
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.exact.polynomials import RealRoot, X
from tableau2net.exact.root_arithmetic import larger
from tableau2net.scheme import Stencil

EXACT_DEGREE = 20  # in cos θ, of what an extreme value is found of as an algebraic number
SAMPLES = 4001
WIDTHS = [Rational(1, 10**n) for n in (9, 6, 3)]


@dataclass(frozen=True)
class Mode:
    """A wave that a stencil does not see: ŝ(θ) = 0 with 0 < θ ≤ π. cosine: cos θ, exactly."""

    cosine: Expr

    @property
    def points(self) -> Expr:
        """Points per wavelength, 2π/θ."""
        return 2 * pi / acos(self.cosine)


def on_one_axis(stencil: Stencil) -> StencilSymbol | None:
    """The symbol at the declared values of parameters, of a stencil on one axis; None of others."""
    return symbol(stencil.at_defaults()) if stencil.dimension == 1 else None


def stray_modes(stencil: Stencil) -> tuple[Mode, ...] | None:
    """The waves with 0 < θ ≤ π in the null space of D, longest first; the sawtooth has θ = π. None on several axes."""
    found = on_one_axis(stencil)
    if found is None:
        return None
    parts = [p for p in (found.real, found.imaginary) if not p.is_zero]
    common = parts[0] if len(parts) == 1 else parts[0].gcd(parts[1])
    inside = [Mode(root.expression()) for root in reversed(roots_between(common))] if common.degree() > 0 else []
    sawtooth = [Mode(S.NegativeOne)] if found.real.eval(-1) == 0 and found.denominator.eval(-1) else []
    return (*inside, *sawtooth)


def poles(stencil: Stencil) -> tuple[Mode, ...] | None:
    """The waves at which ŝ has no bound, for the left side of a compact stencil vanishes and the right one does not;
    longest first. None on several axes."""
    found = on_one_axis(stencil)
    if found is None:
        return None
    below = found.denominator
    inside = [root.expression() for root in reversed(roots_between(below))] if below.degree() > 0 else []
    ends = [[S(x)] * (not below.eval(x)) for x in (1, -1)]
    return tuple(map(Mode, (*ends[0], *inside, *ends[1])))


def largest_real(stencil: Stencil) -> Expr | Isolated | None:
    """max |Re ŝ| over θ: h^m times the largest rate at which a wave is damped, or grows; infinite
    where it has no bound, None where it is not decided."""
    found = on_one_axis(stencil)
    if found is None:
        return None
    p, below = _lowest(found.real, found.denominator)
    if vanishes(below):
        return oo
    if 2 * p.degree() > EXACT_DEGREE:
        return _isolated(p**2, below**2)
    sides = [largest(side, below) for side in (p, -p) if not never_negative(-side)]
    known = [root for root in sides if root is not None]
    return reduce(larger, known).expression() if known else S.Zero


def largest_imaginary(stencil: Stencil) -> Expr | Isolated | None:
    """max |Im ŝ| over θ: for a first derivative the largest modified wavenumber; infinite where it has
    no bound, None where it is not decided."""
    found = on_one_axis(stencil)
    if found is None:
        return None
    sine = Poly([-1, 0, 1], X, domain=found.imaginary.domain)
    return _largest_root(sine * found.imaginary**2, found.denominator**2)


def _largest_root(square: Poly, below: Poly) -> Expr | Isolated | None:
    """√ of the largest value of a quotient of squares."""
    if square.is_zero:
        return S.Zero
    square, below = _lowest(square, below)
    if vanishes(below):
        return oo
    if square.degree() > EXACT_DEGREE:
        return _isolated(square, below)
    root: RealRoot | None = largest(square, below)
    return root and root.square_root()


def _lowest(above: Poly, below: Poly) -> tuple[Poly, Poly]:
    """A quotient without common factors."""
    common = above.gcd(below)
    return (above.quo(common), below.quo(common)) if common.degree() > 0 else (above, below)


def _isolated(square: Poly, below: Poly) -> Isolated | None:
    """The same of long polynomials, whose resultant would take minutes: rationals on both sides of what floats see,
    each proved (Sturm)."""
    x = np.cos(np.linspace(0, np.pi, SAMPLES))
    above, under = (np.polyval([float(c) for c in p.all_coeffs()], x) for p in (square, below))
    seen = Rational(float(np.sqrt((above / under).max())))
    for width in WIDTHS:
        low, high = seen * (1 - width), seen * (1 + width)
        sides = [never_negative(below.mul_ground(end**2) - square) for end in (low, high)]
        if sides == [False, True]:
            return Isolated(low, high)
    return None


def sawtooth_velocity(stencil: Stencil) -> Expr | None:
    """d Im ŝ/dθ at θ = π: how fast a packet of sawtooth waves runs, where 1 is right: −Q(−1)/denominator. Of a first
    derivative; None of others."""
    found = on_one_axis(stencil)
    if found is None or stencil.orders != (1,) or not (below := found.denominator.eval(-1)):
        return None
    return -found.imaginary.eval(-1) / below


def group_velocity(stencil: Stencil) -> tuple[Poly, Poly] | None:
    """d Im ŝ/dθ of a first derivative as a quotient of two polynomials in x = cos θ; 1 is right. None of others.

    (sin θ Q/D)' = x Q/D − (1 − x²)(Q/D)'."""
    found = on_one_axis(stencil)
    if found is None or stencil.orders != (1,):
        return None
    q, d = found.imaginary, found.denominator
    x, sine = Poly([1, 0], X, domain=q.domain), Poly([-1, 0, 1], X, domain=q.domain)
    return x * q * d - sine * (q.diff() * d - q * d.diff()), d**2


def turning_cosines(stencil: Stencil) -> tuple[Expr, ...]:
    """cos θ where the group velocity is 0 and packets stand, from the longest wave."""
    velocity = group_velocity(stencil)
    if velocity is None or velocity[0].degree() < 1:
        return ()
    return tuple(root.expression() for root in reversed(roots_between(velocity[0])))
