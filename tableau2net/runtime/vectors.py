"""Several tensors as one vector of numbers, and how its length is measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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

    @cached_property
    def working(self) -> torch.dtype:
        """The dtype of the vector."""
        return torch.float64 if any(torch.finfo(d).bits == 64 for d in self.dtypes) else torch.float32

    def reachable(self, *others: torch.dtype) -> float:
        """A residual that rounding lets a search reach: a few units of rounding of the coarsest dtype that states, or
        `others`, are rounded to, and more of those of the vector's dtype, in which long sums are formed."""
        stored = max(torch.finfo(d).eps for d in (*self.dtypes, *others))
        return max(ROUNDINGS_STORED * stored, ROUNDINGS_SUMMED * torch.finfo(self.working).eps)

    def sizes(self, vector: Tensor) -> Tensor:
        """How large each entry is: |y|, and the root mean square of its row beside it, that is of all that its state
        has in the same place of the first dimension (of the whole, where there is but one dimension)."""
        return vector.detach().abs() + self.row_means(vector.detach())

    def row_means(self, vector: Tensor) -> Tensor:
        """The root mean square of the row that each entry is in."""
        parts = torch.split(vector, self.lengths)
        found = [_row_means(p, s) for p, s in zip(parts, self.shapes, strict=True)]
        return found[0] if len(found) == 1 else torch.cat(found)

    def largest(self, vector: Tensor) -> Tensor:
        """Of states of one shape, what is largest in each place of them: stages that begin as 0 are as large as the
        largest of them is, also the one whose terms cancel to begin with."""
        if len(self.shapes) == 1 or not self.alike:
            return vector
        stages = vector.view(len(self.shapes), -1)
        return stages.amax(0).expand_as(stages).reshape(-1)

    @cached_property
    def alike(self) -> bool:
        """Whether states have one shape, and the dtype of the vector."""
        return len(set(self.shapes)) == 1 and set(self.dtypes) == {self.working}

    @cached_property
    def lengths(self) -> list[int]:
        """How many numbers of the vector each state takes."""
        return [s.numel() * (2 if d.is_complex else 1) for s, d in zip(self.shapes, self.dtypes, strict=True)]

    def join(self, states: Sequence[Tensor]) -> Tensor:
        """The states as one vector; differentiable, and a view where one state has its dtype already."""
        if self.alike:
            return states[0].reshape(-1) if len(states) == 1 else torch.stack(tuple(states)).view(-1)
        flat = [(torch.view_as_real(s) if s.is_complex() else s).reshape(-1).to(self.working) for s in states]
        return flat[0] if len(flat) == 1 else torch.cat(flat)

    def split(self, vector: Tensor) -> tuple[Tensor, ...]:
        """The states that stand in a vector."""
        if self.alike:
            if len(self.shapes) == 1:
                return (vector.view(self.shapes[0]),)
            return vector.view(len(self.shapes), *self.shapes[0]).unbind(0)
        parts = torch.split(vector, self.lengths)
        return tuple(_shaped(p, s, d) for p, s, d in zip(parts, self.shapes, self.dtypes, strict=True))


def _shaped(part: Tensor, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    if dtype.is_complex:
        return torch.view_as_complex(part.reshape(*shape, 2)).to(dtype)
    return part.reshape(shape).to(dtype)


def _row_means(part: Tensor, shape: torch.Size) -> Tensor:
    if part.numel() == 0:
        return part
    rows = part.reshape(shape[0] if len(shape) > 1 else 1, -1)
    largest = rows.abs().amax(1, keepdim=True).clamp_min_(torch.finfo(part.dtype).tiny)  # squares of 1e-30 are kept
    return ((rows / largest).square().mean(1, keepdim=True).sqrt_() * largest).expand_as(rows).reshape(-1)


class StateMeasure:
    """The root mean square of a residual, each entry relative to the size of the state: c times the equations have c
    times the solution, whatever c is.

    Where the search begins, and its first image, say how large a state may become: the point counts only so far as it
    has not outgrown both by far, or else going to infinity would look like converging."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._first: Tensor | None = None
        self._largest: Tensor | None = None

    def __call__(self, residual: Tensor, point: Tensor) -> float:
        """The size of the residual at a point; the first call is that of the start."""
        weights = self.weights(residual, point)
        return length(residual / weights) / math.sqrt(max(1, residual.numel()))

    def weights(self, residual: Tensor, point: Tensor) -> Tensor:
        """What each entry of a residual is measured by."""
        sizes = self.layout.sizes(point)
        if self._first is None or self._largest is None:
            self._first = sizes
            image = self.layout.sizes(point + residual)
            image = torch.where(sizes > 0, image, self.layout.largest(image))
            self._largest = GROWTH_ALLOWED * torch.maximum(sizes, image)
        found = torch.maximum(self._first, torch.minimum(sizes, self._largest))
        found = torch.where(found > 0, found, self._largest / GROWTH_ALLOWED)  # what is 0, by its first image
        return found.clamp_min_(torch.finfo(found.dtype).tiny)

    @property
    def scale(self) -> Tensor:
        """Sizes that stay where they are: of the start, or what it becomes where it is 0."""
        assert self._first is not None
        assert self._largest is not None
        found = torch.where(self._first > 0, self._first, self._largest / GROWTH_ALLOWED)
        return torch.where(found > 0, found, 1)


def length(vector: Tensor) -> float:
    """The Euclidean norm, on the host."""
    return float(torch.linalg.vector_norm(vector.detach()))
