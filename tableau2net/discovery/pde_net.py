"""PDE-Net's right-hand side: Σ_o c_o(x) D_o u, a field that any scheme steps.

Source: Z. Long, Y. Lu, X. Ma, B. Dong, ICML 2018; there it is stepped by Euler, and D_0 u stands for u.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tableau2net.discovery.differences import Differences, Order, correlate
from tableau2net.discovery.local_kernels import local_correlation
from tableau2net.discovery.mesh import OnMesh


class PDENet(nn.Module):
    """u_t = Σ_o c_o(x) D_o u of one state. A kernel for each point is put together once a call, and costs one
    correlation, not one for each derivative.

    scale: of each coefficient, so that all terms are of one size: the optimiser sees coefficients in units of it."""

    def __init__(self, differences: Differences, points: Sequence[int], elements: int, scale: Tensor) -> None:
        super().__init__()
        self.differences = differences
        self.maps = OnMesh(len(differences.orders), points, elements, scale)
        self._local: Tensor | None = None

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Within, kernels are those that stand when it is entered: put together once for all steps."""
        self._local = self.local()
        try:
            yield
        finally:
            self._local = None

    def local(self) -> Tensor:
        """The kernel at each point, (*points, *space); of constant coefficients one for all, (*points, 1, …)."""
        kernels: Tensor = torch.tensordot(self.differences.kernels(), self.maps(), dims=([0], [0]))
        return kernels

    def forward(self, state: Tensor) -> Tensor:
        local = self.local() if self._local is None else self._local
        padded = self.differences.padded(state)
        if self.maps.elements == 0:
            return correlate(padded, local.reshape(1, 1, *local.shape[: len(self.differences.h)]))
        return local_correlation(padded, local)


class SumOfTerms(nn.Module):
    """Σ_o c_o D_o u of coefficients that are given, numbers or maps over the grid."""

    def __init__(self, differences: Differences, coefficients: Mapping[Order, Tensor]) -> None:
        super().__init__()
        self.differences, self.coefficients = differences, coefficients

    def forward(self, state: Tensor) -> Tensor:
        values = self.differences(state)
        at = {order: n for n, order in enumerate(self.differences.orders)}
        return torch.stack([c * values[:, :, at[order]] for order, c in self.coefficients.items()]).sum(0)
