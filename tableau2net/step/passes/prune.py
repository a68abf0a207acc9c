"""Dead operations: what nothing reads is not computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tableau2net.step.operation import Assignment, Call, Operation
from tableau2net.step.passes.common import each
from tableau2net.step.program import Step


def prune(step: Step, estimate: bool = False, keep: Iterable[str] = ()) -> Step:
    """Drop what nothing reads: an embedded estimate unless asked for, stages that only those needed,
    and their parameters.

    keep: names of further values that must stay.
    Slots are numbered anew, so that a network gives weights only to the stages that are left."""
    kept = step if estimate else step.without_estimates()
    needed = {*kept.outputs, *kept.estimates, *keep}
    needed |= {given.stage for given in kept.inputs if given.stage}
    operations: list[Operation] = []
    for op in reversed(kept.operations):
        if any(o.target in needed for o in op.members):
            needed |= {name for o in op.members for name in o.operands}
            operations.append(op)
    pruned = replace(kept, operations=_renumbered(tuple(reversed(operations))))
    read = {symbol for coefficient in pruned.coefficients() for symbol in coefficient.free_symbols}
    return replace(pruned, parameters=tuple(p for p in kept.parameters if p.symbol in read))


def _renumbered(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    used = sorted({o.slot for op in operations for o in op.members if isinstance(o, Call)})

    def one(op: Assignment) -> Assignment:
        return replace(op, slot=used.index(op.slot)) if isinstance(op, Call) else op

    return each(operations, one)
