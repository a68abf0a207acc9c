"""Stochastic steps that are undone for the backward pass: each coupled with one back (McCallum and Foster 2024).

    y⁺ = λ y + (1 − λ) z + Ψ(z) − z,    z⁺ = z − (Ψ*(y⁺) − y⁺),

Ψ* being the step backwards with the same noise drawn again. Undone by algebra, whatever Ψ and Ψ* are: rounding grows as
λ to the number of steps falls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Taken = Callable[[int, Tensor, bool], Tensor]


def coupled(taken: Taken, count: int, coupling: float, y: Tensor, modules: Sequence[nn.Module]) -> Tensor:
    """The state after so many coupled steps, of which only the last pair is kept. taken: a step, from y, or back to it.

    modules: whose parameters get gradients. Raises ValueError for BatchNorm that counts batches."""
    inner = [m for module in modules for m in module.modules()]
    if any(m.training and getattr(m, "track_running_stats", False) for m in inner):
        told = "BatchNorm would count steps that are undone; use GroupNorm, or backward='checkpoint'"
        raise ValueError(f"backward='reversible': {told}")
    parameters = [p for p in dict.fromkeys(p for m in modules for p in m.parameters()) if p.requires_grad]
    return _Coupled.apply(taken, count, coupling, y, *parameters)  # type: ignore[no-any-return]


def _forward(taken: Taken, n: int, coupling: float, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    y = coupling * y + (1 - coupling) * z + taken(n, z, False) - z
    return y, z - taken(n, y, True) + y


class _Coupled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, taken: Taken, count: int, coupling: float, y: Tensor, *parameters: Tensor) -> Tensor:
        z = y
        for n in range(count):
            y, z = _forward(taken, n, coupling, y, z)
        ctx.taken, ctx.count, ctx.coupling, ctx.parameters = taken, count, coupling, parameters
        ctx.save_for_backward(y, z)
        return y.clone() if not count else y

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        (y, z), gy, coupling = ctx.saved_tensors, cotangents[0], ctx.coupling
        gz = torch.zeros_like(gy)
        found: list[Tensor | None] = [None] * len(ctx.parameters)
        for n in reversed(range(ctx.count)):
            with torch.no_grad():
                z = z + ctx.taken(n, y, True) - y
                y = (y - (1 - coupling) * z - ctx.taken(n, z, False) + z) / coupling
            with torch.enable_grad():
                leaves = [y.detach().requires_grad_(), z.detach().requires_grad_()]
                after = _forward(ctx.taken, n, coupling, *leaves)
                grads = torch.autograd.grad(after, [*leaves, *ctx.parameters], (gy, gz), allow_unused=True)
            gy, gz = (g if g is not None else torch.zeros_like(y) for g in grads[:2])
            found = [g if f is None else f if g is None else f + g for f, g in zip(found, grads[2:], strict=True)]
        return None, None, None, gy + gz, *found
