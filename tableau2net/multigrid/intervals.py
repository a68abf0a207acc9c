"""The grids of multigrid in time, and which process has which part of them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from tableau2net.errors import InputError
from tableau2net.multigrid.plan import Plan


@dataclass(frozen=True)
class Hierarchy:
    """Grids over N steps. points[0] is 0, 1, … N; each next one has every m-th point of the one before, and the last.

    Where m does not divide, the last interval of a level is shorter, and so is its coarse step: nothing is padded.

    backward: whether the points are counted from the end, and the processes too.
    """

    points: tuple[tuple[int, ...], ...]
    backward: bool = False

    @classmethod
    def of(cls, steps: int, plan: Plan) -> Hierarchy:
        """The grids of a plan. Raises InputError where the coarsest would be a single interval."""
        points = [tuple(range(steps + 1))]
        while len(points) < plan.levels:
            finer = points[-1]
            coarser = (*finer[: -1 : plan.coarsening], finer[-1])
            if len(coarser) < 3:
                most = f"at most {len(points)} levels" if len(points) > 1 else "a smaller coarsening or more steps"
                raise InputError(
                    f"levels={plan.levels}, coarsening={plan.coarsening}: {steps} steps are then a single interval on "
                    f"the coarsest level; write {most}"
                )
            points.append(coarser)
        return cls(tuple(points))

    @property
    def steps(self) -> int:
        """On the finest level."""
        return self.points[0][-1]

    @property
    def intervals(self) -> int:
        """Of the coarsest level, which are what processes have: more of them than that have nothing to do."""
        return len(self.points[-1]) - 1

    @cached_property
    def kept(self) -> tuple[tuple[int, ...], ...]:
        """Of each level but the coarsest, the indices of those points that the next one has too."""
        pairs = [(finer, set(coarser)) for finer, coarser in pairwise(self.points)]
        return tuple(tuple(i for i, p in enumerate(finer) if p in coarser) for finer, coarser in pairs)

    def reversed(self) -> Hierarchy:
        """The same grids, from the last point to the first; each process has the same steps."""
        points = tuple(tuple(self.steps - p for p in reversed(level)) for level in self.points)
        return Hierarchy(points, not self.backward)

    def order(self, count: int) -> range:
        """The processes from the first interval on."""
        return range(count - 1, -1, -1) if self.backward else range(count)

    def owned(self, place: int, count: int) -> list[range]:
        """On each level the indices of the points that end the steps of process `place` of `count`, which has whole
        intervals of the coarsest level: contiguous, numbers of intervals differing by one at most."""
        cuts = [self.intervals * at // count for at in (place, place + 1)]
        if self.backward:
            cuts = [self.intervals - at for at in reversed(cuts)]
        begin, end = (self.points[-1][at] for at in cuts)
        return [range(bisect_right(level, begin), bisect_right(level, end)) for level in self.points]

    def exact_after(self, relaxation: str) -> int:
        """After how many cycles the points of the finest level are exact, whatever the coarser levels do: in each, one
        interval of it more is exact with F-relaxation, two with FCF."""
        count = len(self.points[1]) - 1
        return -(-count // 2) if relaxation == "FCF" else count

    def check_count(self, count: int) -> None:
        """Raises InputError where there are more processes than intervals."""
        if count > self.intervals:
            raise InputError(
                f"{count} processes: {self.steps} steps are {self.intervals} intervals on the coarsest level, so at "
                f"most {self.intervals} processes have work; start fewer, or write a smaller coarsening"
            )
