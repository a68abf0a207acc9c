"""Families from conditions: a shape and an order in, a scheme with parameters out."""

from tableau2net.analysis.generate.families import generate_imex_multistep, generate_multistep, generate_runge_kutta
from tableau2net.analysis.generate.formulas import generate_stencil

__all__ = ["generate_imex_multistep", "generate_multistep", "generate_runge_kutta", "generate_stencil"]
