"""A test problem with a known solution on which no order condition is fulfilled by luck.

y' = w'(t) + G(t, y − w(t)), so that w is a solution; G has derivatives of every order in both arguments, and matrices
that do not commute. With several fields f^1, f^2, … all but the last are arbitrary, and they add up to the above; with
several states each has such an equation, coupled to every state that its field reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

import mpmath
from mpmath import mpf

DIMENSION = 2
FARTHEST = 1000


class PreciseVector(tuple[Any, ...]):
    """A vector of multiple-precision numbers."""

    __slots__ = ()

    def __add__(self, other: object) -> PreciseVector:
        assert isinstance(other, PreciseVector)
        return PreciseVector(a + b for a, b in zip(self, other, strict=True))

    def __rmul__(self, factor: Any) -> PreciseVector:
        return PreciseVector(factor * a for a in self)

    def __sub__(self, other: PreciseVector) -> PreciseVector:
        return PreciseVector(a - b for a, b in zip(self, other, strict=True))

    @property
    def size(self) -> Any:
        """The largest entry."""
        return max(abs(a) for a in self)


@dataclass
class Problem:
    """The test problem with some number of fields (on one state) or states (with a field each).

    reads: for each state the states that its field depends on; None where several fields act on one state.
    derivative: 2 for y'' = f(t, y), or f(t, y, y') where that is called with both.
    """

    fields: int = 1
    reads: Sequence[Sequence[int]] | None = None
    derivative: int = 1
    _known: dict[tuple[int, Any, int], PreciseVector] = field(default_factory=dict, repr=False)

    def solution(self, component: int, t: Any, derivative: int = 0) -> PreciseVector:
        """w and its derivatives: (sin ωt + 3t²/10, e^(t/2) − cos 2ωt), ω = 1 + component/3."""
        key = component, t, derivative
        if key not in self._known:
            self._known[key] = _solution(component, t, derivative)
        return self._known[key]

    def field(self, part: int, t: Any, states: list[PreciseVector]) -> PreciseVector:
        """f^part(t, y), or f_part(t, y_1, y_2, …)."""
        if self.reads is not None:
            errors = [states[q] - self.solution(q, t) for q in self.reads[part]]
            value = self.solution(part, t, 1)
            for q, e in zip(self.reads[part], errors, strict=True):
                value = value + _perturbation(7 * part + q, t, e)
            # a product, so that the states are coupled in more than a sum
            return value + PreciseVector(
                mpf(3) / 10 * mpmath.fprod(mpmath.sin(e[i]) for e in errors) for i in range(DIMENSION)
            )
        e = states[0] - self.solution(0, t)
        if part < self.fields - 1:
            return _arbitrary(part, t) + _perturbation(part + 1, t, e)
        value = self.solution(0, t, self.derivative) + _perturbation(0, t, e)
        for velocity in states[1:]:  # of y'' = f(t, y, y')
            e_v = velocity - self.solution(0, t, 1)
            product = PreciseVector(mpmath.sin(a) * mpmath.sin(b) / 2 for a, b in zip(e, e_v, strict=True))
            value = value + _perturbation(5, t, e_v) + product
        for other in range(self.fields - 1):
            value = value - (_arbitrary(other, t) + _perturbation(other + 1, t, e))
        return value


def _solution(component: int, t: Any, n: int) -> PreciseVector:
    omega = 1 + mpf(component) / 3
    square = (t**2, 2 * t, mpf(2))[n] if n < 3 else mpf(0)
    quarter_turns = n * mpmath.pi / 2
    return PreciseVector(
        (
            omega**n * mpmath.sin(omega * t + quarter_turns) + 3 * square / 10,
            mpmath.exp(t / 2) / 2**n - (2 * omega) ** n * mpmath.cos(2 * omega * t + quarter_turns),
        )
    )


def _arbitrary(part: int, t: Any) -> PreciseVector:
    """What an arbitrary field is on the solution."""
    return PreciseVector((mpmath.cos(2 * t + part), mpmath.sin(t + 2 * part) + mpf(1) / 2))


def _perturbation(seed: int, t: Any, e: PreciseVector) -> PreciseVector:
    """G(t, e) = M(t) e + C(t) (exp(L e) − 1), with coefficients of its own for each seed.

    Raises OverflowError for an e out of all bounds: exp of it would eat the machine."""
    turn = mpmath.sin(2 * t + seed)
    numbers = iter(_tenths(seed))

    def coefficient() -> Any:
        return (next(numbers) + next(numbers) * turn) / 10

    value = []
    for _ in range(DIMENSION):
        linear = sum(coefficient() * x for x in e)
        factor = coefficient()
        exponent = sum(mpf(next(numbers)) / 10 * x for x in e)
        if abs(exponent) > FARTHEST:
            raise OverflowError("a stage is so far from the solution that the step is too large to tell anything")
        value.append(linear + factor * mpmath.expm1(exponent))
    return PreciseVector(value)


@cache
def _tenths(seed: int) -> list[int]:
    """Whole numbers from 3 to 12 with a sign."""
    draw = Random(seed)
    return [draw.choice((-1, 1)) * draw.randint(3, 12) for _ in range(DIMENSION * (3 * DIMENSION + 2))]
