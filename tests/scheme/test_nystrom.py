"""Runge–Kutta–Nyström methods: Nyström's conditions by hand, trees by counting, steps by plain numpy."""

import math
import re
from fractions import Fraction
from itertools import product

import mpmath
import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import tableau2net as t2n
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.reading.linear import ZETA, Z, characteristic_polynomial
from tableau2net.analysis.reading.trees import forest_of
from tableau2net.cli import app
from tableau2net.scheme import PartitionedRungeKutta, RungeKutta, RungeKuttaNystrom, adjoint, compose, nystrom_of
from tableau2net.step import lower
from tableau2net.testing import assert_consistent
from tests.example_scripts import example

SPECIAL = ["dprkn-43", "nystrom-rkn-4", "nystrom-rkn-5", "verlet-rkn-2", "gauss-rkn-1"]


def conditions(table):
    """The conditions for y'' = f(t, y) up to order 4 as HNW I, II.14, eq. 14.14 has them: what y and y' need."""
    s = range(len(table.b))
    a, c, b_bar, b = table.A_bar, table.c, table.b_bar, table.b
    y = {
        2: [sum(b_bar) - Fraction(1, 2)],
        3: [sum(b_bar[i] * c[i] for i in s) - Fraction(1, 6)],
        4: [
            sum(b_bar[i] * c[i] ** 2 for i in s) - Fraction(1, 12),
            sum(b_bar[i] * a[i][j] for i, j in product(s, s)) - Fraction(1, 24),
        ],
    }
    v = {
        1: [sum(b) - 1],
        2: [sum(b[i] * c[i] for i in s) - Fraction(1, 2)],
        3: [
            sum(b[i] * c[i] ** 2 for i in s) - Fraction(1, 3),
            sum(b[i] * a[i][j] for i, j in product(s, s)) - Fraction(1, 6),
        ],
        4: [
            sum(b[i] * c[i] ** 3 for i in s) - Fraction(1, 4),
            sum(b[i] * c[i] * a[i][j] for i, j in product(s, s)) - Fraction(1, 8),
            sum(b[i] * a[i][j] * c[j] for i, j in product(s, s)) - Fraction(1, 24),
        ],
    }
    return y, v


def order_by_hand(table):
    y, v = conditions(table)
    known = (p for p in range(1, 5) if any(y.get(p, [])) or any(v[p]))
    return next(known, 5) - 1


numbers = st.sampled_from(["0", "0", "1/2", "1/6", "1/3", "1", "-1/4", "1/8"])


@st.composite
def tables(draw):
    """Explicit tables, degenerate ones among them, every other one near to a right one."""
    if draw(st.booleans()):
        right = t2n.load(draw(st.sampled_from(SPECIAL[:4])))
        s = right.stages
        at = draw(st.integers(0, s - 1))
        key = draw(st.sampled_from(["b", "b_bar", "c", "none"]))
        if key == "none":
            return right
        row = list(getattr(right, key))
        row[at] = draw(numbers)
        given = {k: getattr(right, k) for k in ("A_bar", "b_bar", "b", "c")} | {key: row}
        return RungeKuttaNystrom(**given)
    s = draw(st.integers(1, 3))
    vector = st.lists(numbers, min_size=s, max_size=s)
    A_bar = [draw(st.lists(numbers, min_size=i, max_size=i)) for i in range(s)]
    return RungeKuttaNystrom(A_bar=A_bar, b_bar=draw(vector), b=draw(vector), c=draw(vector))


@settings(max_examples=40, deadline=None)
@given(tables())
def test_order_is_that_of_nystroms_conditions(table):
    by_hand = order_by_hand(table)
    assert min(order_conditions(table, 4).order, 4) == by_hand


def test_trees_are_those_of_nystrom():
    """Of y'' = f(y): 1, 1, 2, 3, 6, 10, 20, 36, 72 for y' (HNW I, Table II.14.2), and for f(y, y') the numbers of terms
    of y''', y'''', …, each other way round those of y one order up."""

    def counted(scheme, last):
        grown = forest_of(lower(scheme))
        return [[sum(grown.colour[t] == c for t in grown.of_order(n)) for n in range(1, last)] for c in (0, 1)]

    y, v = counted(t2n.load("nystrom-rkn-4"), 10)
    assert v == [1, 1, 2, 3, 6, 10, 20, 36, 72]
    assert y == [1, *v[:-1]]
    y, v = counted(t2n.load("fine-rkn-43"), 6)
    assert v == [1, 2, 6, 18, 60]
    assert y == [1, *v[:-1]]


