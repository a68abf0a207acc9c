"""Ordinary differential equations by any scheme: fixed and given grids, error control, dense output, gradients."""

from tableau2net.integration.interface import integrate
from tableau2net.integration.solution import IntegrationError, Solution

__all__ = ["IntegrationError", "Solution", "integrate"]
