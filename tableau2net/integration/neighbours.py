"""Values between the points of a grid, by the polynomial through the nearest of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import prod

from tableau2net.integration.system import States


class Neighbours:
    """Keeps the states at the points that values at `times` will be made of: degree + 1 around each; with `every`, at
    those around the interval that is looked at, for values at any time inside."""

    def __init__(self, grid: Sequence[float], times: Sequence[float], degree: int, *, every: bool = False) -> None:
        self.grid, self._degree, self._every = grid, degree, every
        self._sign = 1.0 if grid[-1] >= grid[0] else -1.0
        self._windows = {time: self._window(time, degree) for time in times}
        self._needed = {n for window in self._windows.values() for n in window}
        self._kept: dict[int, States] = {}

    def keep(self, n: int, states: States) -> None:
        """The states at the n-th point are known."""
        if self._every or n in self._needed:
            self._kept[n] = states

    def known(self, interval: int, n: int) -> bool:
        """Whether values inside an interval, counted from 0, can be made of the points to the n-th."""
        return self._around(interval, self._degree).stop <= n + 1

    def looked_at(self, interval: int) -> States:
        """The states at the end of an interval; those that later ones need not are dropped."""
        first = self._around(interval, self._degree).start
        if first - 1 not in self._needed:
            self._kept.pop(first - 1, None)
        return self._kept[interval + 1]

    def at(self, time: float) -> States:
        """The states at one of the times."""
        window = self._windows[time] if time in self._windows else self._window(time, self._degree)
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
        return self._around(bisect_right(self.grid, self._key(time), key=self._key) - 1, degree)

    def _around(self, interval: int, degree: int) -> range:
        """The points that count for a time inside an interval."""
        first = max(0, min(interval - degree // 2, len(self.grid) - 1 - degree))
        return range(first, min(first + degree + 1, len(self.grid)))
