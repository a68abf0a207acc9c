"""The coupled form: of the order of its method, undone by a derived inverse, and damped by λ alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, S, sympify

from tableau2net.analysis.order.conditions import order
from tableau2net.analysis.reading.step_reading import reading
from tableau2net.analysis.reading.trees import forest
from tableau2net.errors import InputError
from tableau2net.exact.text import symbol
from tableau2net.scheme import AdditiveRungeKutta, Multistep, RungeKutta, load
from tableau2net.step import Combine, Step, lower
from tableau2net.step.coupled import coupled
from tableau2net.step.growth import backward_matrix
from tableau2net.step.inverse import inverted
from tests.strategies import explicit_runge_kutta

Values = dict[str, np.ndarray]
LAMBDAS = [S(1), Rational(999, 1000), Rational(1, 3)]


def field(part: int, time: float, values: list[np.ndarray]) -> np.ndarray:
    mixed = sum((i + 1) * value for i, value in enumerate(values))
    return np.tanh(mixed * (1 + part) / 3 + time) * np.sin(np.roll(mixed, 1) + part)


def run(step: Step, given: Values, h: float, t: float, field: Callable[..., np.ndarray] = field) -> Values:
    """What a step hands on, under the names of what it takes."""
    values = dict(given)
    for op in step.flat():
        if isinstance(op, Combine):
            scale = {v: h if step.kind(v) == "f" else 1.0 for _, v in op.terms}
            values[op.target] = sum(float(c) * scale[v] * values[v] for c, v in op.terms)
        else:
            values[op.target] = field(op.part, t + h * float(op.time), [values[v] for v in op.values])
    return {i.name: values[o] for i, o in zip(step.inputs, step.outputs, strict=True)}


def order_of(step: Step) -> int:
    """To which order everything handed on is the exact solution, with time and all colours of trees."""
    grown = forest(with_time=True, colours=step.parts, reads=step.reads)
    series = reading(step, grown)
    for n in range(1, 9):
        series.extend(n)
        for name, meaning in zip(step.outputs, step.inputs, strict=True):
            for tree in grown.of_order(n):
                mine = len(step.states) < 2 or grown.colour[tree] == meaning.component
                if mine and not series.matches(name, tree, meaning):
                    return n - 1
    return 8


@pytest.mark.parametrize("name", ["euler", "explicit-midpoint", "rk4", "stormer-verlet-velocity", "revnet"])
@pytest.mark.parametrize("strength", LAMBDAS)
def test_order_is_that_of_the_method(name: str, strength: Rational) -> None:
    assert order_of(coupled(lower(load(name)), strength)) == order(load(name))


@given(explicit_runge_kutta(4), st.sampled_from(LAMBDAS))
@settings(max_examples=15)
def test_the_derived_inverse_undoes_it(scheme, strength) -> None:
    """Whatever the tableau, to rounding, from any state; and by as many evaluations as forward."""
    comes_back(coupled(lower(scheme), strength))


@pytest.mark.parametrize("name", ["dormand-prince-54", "forest-ruth-4", "stormer-verlet-position"])
def test_methods_of_the_library_come_back(name: str) -> None:
    comes_back(coupled(lower(load(name))))


def test_several_fields_come_back() -> None:
    parts = (load("rk4"), RungeKutta(A=[[], [1], ["1/4", "1/4"], [0, 0, 1]], b=["1/2", 0, 0, "1/2"]))
    comes_back(coupled(lower(AdditiveRungeKutta(parts=parts))))


def comes_back(step: Step) -> None:
    back = inverted(step)
    assert back is not None
    assert back.step.evaluations <= step.evaluations
    draw = np.random.default_rng(0)
    before = {i.name: draw.normal(size=5) for i in step.inputs}
    after = run(step, before, 0.1, 0.7)
    handed = {i.name: after[given.name] for i, given in zip(back.step.inputs, step.inputs, strict=True)}
    found = run(back.step, handed, 0.1, 0.8)  # t of the inverse is the new time
    size = max(1.0, *(float(abs(x).max()) for x in after.values()))
    for i, name in zip(back.step.inputs, back.step.outputs, strict=True):
        assert np.allclose(found[i.name], before[name], rtol=0, atol=1e-11 * size)


@pytest.mark.parametrize("name", ["euler", "rk4"])
@pytest.mark.parametrize("strength", LAMBDAS)
@pytest.mark.parametrize("z", [0.0, -0.3, 0.2 + 0.5j])
def test_on_the_linear_equation(name: str, strength: Rational, z: complex) -> None:
    """By the paper's two lines, with the stability function written out: the growth of errors on the way back is the
    norm of that matrix's inverse; its determinant is λ whatever z, so that λ < 1 alone can damp both directions."""
    degree = {"euler": 1, "rk4": 4}[name]
    lam = float(strength)
    a, b = (sum(x**n / math.factorial(n) for n in range(1, degree + 1)) for x in (z, -z))  # R(z) − 1, R(−z) − 1
    first = np.array([lam, 1 - lam + a])
    forward = np.array([first, np.array([0, 1]) - b * first])
    assert np.isclose(np.linalg.det(forward), lam)
    back = np.linalg.inv(forward)
    inverse = inverted(coupled(lower(load(name)), strength))
    assert inverse is not None
    unit = {i.name: row for i, row in zip(inverse.step.inputs, np.eye(2), strict=True)}
    found = run(inverse.step, unit, 1.0, 0.0, lambda part, time, values: z * values[0])
    assert growth(np.array([found[name] for name in unit]), 7) == pytest.approx(growth(back, 7))


