"""Neural ODEs: blocks in which one θ serves all steps, so that depth is the time and the steps are the solver's.

A block of fixed steps is `compile(scheme, step_weights="shared")`. Its gradient is exactly that of its steps, whatever
it keeps (ANODE: backward="checkpoint"), or with backward="adjoint" that of the flow (Chen et al. 2018). A block of
adaptive steps is `integrate` inside a module. Fields are normalised by GroupNorm: the running statistics of a BatchNorm
would mix those of all the times at which one θ is evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.codegen import CompiledBlock, CompileOptions, compile
from tableau2net.codegen.compile_options import check_names
from tableau2net.errors import InputError
from tableau2net.integration import integrate
from tableau2net.nn.blocks import growth_told
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields import normalisation
from tableau2net.nn.fields.branches import conv3x3
from tableau2net.nn.skeleton.split import Row
from tableau2net.nn.skeleton.stack import Skeleton, draw_convolutions_
from tableau2net.nn.skeleton.transition import Shortcut, Transition
from tableau2net.nn.typed_modules import Rows, rows
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.step import lower

Norm = Literal["rms", "batch"]


class Tolerances(TypedDict):
    """What adaptive steps go by, see `tableau2net.integrate`."""

    rtol: float
    atol: float | None
    norm: Norm


def _group_norm(width: int) -> nn.GroupNorm:
    """GroupNorm with 32 groups, or as many as divide the width."""
    return nn.GroupNorm(math.gcd(32, width), width)


class TimeConvolution(nn.Module):
    """A 3×3 convolution of the state and of the time as one more channel in front."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width + 1, width, 3, padding=1)

    def forward(self, t: float, y: Tensor) -> Tensor:
        time = torch.full_like(y[:, :1], t)
        slope: Tensor = self.conv(torch.cat((time, y), 1))
        return slope


class TimeField(nn.Module):
    """The field f(t, y) of Chen et al. 2018: GN–ReLU–conv(t)–GN–ReLU–conv(t)–GN."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = rows(_group_norm(width) for _ in range(3))
        self.convs = rows(TimeConvolution(width) for _ in range(2))

    def forward(self, t: float, y: Tensor) -> Tensor:
        for norm, conv in zip(self.norms, self.convs, strict=False):
            y = conv(t, functional.relu(norm(y)))
        slope: Tensor = self.norms[2](y)
        return slope


class GroupField(nn.Module):
    """The pre-activation field f(y) with GroupNorm: GN–ReLU–conv–GN–ReLU–conv."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _group_norm(width), conv3x3(width, width)
        self.norm2, self.conv2 = _group_norm(width), conv3x3(width, width)

    def forward(self, y: Tensor) -> Tensor:
        y = self.conv1(functional.relu(self.norm1(y)))
        slope: Tensor = self.conv2(functional.relu(self.norm2(y)))
        return slope


class AdaptiveBlock(nn.Module):
    """y(T) of y' = f(t, y), y(0) = y, with steps as large as a tolerance allows.

    scheme: a one-step method; its embedded method estimates the error, or else step doubling.
    rtol, atol, norm: see `tableau2net.integrate`; "rms" is over the whole batch, "batch" for each entry by itself.
    evaluations: of the field, in the last forward pass.

    The gradient is that of the steps taken, their sizes counted as constants. How many there are is for the data to
    decide: ``torch.compile`` leaves the block as it is, so without fullgraph=True. States of half precision are carried
    in float32, where tolerances mean something. Raises `IntegrationError` where steps become too small.
    """

    def __init__(
        self,
        scheme: Scheme,
        field: nn.Module,
        *,
        horizon: float = 1.0,
        rtol: float = 1e-3,
        atol: float | None = None,
        norm: Norm = "rms",
    ) -> None:
        super().__init__()
        if lower(scheme).history:
            raise InputError(f"{scheme.name or scheme.family} remembers earlier steps, so its steps are given: steps=")
        self.scheme, self.field, self.horizon = scheme, field, horizon
        self.tolerances: Tolerances = {"rtol": rtol, "atol": atol, "norm": norm}
        self.evaluations = 0

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, y: Tensor) -> Tensor:
        kind = y.dtype
        state = y.float() if kind in (torch.float16, torch.bfloat16) else y

        def slope(t: float, at: Tensor) -> Tensor:
            found: Tensor = self.field(t, at.to(kind))
            return found.to(at.dtype)

        solution = integrate(self.scheme, slope, state, 0.0, self.horizon, full=True, **self.tolerances)
        self.evaluations = solution.evaluations
        assert isinstance(solution.y, Tensor)  # one state was given
        return solution.y.to(kind)


