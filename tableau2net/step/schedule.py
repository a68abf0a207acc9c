"""The order of operations: each after what it reads, and those that need each other solved together."""

from __future__ import annotations

from tableau2net.exact.components import components
from tableau2net.step.program import Combine, Evaluate, Operation, Solve


def scheduled(operations: list[Combine | Evaluate]) -> tuple[Operation, ...]:
    """Operations in an order in which they can be carried out, as given where that is possible.

    Those that depend on each other, the strongly connected components of "reads" become a `Solve`:
    an explicit or diagonally implicit tableau gives one stage at a time, a fully implicit one a single group."""
    makers = {op.target: i for i, op in enumerate(operations)}
    reads = [[makers[v] for v in reading(op) if v in makers] for op in operations]
    groups = [[operations[i] for i in members] for members in components(reads)]
    return tuple(group[0] if len(group) == 1 else Solve(tuple(group)) for group in groups)


def reading(op: Combine | Evaluate) -> tuple[str, ...]:
    """The values that an operation reads."""
    return op.values if isinstance(op, Evaluate) else tuple(name for _, name in op.terms)
