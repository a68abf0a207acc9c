"""Driven fields: f(t, y; x_n), a slope that depends on an input beside the state.

A driven field is a module called with the time where it wants it, the states that its scheme hands it, and behind them
the input of the step: ``f(y, x)``, ``f(t, y, x)``. Two methods, each of them optional, take work out of the loop over
steps: ``drive(x)`` makes of the inputs of all steps at once, (T, N, …), what a step is handed in their place, and
``hoisted()`` makes tensors of the weights alone, which are handed in behind it: ``f(y, u, matrix)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from tableau2net.errors import InputError


def drive_of(field: nn.Module, x: Tensor) -> Tensor:
    """What the steps are handed, (T, N, …), for inputs (T, N, …)."""
    drive: Callable[[Tensor], Tensor] | None = getattr(field, "drive", None)
    return x if drive is None else drive(x)


def hoisted_of(field: nn.Module) -> tuple[Tensor, ...]:
    """What a field makes of its weights once for all steps."""
    hoisted: Callable[[], Tensor | tuple[Tensor, ...]] | None = getattr(field, "hoisted", None)
    found = () if hoisted is None else hoisted()
    return (found,) if isinstance(found, Tensor) else tuple(found)


class Driven:
    """A driven field in one step, as the step calls it: all its evaluations have the same x.

    field: called with what the step hands it, then x, then `hoisted`. Its ``resolvent(known, c)`` is the field's own
    ``resolvent(known, c, x, *hoisted)``; whatever else is asked of it, the field has."""

    def __init__(self, field: nn.Module, x: Tensor, hoisted: tuple[Tensor, ...] = ()) -> None:
        self.field, self.x, self.behind = field, x, hoisted

    def __call__(self, *at: Any) -> Any:
        return self.field(*at, self.x, *self.behind)

    def resolvent(self, known: Tensor, c: float | Tensor) -> Any:
        """The y with y = known + c f(y; x)."""
        solve: Callable[..., Any] | None = getattr(self.field, "resolvent", None)
        if solve is None:
            raise InputError(f"solver='resolvent': {type(self.field).__name__} has no method resolvent(known, c, x)")
        return solve(known, c, self.x, *self.behind)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.field, name)


class DrivenBetween(Driven):
    """The same where the input goes in a straight line from `before` to x in the step's time, which is 0 to h.

    begin: the time at which the step begins, of a field that is called with the time; None for one that is not."""

    def __init__(
        self,
        field: nn.Module,
        before: Tensor,
        x: Tensor,
        hoisted: tuple[Tensor, ...],
        h: float,
        begin: float | None = None,
    ) -> None:
        super().__init__(field, x, hoisted)
        self.before, self.h, self.begin = before, h, begin
        self.known: dict[float, Tensor] = {0.0: before, 1.0: x}

    def __call__(self, t: float, *at: Any) -> Any:
        share = t / self.h
        if share not in self.known:  # stages at the same time share the input
            self.known[share] = self.before.lerp(self.x, share)
        when = () if self.begin is None else (self.begin + t,)
        return self.field(*when, *at, self.known[share], *self.behind)
