"""Resolvents: the u with u − c L u = known, for the linear part L of an equation, as implicit stages want it.

On a periodic grid L is diagonal in waves, and what it multiplies each by is its symbol, exactly. A grid with mirrors at
its ends is half of a periodic one of twice the points, on which symmetric stencils keep an even state even: the cosine
transform. One that is 0 beyond its ends is, for stencils that reach one point, half of an odd one: the sine transform.
What is left is solved as a matrix, where it is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.nn.space.derivatives import Derivative
from tableau2net.nn.space.stencil_weights import StencilWeights

MATRIX = 2048  # unknowns of a state that are solved for by a matrix


class Linear(Protocol):
    """What is read of a field: see `SpaceField`."""

    states: tuple[str, ...]
    h: tuple[float, ...]
    boundary: tuple[str, ...]
    stencils: StencilWeights

    def symbols(self, grid: Sequence[int], *, half: bool = False) -> Tensor: ...

    def linear_part(self, states: Tensor) -> Tensor: ...


def solved(field: Linear, known: Tensor, c: float | Tensor) -> Tensor:
    """The states (N, S, *grid) with u − c L u = known. Raises InputError where there is no way that is known."""
    if all(_in_waves(field, axis) for axis in range(len(field.h))):
        return _by_waves(field, known, c)
    if known[0].numel() > MATRIX:
        raise InputError(
            f"resolvent: boundary = {', '.join(field.boundary)} with these stencils is no transform, and a matrix of "
            f"{known[0].numel()} unknowns is more than the {MATRIX} that are solved for"
        )
    return _by_matrix(field, known, c)


def _in_waves(field: Linear, axis: int) -> bool:
    """Whether L is diagonal in waves along an axis."""
    word = field.boundary[axis]
    if word == "periodic":
        return True
    if word == "sbp" or (field.stencils.moving and not field.stencils.symmetric):
        return False
    reach = max(-field.stencils.low[axis], field.stencils.high[axis])
    return all(even(each, axis) for each in field.stencils.derivatives) and (word == "reflecting" or reach == 1)


def even(derivative: Derivative, axis: int) -> bool:
    """Whether its weights are symmetric along an axis."""
    points = derivative.points
    return all(points.get((*at[:axis], -at[axis], *at[axis + 1 :])) == weight for at, weight in points.items())


def _by_waves(field: Linear, known: Tensor, c: float | Tensor) -> Tensor:
    axes = tuple(range(2, known.dim()))
    extended, places = _extended(known, field.boundary)
    grid = extended.shape[2:]
    wave = torch.fft.rfftn(extended, dim=axes)
    symbol = field.symbols(grid, half=True) * c  # (S, S, *waves)
    if len(field.states) == 1:
        wave = wave / (1 - symbol[0, 0])
    else:
        matrix = torch.eye(len(field.states), dtype=symbol.dtype, device=symbol.device) - symbol.movedim(
            (0, 1), (-2, -1)
        )
        wave = torch.linalg.solve(matrix, wave.movedim(1, -1).unsqueeze(-1)).squeeze(-1).movedim(-1, 1)
    found: Tensor = torch.fft.irfftn(wave, s=tuple(grid), dim=axes)
    for axis, place in enumerate(places):
        found = found.narrow(2 + axis, place, known.shape[2 + axis])
    return found


def _extended(known: Tensor, boundary: Sequence[str]) -> tuple[Tensor, list[int]]:
    """States on a periodic grid that has theirs as a part, and where along each axis that begins."""
    places = []
    for axis, word in enumerate(boundary, 2):
        if word == "reflecting":
            known = torch.cat([known, known.flip(axis)], axis)
        elif word == "zero":
            nothing = torch.zeros_like(known.narrow(axis, 0, 1))
            known = torch.cat([nothing, known, nothing, -known.flip(axis)], axis)
        places.append(int(word == "zero"))
    return known, places


def _by_matrix(field: Linear, known: Tensor, c: float | Tensor) -> Tensor:
    shape = known.shape[1:]
    unit = torch.eye(shape.numel(), dtype=known.dtype, device=known.device)
    matrix = field.linear_part(unit.view(-1, *shape)).flatten(1).T  # each row is what L makes of a unit state
    found: Tensor = torch.linalg.solve(unit - c * matrix, known.flatten(1).T)
    return found.T.reshape(known.shape)
