"""Ordinary differential equations by any scheme: given grids, error control, dense output, events, gradients."""

from tableau2net.integration.events import Event
from tableau2net.integration.interface import integrate
from tableau2net.integration.solution import Ending, IntegrationError, Solution

__all__ = ["Ending", "Event", "IntegrationError", "Solution", "integrate"]
