"""The exact order by independent routes: Butcher's matrix formula, the classical multistep conditions, and the slope
of measured errors on a field that depends on time."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from sympy import Integer, Rational

from tableau2net.analysis import check, order, order_conditions, report
from tableau2net.analysis.order import _search
from tableau2net.errors import InputError
from tableau2net.scheme import Multistep, Parameter, RungeKutta, list_schemes, load
from tableau2net.scheme.expression import parse
from tests.reference import measured_order, multistep_order, runge_kutta_order
from tests.strategies import explicit_runge_kutta, multistep, second_order_runge_kutta

KNOWN_BAD = sorted((Path(__file__).parents[1] / "known_bad").glob("*.toml"))


@given(explicit_runge_kutta())
def test_random_tableaus_against_the_matrix_formula(scheme):
    assert order(scheme) == runge_kutta_order(scheme, 5)


@given(multistep())
def test_random_explicit_multistep_tables_against_the_classical_conditions(scheme):
    assert order(scheme) == multistep_order(scheme, 20)


@given(multistep(explicit=False))
def test_random_implicit_multistep_tables_against_the_classical_conditions(scheme):
    assert order(scheme) == multistep_order(scheme, 20)


@given(multistep(explicit=False))
def test_all_trees_of_a_multistep_table_say_what_the_bushy_ones_say(scheme):
    known = order(scheme)
    everything = _search(scheme, False, min(known + 1, 7)) if known >= 0 else None
    assert everything is None or everything.order == min(known, 7)


@settings(max_examples=40)
@given(explicit_runge_kutta(max_stages=4, consistent=True))
def test_random_tableaus_against_the_measured_slope(scheme):
    assert measured_order(scheme) == pytest.approx(order(scheme), abs=0.1)


@settings(max_examples=40)
@given(second_order_runge_kutta())
def test_random_second_order_tableaus_against_the_measured_slope(scheme):
    assert order(scheme) >= 2
    assert measured_order(scheme) == pytest.approx(order(scheme), abs=0.1)


@settings(max_examples=40)
@given(multistep(explicit=False))
def test_random_multistep_tables_against_the_measured_slope(scheme):
    if order(scheme) >= 0:
        assert measured_order(scheme) == pytest.approx(order(scheme), abs=0.1)


@settings(max_examples=30)
@given(explicit_runge_kutta(max_stages=3, consistent=True))
def test_nodes_that_are_not_the_row_sums_lower_the_order(scheme):
    wrong = RungeKutta(A=scheme.A, b=scheme.b, c=[c + 1 for c in scheme.c])
    found = order_conditions(wrong)
    assert found.order == 1  # Σ b_i (c_i + 1) = 1/2 holds only with Σ b c = −1/2
    assert found.autonomous == order(scheme)
    assert measured_order(wrong) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("name", list_schemes())
def test_every_shipped_scheme_has_the_order_it_claims_and_shows_it(name):
    scheme = load(name)
    verdict = check(scheme)
    assert verdict.ok, [c for c in verdict.claims if not c.ok]
    member = scheme.at_defaults()
    assert measured_order(member) == pytest.approx(order(member), abs=0.1)
    if getattr(scheme, "b_hat", None):
        embedded = order_conditions(member, embedded=True).order
        assert measured_order(member, embedded=True) == pytest.approx(embedded, abs=0.1)


RESIDUALS = {
    "horesnet-huta-6": (6, 0, "-1/280"),
    "horesnet-improved-euler": (2, 1, "-1/4"),
    "horesnet-kutta-nystrom-5": (5, 1, "-25/576"),
    "horesnet-rk2": (2, 1, "-1/2"),
    "horesnet-verner-8": (8, 0, "27/70"),
    "nodepy-lambert-5": (5, 2, "1/90"),
    "nodepy-sharp-smart-32": (3, 2, "361/30000"),
    "torchdyn-rk4": (4, 1, "-1/4"),
}


@pytest.mark.parametrize("path", KNOWN_BAD, ids=lambda path: path.stem)
def test_published_tables_that_do_not_hold(path):
    verdict = check(load(path))
    claimed, found, residual = RESIDUALS[path.stem]
    (claim,) = verdict.claims
    assert (claim.declared, claim.found, claim.ok) == (claimed, found, False)
    assert str(verdict.order.failing[0].value) == residual


def test_all_known_bad_tables_are_tested():
    assert {path.stem for path in KNOWN_BAD} == set(RESIDUALS)


def test_torchdyn_rk4_is_wrong_only_for_fields_with_time():
    found = order_conditions(load(next(p for p in KNOWN_BAD if p.stem == "torchdyn-rk4")))
    assert (found.order, found.autonomous) == (1, 4)
    assert [r.tree for r in found.failing] == [(1, -2)]


def test_residuals_are_exact_with_their_trees():
    found = order_conditions(load("rk4"))
    residuals = {r.tree: r.value for r in found.failing}
    assert residuals[(1, 2, 3, 4, 5)] == Rational(-1, 120)  # the tall tree: nothing of order 5 in four stages
    assert residuals[(1, 2, 2, 2, 2)] == Rational(5, 24) - Rational(1, 5)  # Σ b c⁴ − 1/5
    euler = order_conditions(load("euler"))
    assert {r.tree: r.value for r in euler.failing} == {(1, 2): Rational(-1, 2)}


def test_with_parameters_the_order_holds_for_all_values_and_the_next_is_an_equation():
    lm = order_conditions(load("lm"))
    assert (lm.order, lm.kind, str(lm.failing[0].value)) == (0, "all parameters", "-k")
    adam = order_conditions(load("adamnet-2"))
    assert (adam.order, str(adam.failing[0].value)) == (1, "(2*beta_1 - 3)/2")
    assert order(load("adamnet-2").at_defaults()) == 2
    assert order(load("lm").with_values(k=0)) == 1
    rk2 = order_conditions(load("rk2"))  # poles in the parameter
    assert (rk2.order, rk2.kind) == (2, "all parameters")


def test_the_search_ends_where_it_is_told_to():
    found = order_conditions(load("gauss-3"), 4)
    assert (found.order, found.complete, found.failing) == (4, False, ())
    assert order(load("gauss-3")) == 6
    assert order(load("adams-bashforth-20")) == 20
    assert check(load("adams-bashforth-20")).ok
    assert check(load("adams-moulton-40")).ok
    beyond = replace(load("rk4"), claims={"order": 10**9})
    assert [c.found for c in check(beyond).claims] == [4]
    with pytest.raises(InputError, match="limit"):
        order(load("rk4"), 0)


def test_a_step_that_loses_a_constant_has_no_order():
    found = order_conditions(Multistep(alpha=["1/2", "1"], beta=["1", "0"]))
    assert found.order == -1
    assert (found.failing[0].tree, found.failing[0].value) == ((), Rational(-3, 2))
    implicit = Multistep(alpha=["1/2", "1"], beta=["0", "1"])
    assert order(implicit) == -1


def test_radicals_of_one_field_and_of_two():
    assert order(load("cooper-verner-8")) == 8
    mixed = RungeKutta(A=[[], ["sqrt(2)*sqrt(3)"]], b=["1 - sqrt(6)/12", "sqrt(6)/12"])
    assert order(mixed) == 2
    with pytest.raises(InputError, match="number field"):
        order(RungeKutta(A=[[]], b=["sqrt(2)+sqrt(3)+sqrt(5)+sqrt(7)+sqrt(11)"]))


@pytest.mark.parametrize(
    "weight", ["sqrt(1+sqrt(2+sqrt(3)))", "sqrt(2)+sqrt(3)+sqrt(5)", "2**(1/7)", "sqrt(1234567891)"]
)
def test_roots_in_one_number_field(weight):
    root = parse(weight)
    assert order(RungeKutta(A=[[], ["1"]], b=[1 - root, root])) == 1


@pytest.mark.parametrize("weight", ["2**(1/12)*3**(1/11)", "sqrt(1+sqrt(2+sqrt(3)))+sqrt(1+sqrt(2-sqrt(3)))"])
def test_roots_whose_field_is_too_large_are_refused(weight):
    root = parse(weight)
    with pytest.raises(InputError, match="number field"):
        order(RungeKutta(A=[[], ["1"]], b=[1 - root, root]))


@pytest.mark.parametrize("weight", ["1/((k+1)**2 - k**2 - 2*k - 1)", "k*((k+1)*(k-1) - k**2 + 1)**-2"])
def test_a_zero_in_disguise_is_divided_by_in_no_silence(weight):
    k = Parameter("k", Integer(1))
    scheme = RungeKutta(A=[[]], b=[parse(weight, {"k": k.symbol})], parameters=(k,))
    with pytest.raises(InputError, match="division by zero"):
        order(scheme)


def test_a_degenerate_tableau_gets_an_answer():
    assert order(RungeKutta(A=[["1"]], b=["1"])) == 1
    assert order(RungeKutta(A=[["0", "1"], ["1", "0"]], b=["1/2", "1/2"])) == 1  # two stages that solve each other
    assert order(RungeKutta(A=[[]], b=["0"])) == 0


def test_report_is_json_and_names_the_blueprint_keys():
    import json

    found = report(load("dormand-prince-54")).to_dict()
    json.dumps(found)
    assert {
        "name",
        "title",
        "family",
        "reference",
        "stages",
        "steps",
        "parts",
        "explicit",
        "parameters",
        "claims",
    } <= set(found)
    assert (found["order"], found["embedded_order"], found["stage_order"], found["stages"]) == (5, 4, 1, 7)
    assert found["structure"] == {"stiffly_accurate": True, "fsal": True}
    lm = report(load("lm")).to_dict()
    assert lm["effective_step"]["exact"] == "1/(1 + k)"
    assert Integer(lm["steps"]) == 2
    assert lm["stages"] is None
