"""Coefficients that depend on the place: piecewise polynomials on a mesh, continuous, given by their nodal values."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def lagrange_basis(at: Tensor, low: float, high: float, elements: int, degree: int) -> Tensor:
    """The values at points (n,) of the nodal functions of a mesh of [low, high]: (n, elements·degree + 1)."""
    local = (at - low) / (high - low) * elements
    element = local.floor().clamp(0, elements - 1)
    t = (local - element) * degree  # nodes of an element at 0 … degree
    nodes = range(degree + 1)
    columns = []
    for i in nodes:
        value = torch.ones_like(t)
        for j in nodes:
            if j != i:
                value = value * (t - j) / (i - j)
        columns.append(value)
    basis = at.new_zeros(len(at), elements * degree + 1)
    where = element.long()[:, None] * degree + torch.arange(degree + 1)
    return basis.scatter_add(1, where, torch.stack(columns, 1))


class OnMesh(nn.Module):
    """Maps of shape (many, *space): `many` coefficients on elements along each axis, times a scale each.

    elements: 0 for constants, of shape (many, 1, …).  Starts from 0."""

    def __init__(self, many: int, points: Sequence[int], elements: int, scale: Tensor, degree: int = 2) -> None:
        super().__init__()
        self.elements, self.axes = elements, len(points)
        nodes = [elements * degree + 1] * self.axes if elements else [1] * self.axes
        self.nodal = nn.Parameter(torch.zeros(many, *nodes, dtype=torch.float64))
        self.register_buffer("scale", scale.reshape(many, *[1] * self.axes).double())
        for axis, n in enumerate(points):
            at = torch.arange(n, dtype=torch.float64) / n
            basis = lagrange_basis(at, 0, 1, elements, degree) if elements else torch.ones(1, 1, dtype=torch.float64)
            self.register_buffer(f"basis{axis}", basis)

    def forward(self) -> Tensor:
        found: Tensor = self.nodal * self.scale  # type: ignore[operator]
        for axis in range(self.axes):
            found = torch.movedim(
                torch.tensordot(getattr(self, f"basis{axis}"), found, dims=([1], [axis + 1])), 0, axis + 1
            )
        return found
