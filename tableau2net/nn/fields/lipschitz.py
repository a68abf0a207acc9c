"""Fields whose Lipschitz constant is bounded: linear layers held at a spectral norm, activations of slope 1 at most.

A weight W counts as W / max(1, σ/c), σ the norm of the layer as an operator (Gouk et al. 2018; i-ResNets, Behrmann et
al. 2019): of a convolution with its zeros around, on images of a size. Power iteration comes to σ from below, so that
the norm may be above c, by little once it has converged; `lipschitz_bound` is a bound from above. `exact=True` holds a
layer by that bound, and then c is never exceeded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional, grad
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils import parametrize

from tableau2net.errors import InputError

MOVING = (nn.Identity, nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle)  # they move numbers about
FLAT = (nn.ReLU, nn.ReLU6, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Softsign, nn.Hardtanh, nn.LogSigmoid, *MOVING)
NORMALISING = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.LocalResponseNorm)
TRANSPOSED = {1: grad.conv1d_input, 2: grad.conv2d_input, 3: grad.conv3d_input}
FORWARD = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d


def lipschitz_(
    field: nn.Module, c: float, size: Sequence[int] = (), *, iterations: int = 5, exact: bool = False
) -> nn.Module:
    """Hold every linear layer of a field at a spectral norm of at most c, in place; the field is returned.

    field: an ``nn.Sequential`` (or one inside another) of Linear, of convolutions with zeros around, and of activations
        whose slope is at most 1. Its Lipschitz constant is then at most c to the number of those layers, where one
        that occurs several times counts as often.
    size: of the images that convolutions see, (H, W): smaller ones have a smaller norm.
    iterations, exact: see `SpectralBound`.

    Raises InputError, naming the layer, for normalisation, which has no bound of its own, and for what is not known.
    """
    if isinstance(c, bool) or not isinstance(c, Real) or not (math.isfinite(c) and c > 0):
        raise InputError(f"lipschitz={c!r}: a number above 0; below 1 for a step that can be undone")
    if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 1:
        raise InputError(f"iterations={iterations!r}: of power iteration, a whole number, at least 1")
    for name, module in field.named_modules():
        if isinstance(module, NORMALISING):
            raise InputError(
                f"lipschitz: {name or 'the field'} is a {type(module).__name__}, which divides by a deviation as small "
                "as the data has it and so has no bound; leave normalisation out"
            )
    held: dict[nn.Module, SpectralBound] = {}
    for name, layer in _chain(field, ""):
        if isinstance(layer, nn.Linear | Convolution):
            held[layer] = held[layer] if layer in held else SpectralBound(layer, c, size, iterations, exact)
        elif slope(layer) is None or slope(layer) > 1:
            known = "Linear, convolutions, and activations of slope 1 at most, ELU say"
            raise InputError(f"lipschitz: {name or 'the field'} is a {type(layer).__name__}: a field may have {known}")
    for layer, own in held.items():
        parametrize.register_parametrization(layer, "weight", own)
    return field


def lipschitz_bound(field: nn.Module, size: Sequence[int] = ()) -> float | None:
    """A Lipschitz constant of a field that holds for certain, but for rounding: the product over its layers, each as
    often as it occurs, with the weights as they count now. None where a layer is not known.

    size: of the images that convolutions see, where they do not know it themselves."""
    found = 1.0
    for _, layer in _chain(field, ""):
        own = _norm(layer, tuple(size)) if isinstance(layer, nn.Linear | Convolution) else slope(layer)
        if own is None:
            return None
        found *= own
    return found


def slope(layer: nn.Module) -> float | None:
    """The steepest slope of an activation, for those that are known."""
    if isinstance(layer, FLAT):
        return 1.0
    if isinstance(layer, nn.ELU | nn.CELU):
        return max(1.0, layer.alpha) if isinstance(layer, nn.ELU) else 1.0
    return max(1.0, abs(layer.negative_slope)) if isinstance(layer, nn.LeakyReLU) else None


@dataclass(frozen=True)
class ConvolutionShape:
    """What of a convolution is not its weight."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @classmethod
    def of(cls, layer: Convolution) -> ConvolutionShape:
        """That of a layer. InputError where images are not continued by zeros, as many as it says."""
        if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
            raise InputError(
                f"lipschitz: a convolution with padding={layer.padding!r}, padding_mode={layer.padding_mode!r}; "
                "write numbers and padding_mode='zeros'"
            )
        return cls(layer.stride, layer.padding, layer.dilation, layer.groups)

    def applied(self, v: Tensor, weight: Tensor) -> Tensor:
        """The convolution of an image."""
        made: Tensor = FORWARD[len(self.stride)](v, weight, None, self.stride, self.padding, self.dilation, self.groups)
        return made

    def transposed(self, shape: torch.Size, weight: Tensor, u: Tensor) -> Tensor:
        """Its transpose, to an image of a shape."""
        how = (self.stride, self.padding, self.dilation, self.groups)
        made: Tensor = TRANSPOSED[len(self.stride)](shape, weight, u, *how)  # type: ignore[no-untyped-call]
        return made

    def largest(self, weight: Tensor, size: Sequence[int]) -> Tensor:
        """A bound on the singular values: the largest of the convolution on a torus that is larger by the zeros on one
        side. With zeros around it is that one, of images that are zero there, and a part of what comes out."""
        kernel = tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, weight.shape[2:], strict=True))
        spread = weight.new_zeros(*weight.shape[:2], *kernel)
        every: tuple[Any, ...] = (..., *(slice(None, None, d) for d in self.dilation))
        spread[every] = weight
        torus = [n + min(p, k - 1) for n, p, k in zip(size, self.padding, kernel, strict=True)]
        symbol = torch.fft.fftn(spread, s=torus, dim=tuple(range(2, spread.dim())))
        grouped = symbol.flatten(2).unflatten(0, (self.groups, -1)).permute(0, 3, 1, 2)
        found: Tensor = torch.linalg.svdvals(grouped).amax()
        return found


