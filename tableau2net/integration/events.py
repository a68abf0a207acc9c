"""Events: functions of time and state whose zeros end an integration, and the search for them inside steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.solution import Ending, IntegrationError
from tableau2net.integration.system import States, System, slope_of
from tableau2net.runtime.graphs import change_of
from tableau2net.runtime.transforms import transformed

NOT_TRANSFORMED = "event: torch.func and forward mode do not see how its time moves; take backward(), or detach"
WIDTH = 4  # units in the last place between which a zero is found
NEAR = 16  # units in the last place: a zero so close behind a step's beginning is there
MOST = 100  # turns of a search: twice what halving a float's interval takes


@dataclass(frozen=True)
class Event:
    """A zero of `function(t, y)` along the solution, which ends the integration there.

    function: a float and the state (of several states, each), to one number; or, for a batch of problems that have
        nothing to do with each other, to one number for each entry of y's first dimension, each with an end of its own.
    direction: 1 where it must rise through zero, −1 where it must fall, 0 for both.
    """

    function: Callable[..., Any]
    direction: Literal[-1, 0, 1] = 0

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InputError(f"event: a function of (t, y) is expected, not {type(self.function).__name__}")
        if self.direction not in (-1, 0, 1) or isinstance(self.direction, bool):
            raise InputError(f"event: direction = {self.direction!r}: 1 (rising), -1 (falling) or 0 (both)")


def events_of(event: Any) -> tuple[Event, ...]:
    """What `integrate` was given as events of its own. Raises InputError where they are none."""
    if event is None:
        return ()
    several = event if isinstance(event, (tuple, list)) else (event,)
    if not several:
        raise InputError("event: there is none in the list; leave it out")
    return tuple(one if isinstance(one, Event) else Event(one) for one in several)


class Watch:
    """Looks for the first event of each member (of all as one, where events give one number), step by step.

    A member's sign is that of the last value that was not zero: what begins at zero has none yet, and does not end."""

    def __init__(self, events: Sequence[Event], system: System, t0: float, t1: float, *, moves: bool) -> None:
        """moves: whether the solution moves along f."""
        self.events, self.system, self.t, self.moves = events, system, t0, moves
        self.forward = t1 >= t0
        self.members = system.states[0].shape[:1]
        self.batched = False
        self.looked = 0  # how often, of all events
        self.values = self._values(t0, system.states)
        self.signs = self.values.sign()
        self.ends: list[tuple[float, int, States] | None] = [None] * self.values.shape[1]

    @property
    def last(self) -> float:
        """When the last member has ended."""
        return (max if self.forward else min)(end[0] for end in self.ends if end is not None)

    def passed(self, end: float, states: States, inside: Callable[[float], States]) -> bool:
        """A step has come to `end`; `inside` gives the states at a time within it. Whether all members have ended."""
        begin, old, new = self.t, self.values, self._values(end, states)
        turned = (self.signs * new.sign() < 0) | ((self.signs != 0) & (new == 0))
        for m in turned.any(0).nonzero().flatten().tolist():
            if self.ends[m] is None:
                found = [
                    (self._zero(e, m, (begin, float(old[e, m])), (end, float(new[e, m])), inside), e)
                    for e in turned[:, m].nonzero().flatten().tolist()
                    if self.events[e].direction in (0, -int(self.signs[e, m]))
                ]
                if found:
                    time, e = min(found) if self.forward else max(found, key=lambda x: (x[0], -x[1]))
                    if abs(time - begin) <= NEAR * math.ulp(max(abs(begin), abs(end))):
                        time = begin  # rounding alone kept the step before from ending at its zero
                    self.ends[m] = (time, e, states if time == end else inside(time))
        self.t, self.values = end, new
        self.signs = torch.where(new != 0, new.sign(), self.signs)
        return all(self.ends)

    def _zero(
        self, e: int, m: int, left: tuple[float, float], right: tuple[float, float], inside: Callable[[float], States]
    ) -> float:
        """The zero between two times at which the values differ in sign, by Ridders' method: each turn halves the
        interval at the least, and the zero stays in it."""
        (a, at_a), (b, at_b) = left, right
        for _ in range(MOST):
            if at_b == 0 or abs(b - a) <= WIDTH * math.ulp(max(abs(a), abs(b))):
                break
            middle = a + (b - a) / 2
            value = self._at(e, m, middle, inside)
            root = math.sqrt(value * value - at_a * at_b)
            guess = middle + (middle - a) * math.copysign(1, at_a - at_b) * value / root if root else middle
            points = [(a, at_a), (middle, value), (b, at_b)]
            if min(a, b) < guess < max(a, b) and guess != middle:
                points.insert(1 + ((guess > middle) == (b > a)), (guess, self._at(e, m, guess, inside)))
            i = next(i for i in range(1, len(points)) if points[i][1] * math.copysign(1, at_a) <= 0)
            (a, at_a), (b, at_b) = points[i - 1], points[i]
        return b

    def _at(self, e: int, m: int, time: float, inside: Callable[[float], States]) -> float:
        return float(self._value(self.events[e], time, inside(time))[m])

    def _values(self, t: float, states: States) -> Tensor:
        """Of each event and each member."""
        rows = [self._value(event, t, states) for event in self.events]
        if len({len(row) for row in rows}) > 1:
            raise InputError("event: all give one number, or all one for each entry of y's first dimension")
        return torch.stack(rows)

    @torch.no_grad()
    def _value(self, event: Event, t: float, states: States) -> Tensor:
        """Of an event, for each member, as plain numbers."""
        row = self._called(event, t, states).detach().to("cpu", torch.float64)
        if not bool(torch.isfinite(row).all()):
            raise IntegrationError(f"an event is not finite at t = {t:.6g}")
        return row

    def _called(self, event: Event, t: float, states: States) -> Tensor:
        """Of an event, for each member, as part of a graph."""
        found = slope_of(event.function, t, states, thorough=self.looked < len(self.events), name="event")
        self.looked += 1
        try:
            if isinstance(found, bool):
                raise TypeError
            value = found if isinstance(found, Tensor) else torch.tensor(found, dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            raise InputError(
                f"event gave {type(found).__name__}: a real number is expected; its zero is looked for"
            ) from None
        if not value.is_floating_point() or value.is_sparse or value.shape not in ((), (1,), self.members):
            raise InputError(
                f"event gave {value.dtype} {tuple(value.shape)}: a real number is expected, or one for each entry of "
                "y's first dimension; its zero is looked for"
            )
        self.batched = value.dim() == 1 and value.shape == self.members
        return value.reshape(-1)

    # ------------------------------------------------------------------ what is found

    def ending(self, states: States) -> Ending | None:
        """Where it ended, with states of those that did not as they are given; None where nothing ended.

        The time moves with what the solution is made of: g(t, y(t)) = 0 gives dt = −dg/ġ, and y moves along f."""
        if not any(self.ends):
            return None
        found = [self._moved(m) for m in range(len(self.ends))]
        times, which = torch.stack([x[0] for x in found]), torch.tensor([x[1] for x in found])
        if not self.batched:
            return Ending(times[0], which[0], found[0][2] or states)
        rows = [[y[m] for y in own or states] for m, (_, _, own) in enumerate(found)]
        return Ending(times, which, tuple(torch.stack(column) for column in zip(*rows, strict=True)))

    def _moved(self, m: int) -> tuple[Tensor, int, States | None]:
        """Time, event and states of a member, with gradients."""
        end = self.ends[m]
        if end is None:
            return torch.tensor(math.nan, dtype=torch.float64), -1, None
        t, e, states = end
        time = torch.tensor(t, dtype=torch.float64)
        if transformed(states):
            raise InputError(NOT_TRANSFORMED)
        if not torch.is_grad_enabled():
            return time, e, states
        value = self._called(self.events[e], t, states)[m]
        if transformed((value,)):
            raise InputError(NOT_TRANSFORMED)
        if not value.requires_grad:
            return time, e, states
        if not self.moves:
            raise InputError(
                "event: no gradient by its time through a scheme for y'' = f, or of order 0; detach y0 and f"
            )
        slopes = self.system.slopes(t, states)
        speed = self._speed(e, m, t, states, slopes)
        time = time - change_of(value, "the time of an event").to(time) / speed
        shift = time - time.detach()
        return time, e, tuple(y + k * shift.to(y.device, y.dtype) for y, k in zip(states, slopes, strict=True))

    def _speed(self, e: int, m: int, t: float, states: States, slopes: States) -> float:
        """ġ = ∂g/∂t + ∂g/∂y · f along the solution; by t as a difference, since functions take it as a float."""
        event = self.events[e]
        leaves = tuple(y.detach().requires_grad_() for y in states)
        value = self._called(event, t, leaves)[m]
        by_state = torch.autograd.grad(value, leaves, allow_unused=True) if value.requires_grad else ()
        pairs = zip(by_state, slopes, strict=False)
        total = sum(float((g.conj() * k.detach()).real.sum()) for g, k in pairs if g is not None)
        d = 1e-5 * max(1.0, abs(t))
        ahead, behind = (float(self._value(event, time, states)[m]) for time in (t + d, t - d))
        return total + (ahead - behind) / (2 * d)
