"""Phase lag and dissipation against roots in a hundred digits; circles against eigenvalues and steps."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, oo, sqrt

import tableau2net as t2n
from tableau2net.analysis.stability.phase import phase, phase_series
from tableau2net.analysis.structure.algebraic import circle_contractivity
from tableau2net.scheme import Multistep, RungeKutta, load
from tableau2net.testing import degenerate
from tests.strategies import explicit_runge_kutta, implicit_runge_kutta


def principal(scheme, nu, mp):
    """ζ(iν) from the tableau, or from ρ and σ: the root nearest to e^(iν)."""
    z = mp.mpc(0, nu)
    if isinstance(scheme, RungeKutta):
        A = mp.matrix([[mp.mpf(a.evalf(110)) for a in row] for row in scheme.A])
        b = mp.matrix([mp.mpf(x.evalf(110)) for x in scheme.b])
        one = mp.matrix([1] * scheme.stages)
        return 1 + z * (b.T * mp.lu_solve(mp.eye(scheme.stages) - z * A, one))[0]
    power = z**scheme.derivative
    pairs = zip(scheme.alpha, scheme.beta, strict=True)
    c = [mp.mpf(a.evalf(110)) - power * mp.mpf(b.evalf(110)) for a, b in pairs][::-1]
    return min(mp.polyroots(c, maxsteps=500, extraprec=400), key=lambda x: abs(x - mp.exp(z)))


NAMES = ["rk4", "dormand-prince-54", "radau-iia-3", "gauss-2", "esdirk-324l2sa", "bdf-3", "adams-bashforth-3"]
NAMES += ["leapfrog-2", "milne-simpson-2", "cowell-4", "stormer-2", "kutta-3", "sdirk-21"]


@pytest.mark.parametrize("name", NAMES)
def test_the_first_terms_are_those_of_the_root(name):
    scheme, mp = load(name), mpmath.MPContext()
    mp.dps = 100
    nu = mp.mpf(10) ** -6
    found, zeta = phase(scheme), principal(scheme, nu, mp)
    lag = (nu - mp.arg(zeta)) / nu ** (found.dispersion_order + 1)
    assert float(lag) == pytest.approx(float(found.lag), rel=1e-9)
    if found.dissipation_order is oo:
        assert abs(1 - abs(zeta)) < mp.mpf(10) ** -90
    else:
        damping = (1 - abs(zeta)) / nu ** (found.dissipation_order + 1)
        assert float(damping) == pytest.approx(float(found.damping), rel=1e-9)


def test_known_ones():
    assert (phase(load("rk4")).lag, phase(load("rk4")).damping) == (Rational(1, 120), Rational(1, 144))
    numerov = Multistep(alpha=["1", "-2", "1"], beta=["1/12", "5/6", "1/12"], derivative=2)
    assert (phase(numerov).dispersion_order, phase(numerov).lag) == (4, -Rational(1, 480))
    assert phase(numerov).dissipation_order is oo
    assert phase_series(load("euler"), 4) == (0, 0, -Rational(1, 2), Rational(1, 3))
    surd = RungeKutta(A=[[sqrt(2) / 2]], b=["1"])
    assert phase(surd).damping == sqrt(2) / 2 - Rational(1, 2)


def test_of_a_method_that_carries_its_error_along_it_is_that_of_the_solution():
    for name in ("glee-rk32g1", "glee-exrk2a", "almost-runge-kutta-3", "nordsieck-bdf-4"):
        found = phase(load(name))
        assert min(found.dispersion_order, found.dissipation_order) == t2n.order(load(name))
    assert phase(load("glee-23")).lag is None  # two roots begin as 1, in one factor


def test_what_has_none():
    inconsistent = RungeKutta(A=[[]], b=["1/2"])
    assert phase(inconsistent).lag is None
    assert phase(load("stormer-verlet-position")).lag is None  # two states
    assert phase_series(inconsistent, 3) is None
    assert phase_series(load("rk4"), 0) == ()
    assert phase(replace(load("bdf-2"), digits=6)).lag is None


def disk(scheme):
    """1/r is minus the least eigenvalue of B^(−1/2) M B^(−1/2), in float64."""
    A, b = np.array(scheme.A, dtype=float), np.array(scheme.b, dtype=float)
    M = b[:, None] * A + (b[:, None] * A).T - np.outer(b, b)
    return -1 / min(np.linalg.eigvalsh(M / np.sqrt(np.outer(b, b))))


@pytest.mark.parametrize("name", ["rk4", "kutta-3", "ssprk-104", "lobatto-iiib-3", "radau-i-4", "rk4-38", "euler"])
def test_the_circle_is_that_of_the_least_eigenvalue_and_within_the_region(name):
    scheme = load(name)
    r = circle_contractivity(scheme)
    if min(scheme.b) > 0:
        assert float(r) == pytest.approx(disk(scheme), rel=1e-9)
    else:
        assert r == 0
    A, b = np.array(scheme.A, dtype=float), np.array(scheme.b, dtype=float)
    for z in float(r) * (np.exp(1j * np.linspace(0, np.pi, 40)) - 1):
        grown = 1 + z * b @ np.linalg.solve(np.eye(len(b)) - z * A, np.ones(len(b)))
        assert abs(grown) <= 1 + 1e-9


@pytest.mark.slow
@settings(max_examples=30)
@given(st.one_of(implicit_runge_kutta(), explicit_runge_kutta(3)))
def test_circles_of_any_table(scheme):
    r = circle_contractivity(scheme)
    assert r >= 0
    twin = replace(
        scheme,
        A=(*((*row, 0) for row in scheme.A), (*scheme.A[0], 0)),
        b=(*(scheme.b[0] / 3, *scheme.b[1:]), scheme.b[0] * Rational(2, 3)),
        c=(*scheme.c, scheme.c[0]),
        b_hat=None,
        claims={},
    )
    assert circle_contractivity(twin) == r


@pytest.mark.slow
@settings(max_examples=30)
@given(degenerate())
def test_any_scheme_has_an_answer_or_none(scheme):
    found = phase(scheme)
    assert (found.lag is None) == (found.dispersion_order is None)
    circle_contractivity(scheme)
