"""The order of operations: each after what it reads, and those that need each other solved together."""

from __future__ import annotations

from tableau2net.step.program import Combine, Evaluate, Operation, Solve


def scheduled(operations: list[Combine | Evaluate]) -> tuple[Operation, ...]:
    """Operations in an order in which they can be carried out, as given where that is possible.

    Those that depend on each other, the strongly connected components of "reads" (Tarjan 1972), become a `Solve`:
    an explicit or diagonally implicit tableau gives one stage at a time, a fully implicit one a single group."""
    makers = {op.target: i for i, op in enumerate(operations)}
    reads = [[makers[v] for v in reading(op) if v in makers] for op in operations]
    found: dict[int, int] = {}  # the number under which an operation was first met
    low: dict[int, int] = {}  # the least number it leads back to
    stack: list[int] = []
    groups: list[Operation] = []

    def visit(i: int) -> None:
        found[i] = low[i] = len(found)
        stack.append(i)
        for j in reads[i]:
            if j not in found:
                visit(j)
                low[i] = min(low[i], low[j])
            elif j in stack:
                low[i] = min(low[i], found[j])
        if low[i] == found[i]:
            cut = stack.index(i)
            group = [operations[j] for j in sorted(stack[cut:])]
            del stack[cut:]
            groups.append(group[0] if len(group) == 1 else Solve(tuple(group)))

    for i in range(len(operations)):
        if i not in found:
            visit(i)
    return tuple(groups)


def reading(op: Combine | Evaluate) -> tuple[str, ...]:
    """The values that an operation reads."""
    return op.values if isinstance(op, Evaluate) else tuple(name for _, name in op.terms)
