"""What a solve already knows is summed before it, not again in each iteration."""

from __future__ import annotations

from dataclasses import replace

from sympy import S

from tableau2net.step.combine import Combine
from tableau2net.step.operation import Assignment, Operation, Solve
from tableau2net.step.passes.common import fresh
from tableau2net.step.program import Step


def isolate(step: Step) -> Step:
    """Take from each combination inside a solve the part that reads only values from outside, as a combination of its
    own before the solve: ``y2 = y2_known + h γ k2``. What is coupled stays as it is."""
    taken = set(step.kinds)
    operations: list[Operation] = []
    for op in step.operations:
        operations += _isolated(op, step, taken) if isinstance(op, Solve) else [op]
    return step if tuple(operations) == step.operations else replace(step, operations=tuple(operations))


def _isolated(solve: Solve, step: Step, taken: set[str]) -> list[Operation]:
    inside = {op.target for op in solve.operations}
    before: list[Operation] = []
    coupled: list[Assignment] = []
    for op in solve.operations:
        known = tuple(term for term in op.terms if term[1] not in inside) if isinstance(op, Combine) else ()
        if not isinstance(op, Combine) or not known or (len(known) == 1 and _is_state(known[0], step)):
            coupled.append(op)
            continue
        name = fresh(f"{op.target}_known", taken)
        before.append(Combine(name, known))
        coupled.append(Combine(op.target, ((S.One, name), *(term for term in op.terms if term[1] in inside))))
    return [*before, Solve(tuple(coupled))]


def _is_state(term: tuple[object, str], step: Step) -> bool:
    """Whether a term is a state as it is, which needs no summing."""
    return term[0] == S.One and step.kind(term[1]) == "y"
