"""The root locus {z: some |ζ| = 1} in floating point."""

from __future__ import annotations

import math
from typing import Any

from tableau2net.analysis.stability.linear import Curve

POINTS = 2001
MINIMA, NEAR = 8, 0.002  # local minima that are looked at closely, if so near the least
ZOOMS, ZOOM = 7, 12  # a minimum is looked at that many times, each time so many times closer


def least_angle(curve: Curve) -> float:
    """The least angle from the negative real axis, in radians, at which the locus bounds the stability region; π/2 at
    most. A float, right to about 1e-11 unless the locus has a corner there."""
    import numpy as np

    table = _table(curve)

    def angles(theta: Any) -> Any:
        """Of the points z at e^{iθ} (rows), π/2 for those on the right."""
        z = _points(table, theta)
        with np.errstate(invalid="ignore"):
            found = np.abs(np.angle(-z))
        return np.where(np.isfinite(found), np.minimum(found, np.pi / 2), np.pi / 2), z

    fine = np.geomspace(1e-6, 1e-2, 200)
    grid = np.unique(np.concatenate([np.linspace(0, np.pi, POINTS), fine, np.pi - fine]))
    least = angles(grid)[0].min(axis=1)
    inner = (least[1:-1] <= least[:-2]) & (least[1:-1] <= least[2:]) & (least[1:-1] < np.pi / 2)
    minima: list[int] = (np.nonzero(inner)[0] + 1).tolist()
    places: list[int] = sorted(minima, key=lambda i: float(least[i]))
    found: list[tuple[float, complex]] = []
    for i in places[:MINIMA]:
        if found and least[i] > found[0][0] + NEAR:
            break  # seen on the grid to be higher
        angle, z = _zoomed(angles, float(grid[i - 1]), float(grid[i + 1]))
        if _outside(table, z):
            found = sorted([*found, (angle, z)], key=lambda pair: pair[0])
    return found[0][0] if found else math.pi / 2


def _zoomed(angles: Any, low: float, high: float) -> tuple[float, complex]:
    import numpy as np

    best, at = math.inf, 0j
    for _ in range(ZOOMS):
        theta = np.linspace(low, high, 2 * ZOOM + 1)
        found, z = angles(theta)
        row, column = np.unravel_index(np.argmin(found), found.shape)
        if found[row, column] < best:
            best, at = float(found[row, column]), complex(z[row, column])
        low, high = float(theta[max(int(row) - 1, 0)]), float(theta[min(int(row) + 1, len(theta) - 1)])
    return best, at


def _outside(table: Any, z: complex) -> bool:
    """Whether a root is outside the circle on one side of a point of the locus."""
    import numpy as np

    for turn in (1e-5, -1e-5):
        moved = z * np.exp(1j * turn)
        roots = np.roots((table @ moved ** np.arange(table.shape[1]))[::-1])
        if np.abs(roots).max() > 1 + 1e-12:
            return True
    return False


def _table(curve: Curve) -> Any:
    """The coefficient of ζ^j z^k at [j, k]."""
    import numpy as np

    width = 1 + max(p.degree() for p in curve.coefficients if p)
    rows = [[float(c) for c in reversed(p.all_coeffs())] for p in curve.coefficients]
    return np.array([row + [0.0] * (width - len(row)) for row in rows])


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
