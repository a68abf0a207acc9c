"""The linear reading against matrix formulas, hand-made polynomials and floating point."""

import numpy as np
import pytest
import sympy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sympy import Matrix, Poly, Rational, eye, ones

from tableau2net import testing
from tableau2net.analysis.reading.linear import ZETA, Z, characteristic_polynomial, curve_of, stability_function
from tableau2net.analysis.stability.unit_disk import root_condition
from tableau2net.analysis.stability.zero_stability import zero_stable
from tableau2net.errors import InputError
from tableau2net.scheme import (
    AdditiveMultistep,
    AdditiveRungeKutta,
    GeneralLinear,
    Multistep,
    PartitionedRungeKutta,
    RungeKutta,
    adjoint,
    compose,
    load,
)
from tableau2net.step import lower
from tableau2net.step.amplification import amplification
from tests.strategies import explicit_runge_kutta, implicit_runge_kutta, multistep

HALF = Rational(1, 2)


def by_determinants(A, b):
    """R = det(I − zA + z·1·bᵀ)/det(I − zA) (HW II, IV.3, Proposition 3.2)."""
    s = len(b)
    A, row = Matrix(A), Matrix([list(b)])
    Q = (eye(s) - Z * A).det(method="berkowitz")
    P = (eye(s) - Z * A + Z * ones(s, 1) * row).det(method="berkowitz")
    return sympy.cancel(P / Q)


def same(function, other):
    P, Q = function
    assert P.gcd(Q).degree() == 0
    assert Q.nth(0) == 1
    return sympy.cancel(P.as_expr() / Q.as_expr() - other) == 0


@settings(max_examples=25)
@given(st.one_of(explicit_runge_kutta(4), implicit_runge_kutta()))
def test_stability_function_is_the_quotient_of_determinants(scheme):
    assert same(stability_function(scheme), by_determinants(scheme.A, scheme.b))


@pytest.mark.parametrize("name", ["rk4", "dormand-prince-54", "gauss-2", "gauss-3", "radau-iia-3", "lobatto-iiic-4"])
def test_known_functions_are_pade_approximations(name):
    P, Q = stability_function(load(name))
    order = {"rk4": 4, "dormand-prince-54": 5, "gauss-2": 4, "gauss-3": 6, "radau-iia-3": 5, "lobatto-iiic-4": 6}[name]
    error = sympy.series(sympy.exp(Z) * Q.as_expr() - P.as_expr(), Z, 0, order + 2).removeO()
    assert Poly(error, Z).monoms()[-1] == (order + 1,)


@settings(max_examples=40)
@example(Multistep(alpha=[-1, 1], beta=[-1, 1]))
@given(st.one_of(multistep(), multistep(explicit=False)))
def test_reading_of_a_multistep_program_is_rho_minus_z_sigma(scheme):
    coefficients = [a - Z * b for a, b in zip(scheme.alpha, scheme.beta, strict=True)]
    common = sympy.gcd_list(coefficients)  # of β proportional to α: it holds for every ζ, and is cancelled
    expected = sympy.cancel(sum(c * ZETA**j for j, c in enumerate(coefficients)) / common)
    for found in (characteristic_polynomial(scheme), curve_of(lower(scheme)).poly):
        quotient = sympy.cancel(expected / found.as_expr())
        assert sympy.cancel(quotient / ZETA ** sympy.degree(quotient, ZETA)).is_number


@settings(max_examples=80)
@given(testing.degenerate(families=["multistep", "additive-multistep"]))
def test_zero_stability_of_a_multistep_program_is_the_root_condition_on_rho(scheme):
    point = scheme.at_defaults()
    rho = Poly(list(reversed(point.alpha)), ZETA)
    assert zero_stable(scheme) == (rho.eval(1) == 0 and root_condition(rho, point.derivative))


def test_stages_that_do_not_start_from_y():
    polynet = GeneralLinear(A=[[], ["1"]], U=[["1"], ["0"]], B=[["1", "1"]], V=[["1"]], name="polynet-2")
    assert same(stability_function(polynet), 1 + Z + Z**2)


def test_general_linear_forms_of_multistep_methods():
    bdf2 = GeneralLinear(
        A=[["2/3"]], U=[["4/3", "-1/3"]], B=[["2/3"], ["0"]], V=[["4/3", "-1/3"], ["1", "0"]], external=("y", "y-1")
    )
    assert characteristic_polynomial(bdf2) == characteristic_polynomial(load("bdf-2"))
    ab2 = GeneralLinear(
        A=[["0"]], U=[["1", "0"]], B=[["3/2"], ["1"]], V=[["1", "-1/2"], ["0", "0"]], external=("y", "f-1")
    )
    assert characteristic_polynomial(ab2) == characteristic_polynomial(load("adams-bashforth-2"))
    nordsieck = GeneralLinear(  # the trapezoidal rule on (y, hy')
        A=[["1/2"]], U=[["1", "1/2"]], B=[["1/2"], ["1"]], V=[["1", "1/2"], ["0", "0"]], external=("y", ["0", "1"])
    )
    assert characteristic_polynomial(nordsieck) == characteristic_polynomial(load("trapezoid"))


