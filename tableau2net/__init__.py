"""tableau2net: a compiler from coefficient tables of time-stepping schemes to residual networks.

    import tableau2net as t2n
    rk4 = t2n.load("rk4")            # a scheme, exact
    t2n.order(rk4)                   # 4, proved
    Block = t2n.compile(rk4)         # an nn.Module class
    net = t2n.create_model("adamnet2_20")

Names are imported when first used: `import tableau2net` waits for nothing, analysing a scheme never for torch.
"""

from tableau2net._version import __version__ as __version__

TYPE_CHECKING = False  # typing's own would be looked for in the current folder by `python -m`, before we can help it

if TYPE_CHECKING:  # what type checkers and editors read; `_EXPORTS` says the same to the interpreter
    from tableau2net import analysis as analysis
    from tableau2net import codegen as codegen
    from tableau2net import errors as errors
    from tableau2net import integration as integration
    from tableau2net import nn as nn
    from tableau2net import plot as plot
    from tableau2net import scheme as scheme
    from tableau2net import step as step
    from tableau2net import training as training
    from tableau2net.analysis import BSeries as BSeries
    from tableau2net.analysis import Report as Report
    from tableau2net.analysis import RootedTree as RootedTree
    from tableau2net.analysis import bseries as bseries
    from tableau2net.analysis import cfl as cfl
    from tableau2net.analysis import check as check
    from tableau2net.analysis import effective_order as effective_order
    from tableau2net.analysis import exact_series as exact_series
    from tableau2net.analysis import optimal_stability_polynomial as optimal_stability_polynomial
    from tableau2net.analysis import optimise as optimise
    from tableau2net.analysis import order as order
    from tableau2net.analysis import order_conditions_of as order_conditions_of
    from tableau2net.analysis import register_finding as register_finding
    from tableau2net.analysis import repairs as repairs
    from tableau2net.analysis import report as report
    from tableau2net.analysis import shu_osher as shu_osher
    from tableau2net.analysis import solve_order as solve_order
    from tableau2net.analysis import zero_stable as zero_stable
    from tableau2net.codegen import compile as compile
    from tableau2net.codegen import compile_stochastic as compile_stochastic
    from tableau2net.errors import InputError as InputError
    from tableau2net.integration import Event as Event
    from tableau2net.integration import IntegrationError as IntegrationError
    from tableau2net.integration import Solution as Solution
    from tableau2net.integration import integrate as integrate
    from tableau2net.integration import odeint as odeint
    from tableau2net.integration import odeint_adjoint as odeint_adjoint
    from tableau2net.integration import odeint_event as odeint_event
    from tableau2net.integration import sdeint as sdeint
    from tableau2net.nn import RNN as RNN
    from tableau2net.nn import AugmentedField as AugmentedField
    from tableau2net.nn import ContinuousFlow as ContinuousFlow
    from tableau2net.nn import DenseMatrix as DenseMatrix
    from tableau2net.nn import Diagonal as Diagonal
    from tableau2net.nn import Fourier as Fourier
    from tableau2net.nn import GradientField as GradientField
    from tableau2net.nn import GradientFlow as GradientFlow
    from tableau2net.nn import Krylov as Krylov
    from tableau2net.nn import LagrangianField as LagrangianField
    from tableau2net.nn import PortHamiltonianField as PortHamiltonianField
    from tableau2net.nn import PotentialField as PotentialField
    from tableau2net.nn import SeparableField as SeparableField
    from tableau2net.nn import convert as convert
    from tableau2net.nn import create_model as create_model
    from tableau2net.nn import energy_drift as energy_drift
    from tableau2net.nn import field as field
    from tableau2net.nn import inverse as inverse
    from tableau2net.nn import list_models as list_models
    from tableau2net.nn import log_det as log_det
    from tableau2net.nn import refine as refine
    from tableau2net.nn import register_model as register_model
    from tableau2net.nn import stencils_of as stencils_of
    from tableau2net.nn import summary as summary
    from tableau2net.scheme import AdditiveMultistep as AdditiveMultistep
    from tableau2net.scheme import AdditiveRungeKutta as AdditiveRungeKutta
    from tableau2net.scheme import ContinuousRungeKutta as ContinuousRungeKutta
    from tableau2net.scheme import Equation as Equation
    from tableau2net.scheme import ExponentialMultistep as ExponentialMultistep
    from tableau2net.scheme import ExponentialRungeKutta as ExponentialRungeKutta
    from tableau2net.scheme import GeneralLinear as GeneralLinear
    from tableau2net.scheme import Multistep as Multistep
    from tableau2net.scheme import Parameter as Parameter
    from tableau2net.scheme import PartitionedRungeKutta as PartitionedRungeKutta
    from tableau2net.scheme import Rosenbrock as Rosenbrock
    from tableau2net.scheme import RungeKutta as RungeKutta
    from tableau2net.scheme import Scheme as Scheme
    from tableau2net.scheme import Stencil as Stencil
    from tableau2net.scheme import StochasticRungeKutta as StochasticRungeKutta
    from tableau2net.scheme import TransformedRosenbrock as TransformedRosenbrock
    from tableau2net.scheme import TwoDerivativeMultistep as TwoDerivativeMultistep
    from tableau2net.scheme import TwoDerivativeRungeKutta as TwoDerivativeRungeKutta
    from tableau2net.scheme import adjoint as adjoint
    from tableau2net.scheme import compose as compose
    from tableau2net.scheme import costate as costate
    from tableau2net.scheme import lawson as lawson
    from tableau2net.scheme import list_schemes as list_schemes
    from tableau2net.scheme import list_stencils as list_stencils
    from tableau2net.scheme import load as load
    from tableau2net.scheme import register_scheme_family as register_scheme_family
    from tableau2net.training import register_source as register_source
    from tableau2net.training import train as train

