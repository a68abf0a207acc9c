"""The error that a scheme really makes, in many digits: its step program run on a test problem with mpmath.

Every family runs: one field or several, one state or several, implicit stages too. What a step needs from before its
start is given exactly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import mpmath
from mpmath import mpf
from sympy import Expr, Rational

from tableau2net.errors import InputError
from tableau2net.scheme import Scheme
from tableau2net.scheme.lowering import Operator
from tableau2net.step import Call, Input, Solve, Step, lower
from tableau2net.step.operation import Terms

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
MATRIX = (("0.3", "-0.5"), ("0.8", "-0.2"))
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
    values: dict[str, Vector] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.step.states) > 2:
            raise InputError("the test problem has two components, a scheme for more states is not measured on it")
        self.scale = self.h**self.step.derivative
        self.kinds = self.step.kinds

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
            t += self.h * next(_number(op.time) for op in self.step.calls if op.target == given.stage)
        return self._part(t, solution(t), given.part)

    def advance(self, given: list[Vector], n: int) -> list[Vector]:
        """One step on from t = n h."""
        self.time = n * self.h
        self.values = dict(zip((i.name for i in self.step.inputs), given, strict=True))
        for op in self.step.operations:
            if isinstance(op, Solve):
                self._solve(op)
            else:
                self.values |= {o.target: o.on_numbers(self) for o in op.members}
        return [self.values[name] for name in self.step.outputs]

    def of(self, value: str) -> Vector:
        """A value of the step that is being taken."""
        return self.values[value]

    def sum(self, terms: Terms) -> Vector:
        """Σ coefficient · value, field values times h^d."""
        found = [(_number(c) * (self.scale if self.kinds[v] == "f" else 1), self.values[v]) for c, v in terms]
        size = len(found[0][1]) if found else 2
        return [sum((c * x[i] for c, x in found), mpf(0)) for i in range(size)]

    def field(self, call: Call, values: tuple[Vector, ...]) -> Vector:
        """The field that is called, at these values."""
        t = self.time + _number(call.time) * self.h
        return self._part(t, self._state(call, t, values), call.part)

    def operator(self, kind: Operator, part: int) -> Callable[[Vector], Vector]:
        """h ∂f/∂y at the step's beginning, by central differences, or h times a matrix that is not of f."""
        if kind == "linear":
            raise InputError("the test problem is not split into a linear part and the rest")
        if kind == "matrix":
            rows = [[self.h * mpf(x) for x in row] for row in MATRIX]
            return lambda v: [sum((a * x for a, x in zip(row, v, strict=True)), mpf(0)) for row in rows]
        return partial(self._along, self.values[self.step.states[0].name], part)

    def _along(self, y: Vector, part: int, v: Vector) -> Vector:
        tiny = mpf(10) ** -(DIGITS // 2)
        with mpmath.workdps(2 * DIGITS):
            moved = ([a + s * tiny * b for a, b in zip(y, v, strict=True)] for s in (1, -1))
            ahead, behind = (self._part(self.time, each, part) for each in moved)
            return [self.h * (a - b) / (2 * tiny) for a, b in zip(ahead, behind, strict=True)]

    def _solve(self, op: Solve) -> None:
        """Sweep until nothing changes: with a small step each sweep wins digits."""
        values = self.values
        guess = values[self.step.inputs[0].name]
        for inner in op.members:
            values.setdefault(inner.target, guess)
        tolerance = mpf(10) ** (5 - DIGITS)
        for _ in range(MAX_SWEEPS):
            change = mpf(0)
            for inner in op.members:
                new = inner.on_numbers(self)
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

    def _state(self, call: Call, t: Any, values: tuple[Vector, ...]) -> Vector:
        """The whole state; a component that the field does not read is as in the exact solution, so that it is not
        seen."""
        if len(self.step.states) == 1:
            return values[0]
        state = solution(t)
        for component, value in zip(call.reads, values, strict=True):
            state[component] = value[0]
        return state

    def _component(self, y: Vector, component: int) -> Vector:
        return y if len(self.step.states) == 1 else [y[component]]


def _whole(components: list[Vector]) -> Vector:
    return [x for component in components for x in component]


@cache
def _number(value: Expr) -> Any:
    if isinstance(value, Rational):
        return mpf(int(value.p)) / int(value.q)
    return mpmath.mpmathify(value.evalf(2 * DIGITS + 5))
