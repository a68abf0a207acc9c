"""The order of a scheme as it shows: how fast the error of one step falls with h, in as many digits as that takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf, log2
from typing import Any

import mpmath
from mpmath import mpf
from sympy import Expr

from tableau2net.analysis import order_conditions
from tableau2net.scheme import GeneralLinear, Scheme
from tableau2net.scheme.general_linear import age_of
from tableau2net.step import lower
from tableau2net.testing import exponential_formula  # noqa: F401  # registers its formulas
from tableau2net.testing.advanced import Advanced
from tableau2net.testing.formula import advance
from tableau2net.testing.problem import PreciseVector, Problem

START = "0.4"  # t_n
HALVINGS = (20, 80, 200)  # h = 2^−20 is small enough, but where a condition only just fails
TOLERANCE = 0.1  # of a slope
DECIMAL_TOLERANCE = 0.5  # of one where printed decimals keep the step large
SETTLED = 0.25  # how much a settled slope changes from h to h/2
SPARE_DIGITS = 25
MATRIX = (("0.3", "-0.5"), ("0.8", "-0.2"))  # of a W-method, of no field


@dataclass
class ExactStart:
    """A step that starts from the exact solution of the test problem (a `formula.Given`)."""

    problem: Problem
    t: Any
    h: Any
    known_stages: tuple[PreciseVector, ...] = ()
    linear: bool = False  # whether `matrix` is of the field, whose rest `field` then is

    @property
    def tolerance(self) -> Any:
        return mpf(10) ** (8 - mpmath.mp.dps)

    def number(self, value: Expr) -> Any:
        return mpf(int(value.p)) / int(value.q) if value.is_Rational else mpmath.mpmathify(value.evalf(mpmath.mp.dps))

    def distance(self, a: PreciseVector, b: PreciseVector) -> Any:
        return (a - b).size

    def field(self, part: int, time: Any, states: list[PreciseVector], stage: int = 0) -> PreciseVector:
        value = self.problem.field(part, self.t + time * self.h, states)
        return value - (1 / self.h) * self.matrix(states[0]) if self.linear else value

    def along(self, time: Any, state: PreciseVector, u: PreciseVector, moved: Any) -> PreciseVector:
        """By central differences, in twice the digits."""
        tiny = mpf(10) ** -(mpmath.mp.dps // 2)
        with mpmath.workdps(2 * mpmath.mp.dps):
            at, size = self.t + time * self.h, max(u.size, mpf(moved))
            if not size:
                return u
            ahead, behind = (
                self.problem.field(0, at + s * tiny * moved / size, [state + (s * tiny / size) * u]) for s in (1, -1)
            )
            found: PreciseVector = (self.h * size / (2 * tiny)) * (ahead - behind)
            return found

    def matrix(self, u: PreciseVector) -> PreciseVector:
        return PreciseVector(self.h * sum((mpf(a) * x for a, x in zip(row, u, strict=True)), mpf(0)) for row in MATRIX)

    def y(self, component: int, age: int) -> PreciseVector:
        return self.problem.solution(component, self.t - age * self.h)

    def f(self, part: int, age: int) -> PreciseVector:
        return self.field(part, -age, [self.y(0, age)])

    def nordsieck(self, q: tuple[Expr, ...]) -> PreciseVector:
        value: PreciseVector = self.number(q[0]) * self.y(0, 0)
        for k, weight in enumerate(q[1:], 1):
            value = value + (self.number(weight) * self.h**k) * self.problem.solution(0, self.t, k)
        return value

    def k(self, stage: int) -> PreciseVector:
        return self.known_stages[stage] if self.known_stages else self.field(0, -1, [self.y(0, 1)])


def measured_order(
    scheme: Scheme, expected: int | None = None, *, embedded: bool = False, at_least: bool = False
) -> float | None:
    """The order as seen: log2 of the ratio of the errors of one step from exact values with h and h/2, minus 1.

    expected: the order that is thought to be found, the exact one by default; it decides how many digits are carried,
        and where more is seen h is made smaller, unless it is expected `at_least`: a condition may only just fail.
    embedded: of the embedded method.
    Parameters are at their declared values. Where the source printed decimals, h is as small as those allow; None where
    they hide the slope at any h. `inf` where there is no error at all.
    """
    member = scheme.at_defaults()
    if expected is None:
        exact = order_conditions(member, embedded=embedded)
        expected, at_least = exact.order, not exact.complete
    if scheme.digits is not None:
        return _decimal_slope(member, expected, scheme.digits, embedded)
    for halvings in HALVINGS:
        with mpmath.workdps(_digits(expected, halvings + 1)):
            slope = _slope(*(_error(member, mpf(2) ** -n, expected, embedded) for n in (halvings, halvings + 1)))
        slope -= _lost(member)
        if slope < expected + TOLERANCE or at_least:
            break
    return slope


def _lost(scheme: Scheme) -> int:
    """By how much the order is less than the power of h in the error of one step: a method for y'' = f that does not
    hand on y' divides by h twice."""
    step = lower(scheme)
    return 1 if step.velocity else step.derivative


