"""Small networks to convert."""

from __future__ import annotations

import torch
import torchvision.models as models
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet


def vit(layers: int) -> nn.Module:
    """vit_b_16 in small: the same class, so the same forward."""
    return models.VisionTransformer(
        image_size=32, patch_size=16, num_layers=layers, num_heads=2, hidden_dim=16, mlp_dim=32, dropout=0.1
    )


def small(seed: int = 0, layers: tuple[int, ...] = (3, 2)) -> ResNet:
    torch.manual_seed(seed)
    return ResNet(BasicBlock, [*layers, *[1] * (4 - len(layers))], num_classes=5).double()


def both(a: nn.Module, b: nn.Module, x: Tensor, training: bool) -> tuple[Tensor, Tensor]:
    a.train(training), b.train(training)
    torch.manual_seed(1)
    first = a(x)
    torch.manual_seed(1)
    return first, b(x)


class SumsInForward(nn.Module):
    """Sums in the forward itself, blocks in a ModuleList called in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TwoSums() for _ in range(3))
        self.last = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.last(x)


class TwoSums(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(x + self.a(x))
        return x + 0.1 * self.b(x).view(x.shape[0], -1)


class Sized(nn.Module):
    """A block that is called with what the network computes once, and with a constant; a network of such blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor, scale: Tensor, size: tuple[int, int], mask: Tensor | None = None) -> Tensor:
        rows, columns = size
        x = x + scale * self.a(x) * (rows / columns)
        return x + self.b(x)
