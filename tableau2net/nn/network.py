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

    scheme: any scheme of one state and one field.
    steps: steps a resolution, n; the depth of the basic network is 6n + 2. The first step of every resolution but
        the first is the transition, a plain residual step.
    widths: channels of each resolution.
    shortcut: the projection in a transition, see `Transition`.
    history: what a multistep scheme knows after a transition. "carry": the transition counts as its last step, with
        the projected state as the older y and the branch's value as the older f (LM-ResNet's choice); a scheme that
        looks back further, or at stages, fills in with start-up steps. "restart": nothing, as at the opening.
    options: of the compilation, see `tableau2net.codegen.Options`.

    Takes (N, 3, H, W) and returns (N, num_classes). Raises InputError for a scheme of several states or fields, or an
    unknown option.
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
        **options: Any,
    ) -> None:
        super().__init__()
        _one_of("shortcut", shortcut, get_args(Shortcut))
        _one_of("history", history, get_args(History))
        if steps < 1 or num_classes < 1:
            raise InputError(f"steps = {steps}, num_classes = {num_classes}: both are at least 1")
        self.scheme = scheme
        self.options = {"shortcut": shortcut, "history": history, **options}
        block = cast(Any, compile(scheme, **options))
        _check_shape(scheme, block)
        carried = history == "carry" and set(block.history) <= {"y_prev", "f_prev", "f_n", *_older(block.history)}
        self.remembered = tuple(n for n in block.history if n in ("y_prev", "f_prev") and carried)
        stage_weights, sharing = options.get("stage_weights", "shared"), options.get("sharing", "step")

        def steps_of(width: int, count: int, given: int) -> nn.Module:
            fields: list[Any] = [_fields(width, block.evaluations, stage_weights) for _ in range(count)]
            extra: dict[str, int] = {"given": given} if block.lookback else {}
            if block.coefficients and sharing == "channel":
                extra["channels"] = width
            try:
                return cast(nn.Module, block(fields, **extra))
            except ValueError as error:  # rounding errors would grow too much on the way back
                raise InputError(str(error)) from None

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
            y, past = crossed.y, {name: getattr(crossed, name) for name in self.remembered}
            del crossed  # what is not remembered need not stay alive
            y = block(y, **past)
        return cast(Tensor, self.head(functional.relu(self.bn(y)).mean((2, 3))))


def _check_shape(scheme: Scheme, block: Any) -> None:
    """InputError where a state of a network, one tensor, is not what the scheme steps on."""
    if block.states != ("y",) or any(name.startswith("f_") or "_" in name for name in block.field_names):
        raise InputError(
            f"{scheme.name or scheme.family}: a residual network has one state and one field a step, not "
            f"the states {', '.join(block.states)} and fields {', '.join(block.field_names)}; use t2n.compile"
        )


def _older(history: Sequence[str]) -> set[str]:
    """What is remembered of more than one step back."""
    return {name for name in history if name.startswith(("y_prev", "f_prev")) and name[-1].isdigit()}


def _fields(width: int, evaluations: int, stage_weights: str) -> nn.Module | list[nn.Module]:
    """The field of a step, or one for each of its stages."""
    if stage_weights == "independent":
        return [PreActivation(width, width) for _ in range(evaluations)]
    return PreActivation(width, width)


def _one_of(option: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputError(f"{option}={value!r}: write one of {', '.join(map(repr, allowed))}")
