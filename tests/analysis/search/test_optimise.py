"""Optima of families whose best member is known from the literature; what is told of them is proved elsewhere."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, sqrt

import tableau2net as t2n
from tableau2net.analysis import errors, ssp, stability
from tableau2net.analysis.generate import generate_runge_kutta
from tableau2net.analysis.search import member_worth
from tableau2net.errors import InputError
from tableau2net.scheme.file import loads


def test_ralston_with_two_stages():
    found = t2n.optimise("rk2", "principal-error-norm")
    assert (dict(found.values), found.value) == ({"alpha": Rational(2, 3)}, Rational(1, 6))
    assert found.table.A == t2n.load("ralston-2").A


@pytest.mark.slow
def test_ralston_with_three_stages():
    """Ralston 1962: b = 2/9, 1/3, 4/9. Of the Euclidean norm it is not quite the least, but the simplest nearby."""
    found = t2n.optimise(generate_runge_kutta(3, 3, seconds=None), "principal-error-norm")
    assert found.table.b == (Rational(2, 9), Rational(1, 3), Rational(4, 9))
    assert found.value == sqrt(145) / 288
    assert found.float_value == pytest.approx(float(found.value), rel=1e-4)
    assert found.float_value < float(found.value)


@pytest.mark.slow
def test_the_largest_ssp_of_two_stages_and_its_bounds():
    found = t2n.optimise("rk2", "ssp", bounds={"alpha": ("1/2", "3/2")})
    assert (found.value, dict(found.values)) == (1, {"alpha": 1})
    assert t2n.check(found.table).ok
    assert found.table.claims["ssp"] == 1
    smaller = t2n.optimise("rk2", "ssp", bounds={"alpha": ("1/2", "4/5")})
    assert smaller.values["alpha"] == Rational(4, 5)
    assert smaller.value == ssp(t2n.load("rk2").with_values(alpha="4/5")).coefficient < 1


@pytest.mark.slow
def test_the_optimal_third_order_method_is_that_of_shu_and_osher():
    found = t2n.optimise(generate_runge_kutta(3, 3, seconds=None), "ssp")
    assert (found.value, found.table.A, found.table.b) == (1, t2n.load("ssprk-33").A, t2n.load("ssprk-33").b)


@pytest.mark.slow
def test_a_fourth_order_method_is_better_than_kuttas_and_ralstons():
    found = t2n.optimise(generate_runge_kutta(4, 4, seconds=None), "principal-error-norm")
    others = [float(errors(t2n.load(n)).principal.euclidean) for n in ("rk4", "rk4-38", "ralston-4")]
    assert float(found.value) < min(others)
    assert t2n.order(found.table) == 4


@pytest.mark.slow
def test_a_real_interval_of_two_stages():
    """2s² = 8 (Chebyshev): the tangent may be lost by rounding, so that a little less is certified."""
    family = generate_runge_kutta(2, 1, fix={"c2": "1/4"}, seconds=None)
    found = t2n.optimise(family, "real-interval")
    assert 7.9 < float(found.value) <= 8
    assert stability(found.table).real_interval == found.value


@pytest.mark.slow
def test_the_gamma_of_sdirk():
    family = t2n.load("pareschi-russo-2")
    assert t2n.optimise(family, "ssp").values["x"] == Rational(1, 4)  # Ferracina, Spijker 2008: 4 at γ = 1/4
    with pytest.raises(InputError, match="order 3 is reached there"):
        t2n.optimise(family, "principal-error-norm")


@settings(max_examples=3, deadline=None)
@given(st.fractions("1/7", 1, max_denominator=7), st.fractions("1/7", 1, max_denominator=7))
def test_floats_agree_with_the_exact_findings(c2, c3):
    if c2 in (c3, Rational(2, 3)):
        return
    family = generate_runge_kutta(3, 3, seconds=None)
    member = family.with_values(c2=Rational(c2), c3=Rational(c3))
    A, b = member_worth.tableau_of(family)(np.array([float(c2), float(c3)]))
    assert -member_worth.error_norm(3)(A, b) == pytest.approx(float(errors(member).principal.euclidean), rel=1e-9)
    assert max(0.0, member_worth.ssp_radius(A, b)) == pytest.approx(float(ssp(member).coefficient), abs=1e-6)
    found = stability(member)
    assert member_worth.real_reach(A, b) == pytest.approx(float(found.real_interval), rel=1e-9)
    assert member_worth.imaginary_reach(A, b) == pytest.approx(float(found.imaginary_interval), rel=1e-9)


def test_a_simple_value_at_a_pole_is_passed_over():
    """0 is the simplest number within these bounds, and b2 = 1/(2 c2)."""
    family = generate_runge_kutta(2, 2, seconds=None)
    found = t2n.optimise(family, "real-interval", bounds={"c2": ("-1/9", "1/9")})
    assert found.value == 2
    assert found.values["c2"] != 0


@pytest.mark.slow
def test_the_longest_imaginary_interval_of_kuttas_family():
    """Of all its members it is √8: their R is one polynomial. Near c2 = c3 = 0 the coefficients have poles."""
    assert t2n.optimise(generate_runge_kutta(4, 4, seconds=None), "imaginary-interval").value == 2 * sqrt(2)


@pytest.mark.slow
def test_what_the_family_leaves_out_is_said(run):
    """The largest SSP coefficient of four stages and order three is 2 (Kraaijevanger 1991), with b2 = 1/6."""
    asked = ["generate", "runge-kutta", "--stages", 4, "--order", 3]
    code, out, _ = run(*asked, "--maximise", "ssp")
    left_out = "a32 = 1/3, a42 = 1/3, b2 = 1/4"
    assert code == 0
    assert f"\n# of all such methods only those with {left_out};" in out
    assert loads(out).title.endswith(f"order 3, with {left_out}, the largest ssp of this family")
    code, out, _ = run(*asked, "--fix", "b2=1/6", "--fix", "a32=1/2", "--fix", "a42=1/6", "--maximise", "ssp")
    assert (code, loads(out).claims["ssp"], "of all such" in out) == (0, 2, False)


def test_bad_input():
    for family, goal, bounds, words in (
        ("lm", "ssp", {}, "only Runge"),
        ("rk4", "ssp", {}, "0 parameters"),
        ("rk2", "beauty", {}, "goal 'beauty'"),
        ("rk2", "ssp", {"k": (0, 1)}, "no such parameter"),
        ("rk2", "ssp", {"alpha": (1, 0)}, "lower first"),
        ("rk2", "ssp", {"alpha": (0, "1/3")}, "outside its range, 1/2 to 1"),
    ):
        with pytest.raises(InputError, match=words):
            t2n.optimise(family, goal, bounds=bounds)


@pytest.mark.slow
def test_the_command(run, tmp_path):
    asked = ["generate", "runge-kutta", "--stages", 2, "--order", 2, "--minimise", "principal-error-norm"]
    code, out, err = run(*asked, "--bounds", "c2=1/2:1")
    assert (code, err) == (0, "")
    assert out.startswith("# principal-error-norm 1/6 ≈ 0.16666667 at c2 = 2/3, certified; float optimum 0.1666666")
    assert t2n.check(loads(out)).ok
    code, out, err = run(*asked, "--json", "-o", tmp_path / "best.toml")
    assert (code, json.loads(out)["certified"]["exact"]) == (0, "1/6")


def test_the_command_refuses(run):
    asked = ["generate", "runge-kutta", "--stages", 2, "--order", 2, "--minimise", "principal-error-norm"]
    for wrong in (["--maximise", "ssp"], ["--minimise", "ssp"], ["--bounds", "c2=1"]):
        code, out, err = run(*asked, *wrong)
        assert (code, out, err.count("\n")) == (2, "", 1)
    code, out, err = run("generate", "multistep", "--steps", 2, "--order", 2, "--maximise", "ssp")
    assert (code, err) == (2, "tableau2net: --maximise: is of runge-kutta, not of multistep\n")
