"""Equations from data: PDE-Net and PDE-Net 2.0 by any scheme, and data whose equations are known."""

from tableau2net.discovery.discovering import discover
from tableau2net.discovery.found import Discovery, Found
from tableau2net.discovery.observations import Asked, Observations, observe
from tableau2net.discovery.plan import Plan

__all__ = ["Asked", "Discovery", "Found", "Observations", "Plan", "discover", "observe"]
