"""Weights as a function of time, θ(t): kept at knots, interpolated between them, carried over to other knots."""

from tableau2net.nn.control.controls import Controls
from tableau2net.nn.control.grid import checked_grid, coarsened, refined
from tableau2net.nn.control.interpolation import Interpolation, interpolation_weights

__all__ = ["Controls", "Interpolation", "checked_grid", "coarsened", "interpolation_weights", "refined"]
