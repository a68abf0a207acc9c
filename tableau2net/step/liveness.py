"""When values are last read, and which of them a later one may overwrite."""

from __future__ import annotations

from collections.abc import Collection

from sympy import S, Symbol

from tableau2net.step.combine import Combine
from tableau2net.step.operation import Solve
from tableau2net.step.program import Step


def last_uses(step: Step) -> dict[str, int]:
    """For every value the number of the last operation that reads it (a `Solve` counts as one).

    What is handed on, or is the estimate, is read after all of them; a value that nothing reads, when it is made."""
    last = {i.name: -1 for i in step.inputs}
    for number, op in enumerate(step.operations):
        last |= {name: number for o in op.members for name in (o.target, *o.operands)}
    end = len(step.operations)
    return last | dict.fromkeys((*step.outputs, *step.estimates), end)


def in_place(step: Step, learnt: Collection[Symbol] | None = None, *, keep: Collection[str] = ()) -> dict[str, str]:
    """Which combination may be accumulated into the memory of a value that it begins with: its target → that value.

    Such a value is a combination itself, read for the last time and with the coefficient 1, and nothing else holds on
    to its memory: no field was evaluated at it, no solve reads or makes it, it is not handed on, and it is never
    multiplied by a learnt coefficient, for whose gradient autograd would need it.

    learnt: the symbols that are differentiated by; None: every one in the coefficients.
    keep: names that are asked for beside what is handed on.
    """
    needed = held(step, learnt) | set(keep)
    last = last_uses(step)
    made: set[str] = set()
    found: dict[str, str] = {}
    for number, op in enumerate(step.operations):
        if not isinstance(op, Combine):
            continue
        for c, v in op.terms:
            if c == S.One and v in made and v not in needed and last[v] == number:
                found[op.target] = v
                break
        if not is_copy(op, step):
            made.add(op.target)
    return found


def held(step: Step, learnt: Collection[Symbol] | None) -> set[str]:
    """Values whose memory something beside the step's combinations may still need."""
    found = {*step.outputs, *step.estimates, *(i.name for i in step.inputs)}
    for op in step.operations:
        for o in op.members:
            if isinstance(op, Solve) or not isinstance(o, Combine):
                found |= {o.target, *o.operands}
            else:
                found.update(o.operands if is_copy(o, step) else o.saved(learnt))
    return found


def is_copy(op: Combine, step: Step) -> bool:
    """Whether a combination is another name of the one state in it, and no memory of its own."""
    return len(op.terms) == 1 and op.terms[0][0] == S.One and step.kind(op.terms[0][1]) == "y"
