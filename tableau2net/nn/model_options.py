"""The options of `create_model` by name, for type checkers and editors: those of all families of this package."""

from __future__ import annotations

from collections.abc import Sequence

from tableau2net.codegen import CompileOptions
from tableau2net.nn.around.gates import GateKind
from tableau2net.nn.conversion.turn import Activation as After
from tableau2net.nn.dynamic.dynamic_network import Grids
from tableau2net.nn.dynamic.interpolation import Interpolation
from tableau2net.nn.families.exponential_network import LinearPart
from tableau2net.nn.families.hamiltonian import Transitions
from tableau2net.nn.fields.branches import Drop, Relu
from tableau2net.nn.fields.transposed import Activation
from tableau2net.nn.skeleton.residual_network import History
from tableau2net.nn.skeleton.transition import Shortcut


class ModelOptions(CompileOptions, total=False):
    """What some family takes, of the type that it has there, and with the default that it has there: see
    docs/networks.md. That a family takes it, `create_model` says."""

    activation: Activation
    after: After
    atol: float | None
    bottleneck: bool | None
    controls: Grids | None
    depth_rate: float | None
    damping: str | int | float | None
    drop: Drop | float
    dropout: float
    gate: GateKind | None
    gate_cost: float
    gate_relaxed: bool
    gamma: str | int | float | None
    h: float
    history: History
    horizon: float
    in_channels: int
    interpolation: Interpolation
    layer: str
    linear: LinearPart
    norm: bool | str | None
    normal_opening: bool
    num_classes: int
    opening: int | None
    plain_first: bool
    preactivation: bool
    relu: Relu
    rtol: float
    shortcut: Shortcut | None
    size: int
    states: Grids
    steps: int
    survival: float | None
    transition: Transitions
    weights: str | None
    width: int
    widths: Sequence[int] | None
