"""Steps run backwards: from any state handed on, the inverse gives values from which the program gives it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Expr, Rational

from tableau2net.scheme import Multistep, PartitionedRungeKutta, RungeKutta, load
from tableau2net.step import Combine, Evaluate, Step, lower
from tableau2net.step.inverse import inverted
from tests.strategies import nonzero, rationals


def field(part: int, t: Fraction, values: list[Fraction]) -> Fraction:
    """A polynomial that no symmetry helps."""
    total = sum(((i + 2) * v for i, v in enumerate(values)), Fraction(0))
    return Fraction(part + 1, 3) * total**2 - total + t * values[0] + Fraction(2, 7)


def holds(step: Step, known: dict[str, Fraction], h: Fraction, t: Fraction) -> dict[str, Fraction]:
    """Run what can be run of a program from known values; what is known already must agree with what it gives."""
    known, waiting = dict(known), list(step.flat())
    while waiting:
        ready = [op for op in waiting if all(v in known for v in reads(op))]
        assert ready, "an implicit program needs its unknowns"
        for op in ready:
            if isinstance(op, Evaluate):
                value = field(op.part, t + h * fraction(op.time), [known[v] for v in op.values])
            else:
                scale = {v: h**step.derivative if step.kind(v) == "f" else 1 for _, v in op.terms}
                value = sum((fraction(c) * scale[v] * known[v] for c, v in op.terms), Fraction(0))
            assert known.setdefault(op.target, value) == value
            waiting.remove(op)
    return known


def reads(op: Combine | Evaluate) -> tuple[str, ...]:
    return op.values if isinstance(op, Evaluate) else tuple(v for _, v in op.terms)


def fraction(c: Expr) -> Fraction:
    return Fraction(int(c.p), int(c.q))


def comes_back(step: Step, seeds: list[Fraction], h: Fraction = Fraction(1, 5), t: Fraction = Fraction(1, 2)) -> None:
    """From any state handed on, the inverse gives values from which the program makes just that state."""
    found = inverted(step)
    assert found is not None
    back = found.step
    after = {it.name: seeds[i % len(seeds)] + i for i, it in enumerate(back.inputs)}
    # a field value that is handed on is that of a state, which may be handed on as well
    for it in back.inputs:
        if it.kind == "f":
            state = next(y for y in back.inputs if y.kind == "y" and y.age == it.age)
            after[it.name] = field(0, t + h - it.age * h, [after[state.name]])
    before = holds(back, after, h, t + h)
    forward = {it.name: before[it.name] for it in step.inputs}
    result = holds(step, {**after, **forward}, h, t)
    assert [result[name] for name in step.outputs] == [after[it.name] for it in back.inputs]


seeds = st.lists(rationals, min_size=3, max_size=3)


@pytest.mark.parametrize("name", ["nystrom-2", "bdf-1", "bdf-2", "bdf-4", "sspms-42", "milne-4", "hamming-3"])
@given(values=seeds)
@settings(max_examples=5)
def test_multistep_methods_run_backwards(name: str, values: list[Fraction]) -> None:
    comes_back(lower(load(name)), values)


@given(nonzero, seeds)
@settings(max_examples=15)
def test_lm_runs_backwards(k: Fraction, values: list[Fraction]) -> None:
    k = k / 7  # into its range
    comes_back(lower(load("lm").with_values(k=str(k))), values)


SEPARABLE = [[2], [1]]
COUPLED = {
    "symplectic Euler": [RungeKutta(A=[["1"]], b=["1"]), RungeKutta(A=[["0"]], b=["1"])],
    "verlet": [
        RungeKutta(A=[["1/2", "0"], ["1/2", "0"]], b=["1/2", "1/2"]),
        RungeKutta(A=[["0", "0"], ["1/2", "1/2"]], b=["1/2", "1/2"]),
    ],
    "ruth": [
        RungeKutta(A=[["1/4", "0"], ["1/4", "3/4"]], b=["1/4", "3/4"]),
        RungeKutta(A=[["0", "0"], ["2/3", "0"]], b=["2/3", "1/3"]),
    ],
}


@pytest.mark.parametrize("name", COUPLED)
@given(values=seeds)
@settings(max_examples=5)
def test_couplings_run_backwards_without_amplification(name: str, values: list[Fraction]) -> None:
    step = lower(PartitionedRungeKutta(parts=COUPLED[name], reads=SEPARABLE))
    comes_back(step, values)
    assert inverted(step).amplification == 1
    assert inverted(step).recovers == ("y1", "y2")


def test_amplification() -> None:
    found = inverted(lower(load("lm")))
    assert found.recovers == ("y_prev",)
    assert found.amplification.subs(load("lm").symbols["k"], Rational(-1, 3)) == 3
    assert inverted(lower(load("nystrom-2"))).amplification == 1
    assert inverted(lower(load("bdf-2"))).amplification == 3
    assert str(found.amplification) == "1/Abs(k)"


def test_second_derivative_leapfrog_runs_backwards() -> None:
    step = lower(Multistep(alpha=[1, -2, 1], beta=[0, 1, 0], derivative=2))
    comes_back(step, [Fraction(1, 3), Fraction(-2), Fraction(5, 7)])


@pytest.mark.parametrize("name", ["euler", "rk4", "adams-bashforth-2", "adams-moulton-2", "gauss-2", "trapezoid"])
def test_steps_without_an_inverse_that_needs_no_solving(name: str) -> None:
    assert inverted(lower(load(name))) is None
