"""Stability verdicts against the roots themselves, to 100 digits, just inside and just outside what is claimed."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, oo

from tableau2net import testing
from tableau2net.analysis import stability
from tableau2net.scheme import AdditiveMultistep, GeneralLinear, Multistep, RungeKutta
from tableau2net.step.amplification import amplification
from tableau2net.testing.roots import CIRCLE, INSIDE_PAIR, INSIDE_REAL, MINUS_ONE, ONE, OUTSIDE_REAL, product

mp = mpmath.MPContext()
mp.dps = 100
SMALL = mp.mpf(10) ** -18  # how far outside a root may be found that is on the circle


# ------------------------------------------------------------------ the roots at one z


def _numbers(row):
    return [mp.mpmathify(x.evalf(100)) for x in row]


def characteristic(scheme, z):
    """The polynomial whose roots are the ζ at z, highest power first, from the coefficients."""
    if isinstance(scheme, Multistep | AdditiveMultistep):
        betas = (scheme.beta,) if isinstance(scheme, Multistep) else scheme.betas
        sigma = [sum(column) for column in zip(*map(_numbers, betas), strict=True)]
        return [a - z * b for a, b in zip(_numbers(scheme.alpha), sigma, strict=True)][::-1]
    if isinstance(scheme, GeneralLinear):
        A, U, B, V = (mp.matrix([_numbers(row) for row in M]) for M in (scheme.A, scheme.U, scheme.B, scheme.V))
        return _of_matrix(V + z * B * (mp.eye(A.rows) - z * A) ** -1 * U)
    A, b = mp.matrix([_numbers(row) for row in scheme.A]), _numbers(scheme.b)
    stages = mp.lu_solve(mp.eye(A.rows) - z * A, mp.ones(A.rows, 1))
    return [mp.mpf(1), -1 - z * mp.fdot(b, stages)]


def _of_matrix(M):
    """det(ζI − M) by Faddeev and LeVerrier."""
    c, N = [mp.mpf(1)], mp.eye(M.rows)
    for k in range(1, M.rows + 1):
        P = M * N
        c.append(-sum(P[i, i] for i in range(M.rows)) / k)
        N = P + c[-1] * mp.eye(M.rows)
    return c


def within(scheme, z, radius):
    """Whether all |ζ| < radius (Schur 1917: by polynomials of one degree less each)."""
    c = [x * radius ** (-i) for i, x in enumerate(characteristic(scheme, z))]
    while len(c) > 1:
        if abs(c[-1]) >= abs(c[0]):
            return False
        c = [mp.conj(c[0]) * x - c[-1] * mp.conj(y) for x, y in zip(c[:-1], reversed(c[1:]), strict=True)]
        c = [x / c[0] for x in c]
    return True


def stable(scheme, z):
    return within(scheme, z, 1 + SMALL)


def on_ray(degrees, radius):
    """The point at an angle from the negative real axis."""
    return -radius * mp.expj(mp.radians(degrees))


RADII = [mp.mpf(10) ** x for x in (-12.1, -5.9, -2.3, -1.1, -0.4, 0.11, 0.31, 0.7, 1.3, 2.7, 6.1, 12.1)]


def stable_ray(scheme, degrees):
    exactly = all(stable(scheme, on_ray(degrees, r)) for r in RADII)
    radius = np.geomspace(1e-4, 1e4, 500)
    return exactly and amplification(scheme, -radius * np.exp(1j * np.radians(degrees))).max() < 1 + 1e-5


def unstable_ray(scheme, degrees):
    radius = np.geomspace(1e-5, 1e5, 4000)
    found = amplification(scheme, -radius * np.exp(1j * np.radians(degrees)))
    suspects = [mp.mpf(float(radius[int(np.argmax(found))])), *RADII]
    return not all(stable(scheme, on_ray(degrees, r)) for r in suspects)


def check(scheme):
    """Each verdict of linear stability, both ways."""
    found = stability(scheme)
    if not found.zero_stable:
        assert (found.a_stable, found.alpha_degrees, found.real_interval) == (False, 0, 0)
        return
    alpha = found.alpha_degrees
    assert (alpha == 90) == (found.a_stable or math.isclose(alpha, 90)), alpha
    for part in (0, 0.7, 1) if alpha else ():
        assert stable_ray(scheme, alpha * part - (1e-6 if part == 1 else 0)), (alpha, part)
    if not found.a_stable:
        assert any(unstable_ray(scheme, alpha + more) for more in (0.01, 1) if alpha + more < 90) or (
            alpha > 89.99 or not found.i_stable
        ), alpha
    for direction, end in ((-1, found.real_interval), (1j, found.imaginary_interval)):
        if end == oo:
            assert all(stable(scheme, direction * r) for r in RADII)
            continue
        end = mp.mpmathify(end.evalf(100))
        for part in (0.001, 0.2, 0.5, 0.9, 0.999999) if end else ():
            assert stable(scheme, direction * end * part), (direction, end)
        beyond = [end + step for step in (mp.mpf(10) ** -9, mp.mpf(10) ** -5, mp.mpf("0.001"), mp.mpf("0.01"))]
        assert not all(within(scheme, direction * x, 1 + SMALL * SMALL) for x in beyond), (direction, end)
    if found.l_stable:
        assert within(scheme, -(mp.mpf(10) ** 40), 1e-3)
    elif found.a_stable:
        assert not within(scheme, -(mp.mpf(10) ** 40), 1e-6)


# ------------------------------------------------------------------ methods whose angle is known


@pytest.mark.parametrize(
    ("alpha", "beta", "degrees"),
    [
        (["0", "-1", "1"], ["1/2", "0", "1/2"], 45),  # z = 2(ζ² − ζ)/(ζ² + 1): to infinity at ζ = i, arg −z → 45°
        (["1/2", "-3/2", "1"], ["1/4", "0", "1/4"], math.degrees(math.atan(1 / 3))),  # ρ(i)/σ'(i)
    ],
)
def test_angles_at_the_end_of_an_arc(alpha, beta, degrees):
    scheme = Multistep(alpha=alpha, beta=beta)
    found = stability(scheme)
    assert not found.a_stable
    assert found.alpha_degrees == pytest.approx(degrees, abs=1e-9)
    check(scheme)


def by_rows(scheme):
    """A multistep method as a general linear one: y_{n+1} from k values and k slopes (HW II, V.4)."""
    k = scheme.steps
    alpha, beta = [-a for a in scheme.alpha[:-1]], list(scheme.beta)
    newest = [*reversed(alpha), *reversed(beta[:-1])]
    shift = [[1 if j == i else 0 for j in range(2 * k)] for i in range(k - 1)]
    slopes = [[1 if j == k + i else 0 for j in range(2 * k)] for i in range(k - 1)]
    names = [f"y-{j}" if j else "y" for j in range(k)] + [f"f-{j}" if j else "f" for j in range(k)]
    return GeneralLinear(
        A=[[beta[-1]]],
        U=[newest],
        B=[[beta[-1]], *[[0]] * (k - 1), [1], *[[0]] * (k - 1)],
        V=[newest, *shift, [0] * (2 * k), *slopes],
        external=tuple(names),
    )


# ------------------------------------------------------------------ at random

STABLE = [ONE, MINUS_ONE, *CIRCLE, *INSIDE_REAL, *INSIDE_PAIR]


@st.composite
def by_factors(draw, additive=False):
    """ρ and σ as products of factors: roots on the circle, double ones, common ones, outside; ρ(1) ≠ 0 at times."""
    degree = draw(st.integers(1, 4))

    def factors(pool, degree, start=()):
        chosen = list(start)
        while (left := degree - sum(len(f) - 1 for f in chosen)) > 0:
            chosen.append(draw(st.sampled_from([f for f in pool if len(f) - 1 <= left])))
        return chosen

    wild = draw(st.integers(0, 9)) == 0
    rho = factors(STABLE + OUTSIDE_REAL if wild else STABLE, degree, () if wild else (ONE,))
    common = [f for f in rho if draw(st.integers(0, 5)) == 0]
    sigma = factors(STABLE, degree - (draw(st.integers(0, 3)) == 0), common)
    scale = draw(st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(3), Fraction(-1)]))
    beta = [scale * x for x in product(sigma)]
    beta += [Fraction(0)] * (degree + 1 - len(beta))
    alpha = product(rho)
    if not additive:
        return Multistep(alpha=list(map(Rational, alpha)), beta=list(map(Rational, beta)))
    other = [draw(testing.rationals()) for _ in beta]
    return AdditiveMultistep(
        alpha=list(map(Rational, alpha)),
        betas=[list(map(Rational, other)), [Rational(b - o) for b, o in zip(beta, other, strict=True)]],
    )


@st.composite
def two_stages(draw):
    """Implicit Runge–Kutta methods with an angle more often than not: companions of a denominator."""
    p, q = (Fraction(draw(st.integers(1, 12)), draw(st.integers(1, 6))) for _ in range(2))
    c, d = draw(testing.rationals()), draw(testing.rationals())
    return RungeKutta(A=[[0, 1], [Rational(-p), Rational(q)]], b=[Rational(c), Rational(d)])


@st.composite
def general_linear(draw):
    """Two steps and one or two stages; eigenvalues of V are 1 and one of −1, 0, 1/2, or 1 and a pair on the circle."""
    s = draw(st.integers(1, 2))
    if draw(st.booleans()):
        share = draw(st.sampled_from([Fraction(2), Fraction(1), Fraction(1, 2)]))
        V = [[1 - share + 0, share], [1, 0]] if share != 2 else [[0, 1], [1, 0]]
    else:
        V = [[1, -1, 1], [1, 0, 0], [0, 1, 0]]  # (ζ − 1)(ζ² + 1)
    r = len(V)
    entries = testing.rationals(4, 3)

    def matrix(rows, columns):
        return [[Rational(draw(entries)) for _ in range(columns)] for _ in range(rows)]

    U = matrix(s, r)
    U = [[*row[:-1], 1 - sum(row[:-1])] for row in U]
    B = [*matrix(1, s), *[[0] * s for _ in range(r - 1)]]
    V = [[Rational(x) for x in row] for row in V]
    return GeneralLinear(A=matrix(s, s), U=U, B=B, V=V, external=("y", "y-1", "y-2")[:r])


FAMILIES = st.one_of(
    by_factors(), by_factors(), by_factors().map(by_rows), by_factors(True), two_stages(), general_linear()
)


@settings(max_examples=10)
@given(FAMILIES)
def test_random_verdicts(scheme):
    check(scheme)


@pytest.mark.slow
@settings(max_examples=60)
@given(FAMILIES)
def test_many_random_verdicts(scheme):
    check(scheme)


@settings(max_examples=6)
@given(by_factors())
def test_a_multistep_method_written_as_general_linear(scheme):
    one, other = stability(scheme), stability(by_rows(scheme))
    same = ("zero_stable", "a_stable", "l_stable", "i_stable", "real_interval", "imaginary_interval")
    assert [getattr(one, key) for key in same] == [getattr(other, key) for key in same]
    assert one.alpha_degrees == pytest.approx(other.alpha_degrees, abs=1e-9)
