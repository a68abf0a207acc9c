"""First differences that keep the dispersion relation of waves longer than four points (Tam and Webb 1993).

Antisymmetric weights a_1, …, a_R of an order lower than they could have; what is left makes the modified wavenumber
2 Σ a_j sin jκ nearest to κ in the mean square over 0 ≤ κ ≤ η = π/2. Both conditions are linear, and all integrals have
closed forms: the weights are rational functions of π, written here in decimals. On seven points and with order 4 it is
a_1 = 2/3 + 5a_3, a_2 = −1/12 − 4a_3, where the printed weights are these to eight decimals.
"""

from __future__ import annotations

from typing import Any

import mpmath
from sympy import Rational, S

from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.constructed.quadrature import DIGITS, STORED, WORKING
from tableau2net.scheme.stencil import Stencil


def wave_keeping(points: int, order: int) -> Stencil:
    """On an odd number of points, of an even order less than points − 1."""
    reach = points // 2
    with mpmath.workdps(WORKING):
        half = [Rational(int(mpmath.nint(a * mpmath.mpf(10) ** STORED)), 10**STORED) for a in nearest(reach, order)]
    weights = [*(-a for a in reversed(half)), S.Zero, *half]
    return Stencil(1, weights, offsets=range(-reach, reach + 1), digits=DIGITS)


def nearest(reach: int, order: int, end: Any = None) -> list[Any]:
    """a_1, …, a_reach, by the multipliers of Lagrange; `end` is η, π/2 where none is given."""
    eta = mpmath.pi / 2 if end is None else mpmath.mpf(end)
    js, conditions = range(1, reach + 1), range(1, order, 2)
    n = reach + len(conditions)
    left, right = mpmath.zeros(n), mpmath.zeros(n, 1)
    for i, j in enumerate(js):
        right[i] = 2 * _ramp(j, eta)
        for k, other in enumerate(js):
            left[i, k] = 4 * _overlap(j, other, eta)
        for k, power in enumerate(conditions, reach):
            left[i, k] = left[k, i] = mpmath.mpf(j) ** power
    right[reach] = mpmath.mpf(1) / 2  # 2 Σ j a_j = 1; the higher odd moments are 0
    return list(mpmath.lu_solve(left, right))[:reach]


def _ramp(j: int, eta: Any) -> Any:
    """∫_0^η κ sin jκ dκ."""
    return mpmath.sin(j * eta) / j**2 - eta * mpmath.cos(j * eta) / j


def _overlap(j: int, k: int, eta: Any) -> Any:
    """∫_0^η sin jκ sin kκ dκ."""
    apart = eta if j == k else mpmath.sin((j - k) * eta) / (j - k)
    return (apart - mpmath.sin((j + k) * eta) / (j + k)) / 2


register_scheme_patterns(
    SchemePattern(
        pattern="drp-{}-{}",
        members=[(n, p) for p in range(4, 13, 2) for n in range(p + 3, 18, 2)],
        build=wave_keeping,
        title=lambda n, p: (
            f"First difference on {n} points, order {p}, that keeps the dispersion relation, to {DIGITS} decimals"
        ),
        reference="Tam and Webb 1993, J. Comput. Phys.",
        claims=lambda n, p: {"order": p, "antisymmetric": True},
        listed=4,
        kind="stencil",
    )
)
