"""Internal stability against steps with a disturbed stage, a grid of the region, and nodepy."""

import numpy as np
import pytest
from sympy import Rational, Symbol

import tableau2net as t2n
from tableau2net.analysis.stability.internal import internal_amplification, internal_polynomials
from tableau2net.errors import InputError
from tableau2net.scheme import RungeKutta, load

z = Symbol("z")


def test_of_the_classical_method_they_are_those_of_the_paper():
    exact = (0, z**3 / 12 + z**2 / 6 + z / 3, z**2 / 6 + z / 3, z / 6)
    assert all(p.as_expr() - q == 0 for p, q in zip(internal_polynomials(load("rk4")), exact, strict=True))


@pytest.mark.parametrize(
    ("name", "r"), [("ssprk-43", 2), ("ssprk-62", 5), ("rk4", 0), ("dormand-prince-54", 0), ("ssprk-104", 6)]
)
def test_a_disturbed_stage_comes_out_so_much_larger(name, r):
    """The canonical Shu–Osher form run in float64, stage by stage."""
    scheme = load(name)
    s = scheme.stages
    K = np.zeros((s + 1, s + 1))
    K[:s, :s], K[s, :s] = np.array(scheme.A, dtype=float), np.array(scheme.b, dtype=float)
    beta = K @ np.linalg.inv(np.eye(s + 1) + r * K)

    def step(at, disturbed=None):
        Y = np.zeros(s + 1, dtype=complex)
        for i in range(s + 1):
            v = 1 - r * beta[i].sum()
            Y[i] = v + sum((r + at) * beta[i, j] * Y[j] for j in range(i)) + (1e-3 if i == disturbed else 0)
        return Y[s]

    for j, p in enumerate(internal_polynomials(scheme, r)):
        for at in (-1.5 + 0.5j, 0.3j, -0.2):
            grown = (step(at, j) - step(at)) / 1e-3
            assert complex(p.as_expr().subs(z, at)) == pytest.approx(grown if any(K[j]) else 0, abs=1e-9)


@pytest.mark.parametrize("name", ["rk4", "ssprk-104", "dormand-prince-54", "rkc2-4", "heun-3"])
def test_the_largest_is_above_all_of_a_grid_and_reached(name):
    scheme = load(name)
    found = internal_amplification(scheme)
    R = np.poly1d([float(c) for c in t2n.analysis.stability_function(scheme)[0].all_coeffs()])
    Q = [np.poly1d([float(c) for c in p.all_coeffs()]) for p in internal_polynomials(scheme)]
    x, y = np.meshgrid(np.linspace(-20, 3, 1400), np.linspace(0, 8, 400))
    points = (x + 1j * y)[abs(R(x + 1j * y)) <= 1]
    seen = max(abs(q(points)).max() for q in Q)
    assert 0.93 * float(found.largest.high) < seen <= float(found.largest.high)
    assert abs(R(found.at)) <= 1 + 1e-12
    assert abs(Q[found.stage - 1](found.at)) == pytest.approx(float(found.largest.low), rel=1e-9)
    assert found.largest.low <= found.largest.high <= found.largest.low * (1 + Rational(1, 10**5))


def test_what_has_none():
    assert float(internal_amplification(load("euler")).largest) == 0  # its one stage is y
    for scheme, words in (
        (load("bdf-2"), "explicit Runge"),
        (load("sdirk-21"), "explicit Runge"),
        (RungeKutta(A=[[]], b=["0"]), "no end"),
    ):
        with pytest.raises(InputError, match=words):
            internal_amplification(scheme)
    with pytest.raises(InputError, match="not negative"):
        internal_polynomials(load("rk4"), -1)
    assert t2n.report(load("trapezoid"), further=True)["internal_amplification"] is None
    assert t2n.report(load("rk4"))["internal_amplification"] is None
    assert t2n.report(load("improved-euler"), further=True).to_dict()["internal_amplification"]["stage"] == 2


def test_nodepy_finds_the_same():
    rk = pytest.importorskip("nodepy.runge_kutta_method")
    theirs = rk.loadRKM("RK44")
    for p, q in zip(internal_polynomials(load("rk4"))[1:], theirs.internal_stability_polynomials(), strict=True):
        assert [float(c) for c in q.coeffs] == pytest.approx([float(c) for c in p.all_coeffs()[: len(q.coeffs)]])
    found = float(internal_amplification(load("ssprk-62"), 5).largest)
    assert 0.98 * found < rk.SSPRK2(6).maximum_internal_amplification()[0] <= found
    assert t2n.report(load("rk4"))["ssp.circle_contractivity"] == pytest.approx(theirs.circle_contractivity_radius())
