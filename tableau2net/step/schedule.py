"""The order of operations: each after what it reads, and those that need each other solved together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tableau2net.step.program import Combine, Evaluate, Operation, Solve


def scheduled(operations: list[Combine | Evaluate]) -> tuple[Operation, ...]:
    """Operations in an order in which they can be carried out, as given where that is possible.

    Those that depend on each other, the strongly connected components of "reads" become a `Solve`:
    an explicit or diagonally implicit tableau gives one stage at a time, a fully implicit one a single group."""
    makers = {op.target: i for i, op in enumerate(operations)}
    reads = [[makers[v] for v in reading(op) if v in makers] for op in operations]
    groups = [[operations[i] for i in members] for members in components(reads)]
    return tuple(group[0] if len(group) == 1 else Solve(tuple(group)) for group in groups)


def components(edges: Sequence[Iterable[int]]) -> list[list[int]]:
    """The nodes 0, 1, … of a graph in classes that reach each other (strongly connected components; Tarjan 1972), each
    class sorted, and after all those that its edges lead to."""
    found: dict[int, int] = {}  # the number under which a node was first met
    low: dict[int, int] = {}  # the least number it leads back to
    stack: list[int] = []
    classes: list[list[int]] = []

    def visit(i: int) -> None:
        found[i] = low[i] = len(found)
        stack.append(i)
        for j in edges[i]:
            if j not in found:
                visit(j)
                low[i] = min(low[i], low[j])
            elif j in stack:
                low[i] = min(low[i], found[j])
        if low[i] == found[i]:
            cut = stack.index(i)
            classes.append(sorted(stack[cut:]))
            del stack[cut:]

    for i in range(len(edges)):
        if i not in found:
            visit(i)
    return classes


def reading(op: Combine | Evaluate) -> tuple[str, ...]:
    """The values that an operation reads."""
    return op.values if isinstance(op, Evaluate) else tuple(name for _, name in op.terms)
