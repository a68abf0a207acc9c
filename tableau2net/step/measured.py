"""The error that a scheme really makes, in many digits: its step program run on a test problem with mpmath.

Every family runs: one field or several, one state or several, implicit stages too. What a step needs from before its
start is given exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mpmath
from mpmath import mpf
from sympy import Expr, Rational

from tableau2net.errors import InputError
from tableau2net.scheme import Scheme
from tableau2net.step import Combine, Evaluate, Input, Solve, Step, lower

DIGITS = 50
ROUNDING = 1e-42  # an error below it may be that of the arithmetic
END = 8  # the run goes to t = 1/END: short enough for a method with a tiny leading error to show its order
MAX_SWEEPS = 300
Vector = list[Any]


def global_error(scheme: Scheme, steps: int) -> float:
    """The error at t = 1/8 after `steps` equal steps, largest over the components.

    Raises InputError for more than two states, and where the implicit stages do not settle."""
    with mpmath.workdps(DIGITS):
        step = lower(scheme.at_defaults())
        run = _Run(step, mpf(1) / END / steps)
        given = [run.start(i) for i in step.inputs]
        first = max((i.age for i in step.inputs), default=0)  # the history lies in the interval too
        for n in range(first, steps):
            given = run.advance(given, n)
        exact = solution(mpf(1) / END)
        found = _whole(given[: len(step.states)])
        error = max(abs(a - b) for a, b in zip(found, exact, strict=True))
        return float(min(error, mpf(10) ** 300)) if mpmath.isfinite(error) else float("inf")


# ------------------------------------------------------------------ the problem


def solution(t: Any) -> Vector:
    """w(t) = (sin 2t + t/3, e^−t + t²/2): what the problem is solved by."""
    return _derivative(t, 0)


def _derivative(t: Any, k: int) -> Vector:
    """w^(k)(t)."""
    powers = [(t / 3, t * t / 2), (mpf(1) / 3, t), (mpf(0), mpf(1))]
    a, b = powers[k] if k < 3 else (mpf(0), mpf(0))
    return [2**k * mpmath.sin(2 * t + k * mpmath.pi / 2) + a, (-1) ** k * mpmath.exp(-t) + b]


LINEAR = (("-0.9", "0.7"), ("-0.6", "-0.4"))
QUADRATIC = (("0.5", "0.8"), ("-0.7", "0.3"))


def field(t: Any, y: Vector, derivative: int = 1) -> tuple[Vector, Vector]:
    """w^(d) + M e + N(e), e = y − w(t), in two parts: w^(d) + M e, and the rest, quadratic in e.

    No differential vanishes by symmetry, so that every order condition is seen."""
    w = solution(t)
    e = [a - b for a, b in zip(y, w, strict=True)]
    slope = _derivative(t, derivative)
    linear = [slope[i] + sum(mpf(m) * x for m, x in zip(LINEAR[i], e, strict=True)) for i in range(2)]
    square = [mpf(QUADRATIC[i][0]) * e[0] * e[1] + mpf(QUADRATIC[i][1]) * e[i] * e[i] for i in range(2)]
    return linear, square


# ------------------------------------------------------------------ the step


@dataclass
class _Run:
    """One step program in mpmath numbers."""

    step: Step
    h: Any
    time: Any = 0

    def __post_init__(self) -> None:
        if len(self.step.states) > 2:
            raise InputError("the test problem has two components, a scheme for more states is not measured on it")
        self.scale = self.h**self.step.derivative
        self.coefficient = {c: _number(c) for c in self.step.coefficients()}

    def start(self, given: Input) -> Vector:
        """An input as the exact solution has it, when the first steps have been given. A stage of the step before is
        the field at its time: as close as its stage order makes it."""
        t = (max(i.age for i in self.step.inputs) - given.age) * self.h
        if given.nordsieck is not None:
            terms = [(_number(q) * self.h**k, _derivative(t, k)) for k, q in enumerate(given.nordsieck)]
            return [sum((c * x[i] for c, x in terms), mpf(0)) for i in range(2)]
        if given.kind == "y":
            return self._component(solution(t), given.component)
        if given.stage is not None:
            t += self.h * next(
                self.coefficient[op.time]
                for op in self.step.flat()
                if isinstance(op, Evaluate) and op.target == given.stage
            )
        return self._part(t, solution(t), given.part)

    def advance(self, given: list[Vector], n: int) -> list[Vector]:
        """One step on from t = n h."""
        self.time = n * self.h
        values = dict(zip((i.name for i in self.step.inputs), given, strict=True))
        for op in self.step.operations:
            if isinstance(op, Solve):
                self._solve(op, values)
            else:
                values[op.target] = self._apply(op, values)
        return [values[name] for name in self.step.outputs]

    def _apply(self, op: Combine | Evaluate, values: dict[str, Vector]) -> Vector:
        if isinstance(op, Evaluate):
            t = self.time + self.coefficient[op.time] * self.h
            return self._part(t, self._state(op, t, values), op.part)
        terms = [
            (self.coefficient[c] * (self.scale if self.step.kind(v) == "f" else 1), values[v]) for c, v in op.terms
        ]
        size = len(terms[0][1]) if terms else 2
        return [sum((c * x[i] for c, x in terms), mpf(0)) for i in range(size)]

    def _solve(self, op: Solve, values: dict[str, Vector]) -> None:
        """Sweep until nothing changes: with a small step each sweep wins digits."""
        guess = values[self.step.inputs[0].name]
        for inner in op.operations:
            values.setdefault(inner.target, guess)
        tolerance = mpf(10) ** (5 - DIGITS)
        for _ in range(MAX_SWEEPS):
            change = mpf(0)
            for inner in op.operations:
                new = self._apply(inner, values)
                change = max([change, *(abs(a - b) for a, b in zip(new, values[inner.target], strict=True))])
                values[inner.target] = new
            if change < tolerance:
                return
        raise InputError("the implicit stages do not settle on the test problem at this step size")

    def _part(self, t: Any, y: Vector, part: int) -> Vector:
        linear, square = field(t, y, self.step.derivative)
        if len(self.step.states) > 1:  # one field a component
            return [linear[part] + square[part]]
        if self.step.parts == 1:
            return [a + b for a, b in zip(linear, square, strict=True)]
        return (linear, square)[part] if part < 2 else [mpf(0), mpf(0)]

    def _state(self, op: Evaluate, t: Any, values: dict[str, Vector]) -> Vector:
        """The whole state; a component that the field does not read is as in the exact solution, so that it is not
        seen."""
        if len(self.step.states) == 1:
            return values[op.value]
        state = solution(t)
        for component, value in zip(op.reads, op.values, strict=True):
            state[component] = values[value][0]
        return state

    def _component(self, y: Vector, component: int) -> Vector:
        return y if len(self.step.states) == 1 else [y[component]]


def _whole(components: list[Vector]) -> Vector:
    return [x for component in components for x in component]


def _number(value: Expr) -> Any:
    if isinstance(value, Rational):
        return mpf(int(value.p)) / int(value.q)
    return mpmath.mpmathify(value.evalf(DIGITS + 5))
