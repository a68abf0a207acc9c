"""Multistep methods of variable step and variable order: what was, is kept in a table, and formulas are rows that it is
multiplied by (Hairer, Nørsett, Wanner I, III.5 and III.7; Shampine & Gordon 1975; Shampine & Reichelt 1997)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import accumulate

import torch
from torch import Tensor

from tableau2net.integration.control import AFTER_FAILURE, FACTORS, LARGEST, SMALLEST, Factors, Tolerance
from tableau2net.integration.correction import Corrector
from tableau2net.integration.one_step import TakenStep
from tableau2net.integration.system import States, System
from tableau2net.scheme.variable_order import (
    VariableOrder,
    bashforth,
    differentiated,
    integrals,
    moulton,
    slopes_at,
    values_at,
    weights,
)

SAFETY = 0.8  # of the factor between one step and the next
COUNTED = 2.0  # times an error of differentiation: it is found again in the steps that read the value
WORTH = 1.2  # times the step: less is not worth a new matrix, nor formulas that are not those of equal steps
FAILED = 3  # rejections in a row after which what was is believed to say nothing of what comes
KEPT = 256  # rows of formulas

Points = tuple[float, ...]


class Varying(ABC):
    """Steps of a `VariableOrder`, for `adaptive`: also what decides on the next step and its order.

    The table has what the last points had, y or f, newest first, a row each; sizes: of the steps between them."""

    def __init__(self, family: VariableOrder, system: System, tolerance: Tolerance) -> None:
        self.family, self.tolerance = family, tolerance
        (self.field,) = system.fields
        self.k, self.equal, self.failures, self.starting = 1, 0, 0, True
        self.safety, self.smallest, self.largest = SAFETY, SMALLEST, LARGEST
        self.sizes: list[float] = []
        self.table = system.states[0].new_empty(0)
        self.h, self.old, self.new = 0.0, system.states[0], system.states[0]

    @property
    def error_order(self) -> int:
        """That of the first step's error."""
        return 2

    def control(self, factors: Factors) -> Varying:
        """What decides on the next step."""
        if factors != FACTORS:
            self.safety, self.smallest, self.largest = factors
        return self

    def forget(self) -> None:
        """f jumps where the step has ended: what was before says nothing of what comes."""
        self.field.forget()
        self.k, self.equal, self.failures, self.starting = 1, 0, 0, True
        self.sizes, self.table = [], self.table.new_empty(0)

    def take(self, t: float, h: float, states: States) -> TakenStep:
        """A step of size h, with its error."""
        if not self.table.numel():
            self.table = self._begun(t, h, states[0])
        self.h, (self.old,) = h, states
        self.new, error = self._taken(t, h, states[0])
        return TakenStep((self.new,), (error,), {})

    def ended(self, t: float, taken: TakenStep) -> None:
        """The step that ended at t is kept."""
        rows = self.family.orders + 2
        self.table = torch.cat((self._kept(t, self.new).reshape(1, -1), self.table[:rows]))
        self.equal = self.equal + 1 if self.sizes and self.sizes[0] == self.h else 1
        self.sizes = [self.h, *self.sizes[:rows]]

    # ------------------------------------------------------------------ what each kind of formula does in its own way

    @abstractmethod
    def _begun(self, t: float, h: float, y: Tensor) -> Tensor:
        """The first table."""

    @abstractmethod
    def _taken(self, t: float, h: float, y: Tensor) -> tuple[Tensor, Tensor]:
        """The new y, and its error."""

    @abstractmethod
    def _kept(self, t: float, y: Tensor) -> Tensor:
        """What the table gets at a new point."""

    @abstractmethod
    def between(self, t: float, h: float, states: States, taken: TakenStep, time: float) -> States:
        """The states at a time inside the step that was just taken."""

    @abstractmethod
    def _error(self, k: int) -> Tensor:
        """What the error of the formula of order k would have been in the last step."""

    @abstractmethod
    def _known(self, k: int) -> bool:
        """Whether there are the values that the formula of order k needs."""

    # ------------------------------------------------------------------ step and order

    def accepted(self, size: float) -> float:
        """The factor of the next step, which may be of another order."""
        self.failures = 0
        k, orders = self.k, self.family.orders
        if self.starting:  # orders and steps grow together, until an error says that they should not
            if self._wanted(k, size) >= 1 and (k == 1 or self._size(k - 1) > size):
                self.k += k < orders and self._known(k + 1)
                return min(2.0, self._wanted(k, size))
            self.starting = False
        if self.equal <= k:
            return 1.0
        sizes = {k: size} | {m: self._size(m) for m in (k - 1, k + 1) if 1 <= m <= orders and self._known(m + 1)}
        factors = {m: self._wanted(m, s) for m, s in sizes.items()}
        best = max(factors, key=factors.__getitem__)
        self.equal = 0
        if best == k and 1 <= factors[k] < WORTH:
            return 1.0
        self.k = best
        return min(self.largest, factors[best])

    def rejects(self, size: float) -> float:
        """The factor after an error that was too large, or no number."""
        self.failures, self.starting, self.equal = self.failures + 1, False, 0
        if self.failures >= FAILED:
            self.k = 1
        if not math.isfinite(size):
            return AFTER_FAILURE
        return min(0.9, max(self.smallest, self._wanted(self.k, size)))

    def _wanted(self, k: int, size: float) -> float:
        return self.safety * max(size, 1e-10) ** (-1 / (k + 1))  # type: ignore[no-any-return]

    def _size(self, k: int) -> float:
        y = self.new.detach()
        return self.tolerance.size((self._error(k).detach().view(y.shape),), (y,), (y,))

    # ------------------------------------------------------------------ the table

    def _points(self, count: int) -> Points:
        """Where the values of the table are, in steps of the present size from the last."""
        x, found = 0.0, [0.0]
        for size in self.sizes[: count - 1]:
            x -= size / self.h
            found.append(x)
        return tuple(found)

    def _past(self, count: int) -> Points:
        """The same after the step, its end among them, in the units it was taken in."""
        x, found = 0.0, [1.0, 0.0]
        for size in self.sizes[1 : count - 1]:
            x -= size / self.h
            found.append(x)
        return tuple(found[:count])

    def _matrix(self, rows: Sequence[float] | Sequence[Sequence[float]]) -> Tensor:
        return torch.tensor(rows, dtype=self.table.dtype, device=self.table.device)


