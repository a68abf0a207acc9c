"""The times at which a solution is wanted, and what is collected at them, until an event ends it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.events import Watch
from tableau2net.integration.solution import State
from tableau2net.integration.system import States

ROUNDINGS = 8  # units in the last place that a time may be away from an end and yet mean it


class Outputs:
    """The states at the wanted times, collected a step at a time. watch: looks for events in each step."""

    def __init__(self, times: tuple[float, ...], t0: float, states: States, watch: Watch | None = None) -> None:
        self.times, self.watch = times, watch
        self._like = states
        self._found: list[States] = []
        while len(self._found) < len(times) and times[len(self._found)] == t0:
            self._found.append(states)

    @property
    def found(self) -> int:
        """How many are known."""
        return len(self._found)

    def add(self, states: States) -> None:
        """The states at the next of the times."""
        self._found.append(states)

    def replaced(self, states: list[States]) -> Outputs:
        """The same times with other values."""
        found = Outputs(self.times, math.nan, self._like)
        found._found = states
        return found

    @property
    def values(self) -> list[States]:
        """The states at the times that are known."""
        return self._found

    @property
    def pending(self) -> bool:
        """Whether some are still to come, or an event may."""
        return len(self._found) < len(self.times) or self.watch is not None

    def reach(self, t: float, states: States, forward: bool, inside: Callable[[float], States]) -> bool:
        """A step has come to t; `inside` gives the states at a time within it. Whether an event has ended it all."""
        ended = self.watch is not None and self.watch.passed(t, states, inside)
        last = self.watch.last if self.watch is not None and ended else t
        for time in self.times[len(self._found) :]:
            if (time > last) if forward else (time < last):
                break
            self._found.append(states if time == t else inside(time))
        return ended

    @property
    def goes_on(self) -> bool:
        """Whether some of what is integrated has come to the end without an event."""
        return self.watch is None or not all(self.watch.ends)

    def cut(self, grid: tuple[float, ...]) -> tuple[float, ...]:
        """A grid to where events have ended it all."""
        if self.watch is None or self.goes_on:
            return grid
        last, sign = self.watch.last, 1 if grid[-1] >= grid[0] else -1
        return (*(t for t in grid if (t - last) * sign < 0), last)

    def stacked(self) -> State:
        """The values, one a time along the first dimension."""
        if not self._found:
            empty = tuple(y.new_empty((0, *y.shape)) for y in self._like)
            return empty if len(empty) > 1 else empty[0]
        columns = tuple(torch.stack(column) for column in zip(*self._found, strict=True))
        return columns if len(columns) > 1 else columns[0]


def times_of(at: Any, t0: float, t1: float) -> tuple[float, ...]:
    """`at` as numbers. Raises InputError unless they go from t0 to t1."""
    times = tuple(_within(t, t0, t1) for t in numbers(at, "at"))
    if not times:
        raise InputError("at: no times; leave it out for y(t1)")
    sign = 1 if t1 >= t0 else -1
    steps = zip((t0, *times), (*times, t1), strict=True)
    if any((b - a) * sign < 0 for a, b in steps):
        raise InputError(f"at: times must go from t0 = {t0} to t1 = {t1} in order")
    return times


def grid_of(grid: Any, t0: float, t1: float) -> tuple[float, ...]:
    """`grid` as numbers. Raises InputError unless they go from t0 to t1, strictly."""
    times = numbers(grid, "grid")
    if len(times) > 1:
        times = (near(times[0], t0), *times[1:-1], near(times[-1], t1))
    if len(times) < 2 or times[0] != t0 or times[-1] != t1:
        raise InputError(f"grid: it must begin at t0 = {t0} and end at t1 = {t1}")
    if not all((b - a) * (t1 - t0) > 0 for a, b in pairwise(times)):
        raise InputError("grid: times must go one way, none of them twice")
    return times


def near(t: float, end: float) -> float:
    """An end, where a time is it but for rounding, as 0.1 + 0.2 is 0.3."""
    return end if abs(t - end) <= ROUNDINGS * math.ulp(max(abs(t), abs(end))) else t


def _within(t: float, t0: float, t1: float) -> float:
    """A time that rounding has put beyond an end is that end."""
    outside = not min(t0, t1) <= t <= max(t0, t1)
    return near(near(t, t0), t1) if outside else t


def numbers(values: Any, key: str) -> tuple[float, ...]:
    """Times as numbers. Raises InputError where they are none."""
    try:
        listed: Sequence[Any] = values.tolist() if isinstance(values, Tensor) else list(values)
        times = tuple(float(t.detach() if isinstance(t, Tensor) else t) for t in listed)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InputError(f"{key}: a list of times is expected") from None
    if not all(abs(t) < float("inf") for t in times):
        raise InputError(f"{key}: times must be finite")
    return times
