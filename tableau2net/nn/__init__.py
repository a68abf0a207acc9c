"""Fields, transitions, networks and their registry."""

from tableau2net.codegen import CompiledBlock
from tableau2net.nn.conversion import convert
from tableau2net.nn.dynamic import DynamicBlock, DynamicNetwork, compare_outputs
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.branches import PreActivation
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

__all__ = [
    "CompiledBlock",
    "DynamicBlock",
    "DynamicNetwork",
    "PreActivation",
    "ResidualNetwork",
    "Transition",
    "coefficient_values",
    "compare_outputs",
    "convert",
    "create_model",
    "exact_coefficients",
    "list_models",
    "model_name",
    "named_coefficients",
    "parameter_groups",
    "refine",
    "register_model",
    "split",
    "summary",
]
