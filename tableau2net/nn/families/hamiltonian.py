"""Networks of stable flows: Hamiltonian on two states, midpoint and leapfrog on one (Chang et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, Unpack, get_args

import torch
from torch import nn

from tableau2net.codegen import CompileOptions, compile
from tableau2net.errors import InputError
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.normalisation import Norm
from tableau2net.nn.fields.transposed import Activation, Antisymmetric, Symmetric
from tableau2net.nn.skeleton.stack import Fields, Pool, Stack, by_name, stack
from tableau2net.scheme import Scheme, as_scheme, load

Transitions = Literal["pool", "conv"]
WIDTHS = (32, 64, 112)


class FlowOptions(CompileOptions, total=False):
    """Those that all three have, with the defaults of `flow_network`."""

    num_classes: int
    norm: bool | Norm
    activation: Activation
    transition: Transitions


class MakeFields(Protocol):
    """What makes the fields of a step, of a state of so many channels."""

    def __call__(self, channels: int, *, norm: bool, activation: Activation) -> Fields: ...


@register_model(
    r"hamiltonian(?P<depth>\d{1,4})",
    published=("hamiltonian74", "hamiltonian218"),
    scheme="symplectic-euler-p",
    about="Hamiltonian network, any partitioned scheme (scheme=); Chang et al. 2018",
)
def hamiltonian(
    depth: int,
    *,
    scheme: Scheme | str | Path = "symplectic-euler-p",
    widths: Sequence[int] | None = None,
    h: float = 0.1,
    **options: Unpack[FlowOptions],
) -> Stack:
    """Y' = K₁ᵀσ(K₁Z + b₁), Z' = −K₂ᵀσ(K₂Y + b₂) by any scheme of two states, each half of the channels.

    depth: 12n + 2, n units to each of three widths (of symplectic Euler: four convolutions a step). The unit that leads
        to a new width takes its step before the transition, so that the resolutions have n + 1, n and n − 1 steps; so
        it is in the authors' code, whose convolutions have one bias more, on the state. The opening has BN–ReLU.
    widths: 32, 64, 112 up to depth 74, else 32, 64, 128; the numbers of parameters are then 0.43 and, at 218, 1.68 M.
    h: by default small enough that steps are stable with the weights they start with: hω < 2, and ω is at most about 8.
    scheme: symplectic Euler as in the paper; Störmer–Verlet and the like (`list_schemes("*")` of the kind symplectic).
    options: as for `leapfrog`.
    """
    chosen = as_scheme(scheme)
    n = _steps("hamiltonian", depth, 12)
    widths = (32, 64, 112 if depth <= 74 else 128) if widths is None else widths
    last = len(widths) - 1
    steps = [n + (i == 0) - (i == last) for i in range(len(widths))]
    return flow_network(
        chosen, steps, _canonical, ("f_1", "f_2"), ("y1", "y2"), h, widths=widths, normal_opening=True, **options
    )


@register_model(
    r"midpoint(?P<depth>\d{1,4})",
    published=("midpoint26", "midpoint62"),
    scheme="leapfrog-2",
    about="Midpoint network with antisymmetric convolutions; Chang et al. 2018",
)
def midpoint(depth: int, *, widths: Sequence[int] = WIDTHS, h: float = 0.1, **options: Unpack[FlowOptions]) -> Stack:
    """Y_{k+1} = Y_{k−1} + 2hσ((K − Kᵀ)Y_k + b), started by a step of Euler; depth 6n + 2, n steps a resolution."""
    by_name(options, "leapfrog-2")
    steps = [_steps("midpoint", depth, 6)] * len(widths)
    return flow_network(load("leapfrog-2"), steps, Antisymmetric, ("f",), ("y",), h, widths=widths, **options)


@register_model(
    r"leapfrog(?P<depth>\d{1,4})",
    published=("leapfrog26", "leapfrog62"),
    scheme="stormer-2",
    about="Leapfrog network, y'' = −Kᵀσ(Ky + b); Chang et al. 2018",
)
def leapfrog(depth: int, *, widths: Sequence[int] = WIDTHS, h: float = 0.3, **options: Unpack[FlowOptions]) -> Stack:
    """Y_{k+1} = 2Y_k − Y_{k−1} − h²Kᵀσ(KY_k + b), from rest; depth 6n + 2, n steps a resolution.

    num_classes; widths: of the resolutions, all states together.
    norm: in place of the bias b; True is "batch", see `normalised` for others.  activation: σ, a function such as
        torch.tanh.
    transition: "pool", a mean and zero channels; "conv", a mean and a 1×1 convolution, each state by itself.
    options: of the compilation; backward is "reversible": no state but the last ones of a resolution is kept.
    """
    by_name(options, "stormer-2")
    steps = [_steps("leapfrog", depth, 6)] * len(widths)
    return flow_network(load("stormer-2"), steps, Symmetric, ("f",), ("y",), h, widths=widths, **options)


def _steps(name: str, depth: int, layers: int) -> int:
    if depth < layers + 2 or (depth - 2) % layers:
        raise InputError(f"{name}{depth}: the depth is {layers}n + 2 with n at least 1, such as {name}{4 * layers + 2}")
    return (depth - 2) // layers


def _canonical(channels: int, *, norm: bool, activation: Activation) -> list[nn.Module]:
    return [Symmetric(channels, sign, norm=norm, activation=activation) for sign in (1, -1)]


def flow_network(
    scheme: Scheme,
    steps: Sequence[int],
    field: MakeFields,
    fields: Sequence[str],
    states: Sequence[str],
    h: float,
    *,
    widths: Sequence[int],
    num_classes: int = 10,
    normal_opening: bool = False,
    norm: bool | Norm = False,
    activation: Activation = torch.relu,
    transition: Transitions = "pool",
    **options: Unpack[CompileOptions],
) -> Stack:
    """The network of a scheme whose states and fields go by these names; `fields` are made by `field`."""
    if transition not in get_args(Transitions):
        raise InputError(f"transition={transition!r}: write 'pool' or 'conv'")
    options.setdefault("backward", "reversible")
    block = compile(scheme, **options)
    if block.states != tuple(states) or block.field_names != tuple(fields):
        raise InputError(
            f"scheme={scheme.name!r}: it steps on {', '.join(block.states)} with {', '.join(block.field_names)}, "
            f"the network has {', '.join(states)} with {', '.join(fields)}; symplectic-euler-p fits hamiltonianD"
        )
    return stack(
        block,
        partial(field, norm=bool(norm), activation=activation),
        steps,
        widths=widths,
        transition=Pool if transition == "pool" else PoolProject,
        num_classes=num_classes,
        states=len(states),
        h=h,
        normal_opening=normal_opening,
        norm="batch" if isinstance(norm, bool) else norm,
    )


class PoolProject(Pool):
    """A mean over 2×2 pixels, then a 1×1 convolution, the same for each state."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, inputs)
        self.project = nn.Conv2d(inputs, outputs, 1, bias=False)

    def one(self, y: torch.Tensor) -> torch.Tensor:
        projected: torch.Tensor = self.project(super().one(y))
        return projected
