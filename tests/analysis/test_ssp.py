"""Step-size coefficients against bisection in many digits on the textbook matrices, and against published values."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import mpmath
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from sympy import Rational, Symbol, gcd, oo, sqrt

from tableau2net.analysis.ssp.coefficient import ssp
from tableau2net.analysis.ssp.supremum import Isolated, simplest
from tableau2net.analysis.structure import reduced
from tableau2net.scheme import GeneralLinear, Multistep, PartitionedRungeKutta, RungeKutta, load
from tests.strategies import rationals

WIDTH = 1e-12
weights = st.builds(Fraction, st.integers(0, 5), st.integers(1, 4))

# ------------------------------------------------------------------ a second implementation, in many digits


def absolutely_monotonic(scheme: RungeKutta, r: mpf) -> bool:
    """Kraaijevanger 1991: I + rK regular, K(I + rK)⁻¹ ≥ 0 and rK(I + rK)⁻¹1 ≤ 1, with K = [[A, 0], [bᵀ, 0]]."""
    s = scheme.stages
    K = mpmath.matrix(s + 1, s + 1)
    for i, row in enumerate((*scheme.A, scheme.b)):
        for j, a in enumerate(row):
            K[i, j] = mpf(a.p) / a.q if a.is_Rational else mpmath.mpmathify(a.evalf(mp.dps))
    try:
        inverse = (mpmath.eye(s + 1) + r * K) ** -1
    except ZeroDivisionError:
        return False
    M, tiny = K * inverse, mpf(10) ** (-mp.dps // 2)
    rows = [r * sum(M[i, j] for j in range(s + 1)) for i in range(s + 1)]
    return all(x > -tiny for x in M) and all(x < 1 + tiny for x in rows)


def bisected(feasible, limit: int = 256) -> mpf:
    low, high = mpf(0), mpf(2) ** -20
    if not feasible(high):
        return low
    while feasible(high):
        low, high = high, 2 * high
        if high > limit:
            return mpf("inf")
    while high - low > mpf(10) ** -15 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if feasible(middle) else (low, middle)
    return low


def assert_is(found: object, expected: mpf) -> None:
    """The exact number or the isolating interval agrees with a bisection to fifteen digits."""
    if isinstance(found, Isolated):
        assert found.high - found.low < WIDTH * max(1, found.high)
        assert mpf(found.low.p) / found.low.q <= expected * (1 + mpf(10) ** -13)
        assert expected * (1 - mpf(10) ** -13) <= mpf(found.high.p) / found.high.q
    elif expected == mpf("inf"):
        assert found is oo
    else:
        assert abs(mpmath.mpmathify(sympy.N(found, 30)) - expected) <= mpf(10) ** -13 * max(1, expected)


def shu_osher(alpha: list[list[Fraction]], beta: list[list[Fraction]]) -> RungeKutta:
    """The tableau of Y_i = Σ_{j<i} (α_ij Y_j + β_ij h f(Y_j)), the last Y being the result."""
    rows: list[list[Fraction]] = [[Fraction(0)] * len(alpha)]
    for a, b in zip(alpha, beta, strict=True):
        row = [sum((x * rows[k][j] for k, x in enumerate(a)), Fraction(0)) for j in range(len(alpha))]
        rows.append([x + (b[j] if j < len(b) else 0) for j, x in enumerate(row)])
    return RungeKutta(A=[row[:i] for i, row in enumerate(rows[:-1])], b=rows[-1])


@st.composite
def with_positive_coefficient(draw: st.DrawFn) -> RungeKutta:
    """Convex combinations of forward Euler steps, of which some have no Euler part."""
    s = draw(st.integers(1, 5))
    alpha, beta = [], []
    for i in range(1, s + 1):
        row = [draw(weights) for _ in range(i)]
        row[draw(st.integers(0, i - 1))] += 1
        alpha.append([x / sum(row) for x in row])
        beta.append([draw(weights) if x else Fraction(0) for x in row])
    return shu_osher(alpha, beta)


@st.composite
def nonnegative_diagonally_implicit(draw: st.DrawFn) -> RungeKutta:
    s = draw(st.integers(1, 3))
    return RungeKutta(A=[[draw(weights) for _ in range(i + 1)] for i in range(s)], b=[draw(weights) for _ in range(s)])


# ------------------------------------------------------------------ Runge–Kutta


@given(st.one_of(with_positive_coefficient(), nonnegative_diagonally_implicit()))
@settings(max_examples=30)
def test_against_bisection_in_fifty_digits(scheme: RungeKutta) -> None:
    irreducible = reduced(scheme)
    with mp.workdps(50):
        assert_is(ssp(scheme).coefficient, bisected(lambda r: absolutely_monotonic(irreducible, r)))


@given(with_positive_coefficient())
@settings(max_examples=30)
def test_convex_combinations_of_euler_steps_have_a_positive_coefficient_or_no_step(scheme: RungeKutta) -> None:
    assert float(ssp(scheme).coefficient) > 0


KNOWN = {  # Gottlieb, Ketcheson & Shu 2011, chapters 4 and 7 (s, p: C), and Ferracina & Spijker 2008
    "euler": 1, "ssprk-22": 1, "ssprk-32": 2, "ssprk-62": 5, "ssprk-33": 1, "ssprk-43": 2, "ssprk-93": 6,
    "ssprk-104": 6, "rk4": 0, "backward-euler": oo, "implicit-midpoint": 2, "trapezoid": 2, "gauss-2": 0,
    "sspirk-22": 4, "sspirk-32": 6, "sspirk-23": 1 + sqrt(3), "sspirk-33": 2 + 2 * sqrt(2),
    "sspms-32": Rational(1, 2), "sspms-42": Rational(2, 3), "sspms-43": Rational(1, 3), "adams-bashforth-2": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_published_coefficients(name: str) -> None:
    assert ssp(load(name)).coefficient == KNOWN[name]


@pytest.mark.parametrize("s", [2, 5, 20, 40])
def test_long_second_order_methods(s: int) -> None:
    a = Rational(1, s - 1)
    scheme = RungeKutta(A=[[a] * i for i in range(s)], b=[Rational(1, s)] * s)
    assert ssp(scheme).coefficient == ssp(scheme).linear == s - 1


@pytest.mark.parametrize("n", [3, 4, 6])
def test_long_third_order_methods(n: int) -> None:  # Ketcheson 2008: s = n², C = n² − n
    first, last, a = (n - 1) * (n - 2) // 2, n * (n + 1) // 2, Rational(1, n * n - n)
    late = [a / Rational(2 * n - 1) * (n - 1) if first <= j < last else a for j in range(n * n)]
    rows = [[a] * i if i < last else late[:i] for i in range(n * n)]
    assert ssp(RungeKutta(A=rows, b=late)).coefficient == n * n - n


def test_a_long_method_with_an_irrational_coefficient() -> None:
    """Euler steps of h/12 and one of 7h/10: C = 10/7, the longest step. With other weights in the end it is a root
    that only the active constraint's polynomial names."""
    steps = [Fraction(1, 12)] * 11 + [Fraction(7, 10)]
    assert ssp(RungeKutta(A=[steps[:i] for i in range(12)], b=steps)).coefficient == Rational(10, 7)
    scheme = RungeKutta(A=[steps[:i] for i in range(12)], b=[Fraction(1, 20)] * 12)
    with mp.workdps(40):
        assert_is(ssp(scheme).coefficient, bisected(lambda r: absolutely_monotonic(scheme, r)))


