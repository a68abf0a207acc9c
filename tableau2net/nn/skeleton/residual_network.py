"""The network of a scheme of one state: its steps, what happens around them, and what it carries on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Unpack, get_args

from torch import Tensor, nn
from torch.nn import functional

from tableau2net.codegen import CompiledBlock, CompileOptions, Options, compile
from tableau2net.codegen.compile_options import check_names
from tableau2net.errors import InputError
from tableau2net.nn.around.depths import Depths, OnDepths
from tableau2net.nn.around.gates import FeedForwardGate, Gate, Gated, GateKind, Memory, RecurrentGate
from tableau2net.nn.around.steps import After, Survival, set_survival
from tableau2net.nn.around.surrounded import Around, surrounded
from tableau2net.nn.blocks import growth_told
from tableau2net.nn.fields.branches import Drop, FieldKind, PostActivation, PreActivation, Relu, conv3x3
from tableau2net.nn.fields.normalisation import Norm, normalised
from tableau2net.nn.skeleton.stack import Fields, Skeleton, draw_convolutions_
from tableau2net.nn.skeleton.transition import Shortcut, Transition
from tableau2net.nn.typed_modules import Rows, rows
from tableau2net.scheme import Scheme

History = Literal["carry", "restart", "rest"]


class NetworkOptions(CompileOptions, total=False):
    """What a `ResidualNetwork` takes beside its scheme, steps, widths and kind of field."""

    opening: int | None
    num_classes: int
    shortcut: Shortcut | None
    history: History
    plain_first: bool
    normal_opening: bool
    h: float
    survival: float | None
    drop: Drop
    norm: Norm
    depth_rate: float | None
    gate: GateKind | None
    gate_relaxed: bool
    gate_cost: float


# What networks of a scheme take beside the options of the compilation, here or in their families.
OWN = (
    *("widths", *(name for name in NetworkOptions.__annotations__ if name not in CompileOptions.__annotations__)),
    *("bottleneck", "preactivation", "relu", "dropout", "scheme"),
)


class ResidualNetwork(Skeleton):
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
        looks back further, or at stages, fills in with start-up steps. "restart": nothing, as at the opening. "rest":
        all older states were the present one (a speed of 0), for schemes that remember states alone; then the first
        resolution begins with a plain step too.
    plain_first: whether the first resolution begins with a plain residual step, as the others do with a transition.
    normal_opening: whether BN–ReLU follow the opening of a pre-activation network too.
    h: the step size, of transitions too.
    survival: stochastic depth. The probability that the last step of the network takes place in training; it falls
        linearly from 1 at the first, transitions counted. None for no such thing.  drop: "batch" or "sample".
    norm: of every layer, see `normalised`.
    depth_rate: None for steps of one length; else each field of a block learns at which depth it stands, see `Depths`,
        with so many times the learning rate. For schemes of one step.
    gate: which images take a step, its gate says: "feedforward", "feedforward-small" or "recurrent", see
        `tableau2net.nn.around.gates`; None for all of them. The first step always takes place. gate_relaxed: whether a
        step counts p in training in the place of 0 or 1.  gate_cost: what a step adds to the loss of an image.
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
        plain_first: bool = False,
        normal_opening: bool = False,
        h: float = 1.0,
        survival: float | None = None,
        drop: Drop = "batch",
        norm: Norm = "batch",
        depth_rate: float | None = None,
        gate: GateKind | None = None,
        gate_relaxed: bool = False,
        gate_cost: float = 0.0,
        **options: Unpack[CompileOptions],
    ) -> None:
        super().__init__()
        check_names(options, OWN)
        kind = kind or FieldKind()
        shortcut = shortcut or ("bn-relu-conv" if kind.preactivation else "conv-bn")
        for option, value, allowed in (
            ("shortcut", shortcut, Shortcut),
            ("history", history, History),
            ("drop", drop, Drop),
            ("relu", kind.relu, Relu),
            *([("gate", gate, GateKind)] if gate is not None else []),
        ):
            _one_of(option, value, get_args(allowed))
        if normal_opening and not kind.preactivation:
            raise InputError("normal_opening: BN–ReLU follow the opening of a post-activation network in any case")
        if steps < 1 or num_classes < 1:
            raise InputError(f"steps = {steps}, num_classes = {num_classes}: both are at least 1")
        if survival is not None and not 0 < survival <= 1:
            raise InputError(
                f"survival={survival!r}: the probability that the last step takes place, above 0, at most 1"
            )
        opening = widths[0] if opening is None else opening
        self.opens_with_transition = opening != widths[0] or plain_first or history == "rest"
        entering = [*([opening] if self.opens_with_transition else []), *widths[:-1]]
        self.scheme, self.kind = scheme, kind
        self.options = {"shortcut": shortcut, "history": history, **options}
        _check_shape(scheme, compile(scheme, **options))
        around: list[Around] = [] if survival is None else [Survival()]
        if not kind.preactivation and kind.relu == "step":
            around.append(After("relu='step'", "relu='increment' or relu='argument'"))
        if depth_rate is not None:
            around.append(OnDepths())
        if gate is not None:
            if depth_rate is not None and gate == "recurrent":
                raise InputError("gate='recurrent': an LSTM sees steps in turn, and depth_rate= changes that")
            around.append(Gated())
        elif gate_relaxed or gate_cost:
            raise InputError("gate_relaxed, gate_cost: of a network with gates; write gate='recurrent' say")
        block = surrounded(scheme, Options(**options), *around)
        carried = history == "carry" and set(block.history) <= {"y_prev", "f_prev", "f_n", *_older(block.history)}
        remembered = tuple(n for n in block.history if n in ("y_prev", "f_prev") and carried)
        resting = tuple(block.history) if history == "rest" else ()
        if not all(name.startswith("y_prev") for name in resting):
            raise InputError(
                f"history='rest': {scheme.name or scheme.family} remembers {', '.join(resting)}: at rest older states "
                "alone are known; write 'carry' or 'restart'"
            )
        known = block.lookback if resting else int(carried)
        stage_weights, sharing = options.get("stage_weights", "shared"), options.get("sharing", "step")

        def steps_of(width: int, count: int, given: int) -> CompiledBlock:
            fields = [_fields(kind, width, block.evaluations, stage_weights) for _ in range(count)]
            extra: dict[str, int] = {"given": given} if block.lookback else {}
            if block.coefficients and sharing == "channel":
                extra["channels"] = width
            with growth_told():
                made = block(fields, h=h, **extra)
            if depth_rate is not None:
                made.add_module("depths", Depths(count, depth_rate))
            return made

        first = 0 if self.opens_with_transition else 1
        self.opening: nn.Module = conv3x3(3, opening)
        if normal_opening:
            self.opening = nn.Sequential(self.opening, nn.BatchNorm2d(opening), nn.ReLU())
        self.transitions: Rows[Transition] = rows(
            Transition(inputs, width, shortcut, 2 if i else 1, kind, h, remembered, resting)
            for i, (inputs, width) in enumerate(zip(entering, widths[first:], strict=True), first)
        )
        self.blocks: Rows[CompiledBlock] = rows(
            steps_of(width, steps - (i >= first), known * (i >= first)) for i, width in enumerate(widths)
        )
        if block.lookback and all(len(b.fields) <= b.startup for b in self.blocks):
            warnings.warn(
                f"every step is a start-up step, none is {scheme.name or scheme.family}'s own: it looks back "
                f"by {block.lookback}, and steps a resolution are {steps}; take a deeper network",
                stacklevel=4,
            )
        self.bn = nn.BatchNorm2d(widths[-1] if kind.preactivation else opening)
        self.head = nn.Linear(widths[-1], num_classes)
        if gate is not None:
            self._add_gates(gate, relaxed=gate_relaxed, cost=gate_cost)
        if survival is not None:
            places = list(self.places())
            for i, fields in enumerate(places):
                for field in fields:
                    set_survival(field, 1 - (1 - survival) * i / max(1, len(places) - 1), drop)
        draw_convolutions_(self)
        normalised(self, norm)

    def _add_gates(self, kind: GateKind, **how: Any) -> None:
        """A gate for each step but the first: a transition has its own, a block those of its steps."""
        stops = list(self._placed())[1:]
        if kind == "recurrent":
            self.memory = Memory()
        for i, (owner, fields) in enumerate(stops):
            width = next(m.in_channels for m in fields[0].modules() if isinstance(m, nn.Conv2d))
            if kind == "recurrent":
                gate: Gate = RecurrentGate(width, self.memory, i == 0, i == len(stops) - 1, **how)
            else:
                gate = FeedForwardGate(width, kind == "feedforward-small", **how)
            if isinstance(owner, Transition):
                owner.gate = gate
                continue
            owner.add_module("gates", nn.ModuleList([*getattr(owner, "gates", ()), gate]))
            for field in fields:
                field.gate = (gate,)

    def places(self) -> Iterator[list[PreActivation | PostActivation]]:
        """The fields of each step, transitions counted as steps, in the order in which they are taken."""
        return (fields for _, fields in self._placed())

    def _placed(self) -> Iterator[tuple[nn.Module, list[PreActivation | PostActivation]]]:
        """`places`, each with the transition or block that it is in."""
        first = 0 if self.opens_with_transition else 1
        for i, block in enumerate(self.blocks):
            if i >= first:
                yield self.transitions[i - first], [self.transitions[i - first].field]
            for fields in block.fields:
                each = list(fields) if isinstance(fields, nn.ModuleList) else [fields]
                yield block, [field for field in each if isinstance(field, PreActivation | PostActivation)]

    def opened(self, y: Tensor) -> Tensor:
        """BN–ReLU in a post-activation network."""
        return y if self.kind.preactivation else functional.relu(self.bn(y))

    def end(self, y: Tensor) -> Tensor:
        """BN in a pre-activation network; ReLU but where steps end so; mean over the image, linear."""
        y = self.bn(y) if self.kind.preactivation else y
        y = functional.relu(y) if self.kind.preactivation or self.kind.relu != "step" else y
        logits: Tensor = self.head(y.mean((2, 3)))
        return logits

    def closing(self) -> list[nn.Module]:
        """The head, and in front of it a pre-activation network's BN."""
        return [self.bn, self.head] if self.kind.preactivation else [self.head]


def _check_shape(scheme: Scheme, block: type[CompiledBlock]) -> None:
    """InputError where a state of a network, one tensor, is not what the scheme steps on."""
    if block.states != ("y",) or any(name.startswith("f_") or "_" in name for name in block.field_names):
        raise InputError(
            f"{scheme.name or scheme.family}: a residual network has one state and one field a step, not "
            f"the states {', '.join(block.states)} and fields {', '.join(block.field_names)}; use t2n.compile"
        )


def _older(history: Sequence[str]) -> set[str]:
    """What is remembered of more than one step back."""
    return {name for name in history if name.startswith(("y_prev", "f_prev")) and name[-1].isdigit()}


def _fields(kind: FieldKind, width: int, evaluations: int, stage_weights: str) -> Fields:
    """The field of a step, or one for each of its stages."""
    if stage_weights == "independent" and evaluations > 1:
        return [kind(width, width) for _ in range(evaluations)]
    return kind(width, width)


def _one_of(option: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputError(f"{option}={value!r}: write one of {', '.join(map(repr, allowed))}")
