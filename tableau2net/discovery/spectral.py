"""Solutions of partial differential equations on a periodic box by Fourier series: exact where the equation is linear
with constant coefficients, else by the integrating factor and four stages.

A product of the state holds waves that the grid cannot tell from longer ones, so what is kept of it is cut off below
them; and so is the state itself, or what rounding leaves up there grows until nothing is a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import torch
from torch import Tensor

Nonlinear = Callable[[Tensor], Tensor]  # coefficients of a state to those of the rest of its right-hand side


@dataclass(frozen=True)
class Box:
    """A periodic box of `shape` points and `length` along each axis; fields are float64 of shape (…, *shape).

    degree: of the products that are taken of a state. Waves are kept below 2/(degree + 1) of the highest, so that no
    product of that degree folds back onto one that is kept."""

    shape: tuple[int, ...]
    length: float = 2 * math.pi
    degree: int = 1

    @cached_property
    def waves(self) -> tuple[Tensor, ...]:
        """Wavenumbers along each axis, of a shape that broadcasts against coefficients."""
        found = []
        for axis, points in enumerate(self.shape):
            last = axis == len(self.shape) - 1
            k = (torch.fft.rfftfreq if last else torch.fft.fftfreq)(points, dtype=torch.float64) * points
            found.append(
                (2 * math.pi / self.length * k).reshape([-1 if a == axis else 1 for a in range(len(self.shape))])
            )
        return tuple(found)

    @cached_property
    def kept(self) -> Tensor:
        """1 for the waves that are kept, 0 for the others; of a shape that broadcasts against coefficients."""
        highest = [math.pi * points / self.length for points in self.shape]
        share = 2 / (self.degree + 1)
        masks = (k.abs() < share * top for k, top in zip(self.waves, highest, strict=True))
        return reduce(torch.Tensor.mul, (mask.double() for mask in masks))

    @property
    def points(self) -> tuple[Tensor, ...]:
        """The coordinates along each axis, broadcasting against a field."""
        axes = (torch.arange(n, dtype=torch.float64) * (self.length / n) for n in self.shape)
        return tuple(torch.meshgrid(*axes, indexing="ij"))

    @property
    def squares(self) -> Tensor:
        """|k|²: minus the Laplacian."""
        return reduce(torch.Tensor.add, (k.square() for k in self.waves))

    def coefficients(self, field: Tensor) -> Tensor:
        waves: Tensor = torch.fft.rfftn(field, dim=self._axes)
        return waves * self.kept

    def values(self, coefficients: Tensor) -> Tensor:
        field: Tensor = torch.fft.irfftn(coefficients, s=self.shape, dim=self._axes)
        return field

    def derivative(self, coefficients: Tensor, axis: int) -> Tensor:
        """The coefficients of the derivative along an axis."""
        return 1j * self.waves[axis] * coefficients

    def noise(self, many: Sequence[int], highest: int, generator: torch.Generator) -> Tensor:
        """Normal noise of deviation 1 below a wavenumber along each axis: fields of shape (*many, *shape).

        The same numbers on every grid that holds those waves: the noise is drawn in its few waves."""
        small = Box((2 * highest + 2,) * len(self.shape), self.length)
        drawn = small.coefficients(torch.randn(*many, *small.shape, generator=generator, dtype=torch.float64))
        field = small.resampled(drawn, self)
        deviation = field.std(dim=self._axes, keepdim=True, correction=0)
        return field / deviation

    def resampled(self, coefficients: Tensor, onto: Box) -> Tensor:
        """The field of these coefficients on another grid of the same box: the same sum of waves, where it has them."""
        wide = coefficients.new_zeros(*coefficients.shape[: -len(self.shape)], *onto.kept.shape)
        for corner in _corners(self.shape, onto.shape):
            wide[corner] = coefficients[corner]
        return onto.values(wide * (math.prod(onto.shape) / math.prod(self.shape)))

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-len(self.shape), 0))


def _corners(small: tuple[int, ...], large: tuple[int, ...]) -> list[Any]:
    """Where the waves of both grids stand: positive ones first, negative ones last, of which the last axis has none."""
    shared = [(min(a, b) - 1) // 2 for a, b in zip(small, large, strict=True)]
    found: list[tuple[slice, ...]] = [(slice(0, shared[-1] + 1),)]
    for count in reversed(shared[:-1]):
        found = [(part, *rest) for part in (slice(0, count + 1), slice(-count, None)) for rest in found]
    return [(..., *corner) for corner in found]


def march(
    box: Box, linear: Tensor, rest: Nonlinear | None, start: Tensor, dt: float, steps: int, inner: int = 1
) -> Iterator[Tensor]:
    """The states at 0, Δt, …, steps·Δt of û_t = linear·û + rest(û): fields of the shape of `start`.

    Without a rest exact to rounding; with one, the integrating factor and the classical four stages, `inner` steps
    for each Δt."""
    h = dt / inner
    half = torch.exp(linear * (h / 2))
    whole = half.square()
    state = box.coefficients(start)
    yield box.values(state)
    for _ in range(steps):
        if rest is None:
            state = torch.exp(linear * dt) * state
        else:
            for _ in range(inner):
                a = rest(state)
                b = rest(half * (state + h / 2 * a))
                c = rest(half * state + h / 2 * b)
                d = rest(whole * state + h * half * c)
                state = box.kept * (whole * state + h / 6 * (whole * a + 2 * half * (b + c) + d))
        yield box.values(state)
