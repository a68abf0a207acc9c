"""How long layer-parallel steps take, in evaluations one after another: counted, not measured."""

from __future__ import annotations

from collections.abc import Sequence

from tableau2net.multigrid.intervals import Hierarchy
from tableau2net.multigrid.plan import Plan

BACKWARD = 2  # what a step's whole backward pass counts, in evaluations of it; that in the state alone counts 1
SERIAL = 1 + BACKWARD  # of a step in training
PROCESSES = (1, 2, 4, 16, 64)  # that a model is shown for


class _Clocks:
    """When each process is done with what it has done so far; what they send arrives at once."""

    def __init__(self, hierarchy: Hierarchy, relaxation: str, count: int) -> None:
        self.levels = len(hierarchy.points)
        self.relaxation = relaxation
        owned = [hierarchy.owned(place, count) for place in hierarchy.order(count)]
        self.all = [[len(levels[level]) for levels in owned] for level in range(self.levels)]
        self.chained = [[False] * count for _ in range(self.levels)]
        for level, kept in enumerate(hierarchy.kept):
            self.chained[level] = [levels[level].start in kept for levels in owned]
        self.now = [0] * count

    def apart(self, numbers: list[int]) -> None:
        """Each takes so many steps by itself."""
        self.now = [now + n for now, n in zip(self.now, numbers, strict=True)]

    def between(self, level: int) -> None:
        """F-relaxation."""
        self.apart([n - kept for n, kept in zip(self.all[level], self.all[level + 1], strict=True)])

    def at(self, level: int) -> None:
        """C-relaxation: who has taken his steps hears of the last one of the process before him."""
        said = 0
        for p, chained in enumerate(self.chained[level]):
            own = self.all[level + 1][p]
            done = max(self.now[p], said) + own if chained else self.now[p] + own
            self.now[p], said = max(done, said), done

    def one_by_one(self) -> None:
        """The steps of the coarsest level, one process after another."""
        for p, n in enumerate(self.all[-1]):
            self.now[p] = max(self.now[p], self.now[p - 1] if p else 0) + n

    def cycle(self, level: int = 0) -> None:
        """A V-cycle, as `Multigrid` makes it."""
        if level == self.levels - 1:
            self.one_by_one()
            return
        if self.relaxation == "FCF":
            self.at(level)
            self.between(level)
        self.apart([2 * n for n in self.all[level + 1]])  # the fine step to each point of the next level, and its own
        self.cycle(level + 1)
        self.between(level)

    def solve(self, cycles: int) -> None:
        """The first guess, and cycles."""
        self.one_by_one()
        for level in reversed(range(self.levels - 1)):
            self.between(level)
        for _ in range(cycles):
            self.cycle()

    def meet(self) -> None:
        """All wait for the last one."""
        self.now = [max(self.now)] * len(self.now)


def path_of_cycles(hierarchy: Hierarchy, relaxation: str, cycles: int, processes: int) -> int:
    """The evaluations of steps that come one after another until all values are found by so many cycles."""
    clocks = _Clocks(hierarchy, relaxation, processes)
    clocks.solve(cycles)
    return max(clocks.now)


def path_of_training(hierarchy: Hierarchy, plan: Plan, processes: int) -> int:
    """The same of a forward and a backward pass: the cycles, each step taken once more where it is differentiated,
    those of the coarser levels too; the cycles of cotangents; and the whole backward pass of each step.

    Serially it is `SERIAL` for each step."""
    forward = _Clocks(hierarchy, plan.relaxation, processes)
    forward.solve(plan.cycles[0])
    for numbers in forward.all:
        forward.apart(numbers)
    forward.meet()
    backward = _Clocks(hierarchy.reversed(), plan.relaxation, processes)
    backward.now = forward.now
    backward.solve(plan.cycles[1])
    backward.apart([BACKWARD * n for n in backward.all[0]])
    return max(backward.now)


def modelled_speed(steps: int, plan: Plan, processes: Sequence[int] = PROCESSES) -> dict[int, float | None]:
    """How many times as fast as serial steps a block's would be in training, by number of processes; None where there
    are more of them than intervals. Evaluations are counted, and nothing else: what is sent takes no time.

    Raises InputError where the plan does not fit the steps."""
    hierarchy = Hierarchy.of(steps, plan)
    return {
        count: None if count > hierarchy.intervals else SERIAL * steps / path_of_training(hierarchy, plan, count)
        for count in processes
    }
