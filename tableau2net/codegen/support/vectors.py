"""Several tensors as one vector of numbers, and how its length is measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDINGS_STORED, ROUNDINGS_SUMMED = 4, 32  # units of rounding below which no residual is asked to fall
GROWTH_ALLOWED = 100  # of a state over the guess, in the scale of residuals


@dataclass(frozen=True)
class Layout:
    """The shapes and dtypes of states, so that they can stand in one vector and be read from it again.

    The vector is float32 or float64: half precision is measured in float32, a complex number is two real ones.
    """

    shapes: tuple[torch.Size, ...]
    dtypes: tuple[torch.dtype, ...]

    @classmethod
    def of(cls, states: Sequence[Tensor]) -> Layout:
        """The layout of these states."""
        return cls(tuple(s.shape for s in states), tuple(s.dtype for s in states))

    @property
    def working(self) -> torch.dtype:
        """The dtype of the vector."""
        return torch.float64 if any(torch.finfo(d).bits == 64 for d in self.dtypes) else torch.float32

    def reachable(self, *others: torch.dtype) -> float:
        """A residual that rounding lets a search reach: a few units of rounding of the coarsest dtype that states, or
        `others`, are rounded to, and more of those of the vector's dtype, in which long sums are formed."""
        stored = max(torch.finfo(d).eps for d in (*self.dtypes, *others))
        return max(ROUNDINGS_STORED * stored, ROUNDINGS_SUMMED * torch.finfo(self.working).eps)

    def join(self, states: Sequence[Tensor]) -> Tensor:
        """The states as one vector; differentiable, and a view where one state has its dtype already."""
        flat = [(torch.view_as_real(s) if s.is_complex() else s).reshape(-1).to(self.working) for s in states]
        return flat[0] if len(flat) == 1 else torch.cat(flat)

    def split(self, vector: Tensor) -> tuple[Tensor, ...]:
        """The states that stand in a vector."""
        lengths = [s.numel() * (2 if d.is_complex else 1) for s, d in zip(self.shapes, self.dtypes, strict=True)]
        parts = torch.split(vector, lengths)
        return tuple(_shaped(p, s, d) for p, s, d in zip(parts, self.shapes, self.dtypes, strict=True))


def _shaped(part: Tensor, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    if dtype.is_complex:
        return torch.view_as_complex(part.reshape(*shape, 2)).to(dtype)
    return part.reshape(shape).to(dtype)


def weighted_rms(residual: Tensor, point: Tensor, start: Tensor) -> float:
    """The root mean square of a residual, each entry relative to 1 + |y| there, over everything in the vector.

    |y| counts only so far as it has not outgrown the start by far: else going to infinity would look like converging.
    """
    weight = (1 + point.detach().abs()).minimum(GROWTH_ALLOWED * (1 + start.detach().abs()))
    return length(residual / weight) / math.sqrt(max(1, residual.numel()))


def length(vector: Tensor) -> float:
    """The Euclidean norm, on the host."""
    return float(torch.linalg.vector_norm(vector.detach()))
