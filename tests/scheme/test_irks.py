"""General linear methods with inherent Runge–Kutta stability, in float64: what the name says, and their stages."""

from math import factorial

import numpy as np
import pytest

from tableau2net.analysis import stability
from tableau2net.scheme import load


def matrices(p):
    scheme = load(f"irks-{p}")
    rows = (scheme.A, scheme.U, scheme.B, scheme.V, [scheme.c])
    return [np.array([[float(x) for x in row] for row in matrix]) for matrix in rows]


@pytest.mark.parametrize("p", range(1, 6))
def test_only_one_growth_factor_is_not_zero(p):
    """That of a Runge–Kutta method, ζ^p (ζ − R(z)), and R is damped along the imaginary axis and at infinity."""
    A, U, B, V, _ = matrices(p)
    for z in (-0.3, -2.0, 1.5j, -40.0, 1e5j):
        M = V + z * B @ np.linalg.solve(np.eye(len(A)) - z * A, U)
        traces = [np.trace(np.linalg.matrix_power(M, k)) for k in range(1, p + 2)]
        R = traces[0]
        for k, trace in enumerate(traces, 1):  # the sums of powers of the eigenvalues, which are ill-conditioned
            assert abs(trace - R**k) < 1e-5
        assert abs(R) < 1
    assert abs(R) < 1e-2
    found = stability(load(f"irks-{p}"))
    assert found.a_stable
    assert found.l_stable


@pytest.mark.parametrize("p", range(1, 6))
def test_stages_have_the_order_of_the_method(p):
    A, U, B, V, (c,) = matrices(p)
    for k in range(1, p + 1):
        np.testing.assert_allclose(c**k / factorial(k), A @ c ** (k - 1) / factorial(k - 1) + U[:, k], atol=1e-10)
    for k in range(p + 1):  # h^k y^(k) a step later, by Taylor's series to order p
        for i in range(k, p + 1):
            stages = B[k] @ c ** (i - 1) / factorial(i - 1) if i else 0
            assert abs(stages + V[k, i] - 1 / factorial(i - k)) < 1e-9
