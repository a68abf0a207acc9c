"""Backward error analysis: the equation that a scheme really solves, and the field for which it is exact."""

from tableau2net.analysis.backward.differential import DifferentialForm, differential_form
from tableau2net.analysis.backward.modified import Term, modified_equation, modifying_integrator

__all__ = ["DifferentialForm", "Term", "differential_form", "modified_equation", "modifying_integrator"]
