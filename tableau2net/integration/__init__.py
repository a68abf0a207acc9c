"""Differential equations by any scheme, stochastic ones too: grids, error control, dense output, events, gradients."""

from tableau2net.integration.events import Event
from tableau2net.integration.interface import integrate
from tableau2net.integration.odeint_by_adjoint import odeint_adjoint
from tableau2net.integration.odeint_call import odeint
from tableau2net.integration.odeint_to_event import odeint_event
from tableau2net.integration.solution import Ending, IntegrationError, Solution
from tableau2net.integration.stochastic_integration import BrownianPath, sdeint

__all__ = [
    "BrownianPath",
    "Ending",
    "Event",
    "IntegrationError",
    "Solution",
    "integrate",
    "odeint",
    "odeint_adjoint",
    "odeint_event",
    "sdeint",
]
