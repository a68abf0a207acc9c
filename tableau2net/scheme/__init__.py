"""What a user declares: families of schemes with exact coefficients, their files, and the library."""

# isort: off
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.parameters import Distribution, Parameter
from tableau2net.scheme.runge_kutta import RungeKutta  # families are named in this order
from tableau2net.scheme.multistep import AdditiveMultistep, Multistep
from tableau2net.scheme.parts import AdditiveRungeKutta, PartitionedRungeKutta
from tableau2net.scheme.continuous_stage import ContinuousRungeKutta
from tableau2net.scheme.general_linear import GeneralLinear
from tableau2net.scheme.rosenbrock import Rosenbrock, TransformedRosenbrock
from tableau2net.scheme.two_derivative import TwoDerivativeMultistep, TwoDerivativeRungeKutta
from tableau2net.scheme.stochastic_runge_kutta import StochasticRungeKutta
from tableau2net.scheme.nystrom import RungeKuttaNystrom
from tableau2net.scheme.exponential import ExponentialMultistep, ExponentialRungeKutta
from tableau2net.scheme.exponential import lawson as lawson_of
from tableau2net.scheme.exponential_rosenbrock import ExponentialRosenbrock
from tableau2net.scheme.multirate import Multirate, MultirateInfinitesimal, infinitesimal_of, multirate
from tableau2net.scheme.nystrom_pairs import nystrom_of
from tableau2net.scheme.stencil import BoundaryRow, Side, Stencil
from tableau2net.scheme.equation import Equation, UsedStencil

# isort: on
from tableau2net.scheme.calling import by_name, by_names, plain_numbers
from tableau2net.scheme.coefficient_table import CoefficientTable
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.keys import Matrix
from tableau2net.scheme.library import (
    as_scheme,
    as_stencil,
    as_table,
    list_schemes,
    list_stencils,
    list_tables,
    load,
    register_scheme_folder,
)
from tableau2net.scheme.lowering import StepWriter
from tableau2net.scheme.operations import adjoint as adjoint_of
from tableau2net.scheme.operations import compose as compose_of
from tableau2net.scheme.operations import costate as costate_of
from tableau2net.scheme.registered import register_family, register_scheme_family
from tableau2net.scheme.variable_order import VARIABLE_ORDER, VariableOrder

# the library makes schemes by these itself, so names are read here
adjoint, costate, lawson = by_name(Scheme)(adjoint_of), by_name(Scheme)(costate_of), by_name(Scheme)(lawson_of)
compose = by_names(Scheme)(compose_of)

__all__ = [
    "VARIABLE_ORDER",
    "AdditiveMultistep",
    "AdditiveRungeKutta",
    "BoundaryRow",
    "CoefficientTable",
    "ContinuousRungeKutta",
    "Distribution",
    "Equation",
    "ExponentialMultistep",
    "ExponentialRosenbrock",
    "ExponentialRungeKutta",
    "GeneralLinear",
    "Matrix",
    "Multirate",
    "MultirateInfinitesimal",
    "Multistep",
    "Parameter",
    "PartitionedRungeKutta",
    "Rosenbrock",
    "RungeKutta",
    "RungeKuttaNystrom",
    "Scheme",
    "SchemePattern",
    "Side",
    "Stencil",
    "StepWriter",
    "StochasticRungeKutta",
    "TransformedRosenbrock",
    "TwoDerivativeMultistep",
    "TwoDerivativeRungeKutta",
    "UsedStencil",
    "VariableOrder",
    "adjoint",
    "as_scheme",
    "as_stencil",
    "as_table",
    "by_name",
    "compose",
    "costate",
    "infinitesimal_of",
    "lawson",
    "list_schemes",
    "list_stencils",
    "list_tables",
    "load",
    "multirate",
    "nystrom_of",
    "plain_numbers",
    "register_family",
    "register_scheme_family",
    "register_scheme_folder",
    "register_scheme_patterns",
]
