"""Fields, transitions, networks and their registry.

What concerns space is imported when it is first used: it waits for the analysis of stencils, networks do not.
"""

from typing import TYPE_CHECKING

from tableau2net.codegen import CompiledBlock
from tableau2net.nn.around.depths import sort_depths
from tableau2net.nn.around.gates import steps_taken
from tableau2net.nn.conversion import convert
from tableau2net.nn.dynamic import DynamicBlock, DynamicNetwork, compare_outputs
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.branches import PreActivation
from tableau2net.nn.fields.linear_parts import DenseMatrix, Diagonal, Fourier, Krylov
from tableau2net.nn.fields.lipschitz import lipschitz_, lipschitz_bound
from tableau2net.nn.flows.augmented_field import AugmentedField
from tableau2net.nn.flows.continuous_flow import ContinuousFlow
from tableau2net.nn.flows.potential_field import PotentialField
from tableau2net.nn.invertible.undo import InverseBlock, inverse
from tableau2net.nn.invertible.volume import log_det
from tableau2net.nn.learnt.coefficients import (
    coefficient_values,
    exact_coefficients,
    named_coefficients,
    parameter_groups,
)
from tableau2net.nn.overview import summary
from tableau2net.nn.refinement import refine
from tableau2net.nn.registry import create_model, list_models, model_name
from tableau2net.nn.sequences.antisymmetric_rnn import AntisymmetricField, AntisymmetricRNN
from tableau2net.nn.sequences.gru_field import GRUField
from tableau2net.nn.sequences.gru_ode_bayes import GRUODEBayes
from tableau2net.nn.sequences.incremental_rnn import IncrementalRNN
from tableau2net.nn.sequences.jumping import Jumping
from tableau2net.nn.sequences.latent_ode import ODERNN, GRUJump, LatentODE
from tableau2net.nn.sequences.motion import Decay, Motion
from tableau2net.nn.sequences.observed import Observed
from tableau2net.nn.sequences.oscillators import CoRNN
from tableau2net.nn.sequences.rnn import RNN
from tableau2net.nn.skeleton.residual_network import ResidualNetwork
from tableau2net.nn.skeleton.split import split
from tableau2net.nn.skeleton.transition import Transition
from tableau2net.nn.structured import (
    EnergyDrift,
    GradientField,
    GradientFlow,
    LagrangianField,
    PortHamiltonianField,
    SeparableField,
    energy_drift,
)

if TYPE_CHECKING:
    from tableau2net.nn.space import SpaceField as SpaceField
    from tableau2net.nn.space import field as field
    from tableau2net.nn.space import stencils_of as stencils_of

__all__ = [
    "ODERNN",
    "RNN",
    "AntisymmetricField",
    "AntisymmetricRNN",
    "AugmentedField",
    "CoRNN",
    "CompiledBlock",
    "ContinuousFlow",
    "Decay",
    "DenseMatrix",
    "Diagonal",
    "DynamicBlock",
    "DynamicNetwork",
    "EnergyDrift",
    "Fourier",
    "GRUField",
    "GRUJump",
    "GRUODEBayes",
    "GradientField",
    "GradientFlow",
    "IncrementalRNN",
    "InverseBlock",
    "Jumping",
    "Krylov",
    "LagrangianField",
    "LatentODE",
    "Motion",
    "Observed",
    "PortHamiltonianField",
    "PotentialField",
    "PreActivation",
    "ResidualNetwork",
    "SeparableField",
    "SpaceField",
    "Transition",
    "coefficient_values",
    "compare_outputs",
    "convert",
    "create_model",
    "energy_drift",
    "exact_coefficients",
    "field",
    "inverse",
    "lipschitz_",
    "lipschitz_bound",
    "list_models",
    "log_det",
    "model_name",
    "named_coefficients",
    "parameter_groups",
    "refine",
    "register_model",
    "sort_depths",
    "split",
    "stencils_of",
    "steps_taken",
    "summary",
]

if not TYPE_CHECKING:  # a type checker that saw `__getattr__` would believe in every name

    def __getattr__(name):
        if name not in ("SpaceField", "field", "stencils_of"):
            raise AttributeError(f"module 'tableau2net.nn' has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module("tableau2net.nn.space"), name)
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