def test_damped_near_the_origin_for_lambda_below_one() -> None:
    def radius(lam: float, z: float) -> float:
        a, b = (sum(x**n / math.factorial(n) for n in range(1, 5)) for x in (z, -z))
        first = np.array([lam, 1 - lam + a])
        return float(abs(np.linalg.eigvals(np.array([first, np.array([0, 1]) - b * first]))).max())

    assert radius(0.9, -0.05) < 1
    assert radius(1.0, -0.05) >= 1  # the determinant is 1


# ------------------------------------------------------------------ growth of the library's own inverses


def growth(matrix: Any, steps: int, **values: float) -> float:
    """How many times an error may grow while so many steps are undone: the largest norm of the powers."""
    at = {symbol(name): value for name, value in values.items()}
    B = np.array([[complex(sympify(x).subs(at)) for x in row] for row in matrix])
    return max(1.0, *(float(abs(np.linalg.matrix_power(B, n)).sum(1).max()) for n in range(1, steps + 1)))


@pytest.mark.parametrize("name", ["nystrom-2", "revnet", "stormer-verlet-velocity"])
def test_no_growth(name: str) -> None:
    assert growth(backward_matrix(lower(load(name))), 1000) == 1


def test_growth_of_lm_by_its_recursion() -> None:
    """Errors e of y_prev = (y_new − (1 − k) y)/k, step by step, from each of the two unit errors."""
    k, steps = -0.8, 12
    worst = 1.0
    for n in range(1, steps + 1):
        ends = []
        for new, now in ((1.0, 0.0), (0.0, 1.0)):
            for _ in range(n):
                new, now = now, (new - (1 - k) * now) / k
            ends.append((new, now))
        worst = max(worst, *(abs(a) + abs(b) for a, b in zip(*ends, strict=True)))
    assert growth(backward_matrix(lower(load("lm"))), steps, k=k) == pytest.approx(worst)
    assert worst > abs(k) ** -steps
    assert backward_matrix(lower(load("rk4"))) is None


def test_growth_of_the_coupled_form() -> None:
    lam = Rational(99, 100)
    step = coupled(lower(load("rk4")), lam)
    assert backward_matrix(step) == ((1 / lam, 1 - 1 / lam), (0, 1))
    assert growth(backward_matrix(step), 100) == pytest.approx(2 * 0.99**-100 - 1)


def test_older_field_values_are_another_steps_field() -> None:
    """y_new = y_prev2 + h(f + f_prev): f_prev can be evaluated at y_prev, but in a network by the field of its step."""
    step = lower(Multistep(alpha=[-1, 0, 0, 1], beta=[0, 1, 1, 0]))
    assert inverted(step) is not None
    assert inverted(step, one_field=False) is None


def test_what_has_no_coupled_form() -> None:
    for name in ("adams-bashforth-2", "trapezoid", "ars-222"):
        with pytest.raises(InputError, match="explicit one-step"):
            coupled(lower(load(name)))
    for strength in (S(0), S(2), S(-1)):
        with pytest.raises(InputError, match="coupling="):
            coupled(lower(load("rk4")), strength)
