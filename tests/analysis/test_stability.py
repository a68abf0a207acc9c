"""Stability decided exactly, against roots in floating point, sampled boundaries, published values and theorems."""

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import Poly, Rational, Symbol, oo, sqrt

from tableau2net.analysis import effective_step, stage_order, zero_stable
from tableau2net.analysis.stability.verdicts import root_condition, stability
from tableau2net.scheme import AdditiveRungeKutta, GeneralLinear, Multistep, RungeKutta, load
from tableau2net.step.amplification import amplification
from tests.strategies import explicit_runge_kutta, implicit_runge_kutta, multistep, rationals

Z = Symbol("z")
tenths = st.integers(-19, 19).map(lambda n: Rational(n, 10))
FACTORS = st.one_of(
    st.integers(-9, 9).map(lambda n: Z - Rational(n, 10)),
    st.tuples(tenths, st.integers(1, 9)).map(lambda v: Z**2 - v[0] * Z + Rational(v[1], 10)),
    tenths.map(lambda c: Z**2 - c * Z + 1),  # a pair on the circle
    st.sampled_from([Z - 1, Z + 1, Z**2 + 1, Z**2 + Z + 1, Z - Rational(11, 10), Z**2 - Rational(5, 2) * Z + 1]),
)


@given(st.lists(FACTORS, min_size=1, max_size=4))
def test_products_of_factors_with_known_roots(factors):
    roots = [r for f in factors for r in np.roots([float(c) for c in Poly(f, Z).all_coeffs()])]
    on_circle = [r for r in roots if abs(abs(r) - 1) < 1e-9]
    # factors are coprime or equal, so roots of different factors are far apart or the same
    double = any(abs(a - b) < 1e-7 for i, a in enumerate(on_circle) for b in on_circle[:i])
    expected = all(abs(r) < 1 + 1e-9 for r in roots) and not double
    product = Poly(1, Z, domain="QQ")
    for factor in factors:
        product *= Poly(factor, Z, domain="QQ")
    assert root_condition(product) == expected


def test_bdf_is_zero_stable_exactly_to_six_steps():  # Cryer 1972; HNW I, III.3, Theorem 3.4
    assert [k for k in range(1, 13) if zero_stable(load(f"bdf-{k}"))] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("family", ["adams-bashforth", "adams-moulton", "nystrom"])
def test_adams_and_nystrom_always_are(family):
    assert all(zero_stable(load(f"{family}-{k}")) for k in (2, 3, 5, 9))


@pytest.mark.parametrize(("k", "stable"), [("-1", False), ("-99/100", True), ("0", True), ("1/2", True), ("1", True)])
def test_lm_is_zero_stable_for_k_above_minus_one_up_to_one(k, stable):
    assert zero_stable(load("lm").with_values(k=k)) == stable


def test_a_double_root_on_the_circle_is_not_stable():
    assert not zero_stable(Multistep(alpha=["1", "-2", "1"], beta=["0", "1", "0"]))
    assert not zero_stable(Multistep(alpha=["1", "0", "2", "0", "1"], beta=["1"] * 5))


def test_radicals_are_decided_exactly():
    root2 = sqrt(2)
    on_circle = Poly(Z**2 - root2 * Z + 1, Z, extension=True)  # roots e^{±iπ/4}
    assert root_condition(on_circle)
    assert not root_condition(on_circle + Rational(1, 10**30))
    assert not root_condition(on_circle**2)
    assert root_condition(on_circle**2, 2)
    product = Multistep(alpha=[root2 / 2, -1 - root2 / 2, 1], beta=[0, 1, 0])  # (z − 1)(z − √2/2)
    assert zero_stable(product)


def test_a_constant_must_be_kept():  # ρ(1) = 0
    assert not zero_stable(Multistep(alpha=["1/2", "1"], beta=["1", "0"]))
    assert zero_stable(
        Multistep(alpha=["-0.3333333333333333", "-0.6666666666666666", "1"], beta=["0", "1", "0"], digits=16)
    )
    assert not zero_stable(Multistep(alpha=["-0.3333333333333333", "-0.6666666666666666", "1"], beta=["0", "1", "0"]))


