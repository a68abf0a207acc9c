"""The goals beside what was measured."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.candidate import Row
from benchmarks.sheet import Sheet


@dataclass(frozen=True)
class Goal:
    """A figure that must be at most, or at least, a bound; `found` is nan where it was not measured."""

    name: str
    found: float
    bound: float
    least: bool = False
    form: str = "{:.2f}"

    @property
    def met(self) -> bool | None:
        if math.isnan(self.found):
            return None
        compare: Callable[[float, float], bool] = operator.ge if self.least else operator.le
        return compare(self.found, self.bound)

    def cells(self) -> tuple[str, ...]:
        wanted = f"{'≥' if self.least else '≤'} {self.form.format(self.bound)}"
        found = "not measured" if self.met is None else self.form.format(self.found)
        return self.name, wanted, found, {True: "yes", False: "no", None: "–"}[self.met]


def sheet(goals: Sequence[Goal]) -> Sheet:
    return Sheet("Goals", ("figure", "goal", "measured", "met"), tuple(goal.cells() for goal in goals))


def ratio(rows: Sequence[Row], name: str, figure: str = "forward_ms") -> float:
    """How many times the first row's figure a named row's is; nan where there is no such row."""
    for r in rows:
        if r.name == name:
            above, below = getattr(r, figure), getattr(rows[0], figure)
            return above / below if above is not None and below else math.nan
    return math.nan


def step_goals(rows: Sequence[Row]) -> list[Goal]:
    """The goals of one step of rk4 on the cheap field, from its rows."""
    ours = rows[0]
    least = (
        ("a loop over tableau tensors", "loop over tableau tensors", 2.0),
        ("torchdiffeq's rk4", "torchdiffeq rk4", 2.3),
        ("torchdiffeq's adaptive step", "torchdiffeq dopri5, adaptive", 9.0),
    )
    found = [
        Goal("rk4, cheap field: kernels forward", ours.kernels or math.nan, 11, form="{:.0f}"),
        Goal("rk4, cheap field: peak of tensors without gradients", ours.peak or math.nan, 5, form="{:.0f}"),
    ]
    found += [
        Goal(f"rk4, cheap field: {what} over generated, {how}", ratio(rows, name, figure), bound, least=True)
        for what, name, bound in least
        for how, figure in (("forward", "forward_ms"), ("with backward", "both_ms"))
    ]
    return found