def test_reducible_methods_have_the_coefficient_of_what_they_do() -> None:
    wasteful = RungeKutta(A=[[], ["1"], ["1", "0"], ["-7", "2"]], b=["1/2", "1/5", "3/10", "0"])  # ssprk-22 in disguise
    with mp.workdps(30):
        assert not absolutely_monotonic(wasteful, mpf("0.01"))
    assert ssp(wasteful).coefficient == 1


def test_parameters_are_at_their_declared_values() -> None:
    lm = load("lm")
    assert ssp(lm).coefficient == ssp(lm.at_defaults()).coefficient
    assert ssp(lm.with_values(k="1/2")).coefficient == Rational(1, 2)


# ------------------------------------------------------------------ multistep and general linear


@given(st.lists(st.tuples(weights, weights), min_size=1, max_size=4), weights)
@settings(max_examples=60)
def test_multistep_is_the_smallest_quotient(terms: list[tuple[Fraction, Fraction]], implicit: Fraction) -> None:
    total = sum(a for a, _ in terms)
    assume(total and (implicit or any(b for _, b in terms)))
    alpha = [-a / total for a, _ in terms]
    scheme = Multistep(alpha=[*alpha, 1], beta=[*(b for _, b in terms), implicit])
    quotients = [-a / b for a, (_, b) in zip(alpha, terms, strict=True) if b]
    expected = min(quotients, default=oo)
    found = ssp(scheme)
    assert found.coefficient == expected
    assert found.linear == expected


