"""Difference formulas for any derivative and order: those that are exact for polynomials on their points.

Weights of the interpolant's derivative (Fornberg 1988) are the m-th derivatives of the Lagrange basis at the point
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import factorial

from sympy import Rational

from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.constructed.polynomial import lagrange
from tableau2net.scheme.stencil import Stencil

MAX_ORDER = 20
DERIVATIVES = range(1, 9)


def interpolating(derivative: int, offsets: Sequence[int]) -> Stencil:
    """The weights that differentiate the polynomial through the values at these offsets: of order at least
    len(offsets) − derivative (Fornberg, Math. Comp. 51, 1988)."""
    basis = lagrange([Fraction(j) for j in offsets])
    weights = [factorial(derivative) * Fraction(ell[derivative]) for ell in basis]
    return Stencil(derivative, [Rational(w.numerator, w.denominator) for w in weights], offsets=tuple(offsets))


def central(derivative: int, order: int) -> Stencil:
    """The fewest points symmetric about the point itself, for an even order."""
    reach = (derivative + 1) // 2 + order // 2 - 1
    return interpolating(derivative, range(-reach, reach + 1))


def upwind(order: int) -> Stencil:
    """A first derivative on order + 1 points with one more behind than ahead, for u_t + u_x = 0: dissipative with
    its sign turned; the even orders have two more behind."""
    ahead = (order - 1) // 2
    return interpolating(1, range(ahead - order, ahead + 1))


FAMILIES = register_scheme_patterns(
    SchemePattern(
        pattern="central-{}-{}",
        members=[(m, p) for p in range(2, MAX_ORDER + 1, 2) for m in DERIVATIVES],
        build=central,
        title=lambda m, p: f"Central difference of derivative {m}, order {p}",
        reference="Fornberg 1988",
        claims=lambda m, p: {"order": p},
        listed=16,
        kind="stencil",
    ),
    SchemePattern(
        pattern="upwind-{}",
        members=range(1, MAX_ORDER + 1),
        build=upwind,
        title=lambda p: f"Upwind-biased first difference, order {p}",
        reference="Fornberg 1988",
        claims=lambda p: {"order": p},
        kind="stencil",
    ),
)
