"""Burgers' equation by Cole and Hopf: u = −2ν ∇log φ with φ_t = ν Δφ, the solution itself at any time.

The heat kernel is summed, not its Fourier series: all terms are positive, so that φ keeps its digits where it is e^−40
of its largest value. Trapezoidal sums over a period converge faster than any power of the grid's step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def cole_hopf(
    potential: Tensor, viscosity: float, time: float, points: int, axes: int, length: float = 2 * math.pi
) -> Tensor:
    """u(time), of u_t + u·∇u = ν Δu from u(0) = ∇ψ, on `points` equally spaced points along each axis.

    potential: ψ on a periodic grid of the last `axes` dims, the same along each, fine enough for e^(−ψ/2ν).
    Returns the components of u: (…, axes, points, …). Time must be positive and the grid's step at most
    √(2ν time)/1.2, or the sum is none: raises ValueError.

    Source: E. Hopf, Comm. Pure Appl. Math. 3 (1950) 201–230; J. D. Cole, Quart. Appl. Math. 9 (1951) 225–236.
    """
    fine, grid = potential.shape[-1], tuple(range(-axes, 0))
    width = math.sqrt(2 * viscosity * time) if time > 0 else 0.0
    if 1.2 * length / fine > width:
        raise ValueError(f"time {time:g}: a grid of {fine} points does not resolve a kernel of width {width:.2g}")
    exponent = -potential / (2 * viscosity)
    phi = torch.exp(exponent - exponent.amax(grid, keepdim=True))
    kernel, moved = _kernels(fine, points, width, length)
    total = _along_all(phi, [kernel] * axes)
    parts = [_along_all(phi, [moved if a == axis else kernel for a in range(axes)]) for axis in range(axes)]
    return torch.stack(parts, -1 - axes) / total.unsqueeze(-1 - axes) / time


def _kernels(fine: int, points: int, width: float, length: float) -> tuple[Tensor, Tensor]:
    """The periodic heat kernel G(x_i − y_j), and (x − y) G summed over the periods."""
    x = torch.arange(points, dtype=torch.float64) * (length / points)
    y = torch.arange(fine, dtype=torch.float64) * (length / fine)
    around = math.ceil(9 * width / length) + 1
    away = (x[:, None] - y)[None] + length * torch.arange(-around, around + 1, dtype=torch.float64)[:, None, None]
    weights = torch.exp(-0.5 * (away / width).square())
    return weights.sum(0), (away * weights).sum(0)


def _along_all(field: Tensor, matrices: list[Tensor]) -> Tensor:
    """A matrix along each of the last axes."""
    for axis, matrix in enumerate(matrices, start=-len(matrices)):
        field = (field.movedim(axis, -1) @ matrix.T).movedim(-1, axis)
    return field
