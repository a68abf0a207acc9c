"""The step program: what a scheme does in one step, and the lowering of each family to it."""

from tableau2net.step.lower import lower
from tableau2net.step.passes import prune, rename
from tableau2net.step.program import Combine, Evaluate, Input, Kind, Operation, Solve, Step

__all__ = ["Combine", "Evaluate", "Input", "Kind", "Operation", "Solve", "Step", "lower", "prune", "rename"]
