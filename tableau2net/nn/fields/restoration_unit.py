"""A convolutional field that restores an image."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from tableau2net.nn.fields.reaction_diffusion import halves, slope_of
from tableau2net.nn.typed_modules import rows

MIDDLE = 5


class RestorationUnit(nn.Module):
    """(u, f) ↦ (R(u, f), 0): 3×3 convolutions with a ReLU between them, from u and f to `width` channels, `MIDDLE`
    times from these to these, and to one. At first R = 0."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        sizes = [2, *[width] * (MIDDLE + 1), 1]
        self.convolutions = rows(nn.Conv2d(a, b, 3, padding=1, padding_mode="reflect") for a, b in pairwise(sizes))
        nn.init.zeros_(self.convolutions[-1].weight)

    def forward(self, y: Tensor) -> Tensor:
        x = torch.cat(halves(y), 1)
        for convolution in self.convolutions[:-1]:
            x = torch.relu(convolution(x))
        return slope_of(y, self.convolutions[-1](x))