def test_second_derivative_methods_may_have_a_double_root():  # HNW I, III.10
    stoermer = Multistep(alpha=["1", "-2", "1"], beta=["0", "1", "0"], derivative=2)
    assert zero_stable(stoermer)
    assert stability(stoermer).real_interval == 4  # ωh ≤ 2
    numerov = Multistep(alpha=["1", "-2", "1"], beta=["1/12", "5/6", "1/12"], derivative=2)
    assert stability(numerov).real_interval == 6
    assert not zero_stable(Multistep(alpha=["-1", "3", "-3", "1"], beta=["0", "1", "0", "0"], derivative=2))


def test_multiple_eigenvalues_of_general_linear_methods():
    def method(V):
        return GeneralLinear(A=[["0"]], U=[["1", "0"]], B=[["1"], ["0"]], V=V, external=("y", "y-1"))

    assert zero_stable(method([["1", "0"], ["0", "1"]]))  # two eigenvectors
    assert not zero_stable(method([["1", "1"], ["0", "1"]]))  # a Jordan block
    assert zero_stable(method([["1", "1"], ["0", "-1"]]))
    assert not zero_stable(method([["1/2", "0"], ["0", "1/3"]]))  # nothing is kept


def test_effective_step():
    assert str(effective_step(load("lm"))) == "1/(k + 1)"
    assert effective_step(load("adamnet-3")) == 1
    assert effective_step(load("rk4")) is None
    assert effective_step(Multistep(alpha=["1", "1"], beta=["1", "0"])) is None
    assert effective_step(Multistep(alpha=["1", "-2", "1"], beta=["0", "4", "0"], derivative=2)) == 2


@pytest.mark.parametrize(
    ("name", "q"),
    [("gauss-3", 3), ("radau-ia-3", 2), ("radau-iia-3", 3), ("lobatto-iiia-3", 3), ("lobatto-iiic-3", 2), ("rk4", 1)],
)
def test_stage_order_of_the_collocation_families(name, q):  # HW II, Table IV.5.13
    assert stage_order(load(name)) == q


# ------------------------------------------------------------------ intervals and angles that are known

INTERVALS = [  # the negative real axis, the imaginary axis (squared)
    ("euler", 2, 0),
    ("rk3", None, 3),
    ("rk4", None, 8),
    ("leapfrog-2", 0, 1),
    ("adams-bashforth-2", 1, 0),
    ("adams-bashforth-3", Rational(6, 11), Rational(144, 275)),
    ("adams-moulton-2", 6, 0),
    ("adams-moulton-3", 3, 0),
    ("bdf-2", oo, oo),
    ("bdf-3", oo, 0),
    ("implicit-midpoint", oo, oo),
    ("backward-euler", oo, oo),
    ("trapezoid", oo, oo),
    ("lm", 2, 0),
]


@pytest.mark.parametrize(("name", "real", "imaginary_square"), INTERVALS)
def test_published_intervals(name, real, imaginary_square):
    found = stability(load(name))
    if real is not None:
        assert found.real_interval == real
    assert found.imaginary_interval**2 == imaginary_square


def test_rk4_on_the_real_axis():  # HW II, IV.2: 2.78529…
    x = stability(load("rk4")).real_interval
    assert sympy.minimal_polynomial(x, Z) in (Z**3 - 4 * Z**2 + 12 * Z - 24, -(Z**3) + 4 * Z**2 - 12 * Z + 24)
    assert float(x) == pytest.approx(2.785293563405282, abs=1e-14)


def chebyshev(s):
    """R = T_s(1 + z/s²), |R| = 1 at every extremum: by T_j = 2xT_(j−1) − T_(j−2) as an explicit tableau."""
    w = Rational(1, s * s)
    rows = [[sympy.S.Zero] * s, [w] + [sympy.S.Zero] * (s - 1)]  # Y_j − y by stages
    for _ in range(2, s + 1):
        row = [2 * a - b for a, b in zip(rows[-1], rows[-2], strict=True)]
        row[len(rows) - 1] += 2 * w
        rows.append(row)
    return RungeKutta(A=[r[:i] for i, r in enumerate(rows[:s])], b=rows[s], name="chebyshev")


@pytest.mark.parametrize("s", [2, 3, 5, 8, 20])
def test_touching_the_circle_inside_does_not_end_the_interval(s):  # HW II, IV.2, eq. 2.10
    assert stability(chebyshev(s)).real_interval == 2 * s * s


