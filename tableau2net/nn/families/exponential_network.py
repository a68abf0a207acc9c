"""Residual networks whose damping, or diffusion, is done exactly: exponential integrators as networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import expm1, log, log1p
from pathlib import Path
from typing import Literal, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.codegen import CompileOptions, compile
from tableau2net.errors import InputError
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.branches import PreActivation
from tableau2net.nn.fields.fourier import Diffusion
from tableau2net.nn.fields.linear_parts import phi_total
from tableau2net.nn.fields.normalisation import Norm
from tableau2net.nn.skeleton.stack import Stack, like_resnet
from tableau2net.runtime.phi_sums import Terms
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.step import lower

START = 0.2  # of 1 − e^−λ, where In-ResNet's damping starts as well


class Damping(nn.Module):
    """y ↦ −λy with a rate λ > 0 for each channel (dimension 1) of an image, learnt; e^−λ starts at 1 − `START`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        start = -log1p(-START)
        self.raw = nn.Parameter(torch.full((channels, 1, 1), log(expm1(start))))

    @property
    def rate(self) -> Tensor:
        """λ, of the shape (channels, 1, 1)."""
        return functional.softplus(self.raw)

    def forward(self, y: Tensor) -> Tensor:
        return -self.rate * y

    def phi_sum(self, terms: Terms, h: float | Tensor, v: Tensor) -> Tensor:
        """Σ w φ_k(−chλ) v."""
        return (phi_total(terms, -h * self.rate) * v).to(v.dtype)


LinearPart = Literal["damping", "diffusion"]
LINEAR: dict[str, Callable[[int], nn.Module]] = {"damping": Damping, "diffusion": Diffusion}


@register_model(
    r"exponential_resnet(?P<depth>\d{1,4})",
    published=("exponential_resnet20",),
    scheme="etd-1",
    about="damping or diffusion done exactly, any exponential scheme (scheme=); In-ResNet's exponential form",
)
def exponential_resnet(
    depth: int,
    *,
    num_classes: int = 10,
    widths: Sequence[int] = (16, 32, 64),
    scheme: Scheme | str | Path = "etd-1",
    linear: LinearPart = "damping",
    h: float = 1.0,
    norm: Norm = "batch",
    **options: Unpack[CompileOptions],
) -> Stack:
    """y⁺ = e^(−hλ) y + h φ₁(−hλ) f(y), y' = −λy + f(y) by the exponential Euler method, or by any exponential scheme.

    Euler's method on the same equation is (1 − hλ) y + h f(y), In-ResNet (Yang, Liu, Bao & Shi 2020), whose states grow
    where hλ > 2; here every λ > 0 damps, and what a large one leaves is f/λ, a network without skips.
    depth: 6n + 2 as for a ResNet, whose fields and transitions it has; λ is learnt, one a channel and step.
    linear: "diffusion" is IMEXnet's −L = −KᵀK in its place, by FFT.
    norm: of every layer.  options: of the compilation.
    """
    chosen = as_scheme(scheme)
    if not lower(chosen).operators("linear"):
        raise InputError(f"scheme={chosen.name!r}: write an exponential integrator, etd-1 or krogstad-4 say")
    if linear not in LINEAR:
        raise InputError(f"linear={linear!r}: write one of {', '.join(map(repr, LINEAR))}")
    block = compile(chosen, **options)
    own = partial(fields, LINEAR[linear])
    return like_resnet("exponential_resnet", depth, block, own, widths=widths, num_classes=num_classes, h=h, norm=norm)


def fields(linear: Callable[[int], nn.Module], channels: int) -> list[nn.Module]:
    """f, and the linear field."""
    return [PreActivation(channels, channels), linear(channels)]
