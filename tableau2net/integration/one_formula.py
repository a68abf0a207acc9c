"""A linear multistep method whose steps a tolerance chooses, its order as it is: coefficients for the points at hand,
and the error by how far a prediction from the same points was off (Milne's device; HNW I, III.5 and III.7): of the
value, or where the formula is explicit, which knows nothing new either, of the slope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from tableau2net.analysis import order
from tableau2net.errors import InputError
from tableau2net.integration.control import AFTER_FAILURE, FACTORS, SMALLEST, Factors, Tolerance
from tableau2net.integration.correction import Corrector
from tableau2net.integration.one_step import Doubled, OneStep, TakenStep
from tableau2net.integration.start import for_start, starter
from tableau2net.integration.system import States, System
from tableau2net.integration.variable import Pattern, pattern
from tableau2net.integration.varying import SAFETY, WORTH
from tableau2net.scheme import Scheme
from tableau2net.scheme.variable_order import slopes_at, values_at, weights
from tableau2net.step import lower

GROWTH = 2.0  # of a step, after as many equal ones as the method remembers: none is zero-stable whatever steps do

Floats = list[float]


class OnPoints(NamedTuple):
    """On the points of one step, newest first: what values count in the predictions of the value and of the slope,
    values and slopes of each field in the formula, the new slope of each, and the error relative to how far the first
    prediction is off, and the second."""

    predictor: Floats
    slope: Floats
    values: Floats
    slopes: list[Floats]
    new: Floats
    error: float
    slope_error: float


class OneFormula:
    """Steps of one linear multistep method, for `adaptive`: also what decides on the next step. The first ones, of
    equal size, are those of a one-step method, with errors of their own."""

    def __init__(self, scheme: Scheme, system: System, tolerance: Tolerance, start: Scheme | str | None) -> None:
        self.pattern: Pattern = pattern(scheme)
        self.p = order(scheme)
        if self.pattern.d != 1 or self.p < 1:
            raise InputError(f"{scheme.name} {UNCONTROLLED}")
        self.system, self.tolerance = system, tolerance
        implicit = [part for part, own in enumerate(self.pattern.betas) if self.pattern.k in own]
        if len(implicit) > 1:
            raise InputError(f"{scheme.name}: two fields are implicit, so steps must be equal; give steps=")
        self.implicit = implicit[0] if implicit else None
        if implicit:
            self.corrector = Corrector(system.fields[implicit[0]], system.states[0], tolerance)
        method = starter(scheme, start)
        kind = OneStep if lower(method).estimate is not None else Doubled
        inner, _ = for_start(method, system)
        self.first = kind(method, inner) if kind is Doubled else OneStep(method, inner, controlled=True)
        self.needed = max(self.pattern.k, self.p + 1)
        self.ys: list[Tensor] = []
        self.slopes: list[list[Tensor]] = [[] for _ in system.fields]
        self.sizes: list[float] = []
        self.equal, self.h, self.known = 0, 0.0, system.states[0]
        self.ahead: list[Tensor] = []
        self.safety, self.smallest, self.largest = SAFETY, SMALLEST, GROWTH
        self._formula: tuple[tuple[float, ...], OnPoints] | None = None

    @property
    def error_order(self) -> int:
        """p + 1 for an error of O(h^(p + 1))."""
        return self.p + 1

    def control(self, factors: Factors) -> OneFormula:
        """What decides on the next step."""
        if factors != FACTORS:
            self.safety, self.smallest, self.largest = factors
        return self

    def forget(self) -> None:
        """f jumps where the step has ended: what was before says nothing of what comes."""
        self.system.forget()
        self.ys, self.slopes, self.sizes, self.equal = [], [[] for _ in self.slopes], [], 0

    def take(self, t: float, h: float, states: States) -> TakenStep:
        """A step of size h, with its error."""
        self.h = h
        if not self.ys:
            self._keep(t, states[0], {})
        if len(self.ys) < self.needed:
            return self.first.take(t, h, states)
        formula = self.formula(self._points(self.needed))
        known = _sum(self.ys, formula.values)
        for own, row in zip(self.slopes, formula.slopes, strict=True):
            for slope, weight in zip(own, row, strict=False):
                if weight:
                    known = known.add(slope, alpha=h * weight)
        self.known = known
        if self.implicit is None:
            self.ahead = [field(t + h, known) for field in self.system.fields]
            off = sum((h * k.detach() for k in self.ahead), 0 * known.detach()) - _slope(self.ys, formula.slope)
            return TakenStep((known,), (off.mul_(formula.slope_error),), {})
        predicted = _sum(self.ys, formula.predictor)
        new = self.corrector.solved(t + h, h * formula.new[self.implicit], predicted, known)
        return TakenStep((new,), ((new.detach() - predicted.detach()).mul_(formula.error),), {})

    def ended(self, t: float, taken: TakenStep) -> None:
        """The step that ended at t is kept."""
        (y,), slopes = taken.states, {}
        if len(self.ys) < self.needed:
            self.first.ended(t, taken)
        elif self.implicit is None:
            slopes = dict(enumerate(self.ahead))
        elif self._formula is not None:
            slopes[self.implicit] = (y - self.known) / (self.h * self._formula[1].new[self.implicit])
        self.equal = self.equal + 1 if self.sizes and self.sizes[0] == self.h else 1
        self.sizes = [self.h, *self.sizes[: self.needed]]
        self._keep(t, y, slopes)

    def between(self, t: float, h: float, states: States, taken: TakenStep, time: float) -> States:
        """The states at a time inside the step that was just taken, on the polynomial through p + 1 values."""
        if len(self.ys) < self.needed:
            return self.first.between(t, h, states, taken, time)
        points = (1.0, *self._points(self.p))
        return (_sum([*taken.states, *self.ys], weights(points, values_at(points, (time - t) / h))),)

    def accepted(self, size: float) -> float:
        """The factor of the next step."""
        if len(self.ys) < self.needed or self.equal <= self.pattern.k:
            return 1.0
        factor = min(self.largest, self._wanted(max(size, 1e-10)))
        if 1 <= factor < WORTH:
            return 1.0
        self.equal = 0
        return factor

    def rejects(self, size: float) -> float:
        """The factor after an error that was too large, or no number."""
        self.equal = 0
        if not math.isfinite(size):
            return AFTER_FAILURE
        return min(0.9, max(self.smallest, self._wanted(size)))

    def _wanted(self, size: float) -> float:
        return self.safety * size ** (-1 / (self.p + 1))  # type: ignore[no-any-return]

    def formula(self, points: tuple[float, ...]) -> OnPoints:
        """The formula on these points, newest first, in steps from the last."""
        if self._formula is None or self._formula[0] != points:
            self._formula = points, formula_on(self.pattern, self.p, points)
        return self._formula[1]

    def _keep(self, t: float, y: Tensor, known: dict[int, Tensor]) -> None:
        """The newest value, and slopes that later steps read. known: some of them."""
        self.ys = [y, *self.ys[: self.needed - 1]]
        for part, own in enumerate(self.pattern.betas):
            if any(j < self.pattern.k for j in own):
                new = known[part] if part in known else self.system.fields[part](t, y)
                self.slopes[part] = [new, *self.slopes[part][: self.pattern.k - 1]]

    def _points(self, count: int) -> tuple[float, ...]:
        x, found = 0.0, [0.0]
        for size in self.sizes[: count - 1]:
            x -= size / self.h
            found.append(x)
        return tuple(found)


UNCONTROLLED = "remembers earlier steps, so its steps are given: steps= or grid="


def _sum(values: Sequence[Tensor], row: Sequence[float]) -> Tensor:
    """Σ w_i y_i for weights that come to 1: the first, and what the others differ from it by."""
    total = values[0]
    for value, weight in zip(values[1:], row[1:], strict=False):
        if weight:
            total = total.add(value - values[0], alpha=weight)
    return total


def _slope(values: Sequence[Tensor], row: Sequence[float]) -> Tensor:
    """Σ w_i y_i for weights that come to 0."""
    return _sum([v.detach() for v in values], row) - values[0].detach()


def formula_on(form: Pattern, p: int, points: tuple[float, ...]) -> OnPoints:
    k = form.k
    x = [*reversed(points[:k]), 1.0]
    alpha, betas = form.coefficients(x)
    nodes = points[: p + 1]
    off, steeper = values_at((*nodes, 0.0), 1.0)[-1], slopes_at((*nodes, 0.0), 1.0)[-1]
    left = sum((a * at ** (p + 1) for a, at in zip(alpha, x, strict=False)), 1.0)
    errors = [left - (p + 1) * sum(b * at**p for b, at in zip(beta, x, strict=True) if b) for beta in betas]
    error = max(errors, key=abs)
    return OnPoints(
        weights(nodes, values_at(nodes, 1.0)),
        weights(nodes, slopes_at(nodes, 1.0)),
        [-a for a in reversed(alpha)],
        [list(reversed(beta[:k])) for beta in betas],
        [beta[k] for beta in betas],
        error / (off - error),
        error / steeper,
    )