@pytest.mark.parametrize(  # HW II, V.2; Akrivis & Katsoprinakis 2020
    ("k", "degrees"), [(3, 86.03236686), (4, 73.35167047), (5, 51.83975584), (6, 17.83977779)]
)
def test_angles_of_bdf(k, degrees):
    found = stability(load(f"bdf-{k}"))
    assert not found.a_stable
    assert found.alpha_degrees == pytest.approx(degrees, abs=6e-9)


def test_bdf_is_a_stable_to_two_steps_and_unstable_from_seven():
    assert [stability(load(f"bdf-{k}")).l_stable for k in (1, 2, 3)] == [True, True, False]
    assert stability(load("bdf-7")).alpha_degrees == 0


@pytest.mark.parametrize("name", ["gauss-1", "gauss-2", "gauss-3", "lobatto-iiia-3", "lobatto-iiib-4"])
def test_symmetric_collocation_is_a_stable_with_no_e_polynomial(name):
    found = stability(load(name))
    assert (found.a_stable, found.l_stable, found.i_stable) == (True, False, True)
    assert found.e_polynomial.is_zero


@pytest.mark.parametrize("name", ["radau-ia-2", "radau-iia-3", "lobatto-iiic-2", "lobatto-iiic-4", "alexander-2"])
def test_subdiagonal_pade_is_l_stable(name):
    found = stability(load(name))
    assert (found.a_stable, found.l_stable, found.alpha_degrees) == (True, True, 90.0)


def test_pade_03_is_only_a_alpha_stable():  # 1/(1 − z + z²/2 − z³/6); E = y⁶/36 − y⁴/12
    scheme = RungeKutta(A=[["0", "0", "0"], ["0", "0", "0"], ["0", "0", "0"]], b=["1", "0", "0"])
    companion = [["0", "1", "0"], ["0", "0", "1"], ["1/6", "-1/2", "1"]]  # det(I − zA) as wanted
    scheme = RungeKutta(A=companion, b=companion[2], name="by-rows")
    found = stability(scheme)
    check_verdicts(scheme, found)
    extrapolated = stability(load("extrapolated-backward-euler-3"))  # HW II, IV.9: 89.85°
    assert extrapolated.alpha_degrees == pytest.approx(89.85, abs=5e-3)


def test_edges():
    still = stability(RungeKutta(A=[["0"]], b=["0"]))  # R = 1
    assert (still.real_interval, still.imaginary_interval, still.a_stable, still.l_stable) == (oo, oo, True, False)
    backward = stability(RungeKutta(A=[["0"]], b=["-1"]))  # R = 1 − z
    assert (backward.real_interval, backward.imaginary_interval) == (0, 0)
    left_pole = stability(RungeKutta(A=[["-1"]], b=["-1/2"]))  # R = (1 + z/2)/(1 + z): |R| < 1 for z = iy
    assert (left_pole.i_stable, left_pole.a_stable, left_pole.imaginary_interval) == (True, False, oo)
    reducible = RungeKutta(A=[["1", "0"], ["0", "-3"]], b=["1", "0"])  # the pole of the second stage cancels
    assert stability(reducible).a_stable
    assert str(stability(reducible).denominator.as_expr()) == "1 - z"
    twice = GeneralLinear(A=[["0"]], U=[["2"]], B=[["1"]], V=[["2"]], external=("y",))  # R(0) = 2
    assert stability(twice).real_interval == 0
    assert not stability(twice).zero_stable


def test_parts_of_an_imex_method():
    pair = AdditiveRungeKutta(
        parts=(RungeKutta(A=[["0", "0"], ["0", "1"]], b=["0", "1"]), RungeKutta(A=[[], ["1"]], b=["1", "0"]))
    )
    implicit, explicit = stability(pair).parts
    assert (implicit.l_stable, explicit.real_interval) == (True, 2)


def test_leapfrog_written_as_general_linear_method():
    leapfrog = GeneralLinear(
        A=[["0"]], U=[["1", "0"]], B=[["2"], ["0"]], V=[["0", "1"], ["1", "0"]], external=("y", "y-1")
    )
    assert stability(leapfrog).imaginary_interval == 1
    bdf4 = load("bdf-4")
    alpha = [str(-a) for a in reversed(bdf4.alpha[:-1])]
    shift = [["1" if j == i else "0" for j in range(4)] for i in range(3)]
    glm = GeneralLinear(
        A=[[bdf4.beta[-1]]],
        U=[alpha],
        B=[[bdf4.beta[-1]], ["0"], ["0"], ["0"]],
        V=[alpha, *shift],
        external=("y", "y-1", "y-2", "y-3"),
    )
    assert stability(glm).alpha_degrees == pytest.approx(stability(bdf4).alpha_degrees, abs=1e-9)


