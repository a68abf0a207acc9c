"""Fields of Lagrange's equation: accelerations from a scalar of positions and velocities."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.nn.structured.scalar_gradient import halves, scalar_of_halves

SINGULAR = (
    "L: the mass matrix ∂²L/∂v² is singular, so that L does not say the accelerations: it is linear in a velocity, or "
    "in a combination of them"
)


class Acceleration(nn.Module):
    """q'' = (∂²L/∂v²)⁻¹ (∂L/∂q − (∂²L/∂v∂q) v), a field of y'' = f(y, y'): called with q and v, or t, q and v.

    L: as for `LagrangianField`, which has this as its `acceleration`."""

    def __init__(self, L: Any) -> None:
        super().__init__()
        self.scalar = scalar_of_halves(L, "L", "q", "v")

    def forward(self, *at: Any) -> Tensor:
        if len(at) < 2 or not isinstance(at[-2], Tensor) or at[-2].shape != at[-1].shape:
            raise InputError("q'' is of q and v: take a scheme for y'' = f(t, y, y'), or the field and y = (q, v)")
        q, v = at[-2:]
        by_q, mixed, mass = self._derivatives(q, v)
        looked_into = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
        if not looked_into and bool(mass.isnan().any()) and bool(q.isfinite().all() and v.isfinite().all()):
            raise InputError("L: ∂²L/∂v² is no number at this state, as that of |v| is at v = 0; write a smooth L")
        return _solve(mass, by_q - (mixed @ v.unsqueeze(-1)).squeeze(-1))

    def _derivatives(self, q: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """∂L/∂q, (…, n); ∂²L/∂v∂q and ∂²L/∂v², (…, n, n): of each state of a batch its own, since the sum over the
        batch has no second derivatives across it."""
        n = q.shape[-1]

        def momenta(q: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            by_q, by_v = torch.func.grad(lambda q, v: self._lagrangian(q, v).sum(), argnums=(0, 1))(q, v)
            return by_v, by_q

        _, pulled, by_q = torch.func.vjp(momenta, q, v, has_aux=True)  # type: ignore[misc]
        basis = torch.eye(n, dtype=v.dtype, device=v.device).view(n, *[1] * (v.dim() - 1), n).expand(n, *v.shape)
        mixed, mass = torch.func.vmap(pulled)(basis)
        return by_q, mixed.movedim(0, -2), mass.movedim(0, -2)

    def _lagrangian(self, q: Tensor, v: Tensor) -> Tensor:
        found: Tensor = self.scalar(torch.cat((q, v), -1))
        return found


class LagrangianField(nn.Module):
    """q' = v and Lagrange's equation d/dt ∂L/∂v = ∂L/∂q for v, as y' = f(y) of y = (q, v). With a network for L a
    Lagrangian network (Cranmer, Greydanus, Hoyer, Battaglia, Spergel, Ho 2020, arXiv:2003.04630): coordinates need not
    be canonical. The authors' code takes a pseudo-inverse of the mass matrix; here it is solved with, and a singular
    one is told.

    L: a function or module L(q, v), or L(y), that gives one number for each state, (…) or (…, 1), that of its own
        state alone. Networks should be smooth, softplus say: the field is made of second derivatives.

    It is called as ``field(y)`` or ``field(t, y)``, y = (q, v) one behind the other in the last dimension;
    `acceleration` is q'' of q and v, for schemes of y'' = f(t, y, y').
    Raises InputError for what is no such L, for an odd dimension, and where the mass matrix ∂²L/∂v² is singular."""

    canonical = False  # symplectic schemes keep the form of q and p = ∂L/∂v, not of q and v

    def __init__(self, L: Any) -> None:
        super().__init__()
        self.acceleration = Acceleration(L)

    def forward(self, *at: Any) -> Tensor:
        q, v = halves(at[-1], "L(q, v)")
        return torch.cat((v, self.acceleration(q, v)), -1)

    def momenta(self, y: Tensor) -> Tensor:
        """p = ∂L/∂v, (…, n/2)."""
        return halves(self.acceleration.scalar.gradient(y), "L(q, v)")[1]

    def energy(self, y: Tensor) -> Tensor:
        """pᵀv − L, one number for each state."""
        lagrangian: Tensor = self.acceleration.scalar(y)
        return (self.momenta(y) * halves(y, "L(q, v)")[1]).sum(-1) - lagrangian


def _solve(mass: Tensor, right: Tensor) -> Tensor:
    """The accelerations; rows are scaled to one size, so that a pivot which is rounding is seen as that."""
    scale = mass.detach().abs().amax(-1, keepdim=True)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    factors, pivots, _ = torch.linalg.lu_factor_ex(mass / scale)
    if not (torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()):
        sizes = factors.detach().diagonal(dim1=-2, dim2=-1).abs().amin(-1)
        if bool((sizes <= mass.shape[-1] * torch.finfo(mass.dtype).eps).any()):
            raise InputError(SINGULAR)
    found: Tensor = torch.linalg.lu_solve(factors, pivots, right.unsqueeze(-1) / scale)
    return found.squeeze(-1)
