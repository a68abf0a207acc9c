"""Fields with structure: made of an energy or a Lagrangian, so that what they keep holds by construction."""

from tableau2net.nn.structured.energy import EnergyDrift, energy_drift
from tableau2net.nn.structured.gradient_field import GradientField, GradientFlow, SeparableField
from tableau2net.nn.structured.lagrangian import LagrangianField
from tableau2net.nn.structured.port_hamiltonian import PortHamiltonianField

__all__ = [
    "EnergyDrift",
    "GradientField",
    "GradientFlow",
    "LagrangianField",
    "PortHamiltonianField",
    "SeparableField",
    "energy_drift",
]
