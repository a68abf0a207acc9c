"""Fields made of the gradient of a scalar: J∇H, K(p) + V(q) in two halves, and the flow along −∇V."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.nn.structured.scalar_gradient import ScalarOf, halves, scalar_of_halves
from tableau2net.nn.structured.structure_matrices import Skew, times

SEPARABLE = "this scheme gives a field one state: H must be K(p) + V(q), SeparableField(K, V); or take a scheme whose "


class GradientFlow(nn.Module):
    """y' = −∇V(y), along which V falls; as y'' = −∇V(y) the field of Nyström schemes.

    V: a function or module that gives one number for each state (…, n), (…) or (…, 1), that of its own state alone.
    sign: −1, or 1 to go up.
    It is called as ``field(y)`` or ``field(t, y)``. Raises InputError for what is no such function."""

    canonical = False

    def __init__(self, V: Any, *, sign: int = -1) -> None:
        super().__init__()
        if sign not in (-1, 1):
            raise InputError(f"sign = {sign!r}: −1, down the gradient, or 1")
        self.scalar, self.sign = ScalarOf(V, "V"), sign

    def forward(self, *at: Any) -> Tensor:
        return self.sign * self.scalar.gradient(at[-1])

    def energy(self, y: Tensor) -> Tensor:
        """V, one number for each state."""
        found: Tensor = self.scalar(y)
        return found


class GradientField(nn.Module):
    """y' = J∇H(y): along it H is constant. With a network for H a Hamiltonian network (Greydanus, Dzamba, Yosinski
    2019, NeurIPS, arXiv:1906.01563).

    H: a function or module H(y), of states (…, n), or H(q, p), of the two halves of an even n; it gives one number for
        each state, (…) or (…, 1), that of its own state alone. Networks should be smooth, tanh or softplus: the field
        is their derivative.
    J: by default that of q' = ∂H/∂p, p' = −∂H/∂q. Or a skew matrix (n, n); a parameter (n, n); a function or module of
        the state, (…, n, n): of these two the skew part (A − Aᵀ)/2 is taken, so that H is kept whatever they become.

    It is called as ``field(y)`` or ``field(t, y)``, y = (q, p) one behind the other in the last dimension, in any mode
    (gradients of it are those of a second derivative of H), under `torch.func` and `torch.compile`.
    Raises InputError for what is no such H or J, and for an odd n where it is halved."""

    def __init__(self, H: Any, J: Any = None) -> None:
        super().__init__()
        self.scalar = scalar_of_halves(H, "H", "q", "p")
        self.skew = None if J is None else Skew(J, "J")

    @property
    def canonical(self) -> bool:
        """Whether J is the same everywhere, so that symplectic schemes keep what it says."""
        return self.skew is None or self.skew.constant

    def forward(self, *at: Any) -> Tensor:
        return self.turned(at[-1], self.scalar.gradient(at[-1]))

    def turned(self, y: Tensor, gradient: Tensor) -> Tensor:
        """J at y, times a vector."""
        if self.skew is not None:
            return times(self.skew(y), gradient)
        by_q, by_p = halves(gradient, "J of q and p")
        return torch.cat((by_p, -by_q), -1)

    def energy(self, y: Tensor) -> Tensor:
        """H, one number for each state."""
        found: Tensor = self.scalar(y)
        return found

    @property
    def pair(self) -> tuple[nn.Module, nn.Module]:
        """The fields of p and of q, in the order in which partitioned schemes have them, each reading (p, q):
        ``integrate("lobatto-iiia-iiib-2", field.pair, (p, q), …)``. Raises InputError where J is another matrix."""
        if self.skew is not None:
            raise InputError("J: a pair of fields has that of q' = ∂H/∂p, p' = −∂H/∂q; leave J out")
        return _HalfField(self.scalar, of_p=True), _HalfField(self.scalar, of_p=False)


class SeparableField(nn.Module):
    """q' = ∇K(p), p' = −∇V(q), of H = K(p) + V(q): explicit symplectic schemes take its `pair`; with networks for both
    and leapfrog that is a symplectic recurrent network (Chen, Zhang, Arjovsky, Bottou 2020, ICLR, arXiv:1909.13334).

    K, V: functions or modules that give one number for each p and q, as H of `GradientField` does.
    It is called as that is, y = (q, p)."""

    canonical = True

    def __init__(self, K: Any, V: Any) -> None:
        super().__init__()
        self.velocity, self.force = GradientFlow(K, sign=1), GradientFlow(V)
        self.velocity.scalar.key = "K"

    def forward(self, *at: Any) -> Tensor:
        q, p = halves(at[-1], "H = K(p) + V(q)")
        return torch.cat((self.velocity(p), self.force(q)), -1)

    def energy(self, y: Tensor) -> Tensor:
        """H = K(p) + V(q), one number for each state."""
        q, p = halves(y, "H = K(p) + V(q)")
        return self.velocity.energy(p) + self.force.energy(q)

    @property
    def pair(self) -> tuple[nn.Module, nn.Module]:
        """The fields of p and of q, in the order in which partitioned schemes have them: −∇V(q) and ∇K(p).
        ``integrate("forest-ruth-4", field.pair, (p, q), …)``."""
        return self.force, self.velocity


class _HalfField(nn.Module):
    """−∂H/∂q or ∂H/∂p at (p, q)."""

    def __init__(self, scalar: ScalarOf, of_p: bool) -> None:
        super().__init__()
        self.scalar, self.of_p = scalar, of_p

    def forward(self, *at: Any) -> Tensor:
        if len(at) < 2 or not isinstance(at[-2], Tensor) or at[-2].shape != at[-1].shape:
            raise InputError(f"{SEPARABLE}fields read both")
        p, q = at[-2:]
        by_q, by_p = halves(self.scalar.gradient(torch.cat((q, p), -1)), "H(q, p)")
        return -by_q if self.of_p else by_p
