"""Two-step Chebyshev methods: the recursion in float64 with cosh and acosh, and the interval."""

import math

import numpy as np
import pytest

from tableau2net.analysis import check, stability
from tableau2net.scheme import load


def step(s, h, y, before, f):
    """As the program of the author has it, for equal steps."""
    t = 1.1
    x = math.acosh(t) / s
    w0 = math.cosh(x)
    d = s * math.sinh(s * x) / math.sinh(x)
    w1 = math.sqrt(t / ((s * s * t - w0 * d) / (w0**2 - 1)))
    older, now = y, y + h * w1 / w0 * f(y)
    z2, z1 = 1.0, w0
    for _ in range(2, s + 1):
        z = 2 * w0 * z1 - z2
        mu, nu = 2 * w0 * z1 / z, -z2 / z
        older, now = now, mu * now + nu * older + h * mu * w1 / w0 * f(now)
        z2, z1 = z1, z
    g = 2 * t / (t + w1 * d)
    return (1 - g) * before + g * now


@pytest.mark.parametrize("s", [2, 3, 7, 16])
def test_a_step_is_that_of_the_recursion(s):
    def f(y):
        return np.array([y[1] - y[0] ** 2, math.cos(y[0]) - y[1]])

    y, before, h = np.array([0.8, -0.3]), np.array([0.7, -0.1]), 0.2
    method = load(f"tsrkc2-{s}")
    A, U, B, V = ([[float(x) for x in row] for row in rows] for rows in (method.A, method.U, method.B, method.V))
    ks = []
    for a, (one, zero) in zip(A, U, strict=True):
        ks.append(h * f(one * y + zero * before + sum((x * k for x, k in zip(a, ks, strict=False)), np.zeros(2))))
    found = V[0][0] * y + V[0][1] * before + np.array(B[0]) @ np.array(ks)
    np.testing.assert_allclose(found, step(s, h, y, before, f), atol=1e-13)


def test_order_two_is_seen():
    """y' = -y^2, exact values before the first step."""

    def error(n):
        h, before, y = 1 / n, np.array([1 / (1 - 1 / n)]), np.array([1.0])
        for _ in range(n):
            before, y = y, step(5, h, y, before, lambda u: -(u**2))
        return abs(float(y[0]) - 0.5)

    assert math.log2(error(32) / error(64)) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("s", [2, 5, 10])
def test_order_and_interval(s):
    method = load(f"tsrkc2-{s}")
    assert check(method).ok
    end = float(stability(method).real_interval)
    assert 1.11 * (s * s - 1) < end < 1.31 * (s * s - 1)
