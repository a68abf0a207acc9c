"""What a user declares: families of schemes with exact coefficients, their files, and the library."""

# isort: off
from tableau2net.scheme.base import Distribution, Parameter, Scheme
from tableau2net.scheme.runge_kutta import RungeKutta  # families are named in this order
from tableau2net.scheme.multistep import AdditiveMultistep, Multistep
from tableau2net.scheme.parts import AdditiveRungeKutta, PartitionedRungeKutta
from tableau2net.scheme.general_linear import GeneralLinear

# isort: on
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.keys import Matrix
from tableau2net.scheme.library import as_scheme, list_schemes, load, register_scheme_folder
from tableau2net.scheme.lowering import StepWriter
from tableau2net.scheme.operations import adjoint, compose, costate
from tableau2net.scheme.registered import register_scheme_family

__all__ = [
    "AdditiveMultistep",
    "AdditiveRungeKutta",
    "Distribution",
    "GeneralLinear",
    "Matrix",
    "Multistep",
    "Parameter",
    "PartitionedRungeKutta",
    "RungeKutta",
    "Scheme",
    "SchemePattern",
    "StepWriter",
    "adjoint",
    "as_scheme",
    "compose",
    "costate",
    "list_schemes",
    "load",
    "register_scheme_family",
    "register_scheme_folder",
    "register_scheme_patterns",
]
