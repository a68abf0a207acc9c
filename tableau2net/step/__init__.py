"""The step program: what a scheme does in one step, the lowering of each family to it, and the passes over it."""

from tableau2net.step.along import Along
from tableau2net.step.combine import Combine
from tableau2net.step.cost import Cost, cost
from tableau2net.step.evaluate import Evaluate
from tableau2net.step.liveness import in_place, last_uses
from tableau2net.step.lower import lower
from tableau2net.step.operation import Assignment, Call, Kind, Operation, Solve
from tableau2net.step.optimise import Passed, optimise
from tableau2net.step.passes import arrange, fsal, isolate, prune, rename, share, unify
from tableau2net.step.program import Input, Step
from tableau2net.step.transform import Transform

__all__ = [
    "Along",
    "Assignment",
    "Call",
    "Combine",
    "Cost",
    "Evaluate",
    "Input",
    "Kind",
    "Operation",
    "Passed",
    "Solve",
    "Step",
    "Transform",
    "arrange",
    "cost",
    "fsal",
    "in_place",
    "isolate",
    "last_uses",
    "lower",
    "optimise",
    "prune",
    "rename",
    "share",
    "unify",
]
