"""What happens between steps: callbacks, and times at which f jumps, where each step keeps to its side."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.output import numbers
from tableau2net.integration.pytrees import Packed
from tableau2net.integration.system import States, System

NEAR = 4  # units in the last place
MOMENTS = ("step", "accept", "reject")
Callbacks = Mapping[str, Callable[[float, Any, float], Any]]
Jumps = Sequence[float] | Tensor | Literal["grid"] | None


class Passage:
    """The way of an integration through time.

    jumps: times at which a step ends, and f is not asked at the time itself but at the nearest on the side of the step;
        "grid": that is so wherever one ends.
    stops: further times at which a step ends.
    callbacks: "step" is called before a step is tried, "accept" and "reject" after it, with the time at its beginning,
        the state there and the step.
    dtype: in which f is given its times.
    """

    def __init__(
        self, jumps: Jumps, stops: Any, callbacks: Callbacks | None, t0: float, t1: float, dtype: torch.dtype
    ) -> None:
        self.t0, self.t1, self.sign = t0, t1, 1.0 if t1 >= t0 else -1.0
        self.everywhere = isinstance(jumps, str)
        if isinstance(jumps, str) and jumps != "grid":
            raise InputError(f'jumps = {jumps!r}: times, or "grid"')
        self.jumps = () if isinstance(jumps, str) or jumps is None else self._inside(jumps, "jumps")
        self.stops = sorted({*self.jumps, *(() if stops is None else self._inside(stops, "stops"))}, key=self._key)
        self.callbacks = _callbacks(callbacks)
        self._numbers = torch.float64 if dtype is torch.float64 else torch.float32
        self._low, self._high = -math.inf, math.inf
        self.view: Callable[[States], Any] = lambda states: states if len(states) > 1 else states[0]

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.everywhere or self.stops or self.callbacks)

    def _key(self, t: float) -> float:
        return self.sign * t

    def _inside(self, times: Any, name: str) -> tuple[float, ...]:
        """Those that are between the ends; those of jumps may be ends."""
        found = numbers(times, name)
        return tuple(t for t in found if self._key(self.t0) <= self._key(t) <= self._key(self.t1))

    def next_stop(self, t: float) -> float:
        """Where a step from t must end at the latest."""
        n = bisect_right(self.stops, self._key(t), key=self._key)
        return self.stops[n] if n < len(self.stops) else self.t1

    def enters(self, t: float) -> None:
        """The next step begins at t."""
        if self.jumps:
            self._enter(t, self.next_stop(t))

    def begins(self, t: float, h: float, states: States) -> None:
        """A step is going to be tried."""
        if self.everywhere or self.jumps:
            self._enter(t, t + h if self.everywhere else self.next_stop(t))
        if "step" in self.callbacks:
            self.callbacks["step"](t, self.view(states), h)

    def tried(self, t: float, h: float, states: States, *, accepted: bool) -> bool:
        """A step has been tried. Whether f must be asked anew where it ended, for that is a jump."""
        name = "accept" if accepted else "reject"
        if name in self.callbacks:
            self.callbacks[name](t, self.view(states), h)
        return accepted and (self.everywhere or any(abs(t + h - jump) <= NEAR * math.ulp(jump) for jump in self.jumps))

    def _enter(self, t: float, end: float) -> None:
        """The step is between these times."""
        left = t if self.everywhere else self._jump(t, -1)
        right = end if self.everywhere else self._jump(end, 1)
        low, high = (left, right) if self.sign > 0 else (right, left)
        self._low = -math.inf if low is None else self._beside(low, math.inf)
        self._high = math.inf if high is None else self._beside(high, -math.inf)

    def _jump(self, t: float, side: int) -> float | None:
        """The jump next to a time: at it or before, side −1, or at it or behind."""
        found = [j for j in self.jumps if side * self._key(j) >= side * self._key(t) - NEAR * math.ulp(t)]
        return min(found, key=lambda jump: abs(jump - t), default=None)

    def _beside(self, t: float, way: float) -> float:
        """The nearest number beside a time, of those that f can be given."""
        if self._numbers is torch.float64:
            return math.nextafter(t, way)
        return torch.nextafter(torch.tensor(t, dtype=torch.float32), torch.tensor(way)).item()

    def within(self, t: float) -> float:
        """A time as f is given it."""
        return min(max(t, self._low), self._high)

    def kept(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function that is given times on the side of the step."""
        if not (self.everywhere or self.jumps):
            return function
        return lambda t, *states: function(self.within(t), *states)

    def fits(self, grid: Sequence[float]) -> None:
        """Raises InputError where a grid has no point at a stop."""
        for stop in self.stops:
            if not any(abs(t - stop) <= NEAR * math.ulp(max(abs(t), abs(stop))) for t in grid):
                raise InputError(f"jumps, stops: no step ends at {stop:.6g}; let grid= have it")


def passage_of(
    jumps: Jumps,
    stops: Any,
    callbacks: Callbacks | None,
    system: System,
    t0: float,
    t1: float,
    tree: Packed | None,
    tensor_time: bool,
) -> Passage | None:
    """The passage of an integration, where anything happens on it; its fields keep to their sides of jumps then."""
    if jumps is stops is callbacks is None:
        return None
    dtype = system.states[0].dtype.to_real() if tensor_time else torch.float64
    found = Passage(jumps, stops, callbacks, t0, t1, dtype)
    if tree is not None:
        found.view = lambda states: tree.split(states[0])
    for field in system.fields:
        field.function = found.kept(field.function)
    return None if found.quiet else found


def _callbacks(given: Callbacks | None) -> Callbacks:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(callable(x) for x in given.values()) or set(given) - set(MOMENTS):
        raise InputError(f"callbacks: functions of (t, y, h) by name, of {', '.join(MOMENTS)}")
    return given
