"""The exact order by independent routes: Butcher's matrix formula, the classical multistep conditions, and the slope
of measured errors on a field that depends on time."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from sympy import Integer, Rational, sympify

from tableau2net.analysis import check, order, order_conditions, report
from tableau2net.analysis.order.conditions import search_order
from tableau2net.errors import InputError
from tableau2net.exact.text import parse
from tableau2net.scheme import Multistep, Parameter, RungeKutta, list_schemes, load
from tableau2net.scheme.library import catalogue
from tableau2net.testing import assert_consistent, measured_order, multistep, runge_kutta
from tests.reference import multistep_order, runge_kutta_order

KNOWN_BAD = sorted((Path(__file__).parents[1] / "known_bad").glob("*.toml"))


@given(runge_kutta(range(1, 6), explicit=True))
def test_random_tableaus_against_the_matrix_formula(scheme):
    assert order(scheme) == runge_kutta_order(scheme, 5)


@given(multistep(explicit=True))
def test_random_explicit_multistep_tables_against_the_classical_conditions(scheme):
    assert order(scheme) == multistep_order(scheme, 20)


@given(multistep(explicit=False))
def test_random_implicit_multistep_tables_against_the_classical_conditions(scheme):
    assert order(scheme) == multistep_order(scheme, 20)


@given(multistep(explicit=False))
def test_all_trees_of_a_multistep_table_say_what_the_bushy_ones_say(scheme):
    known = order(scheme)
    everything = search_order(scheme, False, min(known + 1, 7)) if known >= 0 else None
    assert everything is None or everything.order == min(known, 7)


@settings(max_examples=40)
@given(runge_kutta(order=1, explicit=True))
def test_random_tableaus_against_the_measured_slope(scheme):
    assert measured_order(scheme) == pytest.approx(order(scheme), abs=0.1)


@settings(max_examples=40)
@given(runge_kutta(order=2, explicit=True))
def test_random_second_order_tableaus_against_the_measured_slope(scheme):
    assert order(scheme) >= 2
    assert measured_order(scheme) == pytest.approx(order(scheme), abs=0.1)


@settings(max_examples=40)
@given(multistep(explicit=False))
def test_random_multistep_tables_against_the_measured_slope(scheme):
    if order(scheme) >= 0:
        assert measured_order(scheme) == pytest.approx(order(scheme), abs=0.1)


@settings(max_examples=30)
@given(runge_kutta(range(1, 4), order=1, explicit=True))
def test_nodes_that_are_not_the_row_sums_lower_the_order(scheme):
    wrong = RungeKutta(A=scheme.A, b=scheme.b, c=[c + 1 for c in scheme.c])
    found = order_conditions(wrong)
    assert found.order == 1  # Σ b_i (c_i + 1) = 1/2 holds only with Σ b c = −1/2
    assert found.autonomous == order(scheme)
    assert measured_order(wrong) == pytest.approx(1, abs=0.1)


LONG = pytest.mark.slow  # tables of order 9 and 10: seconds each
HEAVY = {entry.name for entry in catalogue() if (entry.claimed_order or 0) > 8}
EVERY = [pytest.param(name, marks=LONG) if name in HEAVY else name for name in list_schemes()]


@pytest.mark.parametrize("name", EVERY)
def test_every_shipped_scheme_is_what_it_claims(name):
    verdict = check(load(name))
    assert verdict.ok, [claim for claim in verdict.claims if not claim.ok]


@pytest.mark.parametrize("name", EVERY[::20])
def test_some_shipped_schemes_show_their_order(name):
    assert_consistent(name, module=False, gradient=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", list_schemes())
def test_every_shipped_scheme_shows_its_order(name):
    assert_consistent(name, module=False, gradient=False)


RESIDUALS = {
    "horesnet-huta-6": (6, 0, "-1/280"),
    "horesnet-improved-euler": (2, 1, "-1/4"),
    "horesnet-kutta-nystrom-5": (5, 1, "-25/576"),
    "horesnet-rk2": (2, 1, "-1/2"),
    "horesnet-verner-8": (8, 0, "27/70"),
    "mrkiss-bogacki-shampine-45": (5, 4, "-9/394240"),
    "nodepy-lambert-5": (5, 2, "1/90"),
    "nodepy-sharp-smart-32": (3, 2, "361/30000"),
    "torchdyn-rk4": (4, 1, "-1/4"),
    "desolver-radau-iia-3": (3, 1, "1/48"),
    "desolver-rk8713m": (8, 7, "2.42666591769570E-7"),
    "desolve-irk3r": (3, 1, "-3/16"),
    "desolve-rk23": (3, 1, "1/6"),
    "diffrax-kencarp5-implicit": (5, 1, "-1.59513634919533E-12"),
    "diffrax-sil3-explicit": (3, 2, "1/18"),
    "irksome-pep-4-2-5": (2, 1, "176928337/1459858680"),
    "kokkos-verner-56": (6, 0, "27/40"),
    "magic-mars-343": (3, 1, "0.533317768264272"),
    "ordinarydiffeq-ckllsrk54-3c": (4, 1, "0.0502589356818206"),
    "ordinarydiffeq-ckllsrk85-4fm-4r-embedded": (4, 1, "0.0718081253014235"),
    "ordinarydiffeq-ckllsrk95-4c": (5, 1, "-0.0169723981047177"),
    "ordinarydiffeq-esdirk547l2sa2": (5, 1, "-0.0132425901315712"),
    "ordinarydiffeq-rkm": (4, 3, "-0.0268976458432869"),
    "ordinarydiffeq-sfsdirk5": (5, 4, "0.0000749807979657063"),
    "ordinarydiffeq-sfsdirk6": (6, 4, "0.0000449381090726424"),
    "ordinarydiffeq-sfsdirk7": (7, 4, "0.0000219392813502510"),
    "ordinarydiffeq-sfsdirk8": (8, 4, "0.0000147256300313649"),
    "ordinarydiffeq-sir54": (5, 4, "0.00000165312822238762"),
    "ordinarydiffeq-sir54-embedded": (4, 0, "-7.85429704758125"),
    "odetojava-ars-343-explicit": (3, 1, "0.0000386614161014695"),
    "odetojava-lirk-32-explicit": (3, 2, "0.0829098567256424"),
    "odetojava-rk4": (4, 1, "-1/2"),
    "odetojava-ssp-32": (3, 2, "-1/12"),
    "odetojava-three-eighths": (4, 2, "-1/6"),
    "openmodelica-fehlberg-12": (2, 1, "-1/512"),
    "openmodelica-fehlberg-45": (5, 2, "0.000952380952380952"),
    "petsc-1bee": (2, 1, "1/4"),
    "petsc-bpr3-explicit": (3, 1, "-3/40"),
    "res4lyf-gauss-legendre-4s": (8, 1, "1/2"),
    "res4lyf-gauss-legendre-4s-alt": (8, 1, "-15939241/333094600 + 831591739*sqrt(206)/201816140000"),
    "res4lyf-gauss-legendre-5s": (10, 2, "-192350871984375/215598608619639211"),
    "res4lyf-radau-ia-3s": (5, 1, "1/30 - 4*sqrt(6)/45"),
    "res4lyf-rk5-7s": (5, 1, "-201043/302400"),
    "res4lyf-krogstad-alt": (4, 2, "1/4"),
    "res4lyf-strehmel-weiner-alt": (4, 2, "1/4"),
    "res4lyf-friedli": (4, 2, "1/4"),
    "res4lyf-minchev": (4, 2, "37/120"),
    "expint-etd2rk": (2, 0, "-1/2"),
    "ponio-l-sdirk-22-qz": (2, 1, "sqrt(2)/4 + 1/2"),
    "ponio-ralston-4": (4, 1, "-1.09881496312110"),
    "ponio-rk65-8m": (6, 5, "-13/462000"),
    "rklib-shanks-5": (5, 4, "-1/648000"),
    "rklib-shanks-8-10": (8, 7, "17/1088640"),
    "rkm-gauss-legendre-42-embedded": (2, 1, "-1/2"),
    "rkm-gauss-legendre-64-embedded": (4, 2, "-1/6"),
    "rkm-kraaijevanger-spijker-2": (2, 1, "3/2"),
    "rkm-pareschi-russo-3": (3, 2, "-2/3 + sqrt(2)/2"),
    "rungekutta-jl-rk42": (4, 1, "-1/6"),
    "torchdiffeq-gl4": (4, 1, "-sqrt(3)/6"),
    "torchdiffeq-tsit5": (5, 4, "0.000426476367752333"),
}


@pytest.mark.parametrize("path", KNOWN_BAD, ids=lambda path: path.stem)
def test_published_tables_that_do_not_hold(path):
    verdict = check(load(path))
    claimed, found, residual = RESIDUALS[path.stem]
    (claim,) = verdict.claims
    assert (claim.declared, claim.found, claim.ok) == (claimed, found, False)
    (value, expected) = (verdict.order.failing[0].value, sympify(residual))
    assert value == expected if expected.is_Rational else abs(value - expected) < 1e-12 * abs(expected)


@pytest.mark.parametrize("path", KNOWN_BAD, ids=lambda path: path.stem)
def test_published_tables_that_do_not_hold_by_the_matrix_formula(path):
    scheme = load(path)
    exact = (
        isinstance(scheme, RungeKutta)
        and scheme.digits is None
        and all(x.is_Rational for x in scheme.coefficients.values())
    )
    if exact and scheme.claims["order"] <= 6:
        assert order_conditions(scheme).autonomous == runge_kutta_order(scheme, 6)


@pytest.mark.parametrize(
    "name", ["desolve-rk23", "res4lyf-minchev", "odetojava-rk4", "odetojava-three-eighths", "rungekutta-jl-rk42"]
)
def test_published_tables_that_do_not_hold_by_the_measured_slope(name):
    scheme = load(next(p for p in KNOWN_BAD if p.stem == name))
    assert measured_order(scheme) == pytest.approx(RESIDUALS[name][1], abs=0.1)


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
    blueprint = """name title family reference stages steps parts explicit parameters claims order order_kind
        nominal_order embedded_order stage_order principal_error_norm error_constant effective_step stability ssp
        structure"""
    assert set(blueprint.split()) <= set(found)
    stable = """function e_polynomial a_stable l_stable i_stable algebraically_stable alpha_degrees real_interval
        imaginary_interval zero_stable"""
    assert set(stable.split()) <= set(found["stability"])
    assert {"coefficient", "linear"} <= set(found["ssp"])
    assert (found["order"], found["embedded_order"], found["stage_order"], found["stages"]) == (5, 4, 1, 7)
    structure = found["structure"]
    built = "symplectic symmetric stiffly_accurate fsal reducible low_storage invertible"
    assert set(built.split()) <= set(structure)
    assert (structure["stiffly_accurate"], structure["fsal"], structure["symplectic"]) == (True, True, False)
    lm = report(load("lm")).to_dict()
    assert lm["effective_step"]["exact"] == "1/(1 + k)"
    assert Integer(lm["steps"]) == 2
    assert lm["stages"] is None
