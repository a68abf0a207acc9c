"""What is lost by many exponential Adams steps is what their roots make of rounding."""

import math

import numpy as np
import pytest
import torch

import tableau2net as t2n


@pytest.mark.slow
def test_twelve_steps_lose_accuracy_where_the_roots_grow_and_not_by_their_coefficients():
    """u' = −2u + u², h N_u = 2hu. On N alone it is Adams–Bashforth, whose roots grow beyond 1/576."""
    start = torch.ones(1, dtype=torch.float64)
    parts, exact = (lambda t, y: y**2, t2n.Diagonal(-2 * start)), 2 / (1 + math.exp(2))
    error = {
        n: abs(t2n.integrate("exponential-adams-12", parts, start, 0, 1, steps=n).item() - exact) for n in (128, 512)
    }
    for n, (low, high) in {128: (1e-8, 1e-5), 512: (0, 1e-12)}.items():
        assert low <= error[n] < high
    largest = [largest_root(12, -2 / 128, 4 / 128 / (1 + math.exp(2 * t))) for t in (0.125, 0.375, 0.625, 0.875)]
    grown = math.prod(largest) ** (117 / 4)  # the steps behind the start
    assert 1e8 < grown < 1e11
    assert 0.01 < error[128] / (grown * 1e-16) < 100


def largest_root(k, linear, nonlinear):
    """Of ζ^k − e^z ζ^(k−1) − w Σ β_j(z) ζ^(k−1−j), the weights by Gauss's quadrature of Lagrange's polynomials."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    s = (nodes + 1) / 2
    beta = [
        sum(weights / 2 * np.exp((1 - s) * linear) * np.prod([(s + m) / (m - j) for m in range(k) if m != j], axis=0))
        for j in range(k)
    ]
    return max(abs(np.roots([1, -math.exp(linear) - nonlinear * beta[0], *(-nonlinear * b for b in beta[1:])])))
