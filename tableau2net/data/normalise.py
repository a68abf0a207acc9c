"""From pixel values to what a network sees."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Channels = tuple[float, float, float]
ROWS = 8  # of an image, that are scaled at once


class Normalise:
    """uint8 (B, 3, H, W) to float32 (B, 3, H, W), mean 0 and deviation 1 per channel; both channels_last.

    A few rows of all their channels are one run of memory: scaling it by a run of the same length is several times as
    fast as telling the channels apart.
    """

    def __init__(self, mean: Channels, std: Channels, device: torch.device) -> None:
        scale = [1 / s for s in std]
        offset = [-m / s for m, s in zip(mean, std, strict=True)]
        self.scale, self.offset = (torch.tensor(v, dtype=torch.float32, device=device) for v in (scale, offset))
        self.runs: dict[int, tuple[Tensor, Tensor]] = {}  # of scale and offset, by how many pixels they are for

    def __call__(self, x: Tensor) -> Tensor:
        count, channels, height, width = x.shape
        pixels = width * math.gcd(height, ROWS)
        if pixels not in self.runs:
            self.runs[pixels] = self.scale.repeat(pixels), self.offset.repeat(pixels)
        scale, offset = self.runs[pixels]
        rows = x.permute(0, 2, 3, 1).reshape(count, width * height // pixels, channels * pixels)
        found = rows.to(torch.float32, copy=True)
        torch.addcmul(offset, found, scale, out=found)
        return found.view(count, height, width, channels).permute(0, 3, 1, 2)
