"""An operation and a family that the package does not have, in one file: nothing else knows of them.

A two-derivative Runge–Kutta method evaluates g = d/dt f(t, y(t)) = f_t + f_y f beside f (Chan & Tsai, Numerical
Algorithms 53, 2010): Y_i = y + h Σ a_ij f_j + h² Σ α_ij g_j, and likewise y_new. Order 4 takes one f and two g.
"""

import dataclasses
import math
from dataclasses import dataclass, replace
from io import StringIO
from typing import ClassVar

import pytest
import torch
from rich.console import Console
from sympy import Expr, Rational, S

import tableau2net as t2n
from tableau2net.analysis import order_conditions
from tableau2net.analysis.order.equality import equality
from tableau2net.analysis.reading.linear import Z, stability_function
from tableau2net.cli.explain import explain
from tableau2net.scheme import Scheme
from tableau2net.step import Call, Evaluate, cost, lower, optimise, rename
from tableau2net.step.amplification import amplification
from tableau2net.step.inverse import inverted
from tableau2net.step.measured import global_error
from tableau2net.step.typeset_step import document


def shown(scheme):
    """What the compiler says of a scheme."""
    console = Console(file=StringIO(), width=120)
    console.print(explain(scheme).shown)
    return console.file.getvalue()


@dataclass(frozen=True)
class Slope(Call):
    """``target = h d/dt f(t, y(t))`` at a state, along a field value: h (f_t + f_y · along)."""

    along: str = dataclasses.field(kw_only=True)

    @property
    def operands(self):
        return (*self.values, self.along)

    def reading(self, new):
        return replace(super().reading(new), along=new(self.along))

    def on_linear(self):
        return (Evaluate(self.target, (self.along,), self.time, self.slot, self.part, self.reads),)

    def on_series(self, series):
        """The derivative of Π Y(u_i) · c^m: of each factor in turn, Y(u) becoming K(u) and c becoming 1."""
        own, states, along, time = (
            series.of(self.target),
            series.states(self),
            series.of(self.along),
            series.time(self.target),
        )
        trees, plain, h = series.forest, [], series.factor(S.One, self.along)

        def at(tree):
            if tree < trees.colours:
                plain.append(series.one)
                return series.zero
            head, tail = trees.head[tree], trees.tail[tree]
            value, moved = (time, series.one) if tail == -1 else (states[trees.colour[tail]][tail], along[tail])
            plain.append(plain[head] * value)
            return own[head] * value + plain[head] * moved * h

        return at

    def on_numbers(self, numbers):
        """By central differences, which in fifty digits have thirty."""
        tiny = Rational(1, 10**15)
        y, k = numbers.of(self.values[0]), numbers.of(self.along)
        step = numbers.h / 10**15
        ahead, behind = (
            numbers.field(
                replace(self, time=self.time + s * tiny), ([a + s * step * b for a, b in zip(y, k, strict=True)],)
            )
            for s in (1, -1)
        )
        return [(a - b) * 10**15 / 2 for a, b in zip(ahead, behind, strict=True)]

    def written(self, notation):
        at, along, field = notation.name(self.values[0]), notation.name(self.along), notation.field(self)
        if notation.language == "latex":
            return rf"h \left({field}_t + {field}_y {along}\right)\left({notation.time(self)}, {at}\right)"
        if notation.language == "text":
            return f"h·d{field}({notation.time(self)}, {at}; {along})"
        time = notation.time(self).rstrip(", ")  # empty where the field is not given the time
        primals = f"({at}.new_tensor({time}), {at})" if time else f"({at},)"
        tangents = f"({at}.new_ones(()), {along})" if time else f"({along},)"
        return f"h * torch.func.jvp({field}, {primals}, {tangents})[1]"


Matrix = tuple[tuple[Expr, ...], ...]


@dataclass(frozen=True)
class TwoDerivative(Scheme):
    family: ClassVar[str] = "two-derivative"

    A: Matrix
    alpha: Matrix
    b: tuple[Expr, ...]
    beta: tuple[Expr, ...]

    def lower(self, step):
        s = range(len(self.b))

        def total(a, alpha):
            return [(S.One, "y"), *((a[j], f"k{j}") for j in s), *((alpha[j], f"g{j}") for j in s)]

        step.state("y")
        for i in s:
            at, c = step.value(f"y{i}", total(self.A[i], self.alpha[i])), sum(self.A[i], S.Zero)
            step.evaluate(f"k{i}", at, c, i)
            step.apply(Slope(f"g{i}", (at,), c, i, along=f"k{i}"))
        step.hand_on("y", step.combine("y_new", total(self.b, self.beta)))


