"""Difference formulas for any derivative and order: those that are exact for polynomials on their points.

Weights of the interpolant's derivative (Fornberg 1988) are the m-th derivatives of the Lagrange basis at the point
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import factorial
from typing import Any

from sympy import Expr, Rational, sqrt

from tableau2net.scheme.constructed.fractions import exact
from tableau2net.scheme.constructed.pattern import SchemePattern, count, register_scheme_patterns
from tableau2net.scheme.constructed.polynomial import lagrange
from tableau2net.scheme.stencil import Stencil

MAX_ORDER = 20
DERIVATIVES = range(1, 9)
FORNBERG = "Fornberg 1988, Math. Comp."


def interpolating(derivative: int, offsets: Sequence[int]) -> Stencil:
    """The weights that differentiate the polynomial through the values at these offsets: of order at least
    len(offsets) − derivative (Fornberg, Math. Comp. 51, 1988)."""
    basis = lagrange([Fraction(j) for j in offsets])
    weights = [factorial(derivative) * Fraction(ell[derivative]) for ell in basis]
    return Stencil(derivative, exact(weights), offsets=tuple(offsets))


def central(derivative: int, order: int) -> Stencil:
    """The fewest points symmetric about the point itself, for an even order."""
    reach = (derivative + 1) // 2 + order // 2 - 1
    return interpolating(derivative, range(-reach, reach + 1))


def forward(derivative: int, order: int) -> Stencil:
    """On the point itself and those ahead of it."""
    return interpolating(derivative, range(derivative + order))


def backward(derivative: int, order: int) -> Stencil:
    """On the point itself and those behind it."""
    return interpolating(derivative, range(1 - derivative - order, 1))


def between(derivative: int, behind: int, ahead: int) -> Stencil:
    """On so many points behind the point itself, and so many ahead."""
    return interpolating(derivative, range(-behind, ahead + 1))


def upwind(order: int) -> Stencil:
    """A first derivative on order + 1 points with one more behind than ahead, for u_t + u_x = 0: dissipative with
    its sign turned; the even orders have two more behind."""
    ahead = (order - 1) // 2
    return interpolating(1, range(ahead - order, ahead + 1))


# the largest Δt/h^m of a scheme in time on the central difference of derivative m, by (m, order)
LIMITS: Mapping[tuple[int, int], Mapping[str, Expr]] = {
    (1, 2): {"rk4": 2 * sqrt(2)},
    (2, 2): {"euler": Rational(1, 2)},
    (2, 4): {"euler": Rational(3, 8)},
    (2, 6): {"euler": Rational(45, 136)},
}


def central_claims(derivative: int, order: int) -> dict[str, Any]:
    """With the limits above, where there are some."""
    limits = LIMITS.get((derivative, order))
    return {"order": order, **sides(derivative), **({"cfl": limits} if limits else {})}


def sides(derivative: int) -> dict[str, bool]:
    """What a central formula claims: its symbol is real, or imaginary."""
    return {"antisymmetric" if derivative % 2 else "symmetric": True}


def upwind_claims(order: int) -> dict[str, Any]:
    """Dissipative while no more than two further points are behind than ahead (Iserles, Strang 1983)."""
    return {"order": order, "dissipative": True, "monotone": order == 1}


def _one_sided(name: str, build: Callable[[int, int], Stencil], title: str) -> SchemePattern:
    return SchemePattern(
        pattern=name + "-{}-{}",
        members=[(m, p) for p in range(1, MAX_ORDER + 1) for m in DERIVATIVES],
        build=build,
        title=lambda m, p: f"{title} difference of derivative {m}, order {p}",
        reference=FORNBERG,
        claims=lambda m, p: {"order": p},
        listed=16,
        kind="stencil",
    )


register_scheme_patterns(
    SchemePattern(
        pattern="central-{}-{}",
        members=[(m, p) for p in range(2, MAX_ORDER + 1, 2) for m in DERIVATIVES],
        build=central,
        title=lambda m, p: f"Central difference of derivative {m}, order {p}",
        reference=FORNBERG,
        claims=central_claims,
        listed=16,
        kind="stencil",
    ),
    _one_sided("forward", forward, "Forward"),
    _one_sided("backward", backward, "Backward"),
    SchemePattern(
        pattern="lagrange-{}-{}-{}",
        members=[(m, b, a) for m in range(1, 5) for b in range(1, 11) for a in range(1, 11) if a + b >= m and a != b],
        build=between,
        title=lambda m, b, a: f"Derivative {m} of the interpolant on {count(b, 'point')} behind and {a} ahead",
        reference=FORNBERG,
        claims=lambda m, b, a: {"order": a + b + 1 - m},
        listed=4,
        kind="stencil",
    ),
    SchemePattern(
        pattern="upwind-{}",
        members=range(1, MAX_ORDER + 1),
        build=upwind,
        title=lambda p: f"Upwind-biased first difference, order {p}",
        reference=f"{FORNBERG}; stable ones: Iserles and Strang 1983",
        claims=upwind_claims,
        kind="stencil",
    ),
)