def ode_block(
    scheme: Scheme,
    field: nn.Module,
    steps: int,
    *,
    horizon: float = 1.0,
    channels: int = 0,
    **options: Unpack[CompileOptions],
) -> CompiledBlock:
    """The compiled block that takes `steps` steps of a scheme through [0, horizon], with one field for all of them.

    channels: of the state, asked for with sharing="channel".  options: of the compilation, see `Options`.
    Raises InputError for a scheme of several states or fields, or where there are no steps."""
    if steps < 1:
        raise InputError(f"steps = {steps}: an ODE block takes at least one step")
    if options.get("stage_weights", "shared") != "shared" or options.get("step_weights", "shared") != "shared":
        raise InputError("stage_weights, step_weights: an ODE block has one field; for several, make a resnet")
    options["step_weights"] = "shared"
    block = compile(scheme, **options)
    if block.states != ("y",) or len(block.field_names) > 1:
        raise InputError(f"{scheme.name or scheme.family}: an ODE block has one state and one field; use t2n.compile")
    extra = {"channels": channels} if block.coefficients and options.get("sharing") == "channel" else {}
    with growth_told():
        return block(field, steps, horizon / steps, **extra)


class ODENetwork(Skeleton):
    """The classifier of Chen et al. 2018: convolutions down to a quarter of the size, an ODE, and a linear head.

    scheme: of one state and one field; with `rtol` a one-step method.
    steps: through [0, horizon]; None for adaptive steps, to the tolerances `rtol` and `atol` (see `AdaptiveBlock`).
    width: channels.  in_channels: of an image; with 1, for MNIST, the parameters are the published 208,266.
    options: of the compilation: backward="checkpoint", "reversible" with a `coupling`, or "adjoint", say; with adaptive
        steps, norm.

    Takes (N, in_channels, H, W), at least 8 pixels either way, and returns (N, num_classes). Raises InputError for an
    option that does not fit.
    """

    def __init__(
        self,
        scheme: Scheme,
        steps: int | None = None,
        *,
        num_classes: int = 10,
        width: int = 64,
        in_channels: int = 3,
        horizon: float = 1.0,
        rtol: float | None = None,
        atol: float | None = None,
        norm: Norm | None = None,
        **options: Unpack[CompileOptions],
    ) -> None:
        super().__init__()
        _at_least_one(num_classes=num_classes, width=width, in_channels=in_channels)
        if (steps is None) == (rtol is None):
            raise InputError("steps, rtol: give fixed steps or a tolerance, one of the two")
        self.scheme = scheme
        self.opening = nn.Sequential(
            *(nn.Conv2d(in_channels, width, 3), _group_norm(width), nn.ReLU()),
            *(nn.Conv2d(width, width, 4, 2, 1), _group_norm(width), nn.ReLU()),
            nn.Conv2d(width, width, 4, 2, 1),
        )
        field = TimeField(width)
        if rtol is not None:
            if options:
                raise InputError(f"{', '.join(sorted(options))}: adaptive steps take norm, rtol and atol alone")
            own = norm or "rms"
            self.block: nn.Module = AdaptiveBlock(scheme, field, horizon=horizon, rtol=rtol, atol=atol, norm=own)
        else:
            assert steps is not None
            if atol is not None:
                raise InputError("atol: fixed steps have no tolerance; write rtol= too, and no steps")
            if norm is not None:
                check_names(("norm",))  # of fixed steps it is no option
            options.setdefault("time_dependent", True)
            self.block = ode_block(scheme, field, steps, horizon=horizon, channels=width, **options)
        self.norm = _group_norm(width)
        self.head = nn.Linear(width, num_classes)

    def rows(self) -> list[Row]:
        """The ODE."""
        return [(None, self.block)]

    def end(self, y: Tensor) -> Tensor:
        """GN–ReLU, mean over the image, linear."""
        logits: Tensor = self.head(functional.relu(self.norm(y)).mean((2, 3)))
        return logits

    def closing(self) -> list[nn.Module]:
        """The GN and the head."""
        return [self.norm, self.head]


