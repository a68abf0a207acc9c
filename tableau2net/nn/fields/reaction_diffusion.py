"""A trained reaction and diffusion of an image: y' = −Σ K_iᵀ φ_i(K_i u) − λ(u − f), the gradient field of an energy.

The state is y = (u, f) along the channels, f the image as it was given, whose slope is 0: so any scheme steps it. Every
channel of an image is restored by itself, by the same numbers. Intensities go from 0 to 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.errors import InputError

REACH = 310 / 255  # the responses that functions of the published TNRD cover, in intensities from 0 to 1
NODES = 63


def halves(y: Tensor) -> tuple[Tensor, Tensor]:
    """u and f of a state, each (N·C, 1, H, W)."""
    u, f = (half.flatten(0, 1).unsqueeze(1) for half in y.chunk(2, 1))
    return u, f


def slope_of(y: Tensor, slope: Tensor) -> Tensor:
    """The slope of a state, from that of u as `halves` gives it: f stays."""
    moving = slope.view(y.shape[0], -1, *y.shape[2:])
    return torch.cat((moving, torch.zeros_like(moving)), 1)


class Influences(nn.Module):
    """φ_i, a function of one number for each channel: linear between `NODES` equally spaced points of [−REACH, REACH],
    beyond them as at the end. At first 2ax/(1 + (x/b)²), as the derivative of a Student-t energy is.

    values: (channels, NODES), in units of `unit`, so that a learning rate fits them as it does the kernels.
    """

    first: Tensor

    def __init__(self, channels: int, height: float, width: float = 0.1, unit: float = 0.02) -> None:
        super().__init__()
        self.unit = unit
        x = torch.linspace(-REACH, REACH, NODES)
        self.values = nn.Parameter((height / unit * x / (1 + (x / width) ** 2)).repeat(channels, 1))
        self.register_buffer("first", (NODES - 1) * torch.arange(channels, dtype=torch.int32), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        at = (x * ((NODES - 1) / (2 * REACH)) + (NODES - 1) / 2).clamp(0, NODES - 1)
        left = at.detach().floor().clamp(max=NODES - 2)
        index = (left.int() + self.first.view(-1, 1, 1)).flatten()
        values = (self.values * self.unit).to(x.dtype)
        start = values[:, :-1].flatten().index_select(0, index).view_as(x)
        rise = values.diff(dim=1).flatten().index_select(0, index).view_as(x)
        return torch.addcmul(start, at - left, rise)


class DiffusionOfImages(nn.Module):
    """(u, f) ↦ (−Σ K_iᵀ φ_i(K_i u), 0): K_i a convolution of the image mirrored at its edges, K_iᵀ its exact transpose,
    mirrored values added back, so that the field is minus the gradient of Σ_i Σ_pixels ∫φ_i (K_i u) (Chen & Pock 2017,
    "Trainable nonlinear reaction diffusion", IEEE Trans. PAMI 39).

    size: of the kernels, odd: size² − 1 of them, each of mean 0 and norm 1, mixtures of cosines without the constant.
    """

    cosines: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.mixture = nn.Parameter(torch.eye(size**2 - 1))
        self.register_buffer("cosines", cosines(size), persistent=False)
        self.influences = Influences(size**2 - 1, 0.3 / size**2)

    def kernels(self) -> Tensor:
        """(size² − 1, 1, size, size)."""
        kernels = functional.normalize(self.mixture) @ self.cosines.to(self.mixture.dtype)
        return kernels.view(-1, 1, self.size, self.size)

    def forward(self, y: Tensor) -> Tensor:
        u, _ = halves(y)
        if min(u.shape[2:]) < self.size:
            raise InputError(f"images of {u.shape[2]}×{u.shape[3]} pixels: kernels are {self.size}×{self.size}")
        kernels, edge = self.kernels(), self.size // 2
        inner = self.influences(functional.conv2d(mirrored(u, edge), kernels))
        return slope_of(y, -mirrored_back(functional.conv_transpose2d(inner, kernels), edge))


class ReactionOfImages(nn.Module):
    """(u, f) ↦ (−λ(u − f), 0), which `resolvent` solves for: what an implicit stage wants."""

    def __init__(self, weight: float = 0.1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, y: Tensor) -> Tensor:
        u, f = halves(y)
        return slope_of(y, self.weight * (f - u))

    def resolvent(self, known: Tensor, c: float) -> Tensor:
        """The y with y = known + c·(−λ(u − f), 0)."""
        u, f = known.chunk(2, 1)
        pull = c * self.weight
        return torch.cat(((u + pull * f) / (1 + pull), f), 1)


class ReactionDiffusion(nn.Module):
    """Both, as one field."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.diffusion = DiffusionOfImages(size)
        self.reaction = ReactionOfImages()

    def forward(self, y: Tensor) -> Tensor:
        slope: Tensor = self.diffusion(y) + self.reaction(y)
        return slope


def cosines(size: int) -> Tensor:
    """The orthonormal basis of cosines on size × size pixels, without the constant: (size² − 1, size²), in float64."""
    k = torch.arange(size, dtype=torch.float64)
    rows = torch.cos(math.pi / size * torch.outer(k, k + 0.5)) * math.sqrt(2 / size)
    rows[0] = math.sqrt(1 / size)
    return torch.kron(rows, rows)[1:]


def mirrored(u: Tensor, edge: int) -> Tensor:
    """The image and `edge` pixels more on each side, mirrored at the edge: the last pixel stands twice."""
    u = torch.cat((u[..., :edge].flip(-1), u, u[..., -edge:].flip(-1)), -1)
    return torch.cat((u[..., :edge, :].flip(-2), u, u[..., -edge:, :].flip(-2)), -2)


def mirrored_back(v: Tensor, edge: int) -> Tensor:
    """The transpose of `mirrored`: what stands beyond an edge is added to the pixel that it is the image of."""
    return _folded(_folded(v, edge, -1), edge, -2)


def _folded(v: Tensor, edge: int, axis: int) -> Tensor:
    size = v.shape[axis] - 2 * edge
    before, inner, after = torch.split(v, [edge, size, edge], axis)
    still = list(inner.shape)
    still[axis] = size - edge
    rest = inner.new_zeros(still)
    return inner + torch.cat((before.flip(axis), rest), axis) + torch.cat((rest, after.flip(axis)), axis)
