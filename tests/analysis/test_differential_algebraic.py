"""Orders on differential–algebraic equations against slopes that are measured, and against the tables of the book."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

import tableau2net as t2n
from tableau2net.analysis.order.differential_algebraic import algebraic_orders
from tableau2net.scheme import RungeKutta, load
from tests.strategies import implicit_runge_kutta


def rates(y, z):
    """Of Jay's problem of index 2: y = (e^t, e^(−2t)), z = e^(2t), 0 = y_1² y_2 − 1."""
    return np.stack([y[0] * y[1] ** 2 * z**2, y[0] ** 2 * y[1] ** 2 - 3 * y[1] ** 2 * z])


def solved(missed, x):
    """Newton with differences."""
    for _ in range(12):
        f = missed(x)
        J = np.stack([(missed(x + 1e-6 * e) - missed(x - 1e-6 * e)) / 2e-6 for e in np.eye(len(x))], axis=1)
        step = np.linalg.solve(J, f)
        x = x - step
        if abs(step).max() < 1e-13:
            break
    return x


def errors_of_index_2(scheme, n):
    A, b = np.array(scheme.A, dtype=float), np.array(scheme.b, dtype=float)
    s, h = len(b), 0.8 / n
    first = int(not A[0].any())
    y, z = np.array([1.0, 1.0]), 1.0
    for _ in range(n):

        def missed(x, y=y, z=z):
            Y, Z = x[: 2 * s].reshape(2, s), x[2 * s :]
            constraint = Y[0] ** 2 * Y[1] - 1
            if first:
                constraint[0] = Z[0] - z
            return np.concatenate([(Y - y[:, None] - h * rates(Y, Z) @ A.T).ravel(), constraint])

        x = solved(missed, np.concatenate([np.repeat(y, s), np.full(s, z)]))
        Y, Z = x[: 2 * s].reshape(2, s), x[2 * s :]
        y = y + h * rates(Y, Z) @ b
        z = Z[-1] if first else z + b @ np.linalg.solve(A, Z - z)
    return max(abs(y[0] - np.exp(0.8)), abs(y[1] - np.exp(-1.6))), abs(z - np.exp(1.6))


def error_of_index_1(scheme, n):
    """y' = z, 0 = z + y² + z³/9: z of y by Newton, and y⁺, z⁺ as the stages say."""
    A, b = np.array(scheme.A, dtype=float), np.array(scheme.b, dtype=float)
    s, h = len(b), 1 / n

    def G(y):
        z = -(y**2)
        for _ in range(40):
            z = z - (z + y**2 + z**3 / 9) / (1 + z**2 / 3)
        return z

    def flow(y, h, A, b):
        Y = np.full(len(b), y)
        Y = solved(lambda Y: Y - y - h * A @ G(Y), Y)
        return y + h * b @ G(Y), G(Y)

    sharp = load("gauss-4")
    exact = (np.array(sharp.A, dtype=float), np.array(sharp.b, dtype=float))
    y, z, true = 1.0, G(1.0), 1.0
    for _ in range(n):
        y, Z = flow(y, h, A, b)
        z = z + b @ np.linalg.solve(A, Z - z)
        true = flow(true, h, *exact)[0]
    assert s == len(Z)
    return abs(z - G(true))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["radau-iia-2", "radau-ia-2", "lobatto-iiic-2", "sdirk-21", "extrapolated-backward-euler-2", "tr-bdf2"]
)
def test_orders_of_index_2_are_measured(name):
    known = algebraic_orders(load(name))
    coarse, fine = (errors_of_index_2(load(name), n) for n in (48, 96))
    slopes = [np.log2(a / b) for a, b in zip(coarse, fine, strict=True)]
    assert slopes == pytest.approx([known.index_2, known.index_2_z], abs=0.3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["radau-ia-2", "crouzeix-2", "gauss-2", "implicit-midpoint", "radau-iia-2", "lobatto-iiid-3"]
)
def test_orders_of_index_1_are_measured(name):
    odd = (19, 39) if name == "crouzeix-2" else (9, 17)  # where R(∞) = −1, every other error is small
    coarse, fine = (error_of_index_1(load(name), n) for n in odd)
    slope = np.log(coarse / fine) / np.log(odd[1] / odd[0])
    assert slope == pytest.approx(algebraic_orders(load(name)).index_1, abs=0.4)


@pytest.mark.slow
def test_tables_of_the_book():
    """HW II, Tables VI.1.1 and VII.4.1."""
    for s in (2, 3, 4):
        assert algebraic_orders(load(f"radau-ia-{s}")).index_1 == s
        facts = {"radau-ia": (s, s - 1), "radau-iia": (2 * s - 1, s), "lobatto-iiic": (2 * s - 2, s - 1)}
        for family, orders in facts.items():
            found = algebraic_orders(load(f"{family}-{s}"))
            assert (found.index_2, found.index_2_z) == orders
    for s in (1, 2, 3, 4):
        found = algebraic_orders(load(f"gauss-{s}"))
        assert (found.index_1, found.index_2) == (s + s % 2, None)
    sdirk = algebraic_orders(load("hairer-wanner-sdirk-43"))
    assert (sdirk.index_1, sdirk.index_2, sdirk.index_2_z) == (4, 2, 1)


def test_what_has_none():
    for scheme in (load("rk4"), load("bdf-2"), load("lobatto-iiib-3")):
        assert algebraic_orders(scheme) is None
    grows = algebraic_orders(load("ferracina-spijker-4-5"))
    assert grows.index_1 is grows.index_2 is None
    report = t2n.report(load("radau-iia-2")).to_dict()["dae"]
    assert report == {"index_1_order": 3, "index_2_order": 3, "index_2_order_of_z": 2}
    assert t2n.check(replace(load("radau-iia-2"), claims={"index_2_order": 3, "index_1_order": 3})).ok


@pytest.mark.slow
@settings(max_examples=20)
@given(implicit_runge_kutta(2))
def test_of_any_table_they_are_at_most_the_order_and_of_the_method(scheme):
    found = algebraic_orders(scheme)
    if found is None:
        return
    p = t2n.order(scheme)
    assert all(q is None or q <= max(p, 0) for q in (found.index_1, found.index_2, found.index_2_z))
    s = scheme.stages
    twin = RungeKutta(
        A=[*((*row, 0) for row in scheme.A), (*scheme.A[0], 0)],
        b=[scheme.b[0] / 2, *scheme.b[1:], scheme.b[0] / 2],
        c=[*scheme.c, scheme.c[0]],
    )
    assert twin.stages == s + 1
    assert algebraic_orders(twin) == found
