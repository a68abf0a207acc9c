"""Transitions: what stands between two resolutions, a step that opens the new one for instance."""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from tableau2net.nn.around.gates import Gate, passed
from tableau2net.nn.around.steps import draw
from tableau2net.nn.fields.branches import FieldKind

Shortcut = Literal["pad", "conv", "bn-relu-conv", "bn-relu-conv3x3", "conv-bn"]
States = tuple[Tensor, ...]


class Between(nn.Module):
    """A module between two resolutions; ``between(*states)`` gives the states in the new shape."""

    def leading(self, *states: Tensor) -> tuple[States, dict[str, Tensor]]:
        """What the block that follows is called with: states, and what is known of their past, by name."""
        return self(*states), {}


class Crossed(NamedTuple):
    """What a transition hands on: the new state, and as history the projected old one and the branch's value."""

    y: Tensor
    y_prev: Tensor
    f_prev: Tensor


class Transition(Between):
    """A plain residual step y⁺ = P(y) + h f(y), where P projects the state to the new shape.

    shortcut: how it does. "pad": every stride-th pixel, zero channels on either side (option A of He et al. 2016).
        "conv": a 1×1 convolution of the branch's own first activation. "conv-bn": a 1×1 convolution of the state,
        then BatchNorm (option B). "bn-relu-conv": BN–ReLU–1×1 convolution with a BatchNorm of its own, as LM-ResNet
        has it; "bn-relu-conv3x3", the same with a 3×3 convolution (IE-ResNet).
    kind: of the field; where that asks for a ReLU after the addition, y⁺ = relu(P(y) + h f(y)).
    remembered: what of `Crossed` the block that follows takes as its past.  resting: what of its past is the new state.

    With as many channels and pixels as before, P is the identity. With a `gate`, where that is closed, y⁺ = P(y).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        shortcut: Shortcut,
        stride: int = 2,
        kind: FieldKind | None = None,
        h: float = 1.0,
        remembered: tuple[str, ...] = (),
        resting: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.gate: Gate | None = None
        self.shortcut: Shortcut = "pad" if (inputs, stride) == (outputs, 1) else shortcut
        kind = kind or FieldKind()
        self.field = kind(inputs, outputs, stride=stride)
        self.relu = None if kind.preactivation else kind.relu
        self.padding = outputs - inputs
        self.stride = stride
        self.h = h
        self.remembered, self.resting = remembered, resting
        if self.shortcut != "pad":
            wide = shortcut == "bn-relu-conv3x3"
            convolution = nn.Conv2d(inputs, outputs, 3 if wide else 1, stride, padding=int(wide), bias=False)
            own = [nn.BatchNorm2d(inputs), nn.ReLU()] if shortcut.startswith("bn-relu") else []
            normal = [nn.BatchNorm2d(outputs)] if shortcut == "conv-bn" else []
            self.project = nn.Sequential(*own, convolution, *normal)

    def forward(self, y: Tensor) -> Crossed:
        if self.gate is None:
            return self.crossed(y)
        (new,) = passed(self.gate, self._both, self._skipped, (y,))
        return Crossed(new, new, new)  # what is gated remembers nothing

    def _both(self, y: Tensor) -> tuple[States, States]:
        crossed = self.crossed(y)
        return (crossed.y,), (crossed.y_prev,)

    def _skipped(self, y: Tensor) -> States:
        return (self.projected(y, self.field.activate(y)),)

    def projected(self, y: Tensor, a: Tensor) -> Tensor:
        """P(y); a: the branch's first activation."""
        if self.shortcut != "pad":
            made: Tensor = self.project(a if self.shortcut == "conv" else y)
            return made
        before = self.padding // 2
        seen = y[:, :, :: self.stride, :: self.stride]
        return functional.pad(seen, (0, 0, 0, 0, before, self.padding - before)) if self.padding else seen

    def crossed(self, y: Tensor) -> Crossed:
        """The step, without a gate."""
        a = self.field.activate(y)
        slope = self.field.branch(a)
        projected = self.projected(y, a)
        if self.relu == "increment":
            slope = functional.relu(projected + slope) - projected
        if self.training and self.field.survival < 1:
            slope = slope * draw(self.field, slope).to(slope.dtype)
        new = projected + slope if self.h == 1 else projected.add(slope, alpha=self.h)
        return Crossed(functional.relu(new) if self.relu == "step" else new, projected, slope)

    def leading(self, *states: Tensor) -> tuple[States, dict[str, Tensor]]:
        """The state, and of the past what is remembered: the rest need not stay alive."""
        crossed: Crossed = self(*states)
        past = {"y_prev": crossed.y_prev, "f_prev": crossed.f_prev, **dict.fromkeys(self.resting, crossed.y)}
        return (crossed.y,), {name: past[name] for name in (*self.remembered, *self.resting)}