class Differentiation(Varying):
    """BDF and NDF. The table has by how much y has changed in each step, whose rounding is that of the change; to begin
    with by what is not of the solution, on its tangent."""

    def __init__(self, family: VariableOrder, system: System, tolerance: Tolerance) -> None:
        super().__init__(family, system, tolerance)
        self.corrector = Corrector(self.field, self.new, tolerance)

    def _begun(self, t: float, h: float, y: Tensor) -> Tensor:
        self.sizes = [h]
        return self.field(t, y).reshape(1, -1) * h

    def _taken(self, t: float, h: float, y: Tensor) -> tuple[Tensor, Tensor]:
        k = self.k
        rows, beta, error = _differentiation(self.family, k, self._points(k + 1))
        predicted, known = (self._matrix(rows) @ self.table[:k]).view(2, *y.shape) + y
        new = self.corrector.solved(t + h, beta * h, predicted, known)
        return new, (new.detach() - predicted.detach()).mul_(error)

    def _kept(self, t: float, y: Tensor) -> Tensor:
        return self.new - self.old

    def _known(self, k: int) -> bool:
        return len(self.sizes) > k

    def _error(self, k: int) -> Tensor:
        row = _differentiation_error(self.family, k, self._past(k + 2))
        return self._matrix(row) @ self.table[: k + 1]

    def between(self, t: float, h: float, states: States, taken: TakenStep, time: float) -> States:
        """On the polynomial that the formula is of."""
        points = (1.0, *self._points(self.k))
        first, *rest = _of_changes(weights(points, values_at(points, (time - t) / h)))
        y = torch.add(self.new, self.new - self.old, alpha=first)
        return (y + (self._matrix(rest) @ self.table[: self.k - 1]).view(y.shape) if rest else y,)