def test_numbers_of_trees_count_their_terms():
    """Σ over trees of n!/(σγ) are the terms of a derivative: those of y^(n) for y'' = f(y), by differentiating."""
    t, x = sympy.symbols("t x")
    grown = forest_of(lower(t2n.load("nystrom-rkn-4")))
    y = sympy.Function("y")(t)
    f = sympy.exp(x)  # all of whose derivatives are one: each term of y^(n) counts what it is multiplied by
    derivative = f.subs(x, y)
    for n in range(1, 6):  # y^(n + 1) at y = 0, y' = 1
        value = derivative.subs(sympy.Derivative(y, t), 1).subs(y, 0)
        fat = (tree for tree in grown.of_order(n) if grown.colour[tree] == 1)
        assert value == sum(sympy.factorial(n) / (grown.sigma[tree] * grown.gamma[tree]) for tree in fat)
        derivative = sympy.diff(derivative, t).subs(sympy.Derivative(y, (t, 2)), f.subs(x, y))


@pytest.mark.parametrize("name", ["rk4", "kutta-3", "gauss-2", "radau-iia-2", "dormand-prince-54"])
def test_a_runge_kutta_method_keeps_its_order(name):
    scheme = t2n.load(name)
    found = nystrom_of(scheme)
    assert t2n.order(found) == t2n.order(scheme)
    if scheme.b_hat is not None:
        assert order_conditions(found, embedded=True).order == order_conditions(scheme, embedded=True).order


def test_splittings_have_the_order_that_their_authors_mean():
    assert {n: t2n.report(t2n.load(n)).to_dict()["nystrom_order"] for n in ("mclachlan-atela-5", "ruth-3")} == {
        "mclachlan-atela-5": 5,
        "ruth-3": 3,
    }
    for name, order in (("blanes-moan-srkn-6-a", 6), ("mclachlan-atela-5", 5), ("calvo-sanz-serna-4", 4), ("rk4", 4)):
        assert t2n.order(nystrom_of(name)) == order  # y is the second state
    for other in ("symplectic-euler", "bdf-2", "stormer-2"):
        with pytest.raises(t2n.InputError, match="two states that read each other"):
            nystrom_of(t2n.load(other))
    with pytest.raises(t2n.InputError, match="position = 3"):
        nystrom_of("mclachlan-atela-5", position=3)
    with pytest.raises(t2n.InputError, match="row sums"):
        nystrom_of(RungeKutta(A=[[]], b=["1"], c=["1/2"]))


@pytest.mark.parametrize("name", ["fine-rkn-54", "gauss-rkn-2", "montijano-randez-calvo-rkn-4"])
def test_everything_about_one_agrees(name):
    assert_consistent(name)


def test_one_for_velocities_that_is_implicit_agrees_too():
    assert_consistent(nystrom_of(t2n.load("gauss-1")))


@pytest.mark.parametrize("name", ["dprkn-43", "nystrom-rkn-4", "gauss-rkn-2", "verlet-rkn-2", "nystrom-rkn-4-velocity"])
def test_stability_is_that_of_the_matrix(name):
    """The eigenvalues of the 2×2 matrix of y'' = −u y, in floats: inside where the interval says so, outside behind."""
    scheme = t2n.load(name)
    A, b_bar, b, c = (
        np.array([[float(x) for x in row] for row in scheme.A_bar]),
        *(np.array([float(x) for x in v]) for v in (scheme.b_bar, scheme.b, scheme.c)),
    )

    def radius(u):
        solve = np.linalg.solve(np.eye(len(b)) + u * A, np.stack((np.ones(len(b)), c), 1))
        M = np.array([[1.0, 1.0], [0.0, 1.0]]) - u * np.stack((b_bar, b)) @ solve
        return np.abs(np.linalg.eigvals(M)).max()

    report = t2n.report(scheme).to_dict()
    end = report["stability"]["real_interval"]["value"]
    inside = np.linspace(1e-3, 0.999 * (1e4 if end == "inf" else end), 40)
    assert all(radius(u) <= 1 + 1e-9 for u in inside)
    if end != "inf":
        assert radius(1.01 * end) > 1 + 1e-6
    known = report["phase"]
    kept = all(abs(radius(u) - 1) < 1e-9 for u in inside)
    assert kept == (known["dissipation_order"] == {"exact": "oo", "value": "inf"})
    assert known["periodicity"]["value"] == (end if kept else 0)


