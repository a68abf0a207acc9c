"""The symbol of weights at the waves of a periodic grid: Σ_j w_j e^{ij·θ}, θ = 2πk/n along each axis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


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
