"""A linear field that can be solved for: a depthwise 3×3 operator, diagonal in Fourier space."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.nn.fields.linear_parts import phi_total
from tableau2net.runtime.phi_sums import Terms


class Diffusion(nn.Module):
    """y ↦ −Ly with L = KᵀK, K a 3×3 convolution of each channel by itself on a periodic image, so that L ≥ 0.

    `resolvent` solves for it; that is what an implicit stage wants (Haber, Lensink, Treister, Ruthotto 2019, "IMEXnet:
    a forward stable deep neural network", ICML). In Fourier space L is multiplication by |K̂|².
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 3, 3))
        nn.init.normal_(self.weight, std=1 / 3)

    def symbol(self, height: int, width: int) -> Tensor:
        """|K̂|² for each channel and frequency of an image, in at least single precision."""
        weight = _wide(self.weight)
        rows, columns = (_waves(n, whole, weight) for n, whole in ((height, True), (width, False)))
        transform = torch.einsum("ru,cuv,sv->crs", rows, weight.to(rows.dtype), columns)
        return transform.real.square() + transform.imag.square()

    def forward(self, y: Tensor) -> Tensor:
        channels = y.shape[1]
        kernel = self.weight.unsqueeze(1)
        padded = functional.pad(y, (1, 1, 1, 1), mode="circular")
        inner = functional.conv2d(padded, kernel, groups=channels)
        padded = functional.pad(inner, (1, 1, 1, 1), mode="circular")
        return -functional.conv2d(padded, kernel.flip(2, 3), groups=channels)

    def resolvent(self, known: Tensor, c: float) -> Tensor:
        """The y with y = known − cLy."""
        height, width = known.shape[-2:]
        transform = torch.fft.rfft2(_wide(known)) / (1 + c * self.symbol(height, width))
        solved: Tensor = torch.fft.irfft2(transform, s=(height, width))
        return solved.to(known.dtype)

    def phi_sum(self, terms: Terms, h: float | Tensor, v: Tensor) -> Tensor:
        """Σ w φ_k(−chL) v."""
        height, width = v.shape[-2:]
        waves = torch.fft.rfft2(_wide(v)) * phi_total(terms, -h * self.symbol(height, width))
        back: Tensor = torch.fft.irfft2(waves, s=(height, width))
        return back.to(v.dtype)


class Rest(nn.Module):
    """y ↦ f(y) − g(y): what is left for the explicit part where g is treated implicitly and f alone is the dynamics."""

    def __init__(self, field: nn.Module, implicit: nn.Module) -> None:
        super().__init__()
        self.field = field
        self.implicit = implicit

    def forward(self, y: Tensor) -> Tensor:
        slope: Tensor = self.field(y) - self.implicit(y)
        return slope


def _wide(x: Tensor) -> Tensor:
    """Half precision has no Fourier transform."""
    return x if x.dtype == torch.float64 else x.float()


def _waves(n: int, whole: bool, like: Tensor) -> Tensor:
    """exp(−2πi·kj/n) at the offsets j = −1, 0, 1 of a stencil, for each frequency k; half of them unless `whole`."""
    count = n if whole else n // 2 + 1
    k = torch.arange(count, dtype=like.dtype, device=like.device)
    angle = torch.outer(k, torch.arange(-1, 2, dtype=like.dtype, device=like.device)) * (-2 * torch.pi / n)
    return torch.polar(torch.ones_like(angle), angle)
