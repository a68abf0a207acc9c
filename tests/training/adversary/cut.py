"""A small network that can be cut in two, with what a training step could get wrong: BatchNorm and dropout."""

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError


class Cut(nn.Module):
    """A first layer, linear or not; and the rest."""

    def __init__(self, linear: bool = False, dropout: float = 0.0, smooth: bool = False) -> None:
        super().__init__()
        turn = nn.Tanh() if smooth else nn.ReLU()
        conv = nn.Conv2d(3, 6, 3, stride=2, bias=False)
        self.first = nn.Sequential(conv) if linear else nn.Sequential(conv, nn.BatchNorm2d(6), turn)
        self.rest = nn.Sequential(
            nn.Conv2d(6, 8, 3, stride=2), nn.BatchNorm2d(8), turn, nn.Dropout(dropout), nn.AdaptiveAvgPool2d(3),
            nn.Flatten(), nn.Linear(72, 10),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.rest(self.first(x))
        return found

    def split(self, k: int) -> tuple[nn.Module, nn.Module]:
        if k > 1:
            raise InputError(f"k = {k}: the network takes 1 step; write from 0 to 1")
        return self.first, self.rest


def cut(**options: bool | float) -> Cut:
    """The same untrained network each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return Cut(**options)  # type: ignore[arg-type]
