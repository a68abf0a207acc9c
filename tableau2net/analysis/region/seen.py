"""The root condition seen in floating point, where that is proof; None where it is not, and exact means must decide.

Within n|p(z)/p'(z)| of any z lies a root of p, of degree n (Laguerre; Henrici 1974, §6.4). So an approximate root that
is farther than that outside the unit circle shows a root outside, and disks that do not meet hold one root each.
Fifty digits are carried and a margin of 1e-10 is left, so that rounding does not matter.
"""

from __future__ import annotations

import mpmath
from sympy import Expr

MARGIN = 1e-10
DIGITS = 50


def root_condition_seen(coefficients: list[Expr], *, root_one: bool) -> bool | None:
    """Whether the real numbers, highest power first, fulfil the root condition.

    root_one: 1 is known to be a root, and known to be one exactly."""
    with mpmath.workdps(DIGITS):
        c = [mpmath.mpmathify(x.evalf(DIGITS)) for x in coefficients]
        c = [x / c[0] for x in c]
        n = len(c) - 1
        try:
            roots = mpmath.polyroots(c, maxsteps=200, extraprec=100)
        except mpmath.libmp.NoConvergence:
            return None
        disks = []
        for z in roots:
            value, slope = mpmath.polyval(c, z, derivative=True)
            if not slope:
                return None
            disks.append((z, n * abs(value / slope) + MARGIN))
        if any(abs(z) - r > 1 for z, r in disks):
            return False
        if any(abs(x - y) <= r + s for i, (x, r) in enumerate(disks) for y, s in disks[:i]):
            return None
        on_circle = [(z, r) for z, r in disks if abs(z) + r >= 1]
        if not on_circle:
            return True
        if root_one and len(on_circle) == 1 and abs(on_circle[0][0] - 1) <= on_circle[0][1]:
            return True
    return None
