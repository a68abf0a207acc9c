"""Shu–Osher forms: against Butcher's tables in float64, a public linear program, and the methods as published."""

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from sympy import Rational, S
from sympy import sqrt as root
from typer.testing import CliRunner

import tableau2net as t2n
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.cli import app
from tests.example_scripts import example
from tests.strategies import explicit_runge_kutta


def floats(rows):
    return np.array([[float(x) for x in row] for row in rows])


def butcher(scheme):
    """[A; b] with a column of zeros."""
    K = np.vstack([floats(scheme.A), floats([scheme.b])])
    return np.hstack([K, np.zeros((len(K), 1))])


@pytest.mark.parametrize("name", ["ssprk-33", "ssprk-104", "ssprk-53", "heun-3", "rk4", "gauss-2", "ssprk-43"])
@pytest.mark.parametrize("r", ["1/2", "7/3"])
def test_the_form_is_k_times_the_inverse(name, r):
    scheme = t2n.load(name)
    form, at, K = t2n.shu_osher(scheme, r), float(Rational(r)), butcher(scheme)
    alpha = at * K @ np.linalg.inv(np.eye(len(K)) + at * K)
    np.testing.assert_allclose(floats(form.alpha), alpha, atol=1e-12)
    np.testing.assert_allclose(floats(form.beta), alpha / at, atol=1e-12)
    np.testing.assert_allclose(floats(form.v)[:, 0], 1 - alpha.sum(1), atol=1e-12)


def test_published_forms_come_out():
    shu_osher_3 = t2n.shu_osher("ssprk-33")
    assert shu_osher_3.text().splitlines() == [
        "y2 = (y + h f(y))",
        "y3 = 3/4 y + 1/4 (y2 + h f(y2))",
        "y_new = 1/3 y + 2/3 (y3 + h f(y3))",
    ]
    ketcheson = t2n.shu_osher("ssprk-104").text().splitlines()  # 2008, SIAM J. Sci. Comput. 30, Program 1
    assert (ketcheson[4], ketcheson[-1]) == (
        "y6 = 3/5 y + 2/5 (y5 + 1/6 h f(y5))",
        "y_new = 1/25 y + 9/25 (y5 + 1/6 h f(y5)) + 3/5 (y10 + 1/6 h f(y10))",
    )
    assert t2n.shu_osher("sspms-32").text() == "y_new = 1/4 y_prev2 + 3/4 (y + 2 h f(y))"
    assert r"\frac{1}{4} \left(Y_{2} + h f(Y_{2})\right)" in shu_osher_3.latex()


@pytest.mark.parametrize(
    "name", ["ssprk-53", "ssprk-63", "sspms-43", "implicit-midpoint", "ssprk-54", "kubatko-yeager-ketcheson-42"]
)
def test_at_its_coefficient_all_numbers_are_nonnegative_and_beyond_not(name):
    form = t2n.shu_osher(name)
    assert form.nonnegative
    assert abs(float(form.r) - float(form.coefficient)) < 1e-11
    beyond = form.coefficient.high if isinstance(form.coefficient, Isolated) else form.coefficient
    assert not t2n.shu_osher(
        name, Rational(beyond if beyond.is_Rational else float(beyond)) + Rational(1, 10**6)
    ).nonnegative


def reaches(scheme, r):
    """Whether scipy finds a splitting of an explicit method: α̃ ≥ 0 row by row."""
    linprog = pytest.importorskip("scipy.optimize").linprog
    K = butcher(scheme)
    N = np.linalg.inv(np.eye(len(K)) + r * K)
    for i in range(1, len(K)):
        M = 2 * N - np.eye(len(K))
        G = np.vstack([-M.T[:, :i], 2 * (N.sum(1))[None, :i]])
        g = np.concatenate([(np.eye(len(K)) - N)[i], [N[i].sum()]])
        if linprog(np.ones(i), A_ub=G, b_ub=g + 1e-12).status != 0:
            return False
    return True


@settings(max_examples=15, deadline=None)
@given(explicit_runge_kutta(max_stages=4))
def test_downwind_bounds_are_those_of_another_linear_program(scheme):
    try:
        form = t2n.shu_osher(scheme, downwind=True)
    except t2n.InputError:
        return
    method = t2n.analysis.reduced(scheme) or scheme
    if len(form.states) != method.stages + 1 or form.coefficient is None:
        return
    assert reaches(method, float(form.coefficient.low) * (1 - 1e-6))
    assert not reaches(method, float(form.coefficient.high) * (1 + 1e-5))


@pytest.mark.parametrize(
    ("name", "r"), [("rk4", 0.68501606), ("ssprk-54", 1.63979051), ("kutta-3", None), ("heun-3", None)]
)
def test_a_splitting_is_the_method_where_both_fields_are_one(name, r):
    scheme = t2n.load(name)
    form = t2n.shu_osher(scheme, downwind=True)
    assert form.nonnegative
    assert form.coefficient.high - form.coefficient.low < 1e-11
    if r:  # that of rk4 stands in nodepy's documentation
        assert abs(float(form.coefficient) - r) < 1e-7
    pair = form.pair()
    up, down = pair.parts
    for i, row in enumerate(scheme.A):
        assert tuple(x + y for x, y in zip(up.A[i], down.A[i], strict=True)) == row
        assert all(x >= 0 for x in up.A[i])
        assert all(x <= 0 for x in down.A[i])
    assert pair.parts[0].c == scheme.c
    f = torch.nn.Linear(3, 3, dtype=torch.float64)
    x = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    split, whole = t2n.compile(pair)([[f, f]]), t2n.compile(scheme)([f])
    np.testing.assert_allclose(split(x).detach(), whole(x).detach(), atol=1e-12)


