"""Fields: the residual branches that a scheme evaluates. A field is a module ``f(y)`` from a state to its slope."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from tableau2net.errors import InputError

Relu = Literal["step", "increment", "argument"]
Drop = Literal["batch", "sample"]


def conv3x3(inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A 3×3 convolution that keeps the image size (divided by the stride), without bias: a BatchNorm follows it."""
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, groups=groups, bias=False)


def convolutions(inputs: int, outputs: int, stride: int, middle: int | None, groups: int) -> list[nn.Conv2d]:
    """Two 3×3 convolutions, or where a middle width is given the bottleneck 1×1, 3×3 (with the stride), 1×1."""
    if middle is None:
        return [conv3x3(inputs, outputs, stride), conv3x3(outputs, outputs)]
    return [
        nn.Conv2d(inputs, middle, 1, bias=False),
        conv3x3(middle, middle, stride, groups),
        nn.Conv2d(middle, outputs, 1, bias=False),
    ]


class Numbered(nn.Module):
    """Numbered convolutions and normalisations, and how probable the step of the field is.

    survival, drop: of stochastic depth, see `tableau2net.nn.around.steps`.
    gate: in a tuple, whose it is not: what decides whether the step takes place, see `tableau2net.nn.around.gates`.
    """

    survival = 1.0
    drop: Drop = "batch"
    gate: tuple[nn.Module, ...] = ()

    def layer(self, kind: str, number: int, y: Tensor) -> Tensor:
        """What the layer "conv1", "bn2", … makes of a tensor."""
        layer = self._modules[f"{kind}{number}"]  # `get_submodule` takes its time
        assert layer is not None
        made: Tensor = layer(y)
        return made


class PreActivation(Numbered):
    """BN–ReLU–conv3×3–BN–ReLU–conv3×3 (He, Zhang, Ren, Sun 2016, "Identity mappings in deep residual networks").

    middle: the middle width of the bottleneck BN–ReLU–conv1×1–BN–ReLU–conv3×3–BN–ReLU–conv1×1; None for the basic one.
    groups: of the bottleneck's 3×3 convolution (ResNeXt).  dropout: before the last convolution (Wide-ResNet).
    Maps (N, inputs, H, W) to (N, outputs, H/stride, W/stride); between equal widths it is the slope of a state.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int = 1,
        *,
        middle: int | None = None,
        groups: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        chain = convolutions(inputs, outputs, stride, middle, groups)
        for i, convolution in enumerate(chain, 1):
            self.add_module(f"bn{i}", nn.BatchNorm2d(convolution.in_channels))
            self.add_module(f"conv{i}", convolution)
        self.convolutions = len(chain)
        self.dropout = dropout

    def activate(self, y: Tensor) -> Tensor:
        """The first BN–ReLU, which a projection shortcut may share."""
        return functional.relu(self.layer("bn", 1, y))

    def branch(self, a: Tensor) -> Tensor:
        """All that follows the first activation."""
        a = self.layer("conv", 1, a)
        for i in range(2, self.convolutions + 1):
            a = functional.relu(self.layer("bn", i, a))
            if self.dropout and i == self.convolutions:
                a = functional.dropout(a, self.dropout, self.training)
            a = self.layer("conv", i, a)
        return a

    def forward(self, y: Tensor) -> Tensor:
        return self.branch(self.activate(y))


class PostActivation(Numbered):
    """conv3×3–BN–ReLU–conv3×3–BN (He, Zhang, Ren, Sun 2016, "Deep residual learning"), or as a bottleneck
    conv1×1–BN–ReLU–conv3×3–BN–ReLU–conv1×1–BN. The ReLU after the addition, y⁺ = relu(y + f(y)), is not the field's.

    relu: where a scheme meets that ReLU. "step": the network applies it to the state after each step. "increment": the
        slope is relu(y + f(y)) − y, whose forward Euler step is that of "step", and which any scheme can take.
        "argument": the slope is f(relu(y)), of a state that is never rectified itself.
    middle, groups: as in `PreActivation`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int = 1,
        *,
        middle: int | None = None,
        groups: int = 1,
        relu: Relu = "step",
    ) -> None:
        super().__init__()
        chain = convolutions(inputs, outputs, stride, middle, groups)
        for i, convolution in enumerate(chain, 1):
            self.add_module(f"conv{i}", convolution)
            self.add_module(f"bn{i}", nn.BatchNorm2d(convolution.out_channels))
        self.convolutions = len(chain)
        self.relu = relu
        self.after = functional.relu if relu == "step" else None  # for a block whose steps end so

    def activate(self, y: Tensor) -> Tensor:
        """What the branch and a projection see: the state, rectified where it is not rectified itself."""
        return functional.relu(y) if self.relu == "argument" else y

    def branch(self, a: Tensor) -> Tensor:
        """The convolutions."""
        for i in range(1, self.convolutions + 1):
            a = functional.relu(a) if i > 1 else a
            a = self.layer("bn", i, self.layer("conv", i, a))
        return a

    def rectified(self, y: Tensor, slope: Tensor) -> Tensor:
        """The slope at a state, as the scheme takes it."""
        return functional.relu(y + slope) - y if self.relu == "increment" else slope

    def forward(self, y: Tensor) -> Tensor:
        return self.rectified(y, self.branch(self.activate(y)))


@dataclass(frozen=True)
class FieldKind:
    """Which field a network has, at whatever width: ``kind(inputs, outputs, stride)`` makes one.

    preactivation: `PreActivation`, else `PostActivation` with the given `relu`.
    bottleneck: the middle width as a multiple of the output width (1/4 for ResNet-164, 2 for ResNeXt 8×64d); None
        for the basic field of two 3×3 convolutions.
    groups, dropout: as in `PreActivation`.
    """

    preactivation: bool = True
    bottleneck: Fraction | None = None
    groups: int = 1
    dropout: float = 0.0
    relu: Relu = "step"

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout={self.dropout!r}: the part that is dropped, at least 0 and below 1")
        if self.dropout and not self.preactivation:
            raise InputError("dropout: only pre-activation fields have it; write preactivation=True or dropout=0")
        if self.groups > 1 and self.bottleneck is None:
            raise InputError("groups: only a bottleneck has them; write bottleneck=True or groups=1")

    def __call__(self, inputs: int, outputs: int, stride: int = 1) -> PreActivation | PostActivation:
        middle = None if self.bottleneck is None else self.bottleneck * outputs
        if middle is not None and (middle.denominator > 1 or middle % self.groups):
            raise InputError(
                f"widths: a bottleneck of {middle} channels in {self.groups} groups does not divide evenly"
            )
        width = None if middle is None else int(middle)
        if self.preactivation:
            return PreActivation(inputs, outputs, stride, middle=width, groups=self.groups, dropout=self.dropout)
        return PostActivation(inputs, outputs, stride, middle=width, groups=self.groups, relu=self.relu)
