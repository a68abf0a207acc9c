"""The symbol of weights at the waves of a periodic grid: Σ_j w_j e^{ij·θ}, θ = 2πk/n along each axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import gcd

import numpy as np
import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.scheme import Stencil

NOTHING = 1e-12  # of a left side, over the sum of its weights: what is 0 but for rounding


def symbols(weights: Tensor, low: Sequence[int], grid: Sequence[int], half: bool = False) -> Tensor:
    """Of weights (n, *box), whose boxes begin at the offsets `low`, the symbol at each wave: (n, *grid), complex.

    half: of the last axis the waves that a real transform has."""
    found = weights.to(torch.promote_types(weights.dtype, torch.complex64))
    for a, n in enumerate(grid):
        whole = not (half and a == len(grid) - 1)
        k = torch.arange(n if whole else n // 2 + 1, dtype=torch.float64, device=weights.device)
        j = torch.arange(low[a], low[a] + weights.shape[1 + a], dtype=torch.float64, device=weights.device)
        angle = torch.outer(k, j).remainder(n) * (2 * torch.pi / n)
        wave = torch.polar(torch.ones_like(angle), angle).to(found.dtype)
        found = torch.tensordot(found, wave, dims=([1], [1]))  # the axis goes to the end
    return found


@lru_cache(maxsize=256)
def check_left(stencil: Stencil, n: int) -> None:
    """Raise InputError where the left side of a stencil on one axis vanishes at a wave of a periodic grid of n points:
    its derivative is not determined there."""
    weights = {j: float_of(w) for (j,), w in stencil.left_points.items()}
    k = np.arange(n // 2 + 1)
    left = sum((w * np.exp(2j * np.pi * (k * j % n) / n) for j, w in weights.items()), np.zeros(len(k), dtype=complex))
    lost = np.flatnonzero(np.abs(left) <= NOTHING * sum(map(abs, weights.values())))
    if len(lost):
        m = int(lost[0])
        raise InputError(
            f"{stencil.name or 'stencil'}: left: it vanishes at θ = {360 * m / n:.6g}°, a wave of the grid of {n} "
            f"points: no derivative is told there; take a number of points that {n // gcd(m, n)} does not divide"
        )
