"""What a user declares: families of schemes with exact coefficients, their files, and the library."""

from tableau2net.scheme.base import Distribution, Parameter, Scheme
from tableau2net.scheme.library import list_schemes, load
from tableau2net.scheme.multistep import Multistep
from tableau2net.scheme.runge_kutta import RungeKutta

__all__ = ["Distribution", "Multistep", "Parameter", "RungeKutta", "Scheme", "list_schemes", "load"]
