"""How well a scheme keeps the energy of a field over many steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from tableau2net.analysis.series.exact_integrals import energy_preserving
from tableau2net.analysis.structure import symplectic
from tableau2net.errors import InputError
from tableau2net.integration import integrate
from tableau2net.nn.structured.scalar_gradient import halves
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.step import lower


class EnergyField(Protocol):
    """A field that has an energy: `GradientField`, `SeparableField`, `LagrangianField` and their like."""

    @property
    def canonical(self) -> bool:
        """Whether symplectic schemes keep the form of its states."""

    def energy(self, y: Tensor) -> Tensor:
        """One number for each state."""


@dataclass(frozen=True, repr=False)
class EnergyDrift:
    """What became of the energy.

    scheme: its name.  symplectic: whether it is proved to keep the form dp ∧ dq of this field; None for fields that
        have none in the coordinates of their states, and for families of which it is not known.
    energy_preserving: whether it is proved to keep every energy, with exact integrals; None where that is not known.
    evaluations: of fields, of each state's, all in all.  rejected: steps, where a tolerance chose them.
    t: times.  y: the states there, (times, …, n).  error: H(y(t)) − H(y0), (times, …)."""

    scheme: str
    symplectic: bool | None
    energy_preserving: bool | None
    evaluations: int
    rejected: int
    t: tuple[float, ...]
    y: Tensor
    error: Tensor

    def __repr__(self) -> str:
        told = f"evaluations={self.evaluations}, largest={self.largest:.3g}, rate={self.rate:.3g}"
        proved = f"symplectic={self.symplectic}, energy_preserving={self.energy_preserving}"
        return f"EnergyDrift({self.scheme!r}, {proved}, {told}, {len(self.t)} times)"

    @property
    def largest(self) -> float:
        """max |H(y(t)) − H(y0)|, over times and states."""
        return float(self.error.abs().max())

    @property
    def rate(self) -> float:
        """By how much the error rises in a unit of time: the slope of a line through it, of the state where that is
        largest. It tells an error that stays bounded, however it swings, from one that grows."""
        t = torch.tensor(self.t, dtype=self.error.dtype)
        t = t - t.mean()
        if not t.any():
            return 0.0  # of no time
        slopes = torch.tensordot(t, self.error.to(t.device), 1) / t.square().sum()
        return float(slopes.flatten()[slopes.abs().argmax()])


def energy_drift(
    scheme: Scheme | str | Path,
    field: EnergyField,
    y0: Tensor,
    t1: float,
    steps: int | None = None,
    *,
    samples: int = 200,
    **options: Any,
) -> EnergyDrift:
    """Integrate a field of an energy from 0 to t1, and tell what became of the energy.

    scheme: of one state; of two, p and q, which get the field's `pair`; or of y'' = f(t, y, y'), which gets the
        `acceleration` of a `LagrangianField`.
    y0: (…, n), the position and the momentum, or the velocity, one behind the other.
    steps: so many equal ones; or rtol=, atol= and the like, as `integrate` has them.
    samples: at so many times at most, from step to step, the energy is looked at.
    No gradient is kept. Raises InputError where the scheme and the field do not fit, as `integrate` does for the rest.
    """
    if not samples >= 2:
        raise InputError(f"samples = {samples}: at least two")
    if not hasattr(field, "energy"):
        raise InputError(f"field: a {type(field).__name__} has no energy(y); GradientField(H) and its like have")
    scheme = as_scheme(scheme)
    fields, taken, joined = _as_taken(scheme, field)
    at = [0.0, *_samples(float(t1), steps, samples)]
    with torch.no_grad():
        found = integrate(scheme, fields, taken(y0), 0.0, t1, steps, at=at, full=True, **options)
        y = joined(found.y)
        energy = field.energy(y)
    return EnergyDrift(
        scheme.name,
        symplectic(scheme) if field.canonical else None,
        energy_preserving(scheme) if field.canonical else None,
        found.evaluations,
        found.rejected,
        found.t,
        y,
        energy - energy[0],
    )


def _as_taken(scheme: Scheme, field: Any) -> tuple[Any, Callable[[Tensor], Any], Callable[[Any], Tensor]]:
    """The fields that a scheme steps with, and its states of y and y of its states."""
    step = lower(scheme)
    if step.derivative == 2:
        if not hasattr(field, "acceleration"):
            raise InputError(f"scheme = {scheme.name}: it is for y'' = f; a {type(field).__name__} has no acceleration")
        return field.acceleration, lambda y: halves(y, "y0"), lambda states: torch.cat(states, -1)
    if len(step.states) == 1:
        return field, lambda y: y, lambda y: y
    if len(step.states) > 2 or not hasattr(field, "pair"):
        raise InputError(
            f"scheme = {scheme.name}: it has {len(step.states)} states; a {type(field).__name__} is a field of one"
            + (", or of p and q" if hasattr(field, "pair") else "")
        )
    return field.pair, lambda y: halves(y, "y0")[::-1], lambda states: torch.cat(states[::-1], -1)


def _samples(t1: float, steps: int | None, samples: int) -> list[float]:
    """Times to look at, where steps end if they are equal."""
    if not isinstance(steps, int) or steps < 1:
        return [t1 * i / samples for i in range(1, samples + 1)]
    samples = min(samples, steps)
    ends = [i * steps // samples for i in range(1, samples + 1)]
    return [t1 if n == steps else 0.0 + n * (t1 / steps) for n in ends]
