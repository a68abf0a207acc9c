"""Interpolation in time as a row of weights: θ(t) = Σ_j w_j(t) θ_j, constant outside the knots."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tableau2net.nn.dynamic.time_grid import Grid

Interpolation = Literal["constant", "linear", "cubic"]

AT_A_KNOT = 1e-9  # of an interval: times are sums of rounded step sizes

Weights = tuple[tuple[int, float], ...]


@cache
def interpolation_weights(knots: Grid, kind: Interpolation, time: float) -> Weights:
    """The knots that have a part in θ(time), each with its weight.

    kind: "constant", from a knot until before the next; "linear"; "cubic", the natural cubic spline, which all knots
        have a part in. Each of them, sampled at finer knots that contain the old, interpolates to the same function.
    A time within rounding of a knot is that knot, which then has all the weight.
    """
    if time <= knots[0]:
        return ((0, 1.0),)
    if time >= knots[-1]:
        return ((len(knots) - 1, 1.0),)
    left = bisect_right(knots, time) - 1
    part = (time - knots[left]) / (knots[left + 1] - knots[left])
    if part <= AT_A_KNOT:
        return ((left, 1.0),)
    if part >= 1 - AT_A_KNOT:
        return ((left + 1, 1.0),)
    if kind == "constant":
        return ((left, 1.0),)
    if kind == "linear" or len(knots) == 2:
        return ((left, 1 - part), (left + 1, part))
    row = _spline_row(knots, left, part)
    return tuple((j, float(w)) for j, w in enumerate(row) if w)


def _spline_row(knots: Grid, left: int, part: float) -> NDArray[np.float64]:
    """The weights of the values at the knots in a natural cubic spline."""
    width = knots[left + 1] - knots[left]
    a, b = 1 - part, part
    curved = (a**3 - a) * _curvature(knots)[left] + (b**3 - b) * _curvature(knots)[left + 1]
    row: NDArray[np.float64] = curved * width**2 / 6
    row[left] += a
    row[left + 1] += b
    return row


@cache
def _curvature(knots: Grid) -> NDArray[np.float64]:
    """The matrix that takes values at the knots to the spline's second derivatives there, zero at the ends."""
    count = len(knots)
    h = np.diff(np.array(knots))
    system, right = np.eye(count), np.zeros((count, count))
    for j in range(1, count - 1):
        system[j, j - 1 : j + 2] = h[j - 1], 2 * (h[j - 1] + h[j]), h[j]
        right[j, j - 1 : j + 2] = 6 / h[j - 1], -6 / h[j - 1] - 6 / h[j], 6 / h[j]
    return np.asarray(np.linalg.solve(system, right), dtype=np.float64)
