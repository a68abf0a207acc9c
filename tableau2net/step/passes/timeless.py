"""A step for fields that do not know the time."""

from __future__ import annotations

from dataclasses import replace

from sympy import S

from tableau2net.step.along import Along
from tableau2net.step.combine import Combine
from tableau2net.step.operation import Assignment, Operation, Solve
from tableau2net.step.program import Step


def timeless(step: Step) -> Step:
    """The same where f_t = 0: no derivative is taken in time, and what is one alone is gone."""
    nothing = {op.target for op in step.flat() if isinstance(op, Along) and not op.direction}
    if not any(isinstance(op, Along) for op in step.flat()) or nothing & {*step.outputs, step.estimate}:
        return step

    def still(op: Assignment) -> Assignment:
        if isinstance(op, Along):
            return replace(op, moved=S.Zero)
        return replace(op, terms=tuple(t for t in op.terms if t[1] not in nothing)) if isinstance(op, Combine) else op

    kept: list[Operation] = []
    for op in step.operations:
        members = tuple(still(o) for o in op.members if o.target not in nothing)
        if members:
            kept.append(replace(op, operations=members) if isinstance(op, Solve) else members[0])
    return replace(step, operations=tuple(kept))
