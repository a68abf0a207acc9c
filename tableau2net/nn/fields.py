"""Fields: the residual branches that a scheme evaluates. A field is a module ``f(y)`` from a state to its slope."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3×3 convolution that keeps the image size (divided by the stride), without bias: a BatchNorm follows it."""
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


class PreActivation(nn.Module):
    """BN–ReLU–conv3×3–BN–ReLU–conv3×3 (He, Zhang, Ren, Sun 2016, "Identity mappings in deep residual networks").

    Maps (N, inputs, H, W) to (N, outputs, H/stride, W/stride); between equal widths it is the slope of a state.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = conv3x3(inputs, outputs, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = conv3x3(outputs, outputs)

    def activate(self, y: Tensor) -> Tensor:
        """The first BN–ReLU, which a projection shortcut may share."""
        return functional.relu(self.bn1(y))

    def branch(self, a: Tensor) -> Tensor:
        """All that follows the first activation."""
        return cast(Tensor, self.conv2(functional.relu(self.bn2(self.conv1(a)))))

    def forward(self, y: Tensor) -> Tensor:
        return self.branch(self.activate(y))
