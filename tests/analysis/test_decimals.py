"""Tables printed in decimals get the verdicts of the exact ones: every exact scheme of the library, printed."""

import math
from dataclasses import replace

import pytest
import sympy
from sympy import Rational, oo

from tableau2net.analysis import (
    check,
    fsal,
    order_conditions,
    report,
    simplifying,
    ssp,
    stability,
    stage_order,
    stiffly_accurate,
)
from tableau2net.analysis.report.pieces import number
from tableau2net.analysis.structure import algebraically_stable, symmetric, symplectic
from tableau2net.cli.check import verdict_text
from tableau2net.scheme import Multistep, RungeKutta, list_schemes, load
from tableau2net.step import lower

X = sympy.Symbol("x")


def printed(scheme):
    """The scheme as a source prints it: 16 decimals."""
    digits = 16

    def rounded(x):
        if x.is_Integer:
            return x
        return Rational(int(sympy.floor(x.evalf(digits + 20) * 10**digits + Rational(1, 2))), 10**digits)

    coefficients = {name: rounded(x) for name, x in scheme.coefficients.items()}
    return scheme.with_coefficients(coefficients, digits=digits, claims={})


def verdicts(scheme):
    found, linear = order_conditions(scheme, 5), stability(scheme)
    result = {"order": found.order, "autonomous": found.autonomous, "assumptions": simplifying(scheme)}
    if lower(scheme).estimate is not None:
        result["embedded"] = order_conditions(scheme, 5, embedded=True).order
    for what in (stiffly_accurate, fsal, symplectic, symmetric, algebraically_stable, stage_order):
        result[what.__name__] = what(scheme)
    for part in (linear, *linear.parts):
        place = f"{part is linear}"
        for key in ("zero_stable", "a_stable", "l_stable", "i_stable", "real_interval", "imaginary_interval"):
            result[key + place] = getattr(part, key)
        result["alpha" + place] = part.alpha_degrees
    return result | {"ssp": ssp(scheme).coefficient}


def differences(exact, decimal):
    """What is not the same; numbers to six digits."""
    undecided = {
        key for key, x in exact.items() if key.startswith("real_interval") and x == oo and decimal[key] is None
    }
    return {key: (x, decimal[key]) for key, x in exact.items() if key not in undecided and not _same(x, decimal[key])}


def _same(x, y):
    if x is None or isinstance(x, bool) or hasattr(x, "B"):
        return x == y
    return y is not None and math.isclose(float(x), float(y), rel_tol=1e-6, abs_tol=1e-6)


def checked(name):
    exact = load(name)
    skipped = exact.digits or exact.parameters or getattr(exact, "stages", 1) > 8
    if not skipped and not all(x.is_Integer for x in exact.coefficients.values()):
        assert differences(verdicts(exact), verdicts(printed(exact))) == {}, name


SAMPLE = [
    "gauss-2", "radau-iia-2", "lobatto-iiic-iii-4", "ssprk-42", "fehlberg-45", "bdf-5", "cowell-6", "adams-bashforth-3",
    "butcher-hybrid-3", "imex-adams-5", "ars-233", "nordsieck-adams-5", "abm-4",
    "laskar-robutel-saba-3", "milne-simpson-2",
    "glee-rk32g1",  # two roots ζ that are equal for every z
    "boscarino-pareschi-russo-353",  # an angle, and |R(∞)| = 1
]  # fmt: skip


@pytest.mark.parametrize("name", SAMPLE)
def test_a_printed_table_is_what_the_exact_one_is(name):
    checked(name)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(8))
def test_every_eighth_scheme_of_the_library_printed(start):
    for name in list_schemes()[start * 3 :: 24]:
        if all(c.is_number for c in load(name).at_defaults().coefficients.values()):  # functions of hL are not printed
            checked(name)


def test_gauss_of_six_stages_has_stage_order_six():
    assert stage_order(printed(load("gauss-6"))) == 6


def test_the_implicit_midpoint_rule_in_decimals():
    """E ≡ 0: |R(iy)| = 1, and the real axis is stable to its end."""
    scheme = RungeKutta(A=[["0.5"]], b=["1.0"], digits=10)
    found = stability(scheme)
    assert (found.a_stable, found.real_interval, found.imaginary_interval) == (True, oo, oo)
    assert found.e_polynomial.is_zero
    assert report(scheme).to_dict()["stability"]["real_interval"] == {"exact": "oo", "value": "inf"}


@pytest.mark.parametrize("digits", [None, 10, 16])
def test_what_cancels_exactly_cancels_in_decimals(digits):
    """R = 1 + z + z²/2 + 3z³/8, with two stages that cancel: E = (9/64) w² (32/9 − w), w = y²."""
    A = [[0] * 5, ["0.75", *[0] * 4], [0, "0.5", 0, 0, 0], [0, 0, 0, "0.375", 0], [*[0] * 4, "0.375"]]
    found = stability(RungeKutta(A=A, b=[0, 0, 1, "0.25", "-0.25"], digits=digits))
    assert float(found.imaginary_interval) == pytest.approx(math.sqrt(32 / 9), rel=1e-9)
    assert not found.i_stable


def test_an_imaginary_interval_outlives_rounding():  # (144/275)^(1/2), as of the exact table
    scheme = Multistep(
        alpha=["0", "0", "-1", "1"],
        beta=["0.41666666666667", "-1.33333333333333", "1.91666666666667", "0"],
        digits=14,
    )
    assert float(stability(scheme).imaginary_interval) == pytest.approx(math.sqrt(144 / 275), rel=1e-10)


def test_rounded_fractions_are_told_to_how_many_decimals_they_hold():
    """Dormand & Prince's 8(7) is printed in fractions that miss its conditions by some 1e-18."""
    scheme = replace(load("dormand-prince-87"), digits=None, claims={"order": 8, "embedded_order": 7})
    found = check(scheme)
    assert not found.ok
    assert found.decimals == 18
    assert check(replace(scheme, digits=18)).ok
    said = verdict_text("dp", found)
    assert "it holds to 18 decimals; write digits = 18" in said
    assert max(map(len, said.splitlines())) < 130
    assert check(RungeKutta(A=[[], ["1/2"]], b=["0", "1"], claims={"order": 3})).decimals is None  # wrong, not rounded


def test_a_root_of_a_long_polynomial_is_shown_by_its_decimals():
    polynomial = sum((k + 1) * X**k for k in range(2, 30)) - 7
    assert number(sympy.CRootOf(polynomial, 0)).endswith("(a root of a polynomial of degree 29)")


@pytest.mark.parametrize("digits", [3, 4, 6, 12])
def test_decimals_that_are_near_a_method_of_higher_order_are_not_it(digits):
    """θ = 0.495 is not the trapezoidal rule to three decimals: stable to 2/(1 − 2θ) = 200."""
    found = stability(Multistep(alpha=[-1, 1], beta=["0.505", "0.495"], digits=digits))
    assert (found.a_stable, found.imaginary_interval) == (False, 0)
    assert float(found.real_interval) == pytest.approx(200)