_PACKAGES = ("analysis", "codegen", "errors", "integration", "nn", "plot", "scheme", "step", "training")
_EXPORTS = {  # module: the names that come from it
    "analysis": (
        *("BSeries", "Report", "RootedTree", "bseries", "cfl", "check", "effective_order", "exact_series", "order"),
        *("order_conditions_of", "register_finding", "report", "shu_osher", "zero_stable"),
        *("optimal_stability_polynomial", "optimise", "repairs", "solve_order"),
    ),
    "codegen": ("compile", "compile_stochastic"),
    "errors": ("InputError",),
    "integration": (
        "Event",
        "IntegrationError",
        "Solution",
        "integrate",
        "odeint",
        "odeint_adjoint",
        "odeint_event",
        "sdeint",
    ),
    "nn": (
        *("RNN", "DenseMatrix", "Diagonal", "Fourier", "Krylov"),
        *("AugmentedField", "ContinuousFlow", "PotentialField"),
        *("GradientField", "GradientFlow", "LagrangianField", "PortHamiltonianField", "SeparableField"),
        "convert",
        "create_model",
        "energy_drift",
        "field",
        "inverse",
        "list_models",
        "log_det",
        "refine",
        "register_model",
        "stencils_of",
        "summary",
    ),
    "scheme": (
        *("AdditiveMultistep", "AdditiveRungeKutta", "GeneralLinear", "Multistep", "PartitionedRungeKutta"),
        *("RungeKutta", "Parameter", "Scheme", "adjoint", "compose", "costate", "list_schemes", "load"),
        *("Rosenbrock", "TransformedRosenbrock", "TwoDerivativeMultistep", "TwoDerivativeRungeKutta"),
        *("ContinuousRungeKutta", "Equation", "ExponentialMultistep", "ExponentialRungeKutta"),
        *("Stencil", "StochasticRungeKutta", "lawson", "list_stencils"),
        "register_scheme_family",
    ),
    "training": ("register_source", "train"),
}
_HOME = {name: module for module, names in _EXPORTS.items() for name in names}
__all__ = [*_HOME, "__version__"]

if not TYPE_CHECKING:  # a type checker that saw `__getattr__` would believe in every name

    def __getattr__(name):
        from importlib import import_module

        if name in _HOME:
            value = globals()[name] = getattr(import_module(f"tableau2net.{_HOME[name]}"), name)
            return value
        if name in _PACKAGES:
            return import_module(f"tableau2net.{name}")
        raise AttributeError(f"module 'tableau2net' has no attribute {name!r}")

    def __dir__():
        return sorted({*__all__, *_PACKAGES})
