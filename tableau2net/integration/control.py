"""Step size control: how large an error is, what the next step should be, and the first (HNW I, II.4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.solution import IntegrationError
from tableau2net.integration.system import States, System

SAFETY, SMALLEST, LARGEST = 0.9, 0.2, 10.0  # of the factor between one step and the next
BETA = 0.04  # the integral part's share: Gustafsson's stabilisation as in DOPRI5 (HW II, IV.2)
AFTER_FAILURE = 0.25  # where the error is no number, or stages were not solved

NormName = Literal["rms", "batch"]


@dataclass(frozen=True)
class Tolerance:
    """What an error is measured by: root mean square of error/(atol + rtol·max(|y|, |y_new|)), 1 at most.

    norm: "rms" over all entries, the batch included; "batch": over each entry of the first dimension by itself, the
        largest of them counts.
    """

    rtol: float
    atol: float
    norm: NormName = "rms"

    def __post_init__(self) -> None:
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} = {value}: a number that is not negative")
        if self.rtol == self.atol == 0:
            raise InputError("rtol = atol = 0: no step is small enough; give one of them")
        if self.norm not in ("rms", "batch"):
            raise InputError(f"norm = {self.norm!r}: write 'rms' or 'batch'")

    def check(self, states: States) -> None:
        """InputError where the tolerance is finer than the numbers."""
        eps = max(torch.finfo(y.dtype).eps for y in states)
        if 0 < self.rtol < 10 * eps or (self.rtol == 0 and self.atol < eps * max(float(y.abs().max()) for y in states)):
            dtype = next(y.dtype for y in states if torch.finfo(y.dtype).eps == eps)
            raise InputError(f"the tolerance is below what {dtype} resolves ({10 * eps:.0e}): take a larger one")

    @torch.no_grad()
    def size(self, values: States, y: States, y_new: States) -> float:
        """The norm of values like the states."""
        parts = [self._weighted(*each) for each in zip(values, y, y_new, strict=True)]
        if len(parts) == 1:
            return float(self._norm(parts[0]))
        if self.norm == "rms":
            entries = sum(part.numel() for part in parts)
            return math.sqrt(sum(float(self._norm(part)) ** 2 * part.numel() for part in parts) / entries)
        return max(float(self._norm(part)) for part in parts)

    def _weighted(self, value: Tensor, y: Tensor, y_new: Tensor) -> Tensor:
        scale = torch.maximum(y.abs(), y_new.abs()).mul_(self.rtol).add_(self.atol)
        return value / scale

    def _norm(self, weighted: Tensor) -> Any:
        if self.norm == "rms" or weighted.dim() < 2:
            if self.norm == "batch" and weighted.dim() == 1:
                return weighted.abs().max()
            return torch.linalg.vector_norm(weighted) / math.sqrt(weighted.numel())
        rows = weighted.flatten(1)
        return torch.linalg.vector_norm(rows, dim=1).max() / math.sqrt(rows.shape[1])


class Controller:
    """The PI controller: each step's factor is SAFETY · err^(−α) · err_old^β (HW II, IV.2, eq. 2.43c)."""

    def __init__(self, order: int) -> None:
        """order: q + 1 where the error estimate is O(h^(q + 1))."""
        self.alpha = 1 / order - 0.75 * BETA
        self.plain = 1 / order
        self.old = 1e-4
        self.rejected = False

    def accepted(self, size: float) -> float:
        """The factor after a step with this error."""
        size = max(size, 1e-10)
        wanted: float = SAFETY * size**-self.alpha * self.old**BETA
        factor = min(LARGEST, max(SMALLEST, wanted))
        if self.rejected:  # a step that has just failed is not tried larger at once
            factor = min(factor, 1.0)
        self.old, self.rejected = max(size, 1e-4), False
        return factor

    def rejects(self, size: float) -> float:
        """The factor where it is too large, or no number."""
        self.rejected = True
        return max(SMALLEST, SAFETY * size**-self.plain) if math.isfinite(size) else AFTER_FAILURE


def first_step(system: System, tolerance: Tolerance, t0: float, t1: float, states: States, order: int) -> float:
    """The first step, by HNW I, II.4, p. 169: the slope, and how it changes, let an Euler step be small enough.

    Takes two evaluations, of which the first stage of the step can use one."""
    span, sign = abs(t1 - t0), math.copysign(1.0, t1 - t0)
    slopes = system.slopes(t0, states)
    if len(system.fields) == 1:
        system.fields[0].know(t0, states[0], slopes[0])
    value, speed = (tolerance.size(x, states, states) for x in (states, slopes))
    if not math.isfinite(speed):
        raise IntegrationError(f"f is not finite at t = {t0}, where the integration begins")
    h0 = min(0.01 * value / speed if min(value, speed) > 1e-5 else 1e-6, span)
    with torch.no_grad():
        ahead = tuple(y + sign * h0 * k for y, k in zip(states, slopes, strict=True))
        change = tuple(a - b for a, b in zip(system.slopes(t0 + sign * h0, ahead), slopes, strict=True))
    curvature = tolerance.size(change, states, states) / h0
    if not math.isfinite(curvature):
        return sign * h0
    fastest = max(speed, curvature)
    h1 = max(1e-6, 1e-3 * h0) if fastest <= 1e-15 else (0.01 / fastest) ** (1 / order)
    return sign * min(100 * h0, h1, span)
