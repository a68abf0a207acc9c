"""tableau2net: a compiler from coefficient tables of time-stepping schemes to residual networks.

    import tableau2net as t2n
    rk4 = t2n.load("rk4")            # a scheme, exact
    t2n.order(rk4)                   # 4, proved
    Block = t2n.compile(rk4)         # an nn.Module class
    net = t2n.create_model("adamnet2_20")

Names are imported when first used: analysing a scheme never waits for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tableau2net.analysis import Report as Report
    from tableau2net.analysis import check as check
    from tableau2net.analysis import order as order
    from tableau2net.analysis import report as report
    from tableau2net.analysis import zero_stable as zero_stable
    from tableau2net.codegen import compile as compile
    from tableau2net.codegen import integrate as integrate
    from tableau2net.errors import InputError as InputError
    from tableau2net.nn import create_model as create_model
    from tableau2net.nn import list_models as list_models
    from tableau2net.scheme import AdditiveMultistep as AdditiveMultistep
    from tableau2net.scheme import AdditiveRungeKutta as AdditiveRungeKutta
    from tableau2net.scheme import GeneralLinear as GeneralLinear
    from tableau2net.scheme import Multistep as Multistep
    from tableau2net.scheme import Parameter as Parameter
    from tableau2net.scheme import PartitionedRungeKutta as PartitionedRungeKutta
    from tableau2net.scheme import RungeKutta as RungeKutta
    from tableau2net.scheme import Scheme as Scheme
    from tableau2net.scheme import adjoint as adjoint
    from tableau2net.scheme import compose as compose
    from tableau2net.scheme import list_schemes as list_schemes
    from tableau2net.scheme import load as load
    from tableau2net.training import train as train

_HOME = {
    "InputError": "errors",
    **dict.fromkeys(("AdditiveMultistep", "AdditiveRungeKutta", "GeneralLinear", "Multistep"), "scheme"),
    **dict.fromkeys(("PartitionedRungeKutta", "RungeKutta", "Parameter", "Scheme"), "scheme"),
    **dict.fromkeys(("adjoint", "compose", "list_schemes", "load"), "scheme"),
    **dict.fromkeys(("Report", "check", "order", "report", "zero_stable"), "analysis"),
    **dict.fromkeys(("compile", "integrate"), "codegen"),
    **dict.fromkeys(("create_model", "list_models"), "nn"),
    "train": "training",
}
__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tableau2net' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"tableau2net.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
