"""The one reading of a program against the formulas of textbooks, over an arithmetic that no reading of ours uses: a
finite field. Schemes are degenerate, fields nonlinear."""

from dataclasses import dataclass
from typing import Any
from zlib import crc32

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import GF, S

from tableau2net import testing
from tableau2net.analysis.reading.general_form import general_form
from tableau2net.errors import InputError
from tableau2net.step import Combine, lower
from tableau2net.step.amplification import amplification
from tableau2net.step.forms import Plain, forms, linear_form
from tableau2net.step.schedule import in_order
from tableau2net.testing.formula import advance

P = GF(1_000_003, symmetric=False)


def residue(c):
    """A rational number in the field; a denominator that is 0 there does not come up."""
    return P(int(c.p)) / P(int(c.q))


SEVEN = P(7)
ONE_STATE = [family for family in testing.FAMILIES if "partitioned" not in family]
FINITE = Plain(residue, P.zero, P.one)


@dataclass
class Given:
    """What `advance` starts from: anything at all for the past; f is a polynomial, or linear with a factor."""

    seed: int
    h: Any = SEVEN
    factor: Any = None
    reads: Any = None
    tolerance: Any = 0

    def number(self, value):
        return residue(value)

    def distance(self, a, b):
        return int(a != b)

    def drawn(self, *key):
        return P(crc32(repr((self.seed, *key)).encode()) % 1_000_003)

    def y(self, component, age):
        return self.drawn("y", component, age)

    def f(self, part, age):
        return self.field(part, 0, [self.y(0, 0)]) if age == 0 else self.drawn("f", part, age)

    def k(self, stage):
        return self.drawn("k", stage)

    def nordsieck(self, q):
        return self.drawn("z", str(q))

    def field(self, part, time, states, stage=0):
        return self.slope(part, time, states if self.reads is None else [states[i - 1] for i in self.reads[part]])

    def slope(self, part, time, states):
        """The field at the states that it reads."""
        if self.factor is not None:
            return self.factor * sum(states[1:], states[0])
        mixed = sum(((i + 2) * y for i, y in enumerate(states)), P(part + 3) * (P.one * time))
        return mixed * mixed * mixed + P(part + 1) * mixed

    def input(self, i):
        """The value of an input of the step program."""
        if i.nordsieck is not None:
            return self.nordsieck(i.nordsieck)
        if i.stage is not None:
            return self.k(int(i.stage[1:]) - 1)
        return self.y(i.component, i.age) if i.kind == "y" else self.f(i.part, i.age)


def explicit(**options):
    return (
        testing.degenerate(explicit=True, **options)
        .map(lambda scheme: scheme.at_defaults())
        .filter(lambda scheme: lower(scheme).explicit)
    )


def handed_on(scheme, given, values):
    """The states at the end of a step, by the program and by the formula."""
    step, found = lower(scheme), advance(scheme, given)
    wanted = dict(zip(step.results, found.states, strict=True))
    if found.external:
        wanted = {o: x for i, o, x in zip(step.inputs, step.outputs, found.external, strict=True) if i.kind == "y"}
    if found.embedded is not None:
        wanted[step.estimate] = found.embedded
    return {name: values(name) for name in wanted}, wanted


@settings(max_examples=80)
@given(explicit(), st.integers(0, 99))
def test_every_value_is_that_combination_of_inputs_and_evaluations(scheme, seed):
    step, given = lower(scheme), Given(seed, reads=getattr(scheme, "reads", None))
    known, h = forms(step.flat(), FINITE), given.h**step.derivative
    atoms = {i.name: given.input(i) for i in step.inputs}
    kinds = step.kinds

    def value(name):
        terms = known.get(name, {name: P.one}).items()
        return sum((c * atoms[v] * (h if kinds[v] == "f" and name != v else P.one) for v, c in terms), P.zero)

    for op in step.calls:
        atoms[op.target] = given.slope(op.part, residue(op.time), [value(v) for v in op.values])
    ours, wanted = handed_on(scheme, given, value)
    assert ours == wanted


@settings(max_examples=60)
@given(
    explicit(families=[f for f in testing.FAMILIES if "partitioned" not in f]), st.integers(0, 99), st.integers(1, 99)
)
def test_the_linear_form_is_the_step_on_a_linear_problem(scheme, seed, factor):
    """x⁺ = (V + zB(I − zA)^{-1}U) x, by substitution."""
    step, given = lower(scheme), Given(seed, factor=P(factor))
    form, z = linear_form(step, FINITE), given.h**step.derivative * factor
    h = given.h**step.derivative
    taken = [given.input(i) * (h if i.kind == "f" else 1) for i in step.inputs]
    made = []

    def value(fields, inputs):
        total = sum((c * taken[i] for i, c in inputs.items()), P.zero)
        return total + sum((c * made[j] for j, c in fields.items()), P.zero)

    for fields, inputs in zip(form.A, form.U, strict=True):
        made.append(z * value(fields, inputs))
    ends = {name: value(*rows) for name, *rows in zip(step.outputs, form.B, form.V, strict=True)}
    ours, wanted = handed_on(scheme, given, lambda name: ends.get(name))
    wanted.pop(step.estimate, None), ours.pop(step.estimate, None)
    assert ours == wanted


@settings(max_examples=40)
@given(explicit(families=["runge-kutta", "multistep", "general-linear"]), st.integers(0, 99))
def test_the_general_form_is_the_step(scheme, seed):
    """Y = S x + h T f(Y) (Spijker 2007), where every state is one that a field may be evaluated at."""
    step, given = lower(scheme), Given(seed)
    form = general_form(step)
    assume(form is not None)
    slopes = [given.input(i) for i in step.inputs if i.kind == "f"]
    states = {i.name: given.input(i) for i in step.inputs}
    exactly = [[(j, residue(form.domain.expression(x))) for j, x in row.items()] for row in (*form.S, *form.T)]
    S_, T = exactly[: form.size], exactly[form.size :]
    Y = []
    for i in range(form.size):
        known = [c * states[form.known[j]] for j, c in S_[i] if form.known[j] in states]
        Y.append(sum(known, P.zero) + given.h * sum((c * slopes[j] for j, c in T[i]), P.zero))
        if i >= len(slopes) and form.times[i] is not None:
            slopes.append(given.slope(0, residue(form.domain.expression(form.times[i])), [Y[i]]))
    wanted = handed_on(scheme, given, lambda name: None)[1]
    wanted.pop(step.estimate, None)
    assert set(wanted.values()) <= {*Y, *states.values()}


@settings(max_examples=40)
@given(explicit(families=["runge-kutta"]), st.complex_numbers(max_magnitude=3))
def test_the_picture_of_stability_is_the_step_on_complex_numbers(scheme, z):
    class Complex(Given):
        def number(self, value):
            return float(value)

        def y(self, component, age):
            return 1.0 + 0j

    found = advance(scheme, Complex(0, h=1.0, factor=z)).states[0]
    assert amplification(scheme, [z])[0] == pytest.approx(abs(found), rel=1e-9, abs=1e-9)


def test_states_that_define_each_other_are_refused():
    loop = [Combine("a", ((S.One, "b"),)), Combine("b", ((S.One, "a"),))]
    with pytest.raises(InputError, match="is defined by itself"):
        forms(loop, FINITE)
    assert [op.target for op in in_order([Combine("b", ((S.One, "a"),)), Combine("a", ((S.One, "y"),))])] == ["a", "b"]
