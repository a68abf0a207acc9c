"""φ-functions of numbers, each to a few roundings whatever the number is."""

from __future__ import annotations

from math import factorial

import torch
from torch import Tensor


def phi_values(k: int, z: Tensor) -> Tensor:
    """φ_k(z) = (e^z − Σ_{j<k} z^j/j!)/z^k, entry by entry; φ_k(0) = 1/k!.

    Where |z| ≤ k + 1 by its Taylor series, whose terms then fall from the first on; beyond by φ_{j+1} = (φ_j − 1/j!)/z,
    each step of which divides the error by |z| (the recurrence alone loses all digits near 0: Kassam & Trefethen, SIAM
    J. Sci. Comput. 26, 2005)."""
    if k == 0:
        return torch.exp(z)
    near = z.abs() <= k + 1
    small = torch.where(near, z, torch.zeros_like(z))
    large = torch.where(near, torch.full_like(z, k + 2), z)
    series = torch.ones_like(z)
    for j in range(_terms(k, torch.finfo(z.dtype).eps), 0, -1):
        series = 1 + series * small / (k + j)
    value = torch.exp(large)
    for j in range(k):
        value = (value - 1 / factorial(j)) / large
    return torch.where(near, series / factorial(k), value)


def _terms(k: int, eps: float) -> int:
    """How many terms of Σ z^j k!/(k + j)! count where |z| ≤ k + 1."""
    size, j = 1.0, 0
    while size > eps / 8:
        j += 1
        size *= (k + 1) / (k + j)
    return j
