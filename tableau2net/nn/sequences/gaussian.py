"""Normal distributions of single numbers, by mean and log-variance: what models of series are scored by."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


def log_density(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """log N(x; mean, exp logvar), entry by entry."""
    return -0.5 * ((x - mean).square() * torch.exp(-logvar) + logvar + LOG_2PI)


def divergence(mean: Tensor, logvar: Tensor, other: Tensor, other_logvar: Tensor) -> Tensor:
    """The Kullback–Leibler divergence D(N(mean, exp logvar) ‖ N(other, exp other_logvar)), entry by entry."""
    ratio = logvar - other_logvar
    return 0.5 * (ratio.exp() - ratio - 1 + (mean - other).square() * torch.exp(-other_logvar))


def product(mean: Tensor, logvar: Tensor, other: Tensor, other_logvar: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance of the normal density that two normal densities multiply to: a prior beside what was seen
    with a known noise."""
    share = torch.sigmoid(logvar - other_logvar)  # how far what was seen pulls
    return mean + share * (other - mean), other_logvar + torch.log(share)
