"""The two fields of the reference work: one that costs a kernel, and the residual branch of ResNet-20."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tableau2net.nn import PreActivation

CHANNELS = 16
MakeField = Callable[[], nn.Module]


class Cheap(nn.Module):
    """A field of one kernel: a factor a channel."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(-1, 1, CHANNELS).view(CHANNELS, 1, 1))

    def forward(self, y: Tensor) -> Tensor:
        return self.scale * y


def branch() -> nn.Module:
    """BN–ReLU–conv–BN–ReLU–conv on 16 channels."""
    return PreActivation(CHANNELS, CHANNELS)


FIELDS: dict[str, MakeField] = {"cheap field": Cheap, "BN-ReLU-conv twice": branch}
