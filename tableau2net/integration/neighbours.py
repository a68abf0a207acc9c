"""Values between the points of a grid, by the polynomial through the nearest of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import prod

from tableau2net.integration.system import States


class Neighbours:
    """Keeps the states at the points that values at `times` will be made of: degree + 1 around each."""

    def __init__(self, grid: Sequence[float], times: Sequence[float], degree: int) -> None:
        self.grid = grid
        self._sign = 1.0 if grid[-1] >= grid[0] else -1.0
        self._windows = {time: self._window(time, degree) for time in times}
        self._needed = {n for window in self._windows.values() for n in window}
        self._kept: dict[int, States] = {}

    def keep(self, n: int, states: States) -> None:
        """The states at the n-th point are known."""
        if n in self._needed:
            self._kept[n] = states

    def at(self, time: float) -> States:
        """The states at one of the times."""
        window = self._windows[time]
        if len(window) == 1:
            return self._kept[window[0]]
        x = [self.grid[n] for n in window]
        weights = [prod((time - b) / (a - b) for b in x if b != a) for a in x]
        total = [y * weights[0] for y in self._kept[window[0]]]
        for n, weight in zip(window[1:], weights[1:], strict=True):
            total = [z.add_(y, alpha=weight) for z, y in zip(total, self._kept[n], strict=True)]
        return tuple(total)

    def _key(self, time: float) -> float:
        """What grows along the grid."""
        return self._sign * time

    def _window(self, time: float, degree: int) -> range:
        """The points whose values count: one alone where it is that time."""
        n = bisect_left(self.grid, self._key(time), key=self._key)
        if self.grid[n] == time:
            return range(n, n + 1)
        first = bisect_right(self.grid, self._key(time), key=self._key) - 1 - degree // 2
        first = max(0, min(first, len(self.grid) - 1 - degree))
        return range(first, min(first + degree + 1, len(self.grid)))
