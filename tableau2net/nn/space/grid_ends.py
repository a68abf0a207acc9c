"""What lies beyond the ends of a grid: how a state is continued there, or which rows stencils have of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sympy import S
from torch import Tensor
from torch.nn import functional

from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.nn.space.derivatives import Derivative
from tableau2net.nn.space.sign_kept import Doubles
from tableau2net.scheme.derivative_letters import AXES


def continued(y: Tensor, low: Sequence[int], high: Sequence[int], boundary: Sequence[str]) -> Tensor:
    """A state (N, C, *grid) with −low points before and high points behind along each axis: from around, zeros, or its
    image in a mirror half a step beyond the last point; zeros where stencils have rows of their own."""
    axes = range(len(boundary))
    if all(word == "periodic" for word in boundary):
        return functional.pad(y, pads(low, high), mode="circular")
    for a in axes:
        before, behind, n = -low[a], high[a], y.shape[2 + a]
        if boundary[a] in ("zero", "sbp") or not (before or behind):
            continue
        if boundary[a] == "periodic":
            first, last = y.narrow(2 + a, n - before, before), y.narrow(2 + a, 0, behind)
        else:
            first, last = y.narrow(2 + a, 0, before).flip(2 + a), y.narrow(2 + a, n - behind, behind).flip(2 + a)
        y = torch.cat([first, y, last], 2 + a)
    zero = [boundary[a] in ("zero", "sbp") for a in axes]
    wanted = pads([z * j for z, j in zip(zero, low, strict=True)], [z * j for z, j in zip(zero, high, strict=True)])
    return functional.pad(y, wanted) if any(wanted) else y


def pads(low: Sequence[int], high: Sequence[int]) -> list[int]:
    """As torch wants them: the last axis first."""
    return [n for before, behind in reversed(list(zip(low, high, strict=True))) for n in (-before, behind)]


def end_rows(derivatives: Sequence[Derivative], axis: int, right: bool) -> Doubles:
    """Of each derivative what its rows at one end of an axis are more than those of a state that is 0 beyond it, from
    the end inwards: (n, rows, nodes). Raises InputError for a stencil along that axis without rows, and for one that
    has another axis beside it."""
    tables = [_rows(each, axis, right) for each in derivatives]
    rows = max(len(table) for table in tables)
    nodes = max((len(row) for table in tables for row in table), default=0)
    found = np.zeros((len(tables), rows, nodes))
    for i, table in enumerate(tables):
        for r, row in enumerate(table):
            found[i, r, : len(row)] = row
    return found


def _rows(derivative: Derivative, axis: int, right: bool) -> list[list[float]]:
    if not any(orders[axis] for orders in derivative.terms):
        return []
    (_, stencil), *more = derivative.parts
    if more or stencil.dimension > 1:
        raise InputError(f'boundary = "sbp": {derivative.name} is along several axes; only single axes have rows')
    if not stencil.boundary:
        raise InputError(
            f'boundary = "sbp": {stencil.name or "the stencil"} of {derivative.name} has no rows for the ends of '
            f"{AXES[axis]}; take a summation-by-parts one"
        )
    inwards = {(-j if right else j): weight for (j,), weight in stencil.points.items()}
    sign = (-1) ** derivative.orders[axis] if right else 1
    nodes = max(len(stencil.boundary) + max(inwards), *(len(row.weights) for row in stencil.boundary))
    rows = []
    for i, row in enumerate(stencil.boundary):
        own = [*row.weights, *[S.Zero] * (nodes - len(row.weights))]
        rows.append([float_of(sign * b - inwards.get(j - i, S.Zero)) for j, b in enumerate(own)])
    return rows
