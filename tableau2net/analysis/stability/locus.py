"""The least angle at which the root locus {z: some |ζ| = 1} is found, in floating point."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sympy import Expr, Poly

from tableau2net.analysis.reading.linear import ZETA, Curve
from tableau2net.exact.complex_roots import complex_roots, context, numbers

POINTS = 2001
MINIMA, NEAR = 8, 0.002  # local minima that are looked at closely, if so near the least
LOOKS, PARTS = 4, 12  # a minimum is looked at that many times in doubles, each time so many times closer
CLOSER, CLOSE_PARTS, ENOUGH = 40, 6, 1e-14  # then with more digits, until a look changes the angle by less
DIGITS = 120
ON_CIRCLE, BESIDE = 60, 40  # decimals to which a root is on the circle, and how near the locus is followed to it
WARM = 60  # steps at most from roots that were found nearby
APART = 1e-6  # from there in doubles

Angle = Callable[[Any], Any]


def least_angle(curve: Curve) -> float:
    """The least angle from the negative real axis, in radians, of a point of the locus, or its infimum; π/2 at most.

    That bounds the stability region: a root ζ that depends on z takes values outside the circle near each point where
    it is on it. Where the locus runs into 0 or infinity, its direction there counts."""
    import numpy as np

    columns = _columns(curve)
    if len(columns) < 2:
        return math.pi / 2
    table = np.array([[float(c) for c in _ascending(p, max(q.degree() for q in columns))] for p in columns]).T
    precise = _Precise(columns)
    ends = [theta for theta, distance in precise.singular if distance < precise.mp.mpf(10) ** -ON_CIRCLE]

    def angles(theta: Any) -> Any:
        """Of the lowest point z at e^{iθ}, π/2 where it is on the right or too near an end for doubles."""
        z = _points(table, theta)
        with np.errstate(invalid="ignore"):
            found = np.abs(np.angle(-z))
        found = np.where(np.isfinite(found), np.minimum(found, np.pi / 2), np.pi / 2).min(axis=1)
        for end in ends:
            found[np.abs(theta - float(end)) < APART] = np.pi / 2
        return found

    grid = _grid([float(theta) for theta, _ in precise.singular])
    least = angles(grid)
    inner = (least[1:-1] <= least[:-2]) & (least[1:-1] <= least[2:]) & (least[1:-1] < np.pi / 2)
    places: list[int] = sorted((np.nonzero(inner)[0] + 1).tolist(), key=lambda i: float(least[i]))
    best = min((precise.beside(end) for end in ends), default=math.pi / 2)
    for i in places[:MINIMA]:
        if least[i] > best + NEAR:
            break  # seen on the grid to be higher
        best = min(best, precise.minimum(*_closer(angles, float(grid[i - 1]), float(grid[i + 1]))))
    return best


def _columns(curve: Curve) -> list[Poly]:
    """Φ by powers of z, without the roots ζ that are the same for every z."""
    width = 1 + max(p.degree() for p in curve.coefficients if p)
    domain = curve.coefficients[-1].domain
    rows = [[p.nth(k) for p in reversed(curve.coefficients)] for k in range(width)]
    columns = [Poly(row, ZETA, domain=domain) for row in rows]
    common = columns[0]
    for p in columns[1:]:
        common = common.gcd(p)
    return [p.quo(common) for p in columns]


def _ascending(p: Poly, degree: int) -> list[Expr]:
    return [p.nth(k) for k in range(degree + 1)]


def _grid(singular: list[float]) -> Any:
    """θ from a little below 0 to a little above π, denser near some."""
    import numpy as np

    fine = np.geomspace(1e-6, 1e-2, 100)
    parts = [np.linspace(-0.01, np.pi + 0.01, POINTS)]
    for theta in {0.0, math.pi, *singular}:
        parts += [theta + fine, theta - fine]
    return np.unique(np.concatenate(parts))


def _closer(angles: Angle, low: float, high: float) -> tuple[float, float]:
    """A narrower interval about the least angle in one."""
    import numpy as np

    for _ in range(LOOKS):
        theta = np.linspace(low, high, 2 * PARTS + 1)
        place = int(np.argmin(angles(theta)))
        low, high = float(theta[max(place - 1, 0)]), float(theta[min(place + 1, len(theta) - 1)])
    return low, high


class _Precise:
    """The locus with `DIGITS` digits."""

    def __init__(self, columns: list[Poly]) -> None:
        self.mp = context(DIGITS)
        self.columns = [numbers(p, self.mp) for p in columns]
        self.near: list[Any] = []  # the roots at the last θ
        found = [pair for p in (columns[0], columns[-1]) for pair in self._near_circle(p)]
        self.singular = sorted(found, key=lambda pair: pair[1])  # θ in [0, π], and how far ζ is from the circle

    def beside(self, theta: Any) -> float:
        """The least angle right beside a place where the locus ends."""
        step = self.mp.mpf(10) ** -BESIDE
        return float(min(self.angle(theta - step), self.angle(theta + step)))

    def minimum(self, low: float, high: float) -> float:
        """The least angle between two θ that enclose one minimum, be it a corner."""
        low, high = self.mp.mpf(low), self.mp.mpf(high)
        best = self.mp.mpf(4)
        for _ in range(CLOSER):
            theta = [low + (high - low) * k / (2 * CLOSE_PARTS) for k in range(2 * CLOSE_PARTS + 1)]
            found = [self.angle(x) for x in theta]
            place = min(range(len(theta)), key=found.__getitem__)
            before, best = best, min(best, found[place])
            if before - best < ENOUGH:
                break
            low, high = theta[max(place - 1, 0)], theta[min(place + 1, len(theta) - 1)]
        return float(best)

    def angle(self, theta: Any) -> Any:
        """Of the lowest z at e^{iθ}; π/2 for those on the right."""
        zeta = self.mp.expj(theta)
        c = [self.mp.polyval(p, zeta) for p in reversed(self.columns)]
        while not c[0]:
            c = c[1:]
        lowest = self.mp.pi / 2
        for z in self._roots(c):
            if z:
                lowest = min(lowest, abs(self.mp.arg(-z)))
        return lowest

    def _roots(self, c: list[Any]) -> list[Any]:
        """Of a polynomial, from those that were found last where there are as many: a few steps, and not a hundred."""
        if len(c) < 2:
            return []
        if len(self.near) == len(c) - 1:
            try:
                self.near = self.mp.polyroots(c, WARM, extraprec=2 * self.mp.prec, roots_init=self.near)
                return self.near
            except self.mp.NoConvergence:  # a symmetric start keeps its symmetry, say
                pass
        self.near = self.mp.polyroots(c, maxsteps=1000, extraprec=2 * self.mp.prec)
        return self.near

    def _near_circle(self, p: Poly) -> list[tuple[Any, Any]]:
        roots = complex_roots(p, self.mp)
        return [(abs(self.mp.arg(x)), abs(abs(x) - 1)) for x in roots if abs(abs(x) - 1) < 0.2]


def _points(table: Any, theta: Any) -> Any:
    """For each θ the z with Φ(e^{iθ}, z) = 0: eigenvalues of companion matrices, infinite ones as infinity."""
    import numpy as np

    zeta = np.exp(1j * np.asarray(theta))
    c = (zeta[:, None] ** np.arange(table.shape[0])) @ table  # by powers of z
    d = c.shape[1] - 1
    # z = 1/x: Σ c_k x^(d−k) = 0, whose leading coefficient c_0 = Φ(ζ, 0) vanishes only where z = 0
    reverse = np.abs(c[:, 0]) >= np.abs(c[:, d])
    sound = (c[:, 0] != 0) | (c[:, d] != 0)  # else both 0 and ∞ are roots, and neither bounds a sector
    found = np.full((len(zeta), d), np.inf + 0j)
    with np.errstate(all="ignore"):
        for chosen, coefficients in ((reverse & sound, c), (~reverse, c[:, ::-1])):
            if chosen.any():
                top = coefficients[chosen]
                companion = np.zeros((len(top), d, d), dtype=complex)
                companion[:, np.arange(d - 1) + 1, np.arange(d - 1)] = 1
                companion[:, :, d - 1] = -(top[:, 1:] / top[:, :1])[:, ::-1]
                found[chosen] = np.linalg.eigvals(companion)
        found[reverse & sound] = 1 / found[reverse & sound]
    return found