class SpectralBound(nn.Module):
    """The parametrization W ↦ W / max(1, σ/c) of a layer's weight.

    layer: Linear, or a convolution with zeros around.  c: held at most at this norm.  size: of its images.
    iterations: of power iteration at each evaluation in training mode; in evaluation mode its vectors stay.
    exact: σ is all singular values' largest, of a convolution a bound on it (`ConvolutionShape.largest`): certain.
    """

    u: Tensor
    v: Tensor

    def __init__(
        self,
        layer: nn.Linear | Convolution,
        c: float,
        size: Sequence[int] = (),
        iterations: int = 5,
        exact: bool = False,
    ) -> None:
        super().__init__()
        self.c, self.size, self.iterations, self.exact = c, tuple(size), iterations, exact
        self.stencil = None if isinstance(layer, nn.Linear) else ConvolutionShape.of(layer)
        shape: tuple[int, ...] = (1, layer.in_features) if isinstance(layer, nn.Linear) else (1, layer.in_channels)
        if self.stencil is not None and (len(size) != len(self.stencil.stride) or min(size) < 1):
            images = ", ".join(["32"] * len(self.stencil.stride))
            raise InputError(f"lipschitz: size={tuple(size)}: a convolution wants that of its images, ({images}) say")
        if not exact:
            weight = layer.weight.detach()
            self.register_buffer("v", _unit(torch.randn(*shape, *self.size, dtype=weight.dtype, device=weight.device)))
            self.register_buffer("u", _unit(self._applied(self.v, weight)))
            self.improve(weight, iterations)

    def forward(self, weight: Tensor) -> Tensor:
        if self.training and not self.exact:
            self.improve(weight.detach(), self.iterations)
        return self.held(weight)

    def held(self, weight: Tensor) -> Tensor:
        """The weight as it counts now."""
        return weight / (self.norm(weight) / self.c).clamp_min(1)

    def norm(self, weight: Tensor) -> Tensor:
        """σ as it is counted: a bound on it, or where power iteration is, not above it but for rounding."""
        if self.exact:
            return _largest(weight, self.stencil, self.size)
        return (self.u.clone() * self._applied(self.v.clone(), weight)).sum()  # clones: a later evaluation moves them

    @torch.no_grad()
    def improve(self, weight: Tensor, iterations: int) -> None:
        """So many steps of power iteration."""
        for _ in range(iterations):
            self.v.copy_(_unit(self._transposed(self.u, weight)))
            self.u.copy_(_unit(self._applied(self.v, weight)))

    def extra_repr(self) -> str:
        """c, and how it is held."""
        return f"c={self.c}, " + ("exact" if self.exact else f"iterations={self.iterations}")

    def _applied(self, v: Tensor, weight: Tensor) -> Tensor:
        return functional.linear(v, weight) if self.stencil is None else self.stencil.applied(v, weight)

    def _transposed(self, u: Tensor, weight: Tensor) -> Tensor:
        if self.stencil is None:
            return functional.linear(u, weight.mT)
        return self.stencil.transposed(self.v.shape, weight, u)


def _unit(vector: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(vector)
    return vector / length.clamp_min(torch.finfo(vector.dtype).tiny)


def _largest(weight: Tensor, stencil: ConvolutionShape | None, size: Sequence[int]) -> Tensor:
    if stencil is not None:
        return stencil.largest(weight, size)
    found: Tensor = torch.linalg.matrix_norm(weight, 2)
    return found


@torch.no_grad()
def _norm(layer: nn.Linear | Convolution, size: tuple[int, ...]) -> float | None:
    own = _bound_of(layer)
    if own is None:
        weight = layer.weight
    else:  # as it stands: asked for, in training, it would go on with its power iteration
        weight, size = own.held(layer.get_parameter("parametrizations.weight.original")), own.size
    if isinstance(layer, nn.Linear):
        return float(_largest(weight.double(), None, ()))
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str) or len(size) != len(layer.stride):
        return None
    return float(_largest(weight.double(), ConvolutionShape.of(layer), size))


def _bound_of(layer: nn.Module) -> SpectralBound | None:
    """The parametrization that a layer's weight has from `lipschitz_`, if that is all."""
    if not parametrize.is_parametrized(layer, "weight"):
        return None
    first, *others = layer.parametrizations.weight  # type: ignore[union-attr,misc]
    return first if isinstance(first, SpectralBound) and not others else None


def _chain(field: nn.Module, name: str) -> Sequence[tuple[str, nn.Module]]:
    """The layers of a chain as often as they occur, those of chains inside it too."""
    if type(field).forward is not nn.Sequential.forward:
        return [(name, field)]
    # `named_children` would tell of what occurs twice once
    every = ((f"{name}.{child}".lstrip("."), layer) for child, layer in field._modules.items() if layer is not None)
    return [pair for child, layer in every for pair in _chain(layer, child)]
