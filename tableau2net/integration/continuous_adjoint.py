"""The continuous adjoint: the solution is integrated back, together with what its gradient is made of.

Of a functional of y with y' = f(t, y; p), a = its gradient by y(t) has a' = −(∂f/∂y)ᵀa, and its gradient by p is the
integral of (∂f/∂p)ᵀa (Pontryagin; Chen et al., arXiv 1806.07366)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tableau2net.integration.captured import Captured
from tableau2net.integration.solution import IntegrationError
from tableau2net.runtime.surroundings import Surroundings
from tableau2net.runtime.transforms import one_at_a_time
from tableau2net.runtime.vectors import Layout

GROWN = 1e6  # times what it is at both ends: so large a solution is another one between
LOST = 0.5  # of the digits of the tolerance: so many may be lost on the way back
AWAY = (
    "backward='adjoint': integrated back, the solution is no more what it was on its way forward, as where f is stiff "
    "or y forgets where it came from; use backward='checkpoint' or 'store'"
)
Back = Callable[[tuple[Callable[..., Tensor], ...], Tensor, float, float, Callable[[Tensor], float]], Tensor]


@dataclass(frozen=True)
class Adjoint:
    """A solution whose gradient is that of the exact one.

    fields: whose sum is y'. made_of: what they want a gradient of. times: where values are handed on, in order, and t0.
    back: integrates functions from a vector at a time to an earlier one, controlled in a norm.
    named: what f is said to be made of. tolerance: relative, of steps, 1 where they are given."""

    fields: tuple[Captured, ...]
    made_of: tuple[Tensor, ...]
    times: tuple[float, ...]
    t0: float
    back: Back
    named: tuple[Tensor, ...] = ()
    tolerance: float = 1.0

    def attached(self, y0: Tensor, values: Sequence[Tensor]) -> list[Tensor]:
        """The values, with that gradient."""
        found: tuple[Tensor, ...] = _Attached.apply(self, tuple(values), y0, *self.made_of)
        return list(found)

    def gradients(self, y0: Tensor, values: Sequence[Tensor], cotangents: Sequence[Tensor | None]) -> list[Tensor]:
        """By y0 and by what f is made of. Raises IntegrationError where the solution is not found on the way back."""
        layout = Layout.of((values[0], values[0], *self.made_of))
        parts: list[Tensor] = [torch.zeros_like(values[0]), *map(torch.zeros_like, self.made_of)]
        ends, known = (self.t0, *self.times), (y0, *values)
        functions = tuple(_augmented(field, layout, GROWN * max(map(_largest, known))) for field in self.fields)
        for n in reversed(range(len(values))):
            cotangent = cotangents[n]
            if cotangent is not None:
                parts[0] = parts[0] + cotangent
            if ends[n] == ends[n + 1] or not parts[0].any():
                continue
            vector = layout.join((values[n], *parts))
            begun, *parts = layout.split(self.back(functions, vector, ends[n + 1], ends[n], _norm(layout)))
            if not _largest(begun - known[n]) <= self.tolerance**LOST * max(map(_largest, known[n : n + 2])):
                raise IntegrationError(AWAY)
        reached = {key for field in self.fields for key in field.reached}
        for p in self.named if reached else ():
            if id(p) not in reached:
                text = f"f never depended on a tensor of shape {tuple(p.shape)} that is named: its gradient is 0"
                warnings.warn(f"backward='adjoint', parameters: {text}", stacklevel=2)
        return parts


def _largest(y: Tensor) -> float:
    return float(y.abs().amax())


def _augmented(field: Captured, layout: Layout, most: float) -> Callable[[float, Tensor], Tensor]:
    """The slope of y, its adjoint and the integrals, as one vector. most: what y cannot be."""

    def slope(t: float, vector: Tensor) -> Tensor:
        y, adjoint, *_ = layout.split(vector.detach())
        if _largest(y) > most > 0:
            raise IntegrationError(AWAY)
        y = y.clone().requires_grad_()
        with torch.enable_grad():
            k = field(t, y)
        if not k.requires_grad:
            return layout.join((k, *map(torch.zeros_like, (y, *field.made_of))))
        of = (y, *field.made_of)
        found = torch.autograd.grad(k, of, -adjoint, retain_graph=True, allow_unused=True)
        field.reached.update(id(x) for x, g in zip(of, found, strict=True) if g is not None)
        return layout.join(
            (k.detach(), *(torch.zeros_like(x) if g is None else g for x, g in zip(of, found, strict=True)))
        )

    return slope


def _norm(layout: Layout) -> Callable[[Tensor], float]:
    """The largest root mean square of y, of its adjoint and of each integral: few numbers do not hide behind many."""

    def norm(weighted: Tensor) -> float:
        parts = torch.split(weighted, layout.lengths)
        return max(float(torch.linalg.vector_norm(part)) / math.sqrt(max(1, part.numel())) for part in parts)

    return norm


class _Attached(torch.autograd.Function):
    """Values of a solution, with all that it depends on among the inputs."""

    @staticmethod
    def forward(ctx: Any, task: Adjoint, values: tuple[Tensor, ...], y0: Tensor, *made_of: Tensor) -> Any:
        ctx.task, ctx.surroundings = task, Surroundings(y0.device)
        ctx.set_materialize_grads(False)
        found = tuple(value.clone() for value in values)
        ctx.save_for_backward(y0, *found, *made_of)
        return found

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError("backward='adjoint' gives first derivatives; second ones need backward='store'")
        one_at_a_time(cotangents, "backward='adjoint'")
        task: Adjoint = ctx.task
        y0, *values = ctx.saved_tensors[: 1 + len(cotangents)]  # made_of are saved so that a change in place is noticed
        with ctx.surroundings.restored(task.fields, task.made_of):
            found = task.gradients(y0, values, cotangents)
        return (None, None, *found)
