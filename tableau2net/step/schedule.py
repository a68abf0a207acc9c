"""The order of operations: each after what it reads, and those that need each other solved together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from tableau2net.errors import InputError
from tableau2net.exact.components import components
from tableau2net.step.operation import Assignment, Operation, Solve

Given = TypeVar("Given", bound=Assignment)


def scheduled(operations: Sequence[Assignment]) -> tuple[Operation, ...]:
    """Operations in an order in which they can be carried out, as given where that is possible.

    Those that depend on each other, the strongly connected components of "reads" become a `Solve`:
    an explicit or diagonally implicit tableau gives one stage at a time, a fully implicit one a single group."""
    return tuple(group[0] if len(group) == 1 else Solve(tuple(group)) for group in _groups(operations))


def in_order(operations: Sequence[Given]) -> list[Given]:
    """Operations after those whose targets they read. Raises InputError where there is no such order."""
    ordered = []
    for group in _groups(operations):
        (op, *others) = group
        if others or op.target in op.operands:
            raise InputError(f"{op.target} is defined by itself without an evaluation of the field between")
        ordered.append(op)
    return ordered


def _groups(operations: Sequence[Given]) -> list[list[Given]]:
    """Those that reach each other by what they read, after all that they read."""
    makers = {op.target: i for i, op in enumerate(operations)}
    reads = [[makers[v] for v in op.operands if v in makers] for op in operations]
    return [[operations[i] for i in members] for members in components(reads)]
