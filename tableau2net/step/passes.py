"""Passes: step program in, step program out, the same mathematics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tableau2net.step.program import Combine, Evaluate, Operation, Solve, Step
from tableau2net.step.schedule import reading


def prune(step: Step, estimate: bool = False) -> Step:
    """Drop what nothing reads: an embedded estimate unless asked for, stages that only it needed, their parameters.

    Slots are numbered anew, so that a network gives weights only to the stages that are left."""
    kept = replace(step, estimate=step.estimate if estimate else None)
    needed = {*kept.outputs, *([kept.estimate] if kept.estimate else [])}
    operations: list[Operation] = []
    for op in reversed(kept.operations):
        inner = op.operations if isinstance(op, Solve) else (op,)
        if any(o.target in needed for o in inner):
            needed |= {name for o in inner for name in reading(o)}
            operations.append(op)
    pruned = replace(kept, operations=_renumbered(tuple(reversed(operations))))
    read = {symbol for coefficient in pruned.coefficients() for symbol in coefficient.free_symbols}
    return replace(pruned, parameters=tuple(p for p in kept.parameters if p.symbol in read))


def rename(step: Step, names: Mapping[str, str]) -> Step:
    """The same program with other names for some of its values."""

    def new(name: str) -> str:
        return names.get(name, name)

    def one(op: Combine | Evaluate) -> Combine | Evaluate:
        if isinstance(op, Evaluate):
            return replace(op, target=new(op.target), values=tuple(map(new, op.values)))
        return Combine(new(op.target), tuple((c, new(v)) for c, v in op.terms))

    return replace(
        step,
        inputs=tuple(replace(i, name=new(i.name), stage=i.stage and new(i.stage)) for i in step.inputs),
        operations=_each(step.operations, one),
        outputs=tuple(map(new, step.outputs)),
        estimate=new(step.estimate) if step.estimate else None,
    )


def _each(
    operations: tuple[Operation, ...], change: Callable[[Combine | Evaluate], Combine | Evaluate]
) -> tuple[Operation, ...]:
    return tuple(Solve(tuple(map(change, op.operations))) if isinstance(op, Solve) else change(op) for op in operations)


def _renumbered(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    slots: dict[int, int] = {}

    def one(op: Combine | Evaluate) -> Combine | Evaluate:
        if isinstance(op, Evaluate):
            return replace(op, slot=slots.setdefault(op.slot, len(slots)))
        return op

    return _each(operations, one)
