"""Equations from data: PDE-Net and PDE-Net 2.0 by any scheme, and data whose equations are known."""

from tableau2net.discovery.discovering import discover
from tableau2net.discovery.discovery_plan import DiscoveryPlan
from tableau2net.discovery.found import Discovery, FoundEquation
from tableau2net.discovery.observations import Asked, Observations, observe

__all__ = ["Asked", "Discovery", "DiscoveryPlan", "FoundEquation", "Observations", "discover", "observe"]