@given(with_positive_coefficient())
@settings(max_examples=20)
def test_the_general_linear_form_gives_the_same(scheme: RungeKutta) -> None:
    ones = [["1"]] * scheme.stages
    general = GeneralLinear(A=scheme.A, U=ones, B=[scheme.b], V=[["1"]], c=scheme.c)
    assert ssp(general) == ssp(scheme)


def test_a_multistep_method_as_a_general_linear_one() -> None:
    multistep = load("sspms-32")  # y⁺ = 3/4 y + 1/4 y₋₂ + 3/2 h f
    general = GeneralLinear(
        A=[["0"]],
        U=[["1", "0", "0"]],
        B=[["3/2"], ["0"], ["0"]],
        V=[["3/4", "0", "1/4"], ["1", "0", "0"], ["0", "1", "0"]],
        external=["y", "y-1", "y-2"],
    )
    assert ssp(general).coefficient == ssp(multistep).coefficient == Rational(1, 2)


def test_what_it_does_not_apply_to() -> None:
    assert ssp(Multistep(alpha=[1, 1], beta=[1, 0])).coefficient is None  # does not reproduce a constant
    assert ssp(Multistep(alpha=[1, -2, 1], beta=[0, 1, 0], derivative=2)).coefficient is None
    euler = load("euler")
    assert ssp(PartitionedRungeKutta(parts=[euler, euler])).linear is None


# ------------------------------------------------------------------ the linear threshold factor


def stability(scheme: RungeKutta, z: mpf) -> mpf:
    s = scheme.stages
    A = mpmath.matrix([[mpf(a.p) / a.q for a in row] for row in scheme.A])
    b = mpmath.matrix([[mpf(x.p) / x.q for x in scheme.b]])
    return 1 + z * (b * ((mpmath.eye(s) - z * A) ** -1 * mpmath.ones(s, 1)))[0]


def taylor_nonnegative(scheme: RungeKutta, r: mpf, terms: int) -> bool:
    """φ and its first derivatives at −r by the resolvent: φ^(k)/k! = bᵀ (I − zA)⁻¹ (A(I − zA)⁻¹)^(k−1) (…) 1."""
    s = scheme.stages
    A = mpmath.matrix([[mpf(a.p) / a.q for a in row] for row in scheme.A])
    b = mpmath.matrix([[mpf(x.p) / x.q for x in scheme.b]])
    G = (mpmath.eye(s) + r * A) ** -1
    vector, tiny = G * (G * mpmath.ones(s, 1)), mpf(10) ** -40
    if stability(scheme, -r) < -tiny:
        return False
    for _ in range(terms):
        value = (b * vector)[0]
        if value < -tiny * max(1, mpmath.norm(vector)):
            return False
        vector = A * (G * vector)
    return True


