"""Gradients by times: of the solution itself, which moves along f."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.output import Outputs
from tableau2net.integration.system import States, System
from tableau2net.runtime.graphs import unknown
from tableau2net.runtime.transforms import differentiations, transforming

SECOND = "t0, t1, at: no second derivatives by times: how f changes with t, which it is given as a number, is unknown"


class Moving:
    """The times t0, t1 and `at` as far as they want a gradient: y(t; t0, y0) changes with t by f(t, y), and with t0 as
    it does with y0 by −f(t0, y0). What is added is 0 in value."""

    def __init__(self, t0: Any, t1: Any, at: Any) -> None:
        self.t0, self.t1 = _wanted(t0), _wanted(t1)
        parts = list(at) if isinstance(at, (Tensor, list, tuple)) and not _is_scalar(at) else []
        self.at = [_wanted(t) for t in parts]

    def begun(self, system: System, t0: float, order: int) -> System:
        """The system from where it begins. Raises InputError where the solution does not move along f."""
        if self.t0 is self.t1 is None and not any(t is not None for t in self.at):
            return system
        if not system.moves or order < 1:
            what = "for y'' = f that has no velocity" if not system.moves else f"of order {order}"
            raise InputError(f"t0, t1, at: no gradient by times through a scheme {what}; give them detached")
        return system if self.t0 is None else system.at(_moved(system, t0, system.states, self.t0, -1))

    def ended(self, system: System, t1: float, states: States) -> States:
        """The states at t1."""
        return states if self.t1 is None else _moved(system, t1, states, self.t1, 1)

    def at_times(self, system: System, times: tuple[float, ...], found: Outputs) -> Outputs:
        """The states at the times."""
        if all(t is None for t in self.at):
            return found
        values = zip(self.at, times, found.values, strict=False)  # an event may have ended it before the last times
        return found.replaced([y if t is None else _moved(system, time, y, t, 1) for t, time, y in values])


def _is_scalar(at: Any) -> bool:
    return isinstance(at, Tensor) and at.dim() != 1


def _wanted(t: Any) -> Tensor | None:
    if not isinstance(t, Tensor) or not (torch.is_grad_enabled() or transforming()):
        return None
    count = differentiations(t)
    if count > 1:
        raise InputError(SECOND)
    return t.reshape(()) if count else None


def _moved(system: System, t: float, states: States, by: Tensor, sign: int) -> States:
    slopes = system.slopes(t, states)
    return tuple(_along(y, k, by, sign) for y, k in zip(states, slopes, strict=True))


def _along(y: Tensor, slope: Tensor, by: Tensor, sign: int) -> Tensor:
    if transforming():
        return y + slope * ((by - by.detach()) * sign).to(y.device, y.dtype)
    moved: Tensor = _Moved.apply(y, slope + unknown(by, SECOND).to(slope), by.to(y.device, y.dtype.to_real()), sign)
    return moved


class _Moved(torch.autograd.Function):
    """y, which changes with a time by a slope."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, slope: Tensor, by: Tensor, sign: int) -> Tensor:
        ctx.save_for_backward(slope)
        ctx.sign = sign
        return y.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (slope,) = ctx.saved_tensors
        return gradient, None, (gradient.conj() * slope).real.sum() * ctx.sign, None
