"""Port-Hamiltonian fields: energy that is kept, dissipated, and exchanged through a port."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.nn.structured.gradient_field import GradientField
from tableau2net.nn.structured.structure_matrices import MatrixOf, Root, times


class PortHamiltonianField(GradientField):
    """y' = (J − R)∇H(y) + g u(t): dH/dt = −∇HᵀR∇H + (gᵀ∇H)ᵀu. With a network for H a port-Hamiltonian network (Desai,
    Mattheakis, Sondak, Protopapas, Roberts 2021, Phys. Rev. E 104, 034312, arXiv:2107.08024; theirs adds D q' + u(t) to
    p', D of any sign). Here R ≥ 0 by construction, so that without u no step of the flow gains energy.

    H, J: as for `GradientField`.
    R: a tensor, the diagonal (n,) or a matrix (n, n), which must be ≥ 0; or what is learnt: A of R = A Aᵀ, a parameter
        (n, k), a parameter (n,) for a diagonal A, or a function or module of the state that gives (…, n, k).
    g: the port, (n, m): a tensor, a parameter, or a function or module of the state that gives (…, n, m).
    u: what comes in through it, (m,) or (…, m): a tensor, or a function or module of the time. Left out where there is
        a port it is the last argument of the call: the field is a driven one, ``field(y, u)`` or ``field(t, y, u)``.

    Else it is called as ``field(t, y)``, or as ``field(y)`` where u is no function.
    Raises InputError for what is no such H, J, R or g, and for u without a port."""

    def __init__(self, H: Any, *, J: Any = None, R: Any = None, g: Any = None, u: Any = None) -> None:
        super().__init__(H, J)
        if g is None and u is not None:
            raise InputError("u: what comes in needs a port; give g=")
        if not (u is None or isinstance(u, Tensor) or callable(u)):
            raise InputError("u: a tensor, or a function of the time, is expected")
        self.root = None if R is None else Root(R, "R")
        self.port = None if g is None else MatrixOf(g, "g")
        self.u = u

    @property
    def canonical(self) -> bool:
        """False, unless nothing is dissipated or comes in."""
        return self.root is None and self.port is None and super().canonical

    @property
    def pair(self) -> tuple[nn.Module, nn.Module]:
        """The pair of a `GradientField`, where nothing is dissipated or comes in. Else raises InputError."""
        if self.root is not None or self.port is not None:
            raise InputError("R, g: a pair of fields has neither; take a scheme of one state, or leave them out")
        return super().pair

    def forward(self, *at: Any) -> Tensor:
        driven = self.port is not None and self.u is None
        if driven and len(at) < 2:
            raise InputError("u is not given: it is the last argument of the call, field(y, u) or field(t, y, u)")
        y = at[-2] if driven else at[-1]
        if driven and not (isinstance(y, Tensor) and isinstance(at[-1], Tensor)):
            raise InputError(
                "u is not given: it is the last argument of the call, field(y, u) or field(t, y, u), and a tensor; "
                "what integrates y alone takes u=, a function of the time"
            )
        gradient = self.scalar.gradient(y)
        slope = self.turned(y, gradient)
        if self.root is not None:
            root = self.root(y)
            slope = slope - times(root, times(root.mT, gradient))
        if self.port is None:
            return slope
        port, u = self.port.of(y), at[-1] if driven else self._input(at)
        if not isinstance(u, Tensor) or u.shape[-1:] != port.shape[-1:]:
            gave = tuple(u.shape) if isinstance(u, Tensor) else type(u).__name__
            raise InputError(f"u is {gave}: a tensor (…, {port.shape[-1]}) is expected, a number for each column of g")
        return slope + times(port, u.to(y.dtype))

    def _input(self, at: tuple[Any, ...]) -> Tensor:
        if isinstance(self.u, Tensor):
            return self.u
        if len(at) < 2:
            raise InputError("u is a function of the time: call field(t, y), which blocks do with time_dependent=True")
        found: Tensor = self.u(at[0])
        return found

    def dissipated(self, y: Tensor) -> Tensor:
        """∇HᵀR∇H ≥ 0, the energy that is lost in a unit of time, one number for each state."""
        gradient = self.scalar.gradient(y)
        if self.root is None:
            return torch.zeros_like(gradient[..., 0])
        return times(self.root(y).mT, gradient).square().sum(-1)

    def output(self, y: Tensor) -> Tensor:
        """gᵀ∇H, (…, m): times u it is the power that comes in. Raises InputError where there is no port."""
        if self.port is None:
            raise InputError("g: there is no port")
        return times(self.port.of(y).mT, self.scalar.gradient(y))