@pytest.mark.slow
@given(st.one_of(with_positive_coefficient(), nonnegative_diagonally_implicit()))
@settings(max_examples=15)
def test_threshold_against_bisection_on_sixty_derivatives(scheme: RungeKutta) -> None:
    found = ssp(scheme).linear
    with mp.workdps(60):
        expected = bisected(lambda r: taylor_nonnegative(scheme, r, 60), limit=2**20)
    if not any(stability(scheme, mpf(z)) != 1 for z in (-1, -3)):
        return  # φ = 1
    assume(found is not None)  # now and then the bounds of the work are met, as `threshold` says
    assert_is(found, expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("rk4", 1), ("kutta-3", 1), ("ssprk-62", 5), ("trapezoid", 2), ("gauss-1", 2), ("radau-i-2", 3 * sqrt(3) - 3)],
)
def test_published_threshold_factors(name: str, expected: object) -> None:  # Kraaijevanger 1986; s-stage order s: 1
    assert ssp(load(name)).linear == expected


def test_the_switch_of_the_dominant_pole() -> None:
    """Gauss of three stages is limited where its complex poles come as near to −r as the real one."""
    poles = mpmath.polyroots([-1, 12, -60, 120])
    real = next(p.real for p in poles if abs(p.imag) < 1e-12)
    pair = next(p for p in poles if p.imag > 1)
    limit = (abs(pair) ** 2 - real**2) / (2 * (real - pair.real))
    assert float(ssp(load("gauss-3")).linear) == pytest.approx(float(limit), rel=1e-12)


def test_complex_poles_nearest_to_zero_leave_nothing() -> None:
    assert ssp(load("radau-iia-2")).linear == 0
    assert ssp(load("gauss-2")).linear == 0


