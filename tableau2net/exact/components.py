"""The strongly connected components of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


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
