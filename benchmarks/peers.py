"""What a careful person writes without us: the code that generated modules are measured against."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class TableauLoop(nn.Module):
    """A Runge–Kutta step as a loop over the tableau, as most published code has it."""

    def __init__(self, A: Sequence[Sequence[float]], b: Sequence[float], field: nn.Module) -> None:
        super().__init__()
        self.A, self.b, self.field = A, b, field

    def forward(self, y: Tensor) -> Tensor:
        ks: list[Tensor] = []
        for row in self.A:
            stage: Tensor = y
            for a, k in zip(row, ks, strict=False):
                stage = stage + a * k
            ks.append(self.field(stage))
        for weight, k in zip(self.b, ks, strict=True):
            y = y + weight * k
        return y


class Unit(nn.Module):
    """A pre-activation residual unit with a padded shortcut."""

    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(a), nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(b), nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.stride, self.pad = stride, (b - a) // 2

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv1(functional.relu(self.bn1(x)))
        out = self.conv2(functional.relu(self.bn2(out)))
        if self.stride == 2:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return x + out


class HandWrittenResNet(nn.Module):
    """ResNet-6n+2 for CIFAR."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        shapes = [(16, 16, 1)] * n + [(16, 32, 2)] + [(32, 32, 1)] * (n - 1) + [(32, 64, 2)] + [(64, 64, 1)] * (n - 1)
        self.units = nn.ModuleList(Unit(*shape) for shape in shapes)
        self.bn, self.linear = nn.BatchNorm2d(64), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        for unit in self.units:
            x = unit(x)
        scores: Tensor = self.linear(functional.relu(self.bn(x)).mean((2, 3)))
        return scores
