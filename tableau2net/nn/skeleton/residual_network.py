"""The network: opening layer, then for each resolution a transition and a block of compiled steps, then a head."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast, get_args

from torch import Tensor, nn
from torch.nn import functional

from tableau2net.codegen import compile
from tableau2net.codegen.compile_options import Options, check_names
from tableau2net.errors import InputError
from tableau2net.nn.around.steps import After, Drop, Survival, set_survival
from tableau2net.nn.around.surrounded import Around, surrounded
from tableau2net.nn.fields.branches import FieldKind, Relu, conv3x3
from tableau2net.nn.skeleton.transition import Crossed, Shortcut, Transition
from tableau2net.scheme import Scheme

History = Literal["carry", "restart"]

# What networks of a scheme take beside the options of the compilation, here or in their families.
OWN = "widths opening num_classes shortcut history h survival drop bottleneck preactivation relu dropout scheme"


class ResidualNetwork(nn.Module):
    """A residual network for small images whose steps are those of a scheme.

    scheme: any scheme of one state and one field.
    steps: steps a resolution, n; the depth of the basic network is 6n + 2, of the bottleneck 9n + 2. The first step of
        every resolution but the first is the transition, a plain residual step; of the first too, with stride 1, where
        the opening has another width.
    widths: channels of each resolution.  opening: of the first convolution; ``widths[0]`` unless given.
    kind: of the fields, see `FieldKind`. A post-activation network has BN–ReLU after the opening, a pre-activation one
        before the head.
    shortcut: the projection in a transition, see `Transition`; where it is not given "bn-relu-conv", or for
        post-activation fields "conv-bn".
    history: what a multistep scheme knows after a transition. "carry": the transition counts as its last step, with
        the projected state as the older y and the branch's value as the older f (LM-ResNet's choice); a scheme that
        looks back further, or at stages, fills in with start-up steps. "restart": nothing, as at the opening.
    h: the step size, of transitions too.
    survival: stochastic depth. The probability that the last step of the network takes place in training; it falls
        linearly from 1 at the first, transitions counted. None for no such thing.  drop: "batch" or "sample".
    options: of the compilation, see `tableau2net.codegen.Options`.

    Takes (N, 3, H, W) and returns (N, num_classes). Raises InputError for a scheme of several states or fields, or an
    unknown option; warns where resolutions are so short that every step of a multistep scheme is a start-up step.
    """

    def __init__(
        self,
        scheme: Scheme,
        steps: int,
        *,
        widths: Sequence[int] = (16, 32, 64),
        opening: int | None = None,
        kind: FieldKind | None = None,
        num_classes: int = 10,
        shortcut: Shortcut | None = None,
        history: History = "carry",
        h: float = 1.0,
        survival: float | None = None,
        drop: Drop = "batch",
        **options: Any,
    ) -> None:
        super().__init__()
        check_names(options, OWN.split())
        kind = kind or FieldKind()
        shortcut = shortcut or ("bn-relu-conv" if kind.preactivation else "conv-bn")
        for option, value, allowed in (
            ("shortcut", shortcut, Shortcut),
            ("history", history, History),
            ("drop", drop, Drop),
            ("relu", kind.relu, Relu),
        ):
            _one_of(option, value, get_args(allowed))
        if steps < 1 or num_classes < 1:
            raise InputError(f"steps = {steps}, num_classes = {num_classes}: both are at least 1")
        if survival is not None and not 0 < survival <= 1:
            raise InputError(
                f"survival={survival!r}: the probability that the last step takes place, above 0, at most 1"
            )
        opening = widths[0] if opening is None else opening
        self.opens_with_transition = opening != widths[0]
        entering = [*([opening] if self.opens_with_transition else []), *widths[:-1]]
        self.scheme, self.kind = scheme, kind
        self.options = {"shortcut": shortcut, "history": history, **options}
        _check_shape(scheme, compile(scheme, **options))
        around: list[Around] = [] if survival is None else [Survival()]
        if not kind.preactivation and kind.relu == "step":
            around.append(After("relu='step'", "relu='increment' or relu='argument'"))
        block: Any = surrounded(scheme, Options(**options), *around)
        carried = history == "carry" and set(block.history) <= {"y_prev", "f_prev", "f_n", *_older(block.history)}
        self.remembered = tuple(n for n in block.history if n in ("y_prev", "f_prev") and carried)
        stage_weights, sharing = options.get("stage_weights", "shared"), options.get("sharing", "step")

        def steps_of(width: int, count: int, given: int) -> nn.Module:
            fields: list[Any] = [_fields(kind, width, block.evaluations, stage_weights) for _ in range(count)]
            extra: dict[str, int] = {"given": given} if block.lookback else {}
            if block.coefficients and sharing == "channel":
                extra["channels"] = width
            try:
                return cast(nn.Module, block(fields, h=h, **extra))
            except ValueError as error:  # rounding errors would grow too much on the way back
                raise InputError(str(error)) from None

        first = 0 if self.opens_with_transition else 1
        self.opening = conv3x3(3, opening)
        self.transitions = nn.ModuleList(
            Transition(inputs, width, shortcut, 2 if i else 1, kind, h)
            for i, (inputs, width) in enumerate(zip(entering, widths[first:], strict=True), first)
        )
        self.blocks = nn.ModuleList(
            steps_of(width, steps - (i >= first), int(carried and i >= first)) for i, width in enumerate(widths)
        )
        if block.lookback and all(len(b.fields) <= b.startup for b in cast(Any, self.blocks)):
            warnings.warn(
                f"every step is a start-up step, none is {scheme.name or scheme.family}'s own: it looks back "
                f"by {block.lookback}, and steps a resolution are {steps}; take a deeper network",
                stacklevel=4,
            )
        self.bn = nn.BatchNorm2d(widths[-1] if kind.preactivation else opening)
        self.head = nn.Linear(widths[-1], num_classes)
        if survival is not None:
            places = list(self.places())
            for i, fields in enumerate(places):
                for field in fields:
                    set_survival(field, 1 - (1 - survival) * i / max(1, len(places) - 1), drop)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def places(self) -> Iterator[list[nn.Module]]:
        """The fields of each step, transitions counted as steps, in the order in which they are taken."""
        first = 0 if self.opens_with_transition else 1
        for i, block in enumerate(self.blocks):
            if i >= first:
                yield [cast(Any, self.transitions[i - first]).field]
            for fields in cast(Any, block).fields:
                yield list(fields) if isinstance(fields, nn.ModuleList) else [fields]

    def forward(self, x: Tensor) -> Tensor:
        y = self.opening(x)
        if not self.kind.preactivation:
            y = functional.relu(self.bn(y))
        blocks = list(self.blocks)
        if not self.opens_with_transition:
            y = blocks.pop(0)(y)
        for transition, block in zip(self.transitions, blocks, strict=True):
            y, past = self._remembered(transition(y))
            y = block(y, **past)
        if self.kind.preactivation:
            y = self.bn(y)
        return cast(Tensor, self.head(functional.relu(y).mean((2, 3))))

    def _remembered(self, crossed: Crossed) -> tuple[Tensor, dict[str, Tensor]]:
        """The state after a transition and the history for the block; what is not remembered need not stay alive."""
        return crossed.y, {name: getattr(crossed, name) for name in self.remembered}


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


def _fields(kind: FieldKind, width: int, evaluations: int, stage_weights: str) -> nn.Module | list[nn.Module]:
    """The field of a step, or one for each of its stages."""
    if stage_weights == "independent" and evaluations > 1:
        return [kind(width, width) for _ in range(evaluations)]
    return kind(width, width)


def _one_of(option: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputError(f"{option}={value!r}: write one of {', '.join(map(repr, allowed))}")
