"""What several passes do with operations, those inside a `Solve` included."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tableau2net.step.liveness import members
from tableau2net.step.program import Combine, Evaluate, Operation, Solve
from tableau2net.step.schedule import scheduled


def each(
    operations: Iterable[Operation], change: Callable[[Combine | Evaluate], Combine | Evaluate]
) -> tuple[Operation, ...]:
    """Every operation changed, in the same grouping."""
    return tuple(Solve(tuple(map(change, op.operations))) if isinstance(op, Solve) else change(op) for op in operations)


def regrouped(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Each `Solve` split into the groups that are still coupled, where a pass has taken something out of it."""
    found: list[Operation] = []
    for op in operations:
        found += scheduled(list(op.operations)) if isinstance(op, Solve) else [op]
    return tuple(found)


def fresh(name: str, taken: set[str]) -> str:
    """The name, or with a number where it is taken; it is then taken too."""
    candidates = (name, *(f"{name}{n}" for n in range(2, len(taken) + 3)))
    found = next(candidate for candidate in candidates if candidate not in taken)
    taken.add(found)
    return found


__all__ = ["each", "fresh", "members", "regrouped"]
