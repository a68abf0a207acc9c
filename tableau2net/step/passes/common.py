"""What several passes do with operations, those inside a `Solve` included."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tableau2net.step.operation import Assignment, Operation, Solve
from tableau2net.step.schedule import scheduled


def each(operations: Iterable[Operation], change: Callable[[Assignment], Assignment]) -> tuple[Operation, ...]:
    """Every operation changed, in the same grouping."""
    changed = ((op, tuple(map(change, op.members))) for op in operations)
    return tuple(Solve(members) if isinstance(op, Solve) else members[0] for op, members in changed)


def regrouped(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Each `Solve` split into the groups that are still coupled, where a pass has taken something out of it."""
    found: list[Operation] = []
    for op in operations:
        found += scheduled(op.members) if isinstance(op, Solve) else [op]
    return tuple(found)


def fresh(name: str, taken: set[str]) -> str:
    """The name, or with a number where it is taken; it is then taken too."""
    candidates = (name, *(f"{name}{n}" for n in range(2, len(taken) + 3)))
    found = next(candidate for candidate in candidates if candidate not in taken)
    taken.add(found)
    return found
