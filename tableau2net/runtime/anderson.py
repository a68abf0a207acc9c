"""Fixed-point iteration, plain and with Anderson's acceleration; autograd can pass through both."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

ANDERSON_MEMORY = 5

VectorMap = Callable[[Tensor], Tensor]
Measure = Callable[[Tensor, Tensor], float]  # of a residual at a point


@dataclass(frozen=True)
class Found:
    """Where a search ended, after how many iterations, and the residual measured there."""

    point: Tensor
    iterations: int
    residual: float


class PlainMixing:
    """Fixed-point iteration: the next point is the image of the last."""

    def next(self, point: Tensor, image: Tensor) -> Tensor:
        """Where to go on from a point and its image."""
        return image


class AndersonMixing(PlainMixing):
    """The next point is the combination of the last images whose residual is least (Anderson 1965; Walker & Ni,
    SIAM J. Numer. Anal. 49, 2011); the small least-squares problem is solved in float64."""

    def __init__(self) -> None:
        self.residuals: deque[Tensor] = deque(maxlen=ANDERSON_MEMORY)  # differences of consecutive ones
        self.images: deque[Tensor] = deque(maxlen=ANDERSON_MEMORY)
        self.before: tuple[Tensor, Tensor] | None = None

    def next(self, point: Tensor, image: Tensor) -> Tensor:
        """Where to go on from a point and its image."""
        residual = image - point
        if self.before is not None:
            self.residuals.append(residual - self.before[0])
            self.images.append(image - self.before[1])
        self.before = residual, image
        return image - self._correction(residual) if self.residuals else image

    def _correction(self, residual: Tensor) -> Tensor:
        """Σ γ_i ΔG_i with the γ that make |r − Σ γ_i Δr_i| least.

        The normal equations are scaled to a unit diagonal, where rounding is the same for old and new differences,
        and a few roundings are added to it: differences that depend on each other, or vanish, do no harm.
        """
        rows = torch.stack(tuple(self.residuals))
        gram, right = (rows @ rows.mT).double(), (rows @ residual).double()
        squares = gram.detach().diagonal()
        scale = torch.where(squares > 0, squares.rsqrt(), 0)
        ridge = len(rows) * torch.finfo(rows.dtype).eps * torch.eye(len(rows), dtype=gram.dtype, device=gram.device)
        # solve_ex does not wait for the device to say whether the matrix is singular, which the ridge rules out
        gamma = scale * torch.linalg.solve_ex(scale[:, None] * gram * scale + ridge, scale * right)[0]
        correction: Tensor = gamma.to(rows.dtype) @ torch.stack(tuple(self.images))
        return correction


def relax(
    image_of: VectorMap, point: Tensor, mixing: PlainMixing, enough: float, iterations: int, measure: Measure
) -> Found:
    """Iterate until the residual G(x) − x is small enough, no number any more, or the iterations are used up."""
    for taken in range(iterations + 1):
        image = image_of(point)
        residual = measure(image - point, point)
        if residual <= enough or taken == iterations or not math.isfinite(residual):
            break
        point = mixing.next(point, image)
    return Found(point, taken, residual)


def repeat(image_of: VectorMap, point: Tensor, mixing: PlainMixing, times: int) -> Tensor:
    """Iterate so many times, and look at nothing."""
    for _ in range(times):
        point = mixing.next(point, image_of(point))
    return point
