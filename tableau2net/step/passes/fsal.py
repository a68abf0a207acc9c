"""First same as last: the evaluation at the new state is the one that the next step would begin with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sympy import S

from tableau2net.step.evaluate import Evaluate
from tableau2net.step.operation import Operation
from tableau2net.step.passes.common import fresh
from tableau2net.step.passes.rename import rename
from tableau2net.step.program import Input, Step


def fsal(step: Step, *, keep: Collection[str] = ()) -> Step:
    """Hand on each evaluation at the new state and time 1 that the next step would make at y and time 0: it takes
    that as an input (``f_n``) instead. For a field that all steps and their stages share.

    The value at the very start is not there yet: it is the field at the first y. An evaluation inside a solve at the
    new state counts too; one at y is never inside. keep: names of values that must stay, each under its own name.
    """
    for part in range(step.parts):
        step = _handed_on(step, part, keep)
    return step


def _handed_on(step: Step, part: int, keep: Collection[str]) -> Step:
    before, after = zip(*step.arguments, strict=True)
    evaluations = [op for op in step.flat() if isinstance(op, Evaluate) and op.part == part]
    first = next((op for op in evaluations if op.time == S.Zero and op.values == _at(before, op)), None)
    last = next((op for op in evaluations if op.time == S.One and op.values == _at(after, op)), None)
    if first is None or last is None or first.target == last.target:
        return step
    if any(given.stage == first.target for given in step.inputs):
        return step  # the next step looks back at it as a stage
    operations: list[Operation] = [op for op in step.operations if first not in op.members]
    if len(operations) == len(step.operations):
        return step
    taken = set(step.kinds)
    name = fresh("f_n" if step.parts == 1 else f"f_n_{part + 1}", taken) if first.target not in keep else first.target
    changed = replace(
        step,
        inputs=(*step.inputs, Input(name, "f", 0, part=part)),
        operations=tuple(operations),
        outputs=(*step.outputs, last.target),
    )
    return rename(changed, {first.target: name})


def _at(values: tuple[str, ...], op: Evaluate) -> tuple[str, ...]:
    """The states that an evaluation would have if it were made at `values`."""
    return tuple(values[state] for state in op.reads)