@pytest.mark.parametrize("name", ["dprkn-43", "nystrom-rkn-5", "gauss-rkn-2", "stormer-2", "numerov"])
def test_phase_lag_and_damping_by_measuring(name):
    """φ and |ζ| of the roots at two H: their errors fall as the orders say, with those constants."""
    phi = characteristic_polynomial(t2n.load(name)).as_expr().as_poly(ZETA)
    phi = sympy.lambdify(Z, phi.all_coeffs(), "mpmath")
    known = t2n.report(t2n.load(name)).to_dict()["phase"]
    with mpmath.workdps(60):
        H = mpmath.mpf(1) / 1000
        root = max(mpmath.polyroots([mpmath.mpmathify(x) for x in phi(-H * H)], maxsteps=200), key=mpmath.im)
        lag = (H - mpmath.arg(root)) / H ** (known["dispersion_order"] + 1)
        assert float(lag) == pytest.approx(known["lag"]["value"], rel=1e-3)
        order = known["dissipation_order"]
        damped = 1 - abs(root)
        if isinstance(order, dict):  # infinity
            assert abs(damped) < 1e-50
        else:
            assert float(damped / H ** (order + 1)) == pytest.approx(known["damping"]["value"], rel=1e-3)


@pytest.mark.parametrize("weights", [["0"], ["1", "-1"]])
def test_a_step_that_grows_without_end_is_not_stable(weights):
    """Of ζ = 1 twice, for every z: a Jordan block."""
    n = len(weights)
    scheme = RungeKuttaNystrom(A_bar=[[]] * n, b_bar=weights, b=weights, c=["0"] * n)
    known = t2n.report(scheme).to_dict()
    assert known["stability"]["real_interval"]["value"] == 0
    assert (known["phase"]["periodicity"]["value"], known["phase"]["p_stable"]) == (0, False)


@pytest.mark.parametrize(("name", "interval"), [("verlet-rkn-2", "(−4, 0]"), ("gauss-rkn-1", "(−∞, 0]")])
def test_an_end_at_which_factors_meet_is_not_of_the_interval(name, interval):
    shown = CliRunner().invoke(app, ["show", name]).stdout
    assert re.search(r"real interval +(.*\])", shown).group(1) == interval


def test_structure():
    found = {
        n: t2n.report(t2n.load(n)).to_dict()["structure"] for n in ("verlet-rkn-2", "nystrom-rkn-4", "gauss-rkn-2")
    }
    assert [(s["symplectic"], s["symmetric"]) for s in found.values()] == [(True, True), (False, False), (True, True)]
    ruth = t2n.report(nystrom_of(t2n.load("ruth-3"))).to_dict()["structure"]
    assert (ruth["symplectic"], ruth["symmetric"]) == (True, False)
    # what is symplectic has a determinant that is 1 for every f, what is not has another: by hand, of one step
    for name, kept in (("verlet-rkn-2", True), ("nystrom-rkn-4", False)):
        step = t2n.compile(t2n.load(name)).step

        class Pull(torch.nn.Module):
            def forward(self, y):
                return -torch.sin(y) - y**3

        def moved(z, step=step):
            return torch.stack(step(Pull(), 1.0, z[0], z[1]))

        z = torch.tensor([0.7, 0.4], dtype=torch.float64)
        determinant = torch.linalg.det(torch.autograd.functional.jacobian(moved, z))
        assert (abs(float(determinant) - 1) < 1e-12) == kept


@pytest.mark.parametrize("name", ["nystrom-rkn-4", "fine-rkn-43"])
def test_adjoint_and_composition(name):
    scheme = t2n.load(name)
    back = adjoint(scheme)
    assert t2n.order(back) == t2n.order(scheme)
    twice = compose([scheme, back], ["1/2", "1/2"])  # symmetric, whatever it is made of
    assert t2n.order(twice) == 4
    assert t2n.report(twice).to_dict()["structure"]["symmetric"]
    assert t2n.order(compose([scheme, scheme], ["1/2", "1/2"])) == 4


def test_verlet_is_undone():
    block = t2n.compile("verlet-rkn-2", backward="reversible")(
        [torch.nn.Linear(2, 2).double() for _ in range(4)], h=0.3
    )
    y = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    plain = t2n.compile("verlet-rkn-2")(block.fields, h=0.3)
    torch.testing.assert_close(block(y), plain(y))
    one, other = (torch.autograd.grad(net(y).square().sum(), y)[0] for net in (block, plain))
    torch.testing.assert_close(one, other)


def damped(t, y, v):
    return -torch.sin(y) - 0.3 * v**3 + 0.1 * y * v + math.cos(t) * y