def test_the_angle_in_floating_point_agrees_with_the_polynomial_one():
    from tableau2net.analysis.reading.linear import curve
    from tableau2net.analysis.stability.locus import least_angle

    for k in (3, 4, 5, 6):
        assert np.degrees(least_angle(curve(load(f"bdf-{k}")))) == pytest.approx(
            stability(load(f"bdf-{k}")).alpha_degrees, abs=1e-9
        )


# ------------------------------------------------------------------ random methods against sampled boundaries


def largest(scheme, z):
    return amplification(scheme, np.asarray(z, dtype=complex)).max()


def check_verdicts(scheme, found):
    """Each verdict against the amplification at many points."""
    if not found.zero_stable:
        assert (found.real_interval, found.imaginary_interval, found.a_stable) == (0, 0, False)
        return
    slack = 1 + 2e-6  # nearly double roots on the circle are known to 1e-8 or so
    for direction, interval in ((-1, found.real_interval), (1j, found.imaginary_interval)):
        end = 1e4 if interval == oo else float(interval)
        inside = np.concatenate([np.linspace(0, end, 400), np.geomspace(end / 1e6 + 1e-9, end + 1e-9, 400)])
        assert largest(scheme, direction * inside[inside <= end * (1 - 1e-9)]) < slack
        if interval != oo:
            assert largest(scheme, direction * (end + np.geomspace(1e-6, 1, 200))) > 1
    if found.a_stable:
        angle = np.linspace(np.pi / 2, np.pi, 40)
        assert largest(scheme, np.geomspace(1e-3, 1e3, 100)[:, None] * np.exp(1j * angle)) < slack
        assert (found.alpha_degrees, found.i_stable) == (90.0, True)
    elif 0 < found.alpha_degrees < 90:
        radius = np.geomspace(1e-3, 1e3, 4000)
        edge = np.pi - np.radians(found.alpha_degrees)
        assert largest(scheme, radius * np.exp(1j * (edge + 1e-6))) < slack
        assert largest(scheme, np.geomspace(1e-5, 1e5, 20000) * np.exp(1j * (edge - 0.01))) > 1


@settings(max_examples=40)
@given(explicit_runge_kutta(4, consistent=True))
def test_random_explicit_methods(scheme):
    found = stability(scheme)
    assume(found.real_interval < 1e3)
    check_verdicts(scheme, found)


@settings(max_examples=60)
@given(implicit_runge_kutta(2))
def test_random_implicit_methods(scheme):
    check_verdicts(scheme, stability(scheme))


@settings(max_examples=60)
@given(st.one_of(multistep(3), multistep(3, explicit=False)))
def test_random_multistep_methods(scheme):
    check_verdicts(scheme, stability(scheme))


@settings(max_examples=40)
@given(implicit_runge_kutta(3))
def test_imaginary_axis_by_the_moduli_themselves(scheme):
    found = stability(scheme)
    y = Symbol("y", real=True)
    moduli = [sympy.expand(p.as_expr().subs(Z, sympy.I * y)) for p in (found.denominator, found.numerator)]
    squares = [sympy.re(m) ** 2 + sympy.im(m) ** 2 for m in moduli]
    assert sympy.expand(squares[0] - squares[1] - found.e_polynomial.as_expr().subs(Symbol("y"), y)) == 0


@st.composite
def two_step_method(draw):
    """Y = y_n-1 and y_n mixed, one or two stages, V with the eigenvalue 1."""
    s, share = draw(st.integers(1, 2)), draw(st.fractions(-1, 1, max_denominator=4))
    mix = [draw(rationals) for _ in range(s)]
    return GeneralLinear(
        A=[[draw(rationals) for _ in range(s)] for _ in range(s)],
        U=[[1 - u, u] for u in mix],
        B=[[draw(rationals) for _ in range(s)], [0] * s],
        V=[[1 - share, share], [1, 0]],
        external=("y", "y-1"),
        name="random",
    )


@settings(max_examples=40)
@given(two_step_method())
def test_random_two_step_methods(scheme):
    check_verdicts(scheme, stability(scheme))