TDRK4 = TwoDerivative(
    A=[[0, 0], ["1/2", 0]],
    alpha=[[0, 0], ["1/8", 0]],
    b=[1, 0],
    beta=["1/6", "1/3"],
    name="tdrk-4",
    claims={"order": 4},
)
WRONG = replace(TDRK4, beta=["1/6", "2/6 + 1/100"], claims={})
HERMITE = TwoDerivative(
    A=[[0, 0], ["1/2", "1/2"]], alpha=[[0, 0], ["1/12", "-1/12"]], b=["1/2"] * 2, beta=["1/12", "-1/12"], name="hermite"
)


def test_it_is_written_and_counted():
    step = lower(TDRK4)
    assert step.evaluations == cost(step).evaluations == 4
    assert "g1 = h·df(t + 1/2·h, y1; k1)" in str(step)
    assert r"h \left(f_t + f_y k_{1}\right)\left(t_n + \frac{1}{2} h, Y_{1}\right)" in document(TDRK4)
    assert "g1 = h·df(t + 1/2 h, y1; k1)" in shown(TDRK4)
    assert "x" in {v for op in rename(step, {"k1": "x"}).flat() for v in op.operands}


def test_its_order_is_read_off_its_series():
    found = order_conditions(TDRK4)
    assert (found.order, found.autonomous, found.complete) == (4, 4, True)
    assert order_conditions(WRONG).order == 1
    assert str(order_conditions(WRONG).failing[0]) == "[τ]: 1/100"
    assert t2n.check(TDRK4).ok
    assert not t2n.check(replace(TDRK4, claims={"order": 5})).ok


def test_its_stability_is_that_of_exp_and_of_a_pade_approximation():
    assert [p.as_expr() for p in stability_function(TDRK4)] == [Z**4 / 24 + Z**3 / 6 + Z**2 / 2 + Z + 1, 1]
    assert [p.as_expr() for p in stability_function(HERMITE)] == [Z**2 / 12 + Z / 2 + 1, Z**2 / 12 - Z / 2 + 1]
    report = t2n.report(HERMITE)
    assert (report.order.order, report.stability.a_stable, report.stability.l_stable) == (4, True, False)
    point = 0.3 - 1.1j
    assert amplification(HERMITE, [point])[0] == pytest.approx(
        abs((1 + point / 2 + point**2 / 12) / (1 - point / 2 + point**2 / 12)), rel=1e-12
    )


def test_passes_leave_it_what_it_is_and_prove_it():
    passes = optimise(lower(TDRK4))
    assert equality(passes[0].step, passes[-1].step).order == 5
    longer = replace(lower(TDRK4), operations=tuple(_with_k0(op) for op in lower(TDRK4).operations))
    assert not equality(passes[0].step, longer)  # another direction is another operation
    twice = replace(TDRK4, A=[[0, 0], [0, 0]], alpha=[[0, 0], [0, 0]])
    assert cost(optimise(lower(twice))[-1].step).evaluations == 2  # equal ones are one
    assert inverted(lower(TDRK4)) is None


def _with_k0(op):
    return replace(op, along="k0") if op.target == "g1" else op


def field(t, y):
    """A nonlinear field that depends on time."""
    return torch.stack([y[1] * torch.cos(y[0]) + t, torch.sin(torch.as_tensor(t, dtype=y.dtype)) - y[0] * y[1]])


@pytest.mark.parametrize("scheme", [TDRK4, HERMITE])
def test_it_compiles_and_integrates_with_its_order(scheme):
    exact = t2n.integrate("dormand-prince-54", field, [1.0, 0.5], 0, 1, rtol=1e-13, atol=1e-13)
    errors = [(t2n.integrate(scheme, field, [1.0, 0.5], 0, 1, steps=n) - exact).abs().max() for n in (8, 16)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.15)


def test_in_fifty_digits_too():
    errors = [global_error(TDRK4, n) for n in (8, 16)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.05)


def test_gradients_go_through_it():
    block = t2n.compile(TDRK4, coefficients="free")(
        [torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh())] * 2, h=0.5
    )
    assert torch.autograd.gradcheck(block.double(), torch.randn(3, 2, dtype=torch.float64, requires_grad=True))
    block(torch.ones(1, 2, dtype=torch.float64)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in block.parameters())


def test_what_is_not_known_of_it_is_said():
    with pytest.raises(t2n.InputError, match="no inverse that is free of solving"):
        t2n.compile(TDRK4, backward="reversible")
    with pytest.raises(t2n.InputError, match="no two are solved together"):
        t2n.compile(HERMITE, solver="resolvent")
