"""The torch reading of a scheme: readable source, the class made from it, and plain integration with it."""

from tableau2net.codegen.build import compile, write_source
from tableau2net.codegen.ode import integrate
from tableau2net.codegen.options import Options

__all__ = ["Options", "compile", "integrate", "write_source"]
