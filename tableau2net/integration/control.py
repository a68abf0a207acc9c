"""Step size control: how large an error is, what the next step should be, and the first (HNW I, II.4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from tableau2net.analysis.stability.step_control import LAWS
from tableau2net.errors import InputError
from tableau2net.integration.solution import IntegrationError
from tableau2net.integration.system import States, System
from tableau2net.runtime.vectors import Layout

SAFETY, SMALLEST, LARGEST = 0.9, 0.2, 10.0  # of the factor between one step and the next
FACTORS = (SAFETY, SMALLEST, LARGEST)
AFTER_FAILURE = 0.25  # where the error is no number, or stages were not solved
STAGES = 0.01  # of the tolerance that implicit stages may take

NormName = Literal["rms", "batch", "each"]
Factors = tuple[float, float, float]


@dataclass(frozen=True)
class Tolerance:
    """What an error is measured by: root mean square of error/(atol + rtol·max(|y|, |y_new|)), 1 at most.

    atols: one a state, a number or a tensor that its entries are like.
    rtols: the same.
    norm: "rms" over all entries, the batch included; "batch": over each entry of the first dimension by itself, the
        largest of them counts; "each": the same, and each has steps of its own; or a function of the states'
        error/(atol + rtol·|y|), to a number.
    """

    rtols: tuple[float | Tensor, ...]
    atols: tuple[float | Tensor, ...]
    norm: NormName | Callable[..., Any] = "rms"
    eps: float = 2.0**-52

    @property
    def fraction(self) -> float:
        """How much of it implicit stages may take."""
        return max(STAGES, 10 * self.eps / self.finest) if self.finest else STAGES

    @cached_property
    def finest(self) -> float:
        """The least relative tolerance."""
        return min(_least(rtol) for rtol in self.rtols)

    @cached_property
    def floor(self) -> float:
        """The least absolute tolerance."""
        return min(_least(atol) for atol in self.atols)

    @torch.no_grad()
    def size(self, values: States, y: States, y_new: States) -> float:
        """The norm of values like the states."""
        parts = [self._weighted(*each) for each in zip(values, y, y_new, self.rtols, self.atols, strict=True)]
        if callable(self.norm):
            return abs(float(self.norm(*parts)))
        if len(parts) == 1:
            return float(self._norm(parts[0]))
        if self.norm == "rms":
            entries = sum(part.numel() for part in parts)
            return math.sqrt(sum(float(self._norm(part)) ** 2 * part.numel() for part in parts) / entries)
        return max(float(self._norm(part)) for part in parts)

    @torch.no_grad()
    def of_members(self, value: Tensor, y: Tensor, y_new: Tensor) -> Tensor:
        """The norm over each entry of the first dimension by itself, of values like one state."""
        rows = self._weighted(value, y, y_new, self.rtols[0], self.atols[0]).reshape(len(y), -1)
        found: Tensor = torch.linalg.vector_norm(rows, dim=1).double() / math.sqrt(rows.shape[1])
        return found

    def scale(self, layout: Layout, point: Tensor) -> Tensor:
        """What each number of a vector of stages is measured by."""
        found = point.abs().mul_(self._joined(self.rtols[0], layout) if len(self.rtols) == 1 else self.finest)
        if len(self.atols) == 1 and isinstance(self.atols[0], Tensor):
            found.add_(self._joined(self.atols[0], layout))
        elif self.floor:
            return found.add_(self.floor)
        return found.clamp_min_(torch.finfo(found.dtype).tiny)

    @staticmethod
    def _joined(value: float | Tensor, layout: Layout) -> float | Tensor:
        """One for each entry of a state, for each number of a vector of stages."""
        if not isinstance(value, Tensor):
            return value
        pairs = zip(layout.shapes, layout.dtypes, strict=True)
        return layout.join([value.expand(s).to(d) * _both(d) for s, d in pairs])

    def norm_of(self, weighted: Tensor, layout: Layout) -> float:
        """The norm of a vector of stages."""
        if self.norm != "batch":
            return float(torch.linalg.vector_norm(weighted)) / math.sqrt(weighted.numel())
        parts = zip(torch.split(weighted, layout.lengths), layout.shapes, strict=True)
        return max(float(self._norm(part.reshape(*shape[:1], -1))) for part, shape in parts)

    @staticmethod
    def _weighted(value: Tensor, y: Tensor, y_new: Tensor, rtol: float | Tensor, atol: float | Tensor) -> Tensor:
        scale = torch.maximum(y.abs(), y_new.abs()).mul_(rtol).add_(atol)
        if isinstance(atol, Tensor) or atol == 0:  # what is 0 and stays 0 has no error
            scale.clamp_min_(torch.finfo(scale.dtype).tiny)
        return value / scale

    def _norm(self, weighted: Tensor) -> Any:
        if self.norm == "rms" or weighted.dim() < 2:
            if self.norm == "batch" and weighted.dim() == 1:
                return weighted.abs().max()
            return torch.linalg.vector_norm(weighted) / math.sqrt(weighted.numel())
        rows = weighted.flatten(1)
        return torch.linalg.vector_norm(rows, dim=1).max() / math.sqrt(rows.shape[1])


def _both(dtype: torch.dtype) -> complex:
    """What makes a real number one that is as large in both of its parts."""
    return 1 + 1j if dtype.is_complex else 1


def tolerance_of(rtol: Any, atol: Any, norm: Any, states: States) -> Tolerance:
    """The tolerance for these states. Raises InputError where it is none, or finer than the numbers."""
    known: Any = norm if isinstance(norm, str) or callable(norm) else None
    if not callable(known) and known not in ("rms", "batch", "each"):
        raise InputError(f"norm = {norm!r}: write 'rms', 'batch' or 'each', or give a function")
    atol = rtol if atol is None else atol
    if rtol is None:
        rtol = atol if _is_number(atol) else 0.0
    rtols, atols = _each(rtol, "rtol", states), _each(atol, "atol", states)
    eps = max(torch.finfo(y.dtype).eps for y in states)
    found = Tolerance(rtols, atols, known, eps)
    if found.finest == 0 and found.floor == 0:
        raise InputError("rtol = atol = 0: no step is small enough; give one of them")
    if 0 < found.finest < 10 * eps or (
        found.finest == 0
        and any(_least(a) < eps * float(y.detach().abs().max()) for a, y in zip(atols, states, strict=True))
    ):
        dtype = next(y.dtype for y in states if torch.finfo(y.dtype).eps == eps)
        raise InputError(f"the tolerance is below what {dtype} resolves ({10 * eps:.2g}): take a larger one")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or getattr(value, "ndim", None) == 0


def _allowed(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InputError(f"{name}: a number is expected, or numbers like y") from None
    if not (math.isfinite(number) and number >= 0):
        raise InputError(f"{name} = {number}: a number that is not negative")
    return number


def _least(value: float | Tensor) -> float:
    return float(value.min()) if isinstance(value, Tensor) else value


def _each(value: Any, name: str, states: States) -> tuple[float | Tensor, ...]:
    """A tolerance for each of the states: one for all, or, where there are several, one for each."""
    several = isinstance(value, (tuple, list)) and len(states) > 1
    if several and len(value) != len(states):
        raise InputError(f"{name}: one for all, or one for each of the {len(states)} states")
    values = value if several else [value] * len(states)
    return tuple(_tolerance(v, y, name) for v, y in zip(values, states, strict=True))


def _tolerance(value: Any, y: Tensor, name: str) -> float | Tensor:
    """A tolerance of a state: one number, or one for each entry."""
    if _is_number(value) or isinstance(value, str):
        return _allowed(value, name)
    try:
        found = torch.as_tensor(value, dtype=y.real.dtype, device=y.device).detach()
        found = found.expand(y.shape).contiguous()
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InputError(f"{name}: a number that is not negative, or such numbers like y, {tuple(y.shape)}") from None
    if not bool((torch.isfinite(found) & (found >= 0)).all()):
        raise InputError(f"{name}: numbers that are not negative")
    return found


class Controller:
    """The PI controller: each step's factor is safety · err^(−α) · err_old^β (HW II, IV.2, eq. 2.43c)."""

    def __init__(self, order: int, factors: Factors = FACTORS) -> None:
        """order: q + 1 where the error estimate is O(h^(q + 1))."""
        self.safety, self.smallest, self.largest = factors
        first, second = LAWS["PI"].betas(order)
        self.alpha, self.beta = float(first), -float(second)
        self.plain = 1 / order
        self.old = 1e-4
        self.rejected = False

    def accepted(self, size: float) -> float:
        """The factor after a step with this error."""
        size = max(size, 1e-10)
        wanted: float = self.safety * size**-self.alpha * self.old**self.beta
        factor = min(self.largest, max(self.smallest, wanted))
        if self.rejected:  # a step that has just failed is not tried larger at once
            factor = min(factor, 1.0)
        self.old, self.rejected = max(size, 1e-4), False
        return factor

    def rejects(self, size: float) -> float:
        """The factor where it is too large, or no number."""
        self.rejected = True
        return max(self.smallest, self.safety * size**-self.plain) if math.isfinite(size) else AFTER_FAILURE


