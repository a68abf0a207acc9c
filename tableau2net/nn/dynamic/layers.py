"""The layers of dynamic blocks: what is evaluated at θ(t), each a map of a state of some width to its slope."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.errors import InputError
from tableau2net.nn.fields.normalisation import group_norm

EPSILON = 1e-4


class PixelNorm(nn.Module):
    """Each pixel over the length of its vector of channels, plus a learnt bias: y/√(Σ_c y_c² + ε) + b."""

    def __init__(self, width: int, eps: float = EPSILON) -> None:
        super().__init__()
        self.eps = eps
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, y: Tensor) -> Tensor:
        wide = y if y.dtype == torch.float64 else y.float()  # squares of half-precision numbers overflow
        inverse = wide.square().sum(1, keepdim=True).add(self.eps).rsqrt()
        return y * inverse.to(y.dtype) + self.bias[:, None, None].to(y.dtype)


def normalisation(norm: str, width: int) -> nn.Module:
    """ "tv": `PixelNorm`; "batch": BatchNorm; "group", "layer": see `group_norm`; "none". InputError for another."""
    if norm == "tv":
        return PixelNorm(width)
    if norm == "batch":
        return nn.BatchNorm2d(width)
    if norm in ("group", "layer"):
        return group_norm(norm, width)
    if norm == "none":
        return nn.Identity()
    raise InputError(f"norm={norm!r}: write one of 'tv', 'batch', 'group', 'layer', 'none'")


def convolution(inputs: int, outputs: int, size: int = 3) -> nn.Conv2d:
    """A convolution with bias that keeps the image size, drawn as dynamic blocks draw theirs."""
    found = nn.Conv2d(inputs, outputs, size, padding=size // 2)
    draw_(found.weight)
    assert found.bias is not None
    nn.init.zeros_(found.bias)
    return found


@torch.no_grad()
def draw_(weight: Tensor) -> None:
    """Normal with variance 2/(fan in + fan out), cut off at two standard deviations."""
    nn.init.xavier_normal_(weight)
    receptive = weight[0, 0].numel()
    deviation = (2 / (receptive * (weight.shape[0] + weight.shape[1]))) ** 0.5
    weight.clamp_(-2 * deviation, 2 * deviation)


class Double(nn.Module):
    """σ(N₂(K₂ σ(N₁(K₁ y))))."""

    def __init__(self, width: int, norm: str = "tv") -> None:
        super().__init__()
        self.conv1, self.norm1 = convolution(width, width), normalisation(norm, width)
        self.conv2, self.norm2 = convolution(width, width), normalisation(norm, width)

    def forward(self, y: Tensor) -> Tensor:
        z = functional.relu(self.norm1(self.conv1(y)))
        return functional.relu(self.norm2(self.conv2(z)))


class PreActivated(Double):
    """N₂(K₂ σ(N₁(K₁ σ(y))))."""

    def forward(self, y: Tensor) -> Tensor:
        z = functional.relu(self.norm1(self.conv1(functional.relu(y))))
        slope: Tensor = self.norm2(self.conv2(z))
        return slope


class Bottleneck(nn.Module):
    """σ(N₃(K₃ σ(N₂(K₂ σ(N₁(K₁ y)))))): 1×1 to a quarter of the width, 3×3, 1×1 back."""

    def __init__(self, width: int, norm: str = "tv") -> None:
        super().__init__()
        inner = max(1, width // 4)
        self.conv1, self.norm1 = convolution(width, inner, 1), normalisation(norm, inner)
        self.conv2, self.norm2 = convolution(inner, inner), normalisation(norm, inner)
        self.conv3, self.norm3 = convolution(inner, width, 1), normalisation(norm, width)

    def forward(self, y: Tensor) -> Tensor:
        z = functional.relu(self.norm1(self.conv1(y)))
        z = functional.relu(self.norm2(self.conv2(z)))
        return functional.relu(self.norm3(self.conv3(z)))


class Parabolic(nn.Module):
    """−Kᵀσ(N(K y + b)) − c: the double symmetric layer. Without N its Jacobian is symmetric, nowhere positive."""

    def __init__(self, width: int, norm: str = "tv") -> None:
        super().__init__()
        self.conv, self.norm = convolution(width, width), normalisation(norm, width)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, y: Tensor) -> Tensor:
        z = functional.relu(self.norm(self.conv(y)))
        return -functional.conv_transpose2d(z, self.conv.weight, self.bias, padding=1)


class Hamiltonian(nn.Module):
    """±Kᵀσ(N(K y + b)) of the other half of the state: + in Y' = K₁ᵀσ(K₁ Z + b₁), − in Z' = −K₂ᵀσ(K₂ Y + b₂)."""

    def __init__(self, width: int, norm: str = "none", sign: int = 1) -> None:
        super().__init__()
        self.sign = sign
        self.conv, self.norm = convolution(width, width), normalisation(norm, width)

    def forward(self, y: Tensor) -> Tensor:
        z = functional.relu(self.norm(self.conv(y)))
        found = functional.conv_transpose2d(z, self.conv.weight, padding=1)
        return found if self.sign > 0 else -found


LAYERS: dict[str, Callable[[int, str], nn.Module]] = {
    "double": Double,
    "parabolic": Parabolic,
    "preact": PreActivated,
    "bottleneck": Bottleneck,
    "hamiltonian": Hamiltonian,
}


def layer_of(kind: str, width: int, norm: str, field: int = 0) -> nn.Module:
    """A layer by name, for one of a step's fields. InputError for an unknown name."""
    if kind not in LAYERS:
        raise InputError(f"layer={kind!r}: write one of {', '.join(map(repr, LAYERS))}")
    if kind == "hamiltonian":
        return Hamiltonian(width, norm, sign=-1 if field % 2 else 1)
    return LAYERS[kind](width, norm)
