"""An initial value problem as generated code wants it: states as tensors, fields that count and check."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.scheme import Scheme
from tableau2net.step import Step, lower

States = tuple[Tensor, ...]


class Field:
    """A plain function f(t, y) as a field: every call is counted, and what comes back is checked.

    The slope at one state may be known beforehand (the last stage of the step before, the first of a rejected one)."""

    __slots__ = ("_at", "_slope", "_time", "evaluations", "function")

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self.function = function
        self.evaluations = 0
        self._time = math.nan
        self._at: Tensor | None = None
        self._slope: Tensor | None = None

    def __call__(self, t: float, y: Tensor) -> Tensor:
        if y is self._at and t == self._time:
            return self._slope  # type: ignore[return-value]
        self.evaluations += 1
        slope = self.function(t, y)
        if not isinstance(slope, Tensor) or slope.shape != y.shape or slope.dtype != y.dtype:
            raise _unlike(slope, y)
        return slope

    def know(self, t: float, y: Tensor, slope: Tensor) -> None:
        """From now on f(t, y) is not computed again, for this very tensor."""
        self._time, self._at, self._slope = t, y, slope


class PartField(Field):
    """A field of one state among several: called with the states that it reads; its slope is like the state `like`."""

    __slots__ = ("like",)

    def __init__(self, function: Callable[..., Tensor], like: Tensor) -> None:
        super().__init__(function)
        self.like = like

    def __call__(self, t: float, *states: Tensor) -> Tensor:
        self.evaluations += 1
        slope = self.function(t, *states)
        if not isinstance(slope, Tensor) or slope.shape != self.like.shape or slope.dtype != self.like.dtype:
            raise _unlike(slope, self.like)
        return slope


def _unlike(slope: object, y: Tensor) -> InputError:
    found = f"{tuple(slope.shape)} {slope.dtype}" if isinstance(slope, Tensor) else type(slope).__name__
    return InputError(f"f returned {found}: it must return a tensor like the state, {tuple(y.shape)} {y.dtype}")


@dataclass(frozen=True)
class System:
    """The fields and the initial states of a scheme's step.

    velocity: y'(t0), where the scheme is for y'' = f."""

    step: Step
    fields: tuple[Field, ...]
    states: States
    velocity: Tensor | None = None

    @property
    def evaluations(self) -> int:
        """How often fields were evaluated."""
        return sum(field.evaluations for field in self.fields)

    def slopes(self, t: float, states: States) -> States:
        """y' of each state."""
        if len(self.states) > 1:
            reads = self.step.reads or ()
            return tuple(f(t, *(states[i] for i in read)) for f, read in zip(self.fields, reads, strict=True))
        (y,) = states
        total = self.fields[0](t, y)
        for field in self.fields[1:]:
            total = total + field(t, y)
        return (total,)


def system_of(scheme: Scheme, f: Any, y0: Any) -> System:
    """The system of a scheme. Raises InputError where f or y0 are not what it takes."""
    step = lower(scheme)
    if step.derivative == 2:
        y, velocity = _several(y0, 2, "y0", "y0 = (y, v), the state and its velocity, for a method for y'' = f")
        states = _tensors((y, velocity))
        return System(step, (Field(_function(f)),), states[:1], states[1])
    if len(step.states) > 1:
        n = len(step.states)
        states = _tensors(_several(y0, n, "y0", f"a tuple of {n} states, which {scheme.name} has"))
        functions = _several(f, n, "f", f"a tuple of {n} functions, one a state")
        return System(step, tuple(PartField(_function(g), y) for g, y in zip(functions, states, strict=True)), states)
    if step.parts > 1:
        text = f"a tuple of {step.parts} functions, whose sum is y' ({scheme.name} treats each in its own way)"
        return System(step, tuple(Field(_function(g)) for g in _several(f, step.parts, "f", text)), _tensors((y0,)))
    return System(step, (Field(_function(f)),), _tensors((y0,)))


def _several(value: Any, n: int, key: str, what: str) -> Sequence[Any]:
    if not isinstance(value, (tuple, list)) or len(value) != n:
        raise InputError(f"{key}: give {what}")
    return value


def _function(f: Any) -> Callable[..., Tensor]:
    if not callable(f):
        raise InputError(f"f: a function f(t, y) is expected, not {type(f).__name__}")
    return f  # type: ignore[no-any-return]


def _tensors(values: Sequence[Any]) -> States:
    """Tensors as they are, numbers in float64."""
    found = []
    for value in values:
        try:
            y = value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float64)
        except (TypeError, ValueError):
            raise InputError("y0: a tensor is expected, or numbers") from None
        if not (y.is_floating_point() or y.is_complex()):
            raise InputError(f"y0 is of {y.dtype}: steps need floating point, y0.double() say")
        if y.numel() == 0:
            raise InputError("y0 is empty")
        if not bool(torch.isfinite(y.detach()).all()):
            raise InputError("y0 is not finite")
        found.append(y)
    return tuple(found)
