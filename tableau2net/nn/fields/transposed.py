"""Fields made of a linear map and its transpose, whose Jacobians have the eigenvalues that a stable flow needs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.nn.fields.branches import conv3x3

Activation = Callable[[Tensor], Tensor]


class Symmetric(nn.Module):
    """y ↦ ±Kᵀσ(N(Ky + b)), K a 3×3 convolution and Kᵀ its transpose: the gradient of a function of y.

    sign: −1 for a dissipative field ("parabolic") and for y'' = f, ±1 in the two halves of a Hamiltonian system (Chang,
        Meng, Haber, Ruthotto, Begert, Holtham 2018, "Reversible architectures for arbitrarily deep residual neural
        networks", AAAI).
    norm: a BatchNorm for N and b; else N is nothing and b a bias.
    """

    def __init__(
        self, channels: int, sign: int = -1, *, norm: bool = False, activation: Activation = torch.relu
    ) -> None:
        super().__init__()
        self.sign = sign
        self.conv = conv3x3(channels, channels)
        self.shift = _shift(channels, norm)
        self.activation = activation

    def forward(self, y: Tensor) -> Tensor:
        inner = self.activation(self.shift(self.conv(y)))
        return functional.conv_transpose2d(inner, self.sign * self.conv.weight, padding=1)


class Antisymmetric(nn.Module):
    """y ↦ σ(N((K − Kᵀ)y + b)): for a monotone σ the Jacobian's eigenvalues are imaginary, up to N (same paper).

    norm: as for `Symmetric`.
    """

    def __init__(self, channels: int, *, norm: bool = False, activation: Activation = torch.relu) -> None:
        super().__init__()
        self.conv = conv3x3(channels, channels)
        self.shift = _shift(channels, norm)
        self.activation = activation

    def forward(self, y: Tensor) -> Tensor:
        weight = self.conv.weight  # Kᵀ as a convolution: inputs and outputs exchanged, the stencil turned about
        antisymmetric = weight - weight.transpose(0, 1).flip(2, 3)
        return self.activation(self.shift(functional.conv2d(y, antisymmetric, padding=1)))


class Bias(nn.Module):
    """A number for each channel, added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, y: Tensor) -> Tensor:
        return y + self.bias


def _shift(channels: int, norm: bool) -> nn.Module:
    return nn.BatchNorm2d(channels) if norm else Bias(channels)
