"""An order of work with few tensors alive: long combinations are accumulated while their terms come about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sympy import S

from tableau2net.step.combine import Combine
from tableau2net.step.operation import Operation
from tableau2net.step.passes.common import fresh
from tableau2net.step.passes.timetable import Part, Timetable
from tableau2net.step.program import Step

MAX_TRIALS = 400  # plans that are looked at


def arrange(step: Step, *, keep: Collection[str] = ()) -> Step:
    """Move combinations, and split them into partial accumulations (``y_new_1``, ``y_new_2``, … ``y_new``), so that
    the fewest tensors are alive at once: no more is added than before, only earlier.

    The search takes one combination after the other to where fewest are alive, until nothing moves; a combination is
    split only where that lowers the peak.
    """
    table = Timetable(step, keep)
    search = _Search(table)
    given = [line.given for line in table.lines]
    lazy = search.climb(given)
    eager = search.climb([-1] * len(given))
    best = search.tidied(min(lazy, eager, key=table.load), given)
    if table.load(best)[:2] >= table.load(given)[:2]:
        return step
    return replace(step, operations=_operations(table, best, step))


class _Search:
    def __init__(self, table: Timetable) -> None:
        self.table = table
        self.trials = 0
        self.choices = [self._choices(i) for i in range(len(table.lines))]

    def _choices(self, i: int) -> list[int]:
        """Where it is worth to begin with a line: when a term of it comes about, or when it must be there."""
        line = self.table.lines[i]
        return sorted({self.table.soonest[v] for _, v in line.terms} | {line.deadline}, reverse=True)

    def climb(self, plan: list[int]) -> list[int]:
        """Move one line at a time to where fewest tensors are alive."""
        plan, best = list(plan), self.table.load(plan)
        moved = True
        while moved and self.trials < MAX_TRIALS:
            moved = False
            for i in reversed(range(len(plan))):
                for slot in self.choices[i]:
                    trial = [*plan[:i], slot, *plan[i + 1 :]]
                    self.trials += 1
                    if (key := self.table.load(trial)) < best:
                        plan, best, moved = trial, key, True
        return plan

    def tidied(self, plan: list[int], given: Sequence[int]) -> list[int]:
        """Lines where they were given, wherever that makes no difference to the peak."""
        best = self.table.load(plan)[:2]
        for i, slot in enumerate(given):
            trial = [*plan[:i], slot, *plan[i + 1 :]]
            if self.table.load(trial)[:2] <= best:
                plan = trial
        return plan


def _operations(table: Timetable, plan: Sequence[int], step: Step) -> tuple[Operation, ...]:
    taken = set(step.kinds)
    sums: dict[str, str] = {}  # a line → the name of what there is of it
    numbers: dict[str, int] = {}

    def written(part: Part) -> Combine:
        target = part.target
        terms = part.terms if part.first else ((S.One, sums[target]), *part.terms)
        numbers[target] = numbers.get(target, 0) + 1
        sums[target] = target if part.last else fresh(f"{target}_{numbers[target]}", taken)
        return Combine(sums[target], terms)

    before, *after = table.parts(plan)
    operations: list[Operation] = list(map(written, before))
    for op, parts in zip(table.evaluations, after, strict=True):
        operations += [op, *map(written, parts)]
    return tuple(operations)
