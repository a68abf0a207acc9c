"""Dense output: the published interpolants come out, and the order is what it says at every θ."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tableau2net as t2n
from tableau2net.analysis import order
from tableau2net.analysis.order.dense_output import dense_weights
from tableau2net.exact.text import parse
from tableau2net.testing import runge_kutta
from tests.reference import measured_order

integrators = pytest.importorskip("scipy.integrate")

ORDERS = {
    "euler": 1, "explicit-midpoint": 2, "rk4": 3, "bogacki-shampine-32": 3, "owren-zennaro-32": 3, "cash-karp-54": 4,
    "owren-zennaro-43": 4, "dormand-prince-54": 4, "tsitouras-54": 4, "bogacki-shampine-54": 4, "owren-zennaro-54": 5,
    "verner-65-efficient": 4, "dormand-prince-87": 5, "gauss-2": 3, "gauss-3": 4,
    "radau-iia-2": 3, "radau-iia-3": 4, "tr-bdf2": 2, "kvaerno-43": 3, "ssprk-104": 4,
}  # fmt: skip


def at_theta(scheme, theta):
    """The method that steps to θh: it has the stages of the step of size h, and weights b_i(θ)."""
    dense, n = dense_weights(scheme), len(dense_weights(scheme).weights)
    A = [list(row) + [0] * (n - scheme.stages) for row in scheme.A]
    c = list(scheme.c)
    if dense.start >= scheme.stages:
        A.append([0] * n)
        c.append(0)
    if dense.end >= scheme.stages:
        A.append([*scheme.b, *[0] * (n - scheme.stages)])
        c.append(1)
    b = [sum(x * theta**m for m, x in enumerate(row)) for row in dense.weights]
    return t2n.RungeKutta(A=[[a / theta for a in row] for row in A], b=[x / theta for x in b], c=[x / theta for x in c])


@pytest.mark.parametrize(("name", "known"), [("dormand-prince-54", "RK45"), ("bogacki-shampine-32", "RK23")])
def test_the_published_interpolants(name, known):
    """Shampine's quartic of Dormand and Prince, with its free parameter; the cubic of Bogacki and Shampine."""
    found = np.array([[float(x) for x in row] for row in dense_weights(t2n.load(name)).weights])
    P = getattr(integrators, known).P
    np.testing.assert_allclose(found[:, 1:], P, rtol=0, atol=1e-14)
    assert not found[:, 0].any()


@pytest.mark.parametrize("name", ORDERS)
def test_orders(name):
    dense = dense_weights(t2n.load(name))
    assert dense.order == ORDERS[name]
    numeric = [[float(x) for x in row] for row in dense.weights]
    assert max(abs(x) for row in numeric for x in row) < 2e4


@pytest.mark.parametrize("name", ["rk4", "dormand-prince-54", "owren-zennaro-54", "radau-iia-2", "gauss-3"])
def test_every_condition_holds_inside_the_step(name):
    """The method that steps to θh has exactly the order that is said, by its trees; and seen by halving h."""
    scheme = t2n.load(name)
    said = dense_weights(scheme).order
    assert dense_weights(scheme).exact
    assert order(at_theta(scheme, parse("2/7"))) == said
    if scheme.explicit:
        assert measured_order(at_theta(scheme, parse("3/5"))) == pytest.approx(said, abs=0.05)


@settings(max_examples=20)
@given(runge_kutta(stages=range(3, 6), order=3), st.integers(1, 8))
def test_random_schemes(scheme, nineths):
    """Exact: the order inside, and that values and derivatives join at both ends."""
    dense = dense_weights(scheme)
    assert dense.order >= 3
    assert order(at_theta(scheme, parse(f"{nineths}/9")), dense.order) >= dense.order
    for i, row in enumerate(dense.weights):
        slope_at_0, value, slope_at_1 = row[1], sum(row), sum(m * x for m, x in enumerate(row))
        wanted = scheme.b[i] if i < scheme.stages else 0
        assert row[0] == 0
        assert [(x - y).expand() for x, y in ((value, wanted), (slope_at_0, i == dense.start))] == [0, 0]
        assert (slope_at_1 - (i == dense.end)).expand() == 0


def test_decimal_tables_agree_with_exact_ones():
    """The same table, once said to be decimals: the same weights, to what decimals can."""
    exact = t2n.load("dormand-prince-54")
    rounded = [
        [Fraction(round(Fraction(int(x.p), int(x.q)) * 10**30), 10**30) for x in row] for row in (*exact.A, exact.b)
    ]
    decimal = t2n.RungeKutta(A=rounded[:-1], b=rounded[-1], digits=30, name="rounded")
    found = dense_weights(decimal)
    assert (found.order, found.exact, found.end) == (4, False, 6)
    wanted = np.array([[float(x) for x in row] for row in dense_weights(exact).weights])
    np.testing.assert_allclose(np.array([[float(x) for x in row] for row in found.weights]), wanted, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "why"), [("bdf-2", "not for multistep"), ("lm", "not for multistep"), ("ars-111", "additive")]
)
def test_what_has_no_dense_output(name, why):
    with pytest.raises(t2n.InputError, match=why):
        dense_weights(t2n.load(name))
