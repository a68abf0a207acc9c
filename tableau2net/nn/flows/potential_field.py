"""Fields that are gradients, y' = ∇φ: Monge–Ampère flows, and the potentials of optimal transport."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.integration.linear_part import takes_one
from tableau2net.integration.own_rows import jumps
from tableau2net.nn.flows.augmented_field import Point
from tableau2net.nn.flows.products import gradient


class PotentialField(nn.Module):
    """y' = ∇φ(t, y), whose trace is the Laplacian: (ln ρ)' = −Δφ along it, a linearised Monge–Ampère equation
    (Zhang, E, Wang 2018, arXiv:1809.10188).

    potential: an nn.Module φ(t, y), or φ(y), that gives a number for each row, (N,) or (N, 1). Where it counts for
        `hamilton_jacobi`, it is differentiable in t as well: ``t * torch.ones_like(y[:, :1])``. It is smooth, of
        softplus or tanh: a gradient that jumps, as of ReLU networks, has no trace, and is refused where one is taken.
    """

    def __init__(self, potential: nn.Module) -> None:
        super().__init__()
        if not isinstance(potential, nn.Module):
            raise InputError(f"potential: an nn.Module φ(t, y) is wanted, and a {type(potential).__name__} was given")
        self.potential, self.alone = potential, takes_one(potential)

    def value(self, t: float | Tensor, y: Tensor) -> Tensor:
        """φ(t, y), (N,)."""
        found: Tensor = self.potential(y) if self.alone else self.potential(t, y)
        if found.shape not in (y.shape[:1], (len(y), 1)):
            raise InputError(f"potential: it gave {tuple(found.shape)}; it is a number for each row, ({len(y)},)")
        return found.flatten()

    def forward(self, t: float, y: Tensor) -> Tensor:
        """∇φ(t, y), like y."""
        return gradient(partial(self.value, t), y)

    def check_smooth(self, t: float, y: Tensor) -> None:
        """InputError where ∇φ is seen to jump between rows y."""
        if jumps(partial(self, t), y):
            raise InputError(
                "potential: its gradient jumps, as that of a ReLU network does, and the Laplacian of such has all its "
                "mass where it jumps; take softplus or tanh"
            )

    def change(self, t: float, y: Tensor) -> Tensor:
        """∂φ/∂t, (N,). Raises InputError where the potential takes the number out of t, so that it has none."""
        if self.alone:
            return y.new_zeros(len(y))
        time = torch.as_tensor(t, dtype=y.dtype, device=y.device)
        value: Tensor
        found: Tensor
        value, found = torch.func.jvp(lambda at: self.value(at, y), (time,), (torch.ones_like(time),))[:2]
        if torch.compiler.is_compiling() or found.any():
            return found
        if not torch.equal(value, self.value(time + 1, y)):
            raise InputError(
                "potential: it takes the number out of t (torch.full_like(y, t)), so ∂φ/∂t is lost; write "
                "t * torch.ones_like(y[:, :1])"
            )
        return found


def hamilton_jacobi(point: Point) -> Tensor:
    """|∂φ/∂t + ½ |∇φ|²|, (N,): 0 along the potential of an optimal transport, whichever way it is taken (Onken et al.
    2021, with Φ = −φ). Raises InputError for a field that has no potential."""
    if not isinstance(point.field, PotentialField):
        raise InputError("hamilton_jacobi: the field has no potential; take a PotentialField")
    return (point.field.change(point.t, point.y) + point.slope.square().flatten(1).sum(1) / 2).abs()
