"""Multigrid reduction in time: the steps of a block taken many at once, and corrected by coarser ones."""

from tableau2net.multigrid.intervals import Hierarchy
from tableau2net.multigrid.plan import Plan

__all__ = ["Hierarchy", "Plan"]
