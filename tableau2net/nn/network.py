"""The network: opening layer, then for each resolution a transition and a block of compiled steps, then a head."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, cast, get_args

from torch import Tensor, nn
from torch.nn import functional

from tableau2net.codegen import compile
from tableau2net.errors import InputError
from tableau2net.nn.fields import PreActivation, conv3x3
from tableau2net.nn.transition import Shortcut, Transition
from tableau2net.scheme import Scheme

History = Literal["carry", "restart"]


class ResidualNetwork(nn.Module):
    """A pre-activation residual network for small images whose steps are those of a scheme.

    scheme: any explicit scheme.
    steps: steps a resolution, n; the depth of the basic network is 6n + 2. The first step of every resolution but
        the first is the transition, a plain residual step.
    widths: channels of each resolution.
    coefficients, sharing, stage_weights, start: see `tableau2net.codegen.Options`.
    shortcut: the projection in a transition, see `Transition`.
    history: what a multistep scheme knows after a transition. "carry": the transition counts as its last step, with
        the projected state as the older y and the branch's value as the older f (LM-ResNet's choice); a scheme that
        looks back further fills in with start-up steps. "restart": nothing, as at the opening.

    Takes (N, 3, H, W) and returns (N, num_classes). Raises InputError for an implicit scheme or an unknown option.
    """

    def __init__(
        self,
        scheme: Scheme,
        steps: int,
        *,
        widths: Sequence[int] = (16, 32, 64),
        num_classes: int = 10,
        shortcut: Shortcut = "bn-relu-conv",
        history: History = "carry",
        coefficients: str = "fixed",
        sharing: str = "step",
        stage_weights: str = "shared",
        start: Scheme | str = "euler",
    ) -> None:
        super().__init__()
        _one_of("shortcut", shortcut, get_args(Shortcut))
        _one_of("history", history, get_args(History))
        if steps < 1 or num_classes < 1:
            raise InputError(f"steps = {steps}, num_classes = {num_classes}: both are at least 1")
        self.scheme = scheme
        self.options = {
            "coefficients": coefficients,
            "sharing": sharing,
            "stage_weights": stage_weights,
            "shortcut": shortcut,
            "history": history,
        }
        block = cast(
            Any, compile(scheme, coefficients=coefficients, sharing=sharing, stage_weights=stage_weights, start=start)
        )
        carried = history == "carry"
        self.remembered = tuple(n for n in block.history if n in ("y_prev", "f_prev") and carried)

        def steps_of(width: int, count: int, given: int) -> nn.Module:
            fields: list[Any] = [_fields(width, block.evaluations, stage_weights) for _ in range(count)]
            extra: dict[str, int] = {"given": given} if block.history else {}
            if block.coefficients and sharing == "channel":
                extra["channels"] = width
            return cast(nn.Module, block(fields, **extra))

        self.opening = conv3x3(3, widths[0])
        self.transitions = nn.ModuleList(Transition(a, b, shortcut) for a, b in pairwise(widths))
        self.blocks = nn.ModuleList(
            steps_of(width, steps - (i > 0), int(carried and i > 0)) for i, width in enumerate(widths)
        )
        self.bn = nn.BatchNorm2d(widths[-1])
        self.head = nn.Linear(widths[-1], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks[0](self.opening(x))
        for transition, block in zip(self.transitions, self.blocks[1:], strict=True):
            crossed = transition(y)
            y = block(crossed.y, **{name: getattr(crossed, name) for name in self.remembered})
        return cast(Tensor, self.head(functional.relu(self.bn(y)).mean((2, 3))))


def _fields(width: int, evaluations: int, stage_weights: str) -> nn.Module | list[nn.Module]:
    """The field of a step, or one for each of its stages."""
    if stage_weights == "independent":
        return [PreActivation(width, width) for _ in range(evaluations)]
    return PreActivation(width, width)


def _one_of(option: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputError(f"{option}={value!r}: write one of {', '.join(map(repr, allowed))}")