def _of_changes(values: Sequence[float]) -> list[float]:
    """What changes from one value to the next count, beside the first value, where values count so much."""
    return [-total for total in reversed(list(accumulate(reversed(values[1:]))))]


@cache
def _leading(family: VariableOrder, k: int) -> float:
    return float(family.leading(k))


@lru_cache(KEPT)
def _differentiation(
    family: VariableOrder, k: int, points: Points
) -> tuple[tuple[list[float], list[float]], float, float]:
    """The predictor, the formula without f, what h·f counts, and the error, relative to how far the predictor was off:
    what the solution leaves of h f = h p' + leading·(y − p)."""
    leading = _leading(family, k)
    known, beta = differentiated(points, leading)
    longer = (*points, 0.0)
    return (
        (_of_changes(weights(points, values_at(points, 1))), _of_changes(known)),
        beta,
        COUNTED * (slopes_at(longer, 1)[-1] / values_at(longer, 1)[-1] - leading),
    )


@lru_cache(KEPT)
def _differentiation_error(family: VariableOrder, k: int, points: Points) -> list[float]:
    """points: of the end of the step, its beginning, and those before."""
    longer = (*points[1:], 0.0)
    left = COUNTED * (slopes_at(longer, 1)[-1] - _leading(family, k) * values_at(longer, 1)[-1])
    return _of_changes(weights(points, [0.0] * (len(points) - 1) + [left]))


class Adams(Varying):
    """Adams–Bashforth predicts, Adams–Moulton of one order more corrects, and f is evaluated again. The table has
    values of f; the error is that of the formula of the lower order."""

    def _begun(self, t: float, h: float, y: Tensor) -> Tensor:
        return self.field(t, y).reshape(1, -1)

    def _taken(self, t: float, h: float, y: Tensor) -> tuple[Tensor, Tensor]:
        k = self.k
        predictor, corrector = _adams(k, self._points(k))
        known = self.table[:k]
        predicted = torch.add(y, (self._matrix(predictor) @ known).view(y.shape), alpha=h)
        slope = self.field(t + h, predicted).reshape(1, -1)
        change, error = (self._matrix(corrector) @ torch.cat((slope, known))).view(2, *y.shape)
        return torch.add(y, change, alpha=h), error.detach() * h

    def _kept(self, t: float, y: Tensor) -> Tensor:
        return self.field(t, y)

    def _known(self, k: int) -> bool:
        return len(self.sizes) >= k - 1

    def _error(self, k: int) -> Tensor:
        return self._matrix(_adams_error(self._past(k + 1))) @ self.table[: k + 1] * self.h

    def between(self, t: float, h: float, states: States, taken: TakenStep, time: float) -> States:
        """f on the polynomial through its values, and what
        that misses at the end, where f has moved by correcting, a part each."""
        y, k = self.old, self.k
        if self._slope_of is not self.new:
            self._slope, self._slope_of = self.field(t + h, self.new), self.new
            self.field.know(t + h, self.new, self._slope)
        theta, points = (time - t) / h, (1.0, *self._points(k))
        rows = self._matrix([weights(points, integrals(points, x)) for x in (theta, 1.0)])
        values = torch.cat((self._slope.reshape(1, -1), self.table[:k]))
        inside, whole = (rows @ values).view(2, *y.shape)
        return (torch.add(torch.add(y, inside, alpha=h), self.new - y - h * whole, alpha=theta),)

    _slope_of: Tensor | None = None
    _slope: Tensor


@lru_cache(KEPT)
def _adams(k: int, points: Points) -> tuple[list[float], tuple[list[float], list[float]]]:
    """The predictor; the corrector, and by how much it is not that of one order less."""
    return bashforth(points), (moulton(points), _adams_error((1.0, *points)))


@lru_cache(KEPT)
def _adams_error(points: Points) -> list[float]:
    """The last term of the formula on these points, the end of the step among them."""
    return weights(points, [0.0] * (len(points) - 1) + [integrals(points, 1.0)[-1]])


def varying(family: VariableOrder, system: System, tolerance: Tolerance) -> Varying:
    """The steps of a family."""
    return {"differentiation": Differentiation, "adams": Adams}[family.formulas](family, system, tolerance)
