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
from tableau2net.scheme.file import loads
from tableau2net.scheme.saved import dumps
from tableau2net.testing import runge_kutta
from tests.reference import measured_order

integrators = pytest.importorskip("scipy.integrate")

ORDERS = {
    "euler": 1, "explicit-midpoint": 2, "rk4": 3, "bogacki-shampine-32": 3, "owren-zennaro-32": 3, "cash-karp-54": 4,
    "owren-zennaro-43": 4, "dormand-prince-54": 4, "tsitouras-54": 4, "bogacki-shampine-54": 4, "owren-zennaro-54": 5,
    "verner-65": 4, "dormand-prince-87": 5, "gauss-2": 3, "gauss-3": 4,
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


DECLARED = {"verner-65-efficient": 6, "verner-76-efficient-b": 6, "verner-87-efficient": 8, "verner-98-efficient": 9}


def inside(scheme, theta):
    """The method that steps to θh with the polynomials that a file has."""
    whole = scheme.with_dense_stages()
    b = [sum((x * theta ** (m + 1) for m, x in enumerate(row)), parse("0")) for row in scheme.dense_b]
    A = [[a / theta for a in row] for row in whole.A]
    return t2n.RungeKutta(A=A, b=[x / theta for x in b], c=[x / theta for x in whole.c])


@pytest.mark.parametrize("name", DECLARED)
def test_dense_output_that_a_file_has(name):
    """Its order; that it ends at the new state with its slope; and as few further evaluations as it reads."""
    scheme = t2n.load(name)
    dense = dense_weights(scheme)
    assert dense.order == DECLARED[name] == scheme.claims["dense_order"]
    ends = [float(sum(row)) for row in dense.weights]
    b = [float(x) for x in scheme.b] + [0] * (len(ends) - scheme.stages)
    np.testing.assert_allclose(ends, b, atol=1e-9)
    slopes = [float(sum(m * x for m, x in enumerate(row))) for row in dense.weights]
    np.testing.assert_allclose(slopes, np.eye(len(ends))[dense.end], atol=1e-8)
    assert (dense.end < scheme.stages) == bool(scheme.claims.get("fsal"))


@pytest.mark.parametrize("name", ["verner-65-efficient", "verner-76-efficient-b"])
def test_its_order_is_seen(name):
    """OrdinaryDiffEq calls the second one an interpolant of order 7: it is one of order 6."""
    assert measured_order(inside(t2n.load(name), parse("3/5"))) == pytest.approx(6, abs=0.02)


@pytest.mark.parametrize("name", DECLARED)
def test_integration_has_the_order_inside_steps_too(name):
    calls = []

    def field(t, y):
        calls.append(t)
        return y * np.cos(t)

    times = np.linspace(0.1, 2.9, 15)
    found = t2n.integrate(name, field, [1.0], 0, 3, rtol=1e-10, atol=1e-10, at=times)
    np.testing.assert_allclose(found[:, 0], np.exp(np.sin(times)), atol=2e-9)
    assert len(calls) < 1000


def test_wrong_dense_output_is_said():
    euler = {"A": [[]], "b": ["1"]}
    with pytest.raises(t2n.InputError, match="dense_b has 1 rows, one for each of 2 stages is expected"):
        t2n.RungeKutta(**euler, dense=[["1"]], dense_b=[["1"]])
    with pytest.raises(t2n.InputError, match=r"dense\[0\] has 2 entries but there are 1 stages before it"):
        t2n.RungeKutta(**euler, dense=[["1", "1"]], dense_b=[["1"], []])
    wrong = t2n.RungeKutta(**euler, dense=[["1"]], dense_b=[["1"], ["0", "1/2"]])
    with pytest.raises(t2n.InputError, match=r"dense_b\[1\]: its sum, b\(1\), is to be 0; off by 0.5"):
        loads(dumps(wrong))
    line = t2n.RungeKutta(**euler, dense_b=[["1"]], claims={"dense_order": 1})
    assert t2n.check(line).ok
    assert dense_weights(t2n.RungeKutta(**euler, dense=[["1"]], dense_b=[["1", "-1/2"], ["0", "1/2"]])).order == 1
