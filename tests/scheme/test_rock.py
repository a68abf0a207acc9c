"""ROCK and SERK: the step as their authors write it, in float64 from the printed numbers, and how far it is stable."""

import math

import numpy as np
import pytest

from tableau2net.analysis import check, stability
from tableau2net.analysis.report.claims import Verdict
from tableau2net.errors import InputError
from tableau2net.scheme import load
from tableau2net.scheme.constructed import rock2_numbers, rock4_numbers, serk2_numbers


def field(y):
    return np.array([y[1] * y[2] - y[0], math.sin(y[0]) - 2 * y[1], y[0] * y[1] - y[2] ** 2])


Y = np.array([0.7, -0.4, 1.1])
H = 0.3


def step(scheme):
    """From the tableau."""
    A, b, b_hat = (
        [[float(x) for x in row] for row in rows] for rows in (scheme.A, [scheme.b], [scheme.b_hat or scheme.b])
    )
    ks = []
    for row in A:
        ks.append(field(Y + H * sum((a * k for a, k in zip(row, ks, strict=False)), np.zeros(3))))
    return Y + H * np.array(b[0]) @ np.array(ks), Y + H * np.array(b_hat[0]) @ np.array(ks)


def recursion(numbers, stages, finishing):
    """The recursion of rock2.f and rock4.f, and the numbers of the finishing method."""
    degrees, rec, finish = (
        [float(x) for x in text.split()] for text in (numbers.DEGREES, numbers.RECURSIONS, numbers.FINISH)
    )
    m = stages - finishing
    at = degrees.index(m)
    rec = rec[sum(int(2 * d - 1) for d in degrees[:at]) :]
    each = len(finish) // len(degrees)
    older, y = Y, Y + H * rec[0] * field(Y)
    for i in range(2, m + 1):
        mu, kappa = rec[2 * i - 3], rec[2 * i - 2]
        nu = -1 - kappa
        older, y = y, H * mu * field(y) - nu * y - kappa * older
    return y, finish[each * at : each * (at + 1)]


@pytest.mark.parametrize("stages", [3, 4, 11, 22, 41])
def test_rock2_is_the_step_of_its_code(stages):
    y, (fp1, fp2) = recursion(rock2_numbers, stages, 2)
    k = field(y)
    z = y + H * fp1 * k
    last = field(z)
    lower = z + H * fp1 * last
    found = step(load(f"rock2-{stages}"))
    np.testing.assert_allclose(found, (lower + H * fp2 * (last - k), lower), atol=1e-12)


@pytest.mark.parametrize("stages", [5, 6, 15, 24, 34])
def test_rock4_is_the_step_of_its_code(stages):
    y, numbers = recursion(rock4_numbers, stages, 4)
    (a21, a31, a32, a41, a42, a43), b, e = numbers[:6], numbers[6:10], numbers[10:]
    k1 = field(y)
    k2 = field(y + H * a21 * k1)
    k3 = field(y + H * (a31 * k1 + a32 * k2))
    k4 = field(y + H * (a41 * k1 + a42 * k2 + a43 * k3))
    new = y + H * (b[0] * k1 + b[1] * k2 + b[2] * k3 + b[3] * k4)
    second = y + H * (e[0] * k1 + e[1] * k2 + e[2] * k3 + e[3] * k4 + e[4] * field(new))
    np.testing.assert_allclose(step(load(f"rock4-{stages}")), (new, second), atol=1e-12)


@pytest.mark.parametrize("stages", [10, 20, 40])
def test_serk2_is_the_step_of_its_code(stages):
    weights = [float(x) for x in serk2_numbers.WEIGHTS.split()][sum(s + 1 for s in range(10, stages, 10)) :]
    alpha, block = 2.5 / stages**2, stages // 10
    total, y, at = weights[0] * Y, Y, 0
    for _ in range(10):
        older, y = y, y + alpha * H * field(y)
        at += 1
        total = total + weights[at] * y
        for _ in range(block - 1):
            older, y = y, 2 * y - older + 2 * alpha * H * field(y)
            at += 1
            total = total + weights[at] * y
    np.testing.assert_allclose(step(load(f"serk2-{stages}"))[0], total, atol=1e-11)


@pytest.mark.parametrize(
    ("name", "order", "least"),
    [  # how many stages the codes take for a spectral radius, turned round
        *((f"rock2-{s}", 2, 0.811 * (s - 1) ** 2 - 1.5) for s in (3, 12)),
        *((f"rock4-{s}", 4, 0.353 * (s - 1) ** 2 - 3) for s in (5, 12)),
        *((f"serk2-{s}", 2, 0.8 * s**2) for s in (10, 20)),
        pytest.param("rock4-28", 4, 0.353 * 27**2 - 3, marks=pytest.mark.slow),
        pytest.param("rock2-41", 2, 0.811 * 40**2 - 1.5, marks=pytest.mark.slow),
    ],
)
def test_orders_are_proved_and_intervals_as_long_as_said(name, order, least):
    scheme = load(name)
    verdict: Verdict = check(scheme)
    assert verdict.ok
    assert scheme.claims["order"] == order
    assert scheme.digits is None or name.startswith("rock4")
    assert float(stability(scheme).real_interval) >= least


def test_between_its_ends_the_interval_is_damped():
    scheme = load("rock2-12")
    end = float(stability(scheme).real_interval)
    A, b = np.array([[float(x) for x in row] for row in scheme.A]), np.array([float(x) for x in scheme.b])
    for z in np.linspace(-0.98 * end, -0.02 * end, 97):
        assert abs(1 + z * b @ np.linalg.solve(np.eye(len(b)) - z * A, np.ones(len(b)))) < 0.96


def test_what_is_not_published_is_said():
    with pytest.raises(InputError, match="rock2-23: rock2-K exists for K = 3, 4"):
        load("rock2-23")
