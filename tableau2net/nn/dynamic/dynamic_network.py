"""Dynamic networks: an opening, dynamic blocks joined by connectors, and a linear head (Onken et al. 2019)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.codegen.compile_options import StepOptions
from tableau2net.errors import InputError
from tableau2net.nn.dynamic.block import DynamicBlock
from tableau2net.nn.dynamic.interpolation import Interpolation
from tableau2net.nn.dynamic.layers import EPSILON, convolution, draw_, layer_of
from tableau2net.nn.dynamic.time_grid import Grid, checked_grid, coarsened, refined
from tableau2net.nn.fields.normalisation import normalised
from tableau2net.nn.typed_modules import rows
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.step.lower import lower

Grids = Sequence[float] | Sequence[Sequence[float]]


class DynamicNetworkOptions(StepOptions, total=False):
    """Those of a `DynamicNetwork`."""

    widths: Sequence[int]
    states: Grids
    controls: Grids | None
    interpolation: Interpolation
    norm: str | None
    num_classes: int
    in_channels: int


class DynamicNetwork(nn.Module):
    """Images to classes: opening (3×3, BN, ReLU); for each width but the last a dynamic block, a connector to the next
    width (1×1, BN, ReLU) and 2×2 means, after the last block the mean of the image; a linear head.

    scheme: of every block; any that `DynamicBlock` takes. A scheme of two states has half of the channels in each.
    layer: "double", "parabolic", "preact", "bottleneck", "hamiltonian", see `tableau2net.nn.dynamic.layers`.
    norm: in the layers: "tv", "batch", "group", "layer" or "none"; None for "tv", and "none" in a Hamiltonian layer.
        "group" and "layer" take the place of every BatchNorm of the network, see `normalised`.
    widths: of the blocks, and of what the head sees.
    states, controls: grids of times, see `DynamicBlock`: one for all blocks, or a list of one for each.
    interpolation: of θ between the knots: "constant", "linear", "cubic".
    options: of the compilation, see `DynamicBlock`.
    """

    def __init__(
        self,
        scheme: Scheme | str | Path,
        layer: str = "parabolic",
        *,
        widths: Sequence[int] = (16, 32, 64, 64),
        states: Grids = (0, 1, 2, 3, 4),
        controls: Grids | None = None,
        interpolation: Interpolation = "linear",
        norm: str | None = None,
        num_classes: int = 10,
        in_channels: int = 3,
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__()
        if len(widths) < 2 or num_classes < 1:
            raise InputError(f"widths={tuple(widths)}, num_classes={num_classes}: at least two widths and one class")
        self.scheme, self.options = as_scheme(scheme), options
        norm = norm or ("none" if layer == "hamiltonian" else "tv")
        blocks = len(widths) - 1
        times = _for_each("states", states, blocks, 2)
        knots = times if controls is None else _for_each("controls", controls, blocks, 1)
        self.opening = Connector(in_channels, widths[0], 3)
        self.blocks = rows(
            _block(self.scheme, layer, norm, width, *grids, interpolation, options)
            for width, grids in zip(widths[:-1], zip(times, knots, strict=True), strict=True)
        )
        self.connectors = rows(Connector(a, b, 1) for a, b in pairwise(widths))
        self.head = nn.Linear(widths[-1], num_classes)
        draw_(self.head.weight[:, :, None, None])
        nn.init.zeros_(self.head.bias)
        if norm in ("group", "layer"):
            normalised(self.opening, norm)
            normalised(self.connectors, norm)

    def forward(self, x: Tensor) -> Tensor:
        y = self.opening(x)
        for i, (block, connector) in enumerate(zip(self.blocks, self.connectors, strict=True)):
            if i:
                y = functional.avg_pool2d(y, 2)
            y = connector(block(y))
        logits: Tensor = self.head(y.mean((2, 3)))
        return logits

    def own_blocks(self) -> list[DynamicBlock]:
        return list(self.blocks)

    def refine(self, states: int = 1, controls: int = 1) -> DynamicNetwork:
        """A network with every interval of the states' and of the controls' grid in so many parts, and the same θ(t).

        The new knots have what θ is there, so that with another grid of controls alone the outputs are the same, for
        each interpolation. With another grid of states they are those of other steps; running statistics at the new
        evaluation points are interpolated in time. This network stays as it is: see `compare_outputs`.
        """
        return self._moved(
            [(refined(b.states, states), refined(b.own_controls()[0].knots, controls)) for b in self.own_blocks()]
        )

    def coarsen(self, states: int = 1, controls: int = 1) -> DynamicNetwork:
        """A network on every second (third, …) point of the grids, and their last: see `refine`."""
        return self._moved(
            [(coarsened(b.states, states), coarsened(b.own_controls()[0].knots, controls)) for b in self.own_blocks()]
        )

    def regrid(self, states: Grids | None = None, controls: Grids | None = None) -> DynamicNetwork:
        """A network on these grids, one for all blocks or a list of one for each: see `refine`."""
        own = self.own_blocks()
        times = [b.states for b in own] if states is None else _for_each("states", states, len(own), 2)
        knots = [b.own_controls()[0].knots for b in own]
        if controls is not None:
            knots = _for_each("controls", controls, len(own), 1)
        return self._moved(list(zip(times, knots, strict=True)))

    def smoothness(self) -> Tensor:
        """Σ (t_{k+1} − t_k) ‖θ_{k+1} − θ_k‖₁ over the knots of all blocks: a penalty, to be added to the loss."""
        return torch.stack([block.roughness() for block in self.own_blocks()]).sum()

    @torch.no_grad()
    def clip_(self, kernels: float = 0.5, scalings: float = 1.5) -> None:
        """Weights back into their bounds, as after each update in the authors' runs: convolutions, with their biases,
        within ±kernels, weights of the head and of normalisation within ±scalings; other biases are free."""
        for name, bound in (("kernels", kernels), ("scalings", scalings)):
            if isinstance(bound, bool) or not isinstance(bound, int | float) or not bound > 0:
                raise InputError(f"{name}={bound!r}: write a bound, a number above 0")
        for module in self.modules():
            kernel = isinstance(module, nn.Conv2d)
            for name in ("weight", "bias") if kernel else ("weight",):
                if isinstance(value := getattr(module, name, None), Tensor):
                    value.clamp_(*((-kernels, kernels) if kernel else (-scalings, scalings)))

    def _moved(self, grids: Sequence[tuple[Grid, Grid]]) -> DynamicNetwork:
        own = self.own_blocks()
        blocks = rows(block.moved(*each) for block, each in zip(own, grids, strict=True))
        return copy.deepcopy(self, {id(self.blocks): blocks})  # a copy of everything else


class Connector(nn.Module):
    """Convolution (with bias), BatchNorm, ReLU: to another number of channels."""

    def __init__(self, inputs: int, outputs: int, size: int = 1) -> None:
        super().__init__()
        self.conv, self.norm = convolution(inputs, outputs, size), nn.BatchNorm2d(outputs, eps=EPSILON)

    def forward(self, y: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(y)))


@dataclass(frozen=True)
class OutputDifference:
    """Two networks on the same inputs.

    largest, root_mean_square: of the entries of the difference of their outputs.
    agreement: the share of inputs that both put in the same class.
    """

    largest: float
    root_mean_square: float
    agreement: float


@torch.no_grad()
def compare_outputs(before: nn.Module, after: nn.Module, x: Tensor) -> OutputDifference:
    """How much the outputs of a network have changed, by `refine` say; both in evaluation mode for the while."""
    a, b = _evaluated(before, x), _evaluated(after, x)
    if a.shape != b.shape:
        raise InputError(f"outputs of {tuple(a.shape)} and {tuple(b.shape)}: no two of one network")
    apart = (a - b).float() if a.dtype != torch.float64 else a - b
    return OutputDifference(
        float(apart.abs().max()),
        float(apart.square().mean().sqrt()),
        float((a.argmax(-1) == b.argmax(-1)).float().mean()),
    )


def _evaluated(model: nn.Module, x: Tensor) -> Tensor:
    modes = [(module, module.training) for module in model.modules()]
    try:
        found: Tensor = model.eval()(x)
    finally:
        for module, mode in modes:
            module.training = mode
    return found


def _block(
    scheme: Scheme,
    layer: str,
    norm: str,
    width: int,
    states: Grid,
    controls: Grid,
    interpolation: Interpolation,
    options: StepOptions,
) -> DynamicBlock:
    halves = len(lower(scheme).states)
    if width % halves:
        raise InputError(f"widths: {width} channels cannot be halved, as {scheme.name or 'a scheme'} of 2 states needs")
    if halves == 1 and layer == "hamiltonian":
        raise InputError("layer='hamiltonian': it needs a scheme of two states, scheme='symplectic-euler-p' say")
    return DynamicBlock(
        scheme,
        lambda field: layer_of(layer, width // halves, norm, field),
        states,
        controls,
        interpolation,
        **options,
    )


def _for_each(name: str, grids: Grids, blocks: int, least: int) -> list[Grid]:
    """A grid for each block, from one for all or from a list of grids."""
    given = list(grids) if isinstance(grids, Iterable) else [grids]
    if given and isinstance(given[0], Iterable):
        if len(given) != blocks:
            raise InputError(f"{name}: {len(given)} grids for {blocks} blocks; write one for each, or one for all")
        return [checked_grid(name, grid, least) for grid in given]
    return [checked_grid(name, given, least)] * blocks