@pytest.mark.parametrize("name", ["dprkn-64-fm", "fine-rkn-54", "demba-rkn-54", "nystrom-rkn-4-velocity"])
def test_integrated_with_its_velocity(name):
    """Beside a method of first order for (y, v), with given steps, a tolerance, times inside, and an event."""
    scheme = t2n.load(name)
    velocity = scheme.A is not None
    f = damped if velocity else lambda t, y: damped(t, y, 0 * y)
    y0, v0 = (torch.tensor(x, dtype=torch.float64) for x in ([0.7, -0.2], [0.0, 1.1]))
    first = lambda t, z: torch.stack((z[1], damped(t, z[0], z[1] if velocity else 0 * z[1])))  # noqa: E731
    exact = t2n.integrate("cooper-verner-8", first, torch.stack((y0, v0)), 0, 1, steps=100, at=[0.4, 1.0])
    given = [(torch.stack(t2n.integrate(scheme, f, (y0, v0), 0, 1, steps=n)) - exact[-1]).abs().max() for n in (8, 16)]
    assert float(torch.log2(given[0] / given[1])) > t2n.order(scheme) - 0.4
    found = t2n.integrate(scheme, f, (y0, v0), 0, 1, rtol=1e-8, at=[0.4, 1.0], full=True)
    torch.testing.assert_close(torch.stack(found.y, 1), exact, rtol=0, atol=3e-6)
    top = t2n.integrate(scheme, f, (y0, v0), 0, 4, rtol=1e-8, full=True, event=lambda t, y, v: y[1])
    assert abs(float(top.y[0][1])) < 1e-9


def test_gradients_reach_the_velocity_and_the_time():
    v0 = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    t1 = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y0 = torch.ones(1, dtype=torch.float64)
    y, v = t2n.integrate("dprkn-86", lambda t, y: -4 * y, (y0, v0), 0, t1, rtol=1e-11)
    by_v0, by_t1 = torch.autograd.grad(y.sum(), (v0, t1))
    assert float(by_v0) == pytest.approx(np.sin(2) / 2, abs=1e-9)
    assert float(by_t1) == pytest.approx(v.item(), abs=1e-9)


def test_y_and_v_are_of_one_shape_and_type():
    f = lambda t, y: -y  # noqa: E731
    with pytest.raises(t2n.InputError, match=r"y is of shape \(2,\)"):
        t2n.integrate("dprkn-43", f, (torch.ones(2), torch.ones(3)), 0, 1, steps=2)
    y0 = torch.ones(2, dtype=torch.float64), torch.ones(2, dtype=torch.complex128)
    for how in ({"steps": 2}, {"rtol": 1e-6}):
        assert [x.dtype for x in t2n.integrate("dprkn-43", f, y0, 0, 1, **how)] == [torch.complex128] * 2


def test_bad_tables_are_named():
    good = {"A_bar": [[], ["1/2"]], "b_bar": ["1/2", "0"], "b": ["1/2", "1/2"], "c": ["0", "1"]}
    for change, told in (
        ({"b": []}, "b: a method has at least one stage"),
        ({"c": ["0"]}, "c has 1 entries but there are 2 stages"),
        ({"A_bar": [[]]}, "A_bar has 1 rows"),
        ({"A": [[], ["1", "0", "0"]]}, r"A\[1\] has 3 entries"),
        ({"b_hat": ["1", "0"]}, "no b_bar_hat"),
    ):
        with pytest.raises(t2n.InputError, match=told):
            RungeKuttaNystrom(**(good | change))
    with pytest.raises(t2n.InputError, match="Nyström table"):
        t2n.create_model("nystrom14", scheme="rk4")
    with pytest.raises(t2n.InputError, match="y0"):
        t2n.integrate("nystrom-rkn-4", lambda t, y: -y, [1.0], 0, 1, steps=4)


def test_a_partitioned_pair_is_the_method_that_it_becomes():
    """One step of mclachlan-atela-4 for y' = v, v' = f(y), and of what it is as a Nyström method."""
    pair = t2n.load("mclachlan-atela-4")
    assert isinstance(pair, PartitionedRungeKutta)
    y0, v0 = torch.tensor([0.7], dtype=torch.float64), torch.tensor([-0.4], dtype=torch.float64)
    v, y = t2n.integrate(pair, (lambda t, y: -torch.sin(y), lambda t, v: v), (v0, y0), 0, 1, steps=5)
    found = t2n.integrate(nystrom_of(pair, position=2), lambda t, y: -torch.sin(y), (y0, v0), 0, 1, steps=5)
    torch.testing.assert_close(torch.stack(found), torch.stack((y, v)), rtol=1e-13, atol=1e-13)


def test_a_vibration_is_as_far_behind_as_was_said(capsys):
    example("second_order").main(periods=3)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert len(lines) == 5
    for _, said, measured, _ in lines[:3]:
        assert float(measured) == pytest.approx(float(said), rel=0.02)