def _digits(expected: int, halvings: int) -> int:
    return int((max(expected, 0) + 3) * halvings * 0.302) + SPARE_DIGITS


def _slope(coarse: Any, fine: Any) -> float:
    return log2(coarse / fine) if fine > mpf(10) ** (12 - mpmath.mp.dps) else inf


def _decimal_slope(scheme: Scheme, expected: int, digits: int, embedded: bool) -> float | None:
    """The slope with the smallest h at which it is settled, C h^(p+1) standing out of the rounding h·10^−digits; with a
    larger one where that gives the expected slope. None where it settles nowhere, or above the expected one only."""
    finest = min(HALVINGS[0], int(digits * 3.33 / max(expected, 1)) + 2)
    found = None
    with mpmath.workdps(_digits(expected, finest)):
        hs = [mpf(2) ** -n for n in range(finest, 0, -1)]
        errors = _errors(scheme, hs, expected, embedded)
        e1, e2 = next(errors, mpf(0)), next(errors, mpf(0))
        for h, e3 in zip(hs, errors, strict=False):
            fine, coarse = _slope(e2, e1), _slope(e3, e2)
            if abs(coarse - fine) < SETTLED and e1 > mpf(1000) * mpf(10) ** -digits * h:
                slope = fine - _lost(scheme)
                if abs(slope - expected) < DECIMAL_TOLERANCE:
                    return slope
                if (
                    slope < expected
                ):  # more is no news: with a step this large the next power of h may outweigh a small C
                    found = slope if found is None else found
            e1, e2 = e2, e3
    return found


def _errors(scheme: Scheme, hs: Iterable[Any], expected: int, embedded: bool) -> Iterator[Any]:
    """The errors with growing steps, until one is out of all bounds."""
    for h in hs:
        try:
            yield _error(scheme, h, expected, embedded)
        except ArithmeticError:  # out of all bounds, or implicit stages that no longer settle
            return


def _error(scheme: Scheme, h: Any, expected: int, embedded: bool) -> Any:
    """The largest error of what one step hands on."""
    step = lower(scheme)
    linear = bool(step.operators("linear"))
    problem = Problem(1 if linear else step.parts, step.reads, step.derivative)
    t = mpf(START)
    stages: tuple[PreciseVector, ...] = ()
    if isinstance(scheme, GeneralLinear) and any(meaning[0] == "k" for meaning in scheme.external):
        for age in range(max(expected, 0) + 3, 0, -1):  # the steps before: each is right to one order more
            stages = advance(scheme, ExactStart(problem, t - age * h, h, stages)).stages
    done = advance(scheme, ExactStart(problem, t, h, stages, linear))
    if embedded:
        assert done.embedded is not None  # the scheme has b_hat
        return max(
            (done.embedded - problem.solution(0, t + h)).size, _velocity_error(done.embedded_velocity, problem, t, h)
        )
    if isinstance(scheme, GeneralLinear):
        return max(error.size for error in _external_errors(scheme, done, ExactStart(problem, t + h, h)))
    wrong = max((y - problem.solution(i, t + h)).size for i, y in enumerate(done.states))
    return max(wrong, _velocity_error(done.velocity, problem, t, h))


def _velocity_error(hv: PreciseVector | None, problem: Problem, t: Any, h: Any) -> Any:
    """That of y', where h·y' is handed on."""
    return mpf(0) if hv is None else ((1 / h) * hv - problem.solution(0, t + h, 1)).size


def _external_errors(scheme: GeneralLinear, done: Advanced, after: ExactStart) -> list[PreciseVector]:
    """What is handed on, minus what it stands for; the field at stages is right by definition."""
    errors = []
    for meaning, value in zip(scheme.external, done.external, strict=True):
        if not isinstance(meaning, str):
            errors.append(value - after.nordsieck(meaning))
        elif meaning[0] == "y":
            errors.append(value - after.y(0, age_of(meaning)))
        elif meaning[0] == "f":
            errors.append(value - after.h * after.f(0, age_of(meaning)))
    return errors