class ANODENetwork(Skeleton):
    """A ResNet-18 whose blocks of equal width are ODEs y' = f(y) (Gholami, Keutzer, Biros 2019).

    scheme, steps: of each ODE block.  widths: of the resolutions: the first has two ODE blocks, each other a transition
    and an ODE block.  shortcut: see `Transition`.  horizon: of each block.  norm: of transitions and the head; fields
    have GroupNorm.
    options: of the compilation; backward="checkpoint" by default: each block keeps its steps' states, and gradients are
        those of the steps.

    In the authors' code the very first of the five is a plain residual unit, and fields are conv–BN–ReLU twice.

    Takes (N, 3, H, W) and returns (N, num_classes). Raises InputError for an option that does not fit."""

    def __init__(
        self,
        scheme: Scheme,
        steps: int,
        *,
        num_classes: int = 10,
        widths: Sequence[int] = (64, 128, 256, 512),
        shortcut: Shortcut = "conv",
        horizon: float = 1.0,
        norm: normalisation.Norm = "batch",
        **options: Unpack[CompileOptions],
    ) -> None:
        super().__init__()
        _at_least_one(num_classes=num_classes, **{f"widths[{i}]": width for i, width in enumerate(widths)})
        if shortcut not in ("pad", "conv", "bn-relu-conv"):
            raise InputError(f"shortcut={shortcut!r}: write 'pad', 'conv' or 'bn-relu-conv'")
        self.scheme = scheme
        options.setdefault("backward", "checkpoint")
        block = partial(ode_block, scheme, horizon=horizon, steps=steps, **options)
        self.opening = conv3x3(3, widths[0])
        self.first = block(field=GroupField(widths[0]), channels=widths[0])
        self.transitions: Rows[Transition] = rows(Transition(a, b, shortcut) for a, b in pairwise(widths))
        self.blocks: Rows[CompiledBlock] = rows(block(field=GroupField(width), channels=width) for width in widths)
        self.bn = nn.BatchNorm2d(widths[-1])
        self.head = nn.Linear(widths[-1], num_classes)
        draw_convolutions_(self)
        normalisation.normalised(self, norm)

    def rows(self) -> list[Row]:
        """The first of the two ODEs of the opening's width, then those of the blocks."""
        return [(None, self.first), *super().rows()]

    def end(self, y: Tensor) -> Tensor:
        """BN–ReLU, mean over the image, linear."""
        logits: Tensor = self.head(functional.relu(self.bn(y)).mean((2, 3)))
        return logits

    def closing(self) -> list[nn.Module]:
        """The BN and the head."""
        return [self.bn, self.head]


def _at_least_one(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise InputError(f"{name} = {count}: it is at least 1")


class ODEOptions(CompileOptions, total=False):
    """Those of an `ODENetwork`."""

    num_classes: int
    width: int
    in_channels: int
    horizon: float
    atol: float | None
    norm: Norm | None


class ANODEOptions(CompileOptions, total=False):
    """Those of an `ANODENetwork`."""

    num_classes: int
    widths: Sequence[int]
    shortcut: Shortcut
    horizon: float
    norm: normalisation.Norm


def _learnt(scheme: Scheme) -> Literal["learnable", "fixed"]:
    """Parameters are learnt where there are any and nothing else is said."""
    return "learnable" if scheme.parameters else "fixed"


_STEPS = r"(?P<scheme>[a-z][a-z0-9-]*)_(?P<steps>\d{1,4})"


@register_model(
    "neural_ode_adaptive",
    published=("neural_ode_adaptive",),
    scheme="dormand-prince-54",
    about="Neural ODE with adaptive steps (rtol=1e-3, scheme=): Chen, Rubanova, Bettencourt, Duvenaud 2018",
)
def neural_ode_adaptive(
    scheme: str | Scheme | Path = "dormand-prince-54", rtol: float = 1e-3, **options: Unpack[ODEOptions]
) -> ODENetwork:
    """An `ODENetwork` whose steps adapt."""
    return ODENetwork(as_scheme(scheme), rtol=rtol, **options)


@register_model(
    f"neural_ode_{_STEPS}",
    published=("neural_ode_euler_10", "neural_ode_explicit-midpoint_5", "neural_ode_rk4_4"),
    about="Neural ODE with so many steps of a scheme, one θ: Chen, Rubanova, Bettencourt, Duvenaud 2018",
)
def neural_ode(scheme: str | Scheme, steps: int, **options: Unpack[ODEOptions]) -> ODENetwork:
    """An `ODENetwork` of so many steps of a scheme."""
    chosen = as_scheme(scheme)
    options.setdefault("coefficients", _learnt(chosen))
    return ODENetwork(chosen, steps, **options)


@register_model(
    f"anode_{_STEPS}",
    published=("anode_euler_2", "anode_euler_5", "anode_improved-euler_2"),
    about="ResNet-18 of ODE blocks, exact gradients from recomputed steps: Gholami, Keutzer, Biros 2019 (ANODE)",
)
def anode(scheme: str | Scheme, steps: int, **options: Unpack[ANODEOptions]) -> ANODENetwork:
    """An `ANODENetwork` of so many steps of a scheme."""
    chosen = as_scheme(scheme)
    options.setdefault("coefficients", _learnt(chosen))
    return ANODENetwork(chosen, steps, **options)