def first_step(system: System, tolerance: Tolerance, t0: float, t1: float, states: States, order: int) -> float:
    """The first step, by HNW I, II.4, p. 169: the slope, and how it changes, let an Euler step be small enough.

    Takes two evaluations, of which the first stage of the step can use one."""
    span, sign = abs(t1 - t0), math.copysign(1.0, t1 - t0)
    slopes = system.slopes(t0, states)
    if len(system.fields) == len(states) == 1:
        system.fields[0].know(t0, states[0], slopes[0])
    value, speed = (tolerance.size(x, states, states) for x in (states, slopes))
    if not math.isfinite(speed) and all(bool(torch.isfinite(k).all()) for k in slopes):
        return sign * 1e-6 * span  # what is 0 and does not stay it has no size yet
    if not math.isfinite(speed):
        raise IntegrationError(f"f is not finite at t = {t0}, where the integration begins")
    h0 = min(0.01 * value / speed if min(value, speed * span) > 1e-5 else 1e-6 * span, span)
    with torch.no_grad():
        ahead = tuple(y + sign * h0 * k for y, k in zip(states, slopes, strict=True))
        change = tuple(a - b for a, b in zip(system.slopes(t0 + sign * h0, ahead), slopes, strict=True))
    curvature = tolerance.size(change, states, states) / h0
    if not math.isfinite(curvature):
        return sign * h0
    fastest = max(speed, curvature)
    h1 = max(1e-6 * span, 1e-3 * h0) if fastest * span <= 1e-15 else (0.01 / fastest) ** (1 / order)
    return sign * min(100 * h0, h1, span)
