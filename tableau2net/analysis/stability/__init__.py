"""What a scheme does to y' = λy and to y' = 0, decided exactly."""

from tableau2net.analysis.stability.discovery import discovery_stable
from tableau2net.analysis.stability.verdicts import Stability, effective_step, root_condition, stability, zero_stable

__all__ = ["Stability", "discovery_stable", "effective_step", "root_condition", "stability", "zero_stable"]
