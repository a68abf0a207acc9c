"""FAS cycles of multigrid reduction in time, of an abstract step: the states of a forward pass and the cotangents of a
backward pass are found by the same ones (Günther, Ruthotto, Schroder, Cyr, Gauger 2020).

On level l, u_i = Φ_i(u_{i−1}) is to be found for all points at once. F-relaxation takes the steps that end between the
points which the next level has too, C-relaxation those that end at them. The next level's equation,
w_j = Φ_j(u at j) + (Φᶜ_j(w_{j−1}) − Φᶜ_j(v_{j−1})) with v the values there before, is the full approximation scheme's,
written so that where v_{j−1} does not change w_j is what the fine step gives, to the bit: what is exact stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from tableau2net.multigrid.intervals import Hierarchy
from tableau2net.multigrid.team import State, Team

Advance = Callable[[int, int, State], State]  # level, index of the point that the step ends at, state before it
Corrections = dict[int, tuple[State, State]]  # by index of a point: what the finer step gives, and the coarse one gave
Values = dict[int, State]  # by index of a point: those of this process, and the one before them


@dataclass
class Multigrid:
    """Cycles over a hierarchy, whose intervals the processes of a team share; `advance` is a step of any level."""

    hierarchy: Hierarchy
    relaxation: str
    team: Team
    advance: Advance

    def __post_init__(self) -> None:
        order = self.hierarchy.order(self.team.count)
        at = order.index(self.team.place)
        self.owned = self.hierarchy.owned(self.team.place, self.team.count)
        self.previous = order[at - 1] if at else None
        self.following = order[at + 1] if at + 1 < len(order) else None

    def solve(self, first: State, cycles: int) -> Values:
        """The values of this process on the finest level, and the one before them, after so many cycles; they begin
        with the steps of the coarsest level, relaxed up to the finest."""
        coarsest = len(self.owned) - 1
        values = {self.owned[coarsest].start - 1: first}
        self._relax(coarsest, values, {}, self.owned[coarsest])
        for level in reversed(range(coarsest)):
            values = {self.hierarchy.kept[level][j]: value for j, value in values.items()}
            self._relax(level, values, {}, self._between(level))
        for _ in range(cycles):
            self._cycle(0, values, {})
        return values

    def _between(self, level: int) -> list[int]:
        kept = set(self.hierarchy.kept[level])
        return [i for i in self.owned[level] if i not in kept]

    def _cycle(self, level: int, values: Values, corrections: Corrections) -> None:
        """One V-cycle from a level down, which changes the values there."""
        if level == len(self.owned) - 1:
            self._relax(level, values, corrections, self.owned[level])
            return
        kept = self.hierarchy.kept[level]
        coarse = self.owned[level + 1]
        if self.relaxation == "FCF":
            self._relax(level, values, corrections, [kept[j] for j in coarse])
            self._relax(level, values, corrections, self._between(level))
        before = {j: values[kept[j]] for j in (coarse.start - 1, *coarse)}
        told = {j: self._step(level, kept[j], values[kept[j] - 1], corrections) for j in coarse}
        below = {j: (told[j], self.advance(level + 1, j, before[j - 1])) for j in coarse}
        self._cycle(level + 1, before, below)
        values |= {kept[j]: value for j, value in before.items()}
        self._relax(level, values, corrections, self._between(level))

    def _relax(self, level: int, values: Values, corrections: Corrections, points: Collection[int]) -> None:
        """Take the steps that end at these points, in order.

        What this process begins and ends with are points of the coarsest level. Where they move, all processes' do: the
        last goes to the next process; the first comes before the steps where one of them starts from it, else after."""
        own = self.owned[level]
        moved = own[-1] in points
        chained = own.start in points
        if moved and chained:
            self._hear(own, values)
        for i in points:
            values[i] = self._step(level, i, values[i - 1], corrections)
        sent = None
        if moved and self.following is not None:
            sent = self.team.send(values[own[-1]], self.following)
        if moved and not chained:
            self._hear(own, values)
        if sent:
            sent()

    def _hear(self, own: range, values: Values) -> None:
        if self.previous is not None:
            values[own.start - 1] = self.team.receive(values[own.start - 1], self.previous)

    def _step(self, level: int, i: int, state: State, corrections: Corrections) -> State:
        new = self.advance(level, i, state)
        if i not in corrections:
            return new
        fine, coarse = corrections[i]
        return tuple(a + (b - c) for a, b, c in zip(fine, new, coarse, strict=True))