def test_rk4_with_downwind_steps_keeps_total_variation_where_rk4_does_not():
    """Upwind differences of u_t = -u_x keep it for steps up to the mesh width; a jump on a periodic grid."""

    class Difference(torch.nn.Module):
        def __init__(self, shift):
            super().__init__()
            self.shift = shift

        def forward(self, u):
            return self.shift * (u.roll(self.shift, -1) - u)

    up, down = Difference(1), Difference(-1)  # -(u_j - u_(j-1)) and -(u_(j+1) - u_j)
    form = t2n.shu_osher("rk4", downwind=True)
    u = torch.tensor([[0.0] * 8 + [1.0] * 8], dtype=torch.float64)

    def grown(block):
        return float((block(u) - block(u).roll(1, -1)).abs().sum()) - 2

    h = float(form.r)
    split = t2n.compile(form.pair())([[up, down]], h=h)
    assert grown(split) < 1e-12
    assert grown(t2n.compile(form.pair())([[up, down]], h=3 * h)) > 1e-3


@pytest.mark.parametrize("name", ["ssprk-104", "sspms-43", "ssprk-53", "implicit-midpoint", "rk4"])
def test_latex_writes_every_step_size(name):
    """A brace for each opened, and no field of a template left."""
    form = t2n.shu_osher(name, "1/3", downwind=True) if name == "rk4" else t2n.shu_osher(name)
    written = form.latex()
    assert written.count("{") == written.count("}")
    assert written.count("&=") == len(form.text().splitlines())
    assert "{0}" not in written


@pytest.mark.parametrize(("name", "r"), [("sdirk-21", 0.5), ("alexander-2", None)])
def test_an_implicit_splitting_defines_its_states(name, r):
    """(I − α − α̃)⁻¹ (α − α̃)/r is the tableau: of y2 = ½ (y2 + h f) + ½ (y2 − h f) there is no inverse."""
    scheme = t2n.load(name)
    form = t2n.shu_osher(scheme, downwind=True)
    assert form.nonnegative
    left = np.eye(len(form.states)) - floats(form.alpha) - floats(form.downwind)
    found = np.linalg.solve(left, (floats(form.alpha) - floats(form.downwind)) / float(form.r))
    n = len(form.states)  # the last row of A is b where a stage is handed on
    np.testing.assert_allclose(found, butcher(scheme)[:n, :n], atol=1e-12)
    np.testing.assert_allclose(np.linalg.solve(left, floats(form.v)).sum(1), 1)
    if r:  # y2 = (1 − q) y + q (y1 − h/r f1) + h f2 with −1 = q (1 − 1/r), q ≤ 1
        assert form.coefficient.low == Rational(r)
        assert form.coefficient.high - form.coefficient.low < Rational(1, 10**11)


def test_a_method_that_needs_none_has_no_downwind_steps():
    form = t2n.shu_osher("ssprk-33", downwind=True)
    assert form.r == 1
    assert not any(x for row in form.downwind for x in row)
    assert form.coefficient.low == 1
    assert form.coefficient.high - 1 < Rational(1, 10**11)


def test_radicals_stay_exact():
    form = t2n.shu_osher("gauss-2", root(3))
    assert form.r == root(3)
    assert t2n.shu_osher("ssprk-33", "sqrt(2)").text().startswith("y2 = (1 - sqrt(2)) y + sqrt(2) (y + ")
    assert all(not x.has(S.Pi) and x.is_algebraic for row in form.alpha for x in row)
    np.testing.assert_allclose(floats(form.v).sum(1) + floats(form.alpha).sum(1), 1)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("rk4", {}, "its SSP coefficient is 0"),
        ("rk4", {"r": "0"}, "a positive number is expected"),
        ("rk4", {"r": "2", "downwind": True}, "no splitting has nonnegative coefficients"),
        ("rk4", {"r": "sqrt(2)/4", "downwind": True}, "a rational number is expected"),
        ("adams-bashforth-2", {"downwind": True}, "the largest with one is 0$"),
        ("lobatto-iiic-2", {"downwind": True}, "not of coupled stages"),
        ("ars-222", {}, "there is no Shu–Osher form of several fields"),
    ],
)
def test_what_has_none_is_said_in_a_line(name, options, message):
    with pytest.raises(t2n.InputError, match=message):
        t2n.shu_osher(name, **options)


def test_the_command_line_prints_it():
    shown = CliRunner().invoke(app, ["show", "ssprk-33", "--shu-osher"])
    assert shown.stdout.splitlines()[0] == "y2 = (y + h f(y))"
    assert shown.stdout.splitlines()[-1].endswith("no negative coefficient: 1")
    for name, said in (("lm", "at k = 0"), ("backward-euler", "the form above is of an arbitrary r: 1")):
        assert said in CliRunner().invoke(app, ["show", name, "--shu-osher"]).stdout
    found = json.loads(CliRunner().invoke(app, ["show", "rk4", "--downwind", "--json"]).stdout)
    assert found["coefficient"]["value"] == pytest.approx(0.68501606, abs=1e-8)
    assert {"r", "v", "alpha", "beta", "alpha_downwind", "beta_downwind"} < found.keys()


def test_the_example_shows_a_step_that_the_midpoint_rule_cannot_take(capsys):
    example("strong_stability").main()
    over = dict(re.findall(r"^(\S+) +step .* overshoots by (\S+)$", capsys.readouterr().out, re.M))
    assert float(over["improved-euler"]) < 0
    assert float(over["split"]) < 0
    assert float(over["midpoint"]) > 1
    assert abs(float(t2n.shu_osher("explicit-midpoint", downwind=True).coefficient) - (3**0.5 - 1)) < 1e-11
