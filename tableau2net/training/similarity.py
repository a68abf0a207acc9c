"""How alike two images are: peak signal-to-noise ratio and structural similarity, of values from 0 to 1."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

MOST = 1e-10  # a mean squared error below this counts as this: 100 dB
WINDOW, DEVIATION = 11, 1.5  # of Wang et al. 2004
C1, C2 = 0.01**2, 0.03**2
MIDDLE = 0.5  # taken off, as variances are small differences: less is lost to rounding


def psnr(errors: Tensor) -> Tensor:
    """−10 log₁₀ of mean squared errors (N,), in dB; at most 100."""
    return -10 * errors.clamp_min(MOST).log10()


def similarity(x: Tensor, y: Tensor) -> Tensor:
    """SSIM of pairs of images (N, C, H, W), (N,): Wang, Bovik, Sheikh, Simoncelli 2004, means in a Gaussian window of
    11 pixels, over the places where it lies inside and over channels.

    Needs 11 pixels either way; fewer are one window of a side that is odd."""
    side = min(WINDOW, *(size - 1 + size % 2 for size in x.shape[2:]))
    weights = _window(side)
    count, _, height, width = x.shape
    one, two = (each.float().reshape(-1, height, width) - MIDDLE for each in (x, y))
    means = _smoothed(torch.stack([one, two, one * one, two * two, one * two]), weights)
    mx, my = means[0], means[1]
    vx, vy, cov = means[2] - mx * mx, means[3] - my * my, means[4] - mx * my
    mx, my = mx + MIDDLE, my + MIDDLE
    found = (2 * mx * my + C1) * (2 * cov + C2) / ((mx * mx + my * my + C1) * (vx + vy + C2))
    return found.reshape(count, -1).mean(1)


def _smoothed(maps: Tensor, weights: tuple[float, ...]) -> Tensor:
    """Weighted means in a window (…, H, W), along rows and then along columns. Sums of shifted maps are several times
    as fast as a convolution with one channel."""
    for axis in (-2, -1):
        size = maps.shape[axis] - len(weights) + 1
        total = maps.narrow(axis, 0, size) * weights[0]
        for i, weight in enumerate(weights[1:], start=1):
            total.add_(maps.narrow(axis, i, size), alpha=weight)
        maps = total
    return maps


@cache
def _window(side: int) -> tuple[float, ...]:
    """A Gaussian of mean 1."""
    weights = [math.exp(-((i - side // 2) ** 2) / (2 * DEVIATION**2)) for i in range(side)]
    return tuple(weight / sum(weights) for weight in weights)
