"""Grids in time: increasing numbers, and how they are made finer and coarser."""

from __future__ import annotations

import math
from itertools import pairwise

from tableau2net.errors import InputError

Grid = tuple[float, ...]


def checked_grid(name: str, times: object, least: int = 2) -> Grid:
    """The times as a grid. Raises InputError, naming the grid, unless they are finite, increasing and enough."""
    try:
        grid = tuple(float(t) for t in times)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise InputError(f"{name}={times!r}: a grid is a list of numbers, (0, 1, 2, 4) say") from None
    if len(grid) < least:
        raise InputError(f"{name}={grid}: a grid of at least {least} points is needed here")
    if not all(map(math.isfinite, grid)) or any(a >= b for a, b in pairwise(grid)):
        raise InputError(f"{name}={grid}: its points must be finite and increase")
    return grid


def refined(grid: Grid, factor: int = 2) -> Grid:
    """The grid with every interval in `factor` equal parts; its own points stay, to the bit."""
    _check_factor(factor)
    parts = (a + (b - a) * i / factor if i else a for a, b in pairwise(grid) for i in range(factor))
    return (*parts, grid[-1])


def coarsened(grid: Grid, factor: int = 2) -> Grid:
    """Every `factor`-th point of the grid, and its last."""
    _check_factor(factor)
    return (*grid[:-1:factor], grid[-1]) if len(grid) > 1 else grid


def is_uniform(grid: Grid) -> bool:
    """Whether all intervals are one length, up to rounding."""
    step = (grid[-1] - grid[0]) / (len(grid) - 1)
    return all(abs(b - a - step) <= 1e-12 * max(1.0, abs(a), abs(b)) for a, b in pairwise(grid))


def _check_factor(factor: int) -> None:
    if not isinstance(factor, int) or factor < 1:
        raise InputError(f"factor={factor!r}: an interval becomes a whole number of intervals, at least 1")
