"""Whether steps of Δt are stable with the kernels that a right-hand side is fitted with: asked before training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from tableau2net.analysis.space.cfl import limit_of_terms
from tableau2net.discovery.differences import Differences, Order
from tableau2net.errors import InputError
from tableau2net.scheme import Scheme

SHOWN = 6  # digits of a coefficient that is frozen


@dataclass(frozen=True)
class StepLimit:
    """The largest Δt at which no wave grows, with coefficients frozen where they are worst; kind as of `CFL`."""

    dt: float
    limit: float
    kind: str

    @property
    def exceeded(self) -> bool:
        return self.dt > self.limit * (1 + 1e-9)

    def __str__(self) -> str:
        return f"Δt = {self.dt:g} {'exceeds' if self.exceeded else 'is within'} the von Neumann limit {self.limit:.4g}"


def step_limit(
    scheme: Scheme, differences: Differences, coefficients: Mapping[Order, Tensor], dt: float
) -> StepLimit | None:
    """The limit of a scheme on Σ c_o D_o u with kernels as they start. Maps are frozen where Σ |c_o| h^−|o| is largest.

    None where it is too much work, or derivatives are mixed or of order 0."""
    if any(sum(map(bool, order)) != 1 for order in coefficients):
        coefficients = {order: c for order, c in coefficients.items() if sum(map(bool, order)) == 1}
    if not coefficients:
        return None
    maps = dict(zip(coefficients, _shared(list(coefficients.values())), strict=True))
    weight = sum(abs(c) / _power(differences, order) for order, c in maps.items())
    worst = int(weight.argmax()) if isinstance(weight, Tensor) else 0
    terms = []
    for order, c in maps.items():
        axis = next(a for a, k in enumerate(order) if k)
        table = differences.tables(order)[axis]
        terms.append((float(f"{float(c.flatten()[worst]):.{SHOWN}g}"), table, differences.h[axis], axis))
    try:
        found = limit_of_terms(scheme, terms)
    except InputError:
        return None
    return StepLimit(dt, float(found.limit), found.kind)


def _shared(values: list[Tensor]) -> list[Tensor]:
    shape = max((value.shape for value in values), key=len)
    return [value.expand(shape) if value.ndim == 0 else value for value in values]


def _power(differences: Differences, order: Order) -> float:
    axis = next(a for a, k in enumerate(order) if k)
    return float(differences.h[axis] ** sum(order))