def test_two_step_runge_kutta_against_the_matrix():
    scheme = GeneralLinear(
        A=[["1/4", "0"], ["1/3", "1/4"]],
        U=[["1", "1/5", "0"], ["2/3", "0", "1/3"]],
        B=[["1/2", "1/2"], ["1", "0"], ["0", "0"]],
        V=[["1", "1/7", "0"], ["0", "0", "0"], ["1", "0", "0"]],
        external=("y", "k1", "y-1"),
    )
    A, U, B, V = (
        Matrix([list(map(sympy.sympify, row)) for row in m]) for m in (scheme.A, scheme.U, scheme.B, scheme.V)
    )
    M = V + Z * B * (eye(2) - Z * A).inv() * U
    expected = sympy.together((ZETA * eye(3) - M).det() * (eye(2) - Z * A).det())
    found = characteristic_polynomial(scheme).as_expr()
    quotient = sympy.cancel(expected / found)
    assert quotient == ZETA ** sympy.degree(quotient, ZETA)
    points = np.array([0.3 + 1j, -2.0, 5j])
    roots = [max(abs(np.linalg.eigvals(np.array(M.subs(Z, z).evalf(), dtype=complex)))) for z in points]
    assert np.allclose(amplification(scheme, points), roots)


def test_parameters_stay_open():
    k = load("lm").parameters[0].symbol
    assert (
        sympy.expand(characteristic_polynomial(load("lm")).as_expr() - (ZETA**2 - (1 - k) * ZETA - k - Z * ZETA)) == 0
    )
    family = RungeKutta(
        A=[[], ["a"]], b=["1 - 1/(2*a)", "1/(2*a)"], parameters=(_parameter("a", HALF),), name="second-order"
    )
    assert same(stability_function(family), 1 + Z + Z**2 / 2)


def _parameter(name, value):
    from tableau2net.scheme import Parameter

    return Parameter(name, sympy.sympify(value))


def test_embedded_methods():
    P, Q = stability_function(load("heun-euler-21"), embedded=True)
    assert (P.as_expr(), Q.as_expr()) == (1 + Z, 1)
    with pytest.raises(InputError):
        stability_function(load("rk4"), embedded=True)


def test_several_fields():
    implicit, explicit = RungeKutta(A=[["1"]], b=["1"]), RungeKutta(A=[["0"]], b=["1"])
    imex = AdditiveRungeKutta(parts=(implicit, explicit))  # Y = y + hf(Y), y⁺ = y + hf(Y) + hg(Y)
    assert same(stability_function(imex, part=0), 1 / (1 - Z))
    assert same(stability_function(imex, part=1), 1 + Z)
    assert same(stability_function(imex), (1 + Z) / (1 - Z))
    cnab = AdditiveMultistep(alpha=["0", "-1", "1"], betas=[["0", "1/2", "1/2"], ["-1/2", "3/2", "0"]])
    assert characteristic_polynomial(cnab, part=1) == characteristic_polynomial(load("adams-bashforth-2"))
    assert characteristic_polynomial(cnab, part=0) == characteristic_polynomial(load("trapezoid"))


def test_composition_multiplies_and_adjoint_inverts():
    midpoint, rk4 = load("implicit-midpoint"), load("rk4")
    R, S = (stability_function(m)[0].as_expr() / stability_function(m)[1].as_expr() for m in (midpoint, rk4))
    both = compose((rk4, midpoint), ("1/2", "1/2"))
    assert same(stability_function(both), sympy.cancel(R.subs(Z, Z / 2) * S.subs(Z, Z / 2)))
    assert same(stability_function(adjoint(rk4)), sympy.cancel(1 / S.subs(Z, -Z)))


def test_what_has_no_single_z():
    verlet = PartitionedRungeKutta(
        parts=(RungeKutta(A=[["0"]], b=["1"]), RungeKutta(A=[["1"]], b=["1"])), reads=((2,), (1,))
    )
    for ask in (stability_function, characteristic_polynomial):
        with pytest.raises(InputError):
            ask(verlet)
    with pytest.raises(InputError):
        stability_function(load("bdf-2"))


@given(implicit_runge_kutta(), st.complex_numbers(max_magnitude=8))
def test_amplification_is_the_function(scheme, z):
    P, Q = stability_function(scheme)
    top, bottom = (complex(np.polyval([float(c) for c in p.all_coeffs()], z)) for p in (P, Q))
    if abs(bottom) > 1e-3:
        assert amplification(scheme, np.array([z]))[0] == pytest.approx(abs(top / bottom), rel=1e-6, abs=1e-6)


def test_amplification_at_a_pole_and_of_shape():
    z = np.array([[1.0, -1.0], [0.0, 2.0]])
    found = amplification(load("backward-euler"), z)
    assert found[0, 0] > 1e12
    assert np.allclose(found.ravel()[1:], [0.5, 1.0, 1.0])
    assert amplification(load("bdf-3"), np.zeros((0, 2))).shape == (0, 2)


def test_second_derivative_methods():
    stoermer = Multistep(alpha=["1", "-2", "1"], beta=["0", "1", "0"], derivative=2)
    assert characteristic_polynomial(stoermer).as_expr() == sympy.expand(ZETA**2 - 2 * ZETA + 1 - Z * ZETA)
    assert curve_of(lower(stoermer)).poly == characteristic_polynomial(stoermer)


def test_printed_decimals_that_cancel_are_zero():
    A = [["0.3333333333333333", "0.6666666666666667"], ["0.1666666666666667", "0.3333333333333333"]]  # det 0
    assert stability_function(RungeKutta(A=A, b=["1/2", "1/2"], digits=16))[1].degree() == 1
    assert stability_function(RungeKutta(A=A, b=["1/2", "1/2"]))[1].degree() == 2