@given(rationals.map(abs), st.integers(1, 10**6))
def test_simplest_rational(low: Fraction, n: int) -> None:
    high = low + Fraction(1, n)
    found = simplest(low, high)
    assert low <= found <= high
    smaller = range(1, min(found.denominator, 200))
    assert not any(-(-low.numerator * q // low.denominator) <= high * q for q in smaller)


# ------------------------------------------------------------------ thresholds of random rational functions


def with_function(P: list[Fraction], Q: list[Fraction]) -> RungeKutta:
    """A method with R = P/Q, Q(0) = P(0) = 1, lowest power first: A the companion of Q, b from bᵀA^(k−1)1 = r_k."""
    s = max(len(P), len(Q)) - 1
    Q, P = (row + [Fraction(0)] * (s + 1 - len(row)) for row in (Q, P))
    A = sympy.zeros(s, s)
    for i in range(s - 1):
        A[i, i + 1] = 1
    for j in range(s):
        A[s - 1, j] = -Rational(Q[s - j])
    turn = sympy.eye(s)
    turn[:, s - 1] = sympy.ones(s, 1)  # the last unit vector, from which A's powers span everything, becomes 1
    A = turn * A * turn.inv()
    moments, vector = sympy.zeros(s, s), sympy.ones(s, 1)
    for k in range(s):
        moments[k, :] = vector.T
        vector = A * vector
    series = [Rational(1)]
    for k in range(1, s + 1):
        series.append(Rational(P[k]) - sum(Rational(Q[m]) * series[k - m] for m in range(1, k + 1)))
    b = moments.LUsolve(sympy.Matrix(series[1:]))
    return RungeKutta(A=[list(A.row(i)) for i in range(s)], b=list(b))


def taylor_about(P: list[Fraction], Q: list[Fraction], at: Fraction, count: int) -> list[mpf]:
    """The first Taylor coefficients of P/Q about a point, to 100 digits or so."""

    def moved(p: list[Fraction]) -> list[mpf]:
        exact = [sum(c * comb(j, k) * at ** (j - k) for j, c in enumerate(p) if j >= k) for k in range(len(p))]
        return [mpf(x.numerator) / x.denominator for x in map(Fraction, exact)]

    n, d = moved(P), moved(Q)
    found: list[mpf] = []
    for k in range(count):
        known = sum((d[m] * found[k - m] for m in range(1, min(k, len(d) - 1) + 1)), mpf(0))
        found.append(((n[k] if k < len(n) else mpf(0)) - known) / d[0])
    return found


def times(p: list[Fraction], q: list[Fraction]) -> list[Fraction]:
    product = [Fraction(0)] * (len(p) + len(q) - 1)
    for i, x in enumerate(p):
        for j, y in enumerate(q):
            product[i + j] += x * y
    return product


ONE_OVER = [Fraction(1, n) for n in (1, 2, 3, 4)]
FACTORS = [[Fraction(1), -x] for x in ONE_OVER]  # a pole at 1/x
FACTORS += [[Fraction(1), x] for x in ONE_OVER]
FACTORS += [[Fraction(1), Fraction(0), sign * x] for x in ONE_OVER for sign in (-1, 1)]  # ±√, ±i
FACTORS += [[Fraction(1), a, b] for a in (Fraction(1), Fraction(-1), Fraction(-1, 2)) for b in ONE_OVER]


@st.composite
def rational_functions(draw: st.DrawFn) -> tuple[list[Fraction], list[Fraction]]:
    """Poles on the right more often than not; often several of one modulus."""
    Q = draw(st.sampled_from(FACTORS[:4] + FACTORS))
    if draw(st.booleans()):
        Q = times(Q, draw(st.sampled_from(FACTORS)))
    P = [Fraction(1)]
    for _ in range(draw(st.integers(0, len(Q)))):
        P.append(draw(st.sampled_from([Fraction(0), *ONE_OVER, *(x + 1 for x in ONE_OVER)])))
    z = Symbol("z")
    top, bottom = (sum(Rational(x.numerator, x.denominator) * z**i for i, x in enumerate(p)) for p in (P, Q))
    assume(gcd(top, bottom).is_number)  # series about a root of both are 0/0 in decimals
    return P, Q


@mp.workdps(120)
def check_threshold(P: list[Fraction], Q: list[Fraction]) -> None:
    found = ssp(with_function(P, Q)).linear
    if found is None:
        return  # not decided, as `threshold` says
    low, high = (found.low, found.high) if isinstance(found, Isolated) else (found, found)
    inside = Fraction(10) if found is oo else Fraction(float(low)) * Fraction(999_999, 1_000_000)
    if inside >= 0 and (found != 0):
        assert min(taylor_about(P, Q, -inside, 80)) > -(mpf(10) ** -90), found
    if found is not oo:
        steps = (Fraction(1, 10**6), Fraction(1, 1000), Fraction(1, 100), Fraction(1, 10))
        poles = map(float, sympy.Poly(list(map(Rational, reversed(Q))), sympy.Symbol("z")).real_roots())
        beyond = [Fraction(float(high)) + step for step in steps]
        passed = any(-float(beyond[-1]) <= pole <= 0 for pole in poles)
        assert passed or any(min(taylor_about(P, Q, -x, 400)) < -(mpf(10) ** -110) for x in beyond), found


@given(rational_functions())
@settings(max_examples=15)
def test_thresholds_of_random_rational_functions(functions: tuple[list[Fraction], list[Fraction]]) -> None:
    check_threshold(*functions)


@pytest.mark.slow
@given(rational_functions())
@settings(max_examples=150)
def test_thresholds_of_many_rational_functions(functions: tuple[list[Fraction], list[Fraction]]) -> None:
    check_threshold(*functions)


def test_a_threshold_of_nothing_is_zero() -> None:
    """Poles of one modulus: (1 + z)/(1 − z²/2) = Σ (z²/2)^k (1 + z) has the derivatives for it at 0, not beyond; and a
    derivative that vanishes at 0 and whose successor does not: 1 + z²/2."""
    assert ssp(with_function([Fraction(1), Fraction(1)], [Fraction(1), Fraction(0), Fraction(-1, 2)])).linear == 0
    assert ssp(with_function([Fraction(1), Fraction(0), Fraction(1, 2)], [Fraction(1)])).linear == 0
    cubic = [Fraction(1), Fraction(0), Fraction(0), Fraction(-1)]  # 1/(1 − z³): three poles on a circle
    assert ssp(with_function([Fraction(1), Fraction(1), Fraction(1, 2)], cubic)).linear == 0
