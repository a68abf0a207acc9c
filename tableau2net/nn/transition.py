"""Transitions: the step that opens a new resolution, with half the image size and another width."""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from tableau2net.nn.fields import PreActivation

Shortcut = Literal["pad", "conv", "bn-relu-conv"]


class Crossed(NamedTuple):
    """What a transition hands on: the new state, and as history the projected old one and the branch's value."""

    y: Tensor
    y_prev: Tensor
    f_prev: Tensor


class Transition(nn.Module):
    """A plain residual step y⁺ = P(y) + f(y) with stride 2, where P projects the state to the new shape.

    shortcut: how it does. "pad": every second pixel, zero channels on either side (option A of He et al. 2016).
        "conv": a 1×1 convolution of the branch's own first activation. "bn-relu-conv": BN–ReLU–1×1 convolution with
        a BatchNorm of its own, as LM-ResNet has it.
    """

    def __init__(self, inputs: int, outputs: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.field = PreActivation(inputs, outputs, stride=2)
        self.padding = outputs - inputs
        if shortcut != "pad":
            convolution = nn.Conv2d(inputs, outputs, 1, stride=2, bias=False)
            own = [nn.BatchNorm2d(inputs), nn.ReLU()] if shortcut == "bn-relu-conv" else []
            self.project = nn.Sequential(*own, convolution)

    def forward(self, y: Tensor) -> Crossed:
        a = self.field.activate(y)
        slope = self.field.branch(a)
        if self.shortcut == "pad":
            before = self.padding // 2
            projected = functional.pad(y[:, :, ::2, ::2], (0, 0, 0, 0, before, self.padding - before))
        else:
            projected = self.project(a if self.shortcut == "conv" else y)
        return Crossed(projected + slope, projected, slope)
