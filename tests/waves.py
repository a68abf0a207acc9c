"""Runge–Kutta steps and symbols in floats, from the coefficients as they are."""

import numpy as np


def full(scheme):
    s = len(scheme.b)
    return [[*map(float, row), *[0.0] * (s - len(row))] for row in scheme.A]


def symbol(stencil, theta):
    above, below = (
        sum(float(w) * np.exp(1j * j * theta) for (j,), w in points.items())
        for points in (stencil.points, stencil.left_points)
    )
    return above / below


def function(scheme, z):
    """R(z) = 1 + z b·(1 − zA)⁻¹1."""
    A, b = np.array(full(scheme)), np.array(scheme.b, dtype=float)
    ones = np.ones((*z.shape, len(b), 1))
    stages = np.linalg.solve(np.eye(len(b)) - z[..., None, None] * A, ones)[..., 0]
    return 1 + z * (stages @ b)
