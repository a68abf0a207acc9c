"""Steps of its own for each member of a batch: all are taken at once, in a time τ from 0 to 1 in which member i has the
slope h_i f(t_i + τ h_i, y_i), so that the generated step is that of any other problem."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.adaptive import ROUNDED, StepBounds
from tableau2net.integration.control import AFTER_FAILURE, LARGEST, SAFETY, SMALLEST, Controller, Tolerance
from tableau2net.integration.one_step import OneStep
from tableau2net.integration.solution import IntegrationError
from tableau2net.integration.system import System
from tableau2net.scheme import RungeKutta, Scheme, VariableOrder
from tableau2net.step import lower


def check_members(scheme: Scheme | VariableOrder, system: System, *, wanted: bool, full: Any) -> None:
    """Raises InputError where members of a batch cannot have steps of their own. wanted: whether values inside are."""
    pair = isinstance(scheme, RungeKutta) and lower(scheme).explicit and lower(scheme).estimate is not None
    if not pair:
        name = scheme.name or getattr(scheme, "family", "this scheme")
        raise InputError(f"norm='each': for explicit pairs, and {name} is none; write 'batch'")
    if not system.states[0].dim():
        raise InputError("norm='each': y has no first dimension whose entries could have steps of their own")
    if wanted or full:
        raise InputError("norm='each': at, event and full are of steps that all have in common; write norm='batch'")


class _OwnTimes:
    """A field in τ, for the members' times and sizes of steps at hand. raw: slopes in t, by those in τ."""

    def __init__(self, field: Any, times: Tensor, sizes: Tensor) -> None:
        self.field, self.times, self.sizes, self.scale = field, times, sizes, sizes
        self.y: Tensor | None = None
        self.slope: Tensor | None = None
        self.raw: dict[int, Tensor] = {}

    def begin(self, sizes: Tensor, y: Tensor, slope: Tensor | None) -> None:
        """The sizes of the next step, and the slope in t where it begins."""
        self.sizes, self.scale, self.y, self.slope = sizes, sizes.to(y.real.dtype), y, slope
        self.raw.clear()

    def __call__(self, tau: float, y: Tensor) -> Tensor:
        known = self.slope if y is self.y and tau == 0 else None
        if known is None:
            slope = self.field(torch.add(self.times, self.sizes, alpha=tau).to(self.scale.dtype), y)
        else:
            slope = known
        found: Tensor = slope * self.scale
        self.raw[id(found)] = slope
        return found


class _Control:
    """`Controller` for each member."""

    def __init__(self, order: int, members: Tensor) -> None:
        self.law = Controller(order)
        self.old, self.rejected = torch.full_like(members, self.law.old), torch.zeros_like(members, dtype=torch.bool)

    def factors(self, sizes: Tensor, passed: Tensor) -> Tensor:
        """By what the steps are multiplied."""
        sound = sizes.clamp_min(1e-10)
        wanted = (sound**-self.law.alpha).mul_(self.old**self.law.beta).mul_(SAFETY).clamp_(SMALLEST, LARGEST)
        wanted = torch.where(self.rejected, wanted.clamp_max(1.0), wanted)
        smaller = (sound**-self.law.plain).mul_(SAFETY).clamp_(SMALLEST, 1.0).nan_to_num_(AFTER_FAILURE)
        self.old = torch.where(passed, sizes.clamp_min(1e-4), self.old)
        self.rejected = ~passed
        return torch.where(passed, wanted, smaller)


def by_member(
    stepper: OneStep, system: System, t0: float, t1: float, tolerance: Tolerance, bounds: StepBounds
) -> tuple[Tensor, int]:
    """The state at t1, and how many steps were tried. Raises IntegrationError where a member gets stuck."""
    (y,), way = system.states, math.copysign(1.0, t1 - t0)
    counted: Any = system.fields[0]  # whose time is a tensor here
    times = torch.full((len(y), *[1] * (y.dim() - 1)), t0, dtype=torch.float64, device=y.device)
    field = _OwnTimes(counted, times, torch.zeros_like(times))
    slope: Tensor | None = counted(times.to(y.real.dtype), y)
    assert slope is not None
    if bounds.first is None:
        sizes = way * _first(counted, tolerance, times, (t1 - t0), y, slope, stepper.error_order)
    else:
        sizes = torch.full_like(times, way * bounds.first)
    control, start, end = _Control(stepper.error_order, times), stepper.start, stepper.end
    reaches, bounded = (torch.ge if way > 0 else torch.le), math.isfinite(bounds.largest)
    left = t1 - times
    for tried in range(bounds.tried):
        sizes = sizes.clamp(-bounds.largest, bounds.largest) if bounded else sizes
        last = reaches(sizes * 1.01, left)
        if bounded:
            last &= left.abs() <= bounds.largest * ROUNDED
        field.begin(torch.where(last, left, sizes), y, slope)
        new, error, *slopes = stepper.step_of(field, y)
        found = dict(zip(stepper.revealed, slopes, strict=True))
        with torch.no_grad():
            size = tolerance.of_members(error, y, new).view_as(times)
            running = left != 0
            passed = (size <= 1) & running
            if y.requires_grad or new.requires_grad:  # what is no number would spoil the gradient of all
                passed &= torch.isfinite(size).all()
            some, over = torch.stack((passed.any(), (passed | ~running).all() & last.all())).tolist()
            sizes = torch.where(running, field.sizes * control.factors(size, passed), sizes)
            if not some:
                _check_stuck(field, running)
        slope = field.raw[id(found[start])] if start in found else None
        if some:
            y = torch.where(passed, new, y)
            ended = field.raw[id(found[end])] if end in found else None
            slope = None if slope is None or ended is None else torch.where(passed, ended, slope)
            field.times = torch.where(passed, torch.where(last, t1, field.times + field.sizes), field.times)
            left = t1 - field.times
        if over:
            return y, tried + 1
    raise IntegrationError(f"max_steps = {bounds.tried} were tried: give more, or a larger tolerance")


def _check_stuck(field: _OwnTimes, running: Tensor) -> None:
    """IntegrationError where a step that did not pass is one that no time shows. A member is seen when none passes."""
    shown = 16 * torch.finfo(torch.float64).eps * field.times.abs()
    stuck = running & (field.sizes.abs() < shown.clamp_min_(torch.finfo(torch.float64).tiny))
    if stuck.any():
        member = int(stuck.flatten().nonzero()[0])
        time = float(field.times.flatten()[member])
        raise IntegrationError(f"member {member}: at t = {time:.6g} the step would have to be too small")


def _first(
    field: Any, tolerance: Tolerance, times: Tensor, span: float, y: Tensor, slope: Tensor, order: int
) -> Tensor:
    """The members' first steps, as `first_step` has them."""
    way, span = math.copysign(1.0, span), abs(span)

    def norm(values: Tensor) -> Tensor:
        return tolerance.of_members(values, y, y).view_as(times)

    with torch.no_grad():
        value, speed = norm(y), norm(slope)
        h0 = torch.where(torch.minimum(value, speed * span) > 1e-5, 0.01 * value / speed, 1e-6 * span).clamp_(max=span)
        ahead = field((times + way * h0).to(y.real.dtype), y + (way * h0).to(y.real.dtype) * slope)
        fastest = torch.maximum(speed, norm(ahead - slope) / h0)
        h1 = torch.where(fastest * span <= 1e-15, (1e-3 * h0).clamp_min(1e-6 * span), (0.01 / fastest) ** (1 / order))
        found = torch.minimum(100 * h0, h1).clamp_(max=span)
        return torch.where(torch.isfinite(found), found, 1e-6 * span)
