"""The von Neumann limit as floats see it, on any number of axes: where no polynomial in one cosine says it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tableau2net.analysis.space.terms import StencilTerm, sampled_parts
from tableau2net.scheme import Scheme
from tableau2net.step import lower
from tableau2net.step.amplification import amplification

POINTS = {1: 513, 2: 49, 3: 17}  # angles an axis
GROWN = 1e-10  # what counts as growth
SMALL = 1e-9  # steps below that are none
PEAKS, LOOKS, PARTS = 24, 14, 3  # places looked at closely, how often, and in how many parts each way

Floats = NDArray[np.float64]


def sampled_limit(scheme: Scheme, terms: Sequence[StencilTerm]) -> tuple[float, float]:
    """Between which steps growth by more than 1e-10 begins; infinity for both where none is seen."""
    axes = max(a for t in terms for a in t.axes) + 1
    n = POINTS[axes]
    sides = [np.linspace(0 if k == 0 else -np.pi, np.pi, n) for k in range(axes)]
    grid = np.stack([a.ravel() for a in np.meshgrid(*sides, indexing="ij")])
    symbol = sampled_parts(terms, lower(scheme).parts, *grid)
    size = float(np.abs(symbol).max())
    if not size:
        return float("inf"), float("inf")
    steps = np.exp(np.arange(np.log(1e-4), np.log(1e4), 0.15)) / size
    high = next((t for t in steps if growth(scheme, t * symbol).max() > 1 + GROWN), None)
    if high is None:
        return float("inf"), float("inf")
    low, high = (0.0 if high == steps[0] else float(high) / np.exp(0.15)), float(high)
    spacing = np.array([side[1] - side[0] for side in sides])
    while high - low > 1e-11 * high and high > SMALL / size:
        middle = (low + high) / 2
        if most(scheme, terms, middle, grid, symbol, spacing) > 1 + GROWN:
            high = middle
        else:
            low = middle
    return (low, high) if high > SMALL / size else (0.0, 0.0)


def peaks(values: Floats, axes: int) -> NDArray[np.intp]:
    """The highest places of a grid that no neighbour along an axis exceeds: long waves, which neither grow nor decay,
    are higher than a peak between that is about to."""
    n = POINTS[axes]
    cube = np.pad(values.reshape((n,) * axes), 1, constant_values=-np.inf)
    inner = (slice(1, -1),) * axes
    top = np.ones((n,) * axes, dtype=bool)
    for axis in range(axes):
        for side in (1, -1):
            top &= cube[inner] >= np.roll(cube, side, axis)[inner]
    found = np.flatnonzero(top)
    return np.asarray(found[np.argsort(values[found])[-PEAKS:]])


def growth(scheme: Scheme, z: NDArray[np.complex128]) -> Floats:
    """max |ζ| at each z, of which there is a row for each field; infinite where a step overflows."""
    found = amplification(scheme, *z)
    return np.where(np.isfinite(found), found, np.inf)


def most(
    scheme: Scheme,
    terms: Sequence[StencilTerm],
    step: float,
    grid: Floats,
    symbol: NDArray[np.complex128],
    spacing: Floats,
) -> float:
    """The largest growth over all angles: on a grid, then ever closer about where it is largest."""
    values = growth(scheme, step * symbol)
    best = float(values.max())
    if best > 1 + GROWN:
        return best
    places = grid[:, peaks(values, len(grid))]
    offsets = np.array(list(product(range(-PARTS, PARTS + 1), repeat=len(grid)))).T / PARTS
    width = spacing
    for _ in range(LOOKS):
        around = places[:, :, None] + width[:, None, None] * offsets[:, None, :]
        z = step * sampled_parts(terms, len(symbol), *around.reshape(len(grid), -1))
        near = growth(scheme, z).reshape(around.shape[1:])
        best = max(best, float(near.max()))
        if best > 1 + GROWN:
            return best
        chosen = near.argmax(axis=1)
        places = np.take_along_axis(around, np.broadcast_to(chosen[None, :, None], (*around.shape[:2], 1)), axis=2)[
            ..., 0
        ]
        width = width / PARTS
    return best
