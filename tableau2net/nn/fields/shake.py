"""Fields of stochastic networks: shake-shake's two branches, and diffusions that stand beside a drift."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from tableau2net.nn.fields.branches import PreActivation

Shake = Literal["shake-shake", "shake-even", "even-even"]


class ShakeShake(nn.Module):
    """α f₁ + (1 − α) f₂, α uniform from (1 ∓ spread)/2 (Gastaldi 2017); in evaluation (f₁ + f₂)/2.

    A step of length h has the mean h (f₁ + f₂)/2 and the variance h² spread² (f₁ − f₂)²/12: in weak terms Euler's step
    of dX = ½ (f₁ + f₂) dt + spread √(h/12) (f₁ − f₂) dB, B a Brownian motion for each image (Lu, Zhong, Li and Dong
    2018). Smaller steps keep the noise where spread² goes as 1/h; at a fixed spread it averages out.

    mode: "shake-shake", gradients see another α; "shake-even", they see 1/2; "even-even", α is 1/2 for both. by_image:
    whether each image has an α of its own, or one is the batch's."""

    def __init__(self, width: int, *, mode: Shake = "shake-shake", spread: float = 1.0, by_image: bool = True) -> None:
        super().__init__()
        self.branches = nn.ModuleList([PreActivation(width, width), PreActivation(width, width)])
        self.mode, self.spread, self.by_image = mode, spread, by_image

    def weight(self, y: Tensor) -> Tensor:
        """α, one for each image or for all."""
        shape = (len(y) if self.by_image else 1, *[1] * (y.dim() - 1))
        alpha: Tensor = 0.5 + self.spread * (torch.rand(shape, dtype=y.dtype, device=y.device) - 0.5)
        return alpha

    def forward(self, y: Tensor) -> Tensor:
        first, second = self.branches
        a: Tensor = first(y)
        b: Tensor = second(y)
        if not self.training or self.mode == "even-even":
            return (a + b) / 2
        alpha = self.weight(y)
        beta = self.weight(y) if self.mode == "shake-shake" else torch.full_like(alpha, 0.5)
        mixed: Tensor = _Mixed.apply(a, b, alpha, beta)
        return mixed


class _Mixed(torch.autograd.Function):
    """α a + (1 − α) b, whose gradients are β and 1 − β times what comes."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        ctx.save_for_backward(beta)
        return b + alpha * (a - b)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        (beta,), (given,) = ctx.saved_tensors, cotangents
        return beta * given, (1 - beta) * given, None, None


class NoiseSize(nn.Module):
    """g(y) of a network's noise: sigma ("additive"), sigma·y ("multiplicative") or sigma times a field of its own."""

    def __init__(self, sigma: float, field: nn.Module | None = None, *, multiplicative: bool = False) -> None:
        super().__init__()
        self.sigma, self.field, self.multiplicative = sigma, field, multiplicative

    def forward(self, y: Tensor) -> Tensor:
        if self.field is not None:
            found: Tensor = self.sigma * self.field(y)
            return found
        return self.sigma * y if self.multiplicative else torch.full_like(y, self.sigma)
