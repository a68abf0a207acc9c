"""Fields, transitions, networks and their registry."""

from tableau2net.codegen import CompiledBlock
from tableau2net.nn.around.depths import sort_depths
from tableau2net.nn.around.gates import steps_taken
from tableau2net.nn.conversion import convert
from tableau2net.nn.dynamic import DynamicBlock, DynamicNetwork, compare_outputs
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.branches import PreActivation
from tableau2net.nn.fields.lipschitz import lipschitz_, lipschitz_bound
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
from tableau2net.nn.skeleton.residual_network import ResidualNetwork
from tableau2net.nn.skeleton.split import split
from tableau2net.nn.skeleton.transition import Transition
from tableau2net.nn.space import SpaceField, field, stencils_of

__all__ = [
    "CompiledBlock",
    "DynamicBlock",
    "DynamicNetwork",
    "InverseBlock",
    "PreActivation",
    "ResidualNetwork",
    "SpaceField",
    "Transition",
    "coefficient_values",
    "compare_outputs",
    "convert",
    "create_model",
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
