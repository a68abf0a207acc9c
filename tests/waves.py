"""Runge–Kutta steps, stencils and symbols in floats, from the coefficients as they are."""

import numpy as np


def full(scheme):
    s, A = len(scheme.b), scheme.at_defaults().A
    return [[*map(float, row), *[0.0] * (s - len(row))] for row in A]


def symbol(stencil, theta):
    above, below = (
        sum(float(w) * np.exp(1j * j * theta) for (j,), w in points.items())
        for points in (stencil.points, stencil.left_points)
    )
    return above / below


def function(scheme, z):
    """R(z) = 1 + z b·(1 − zA)⁻¹1."""
    A, b = np.array(full(scheme)), np.array(scheme.at_defaults().b, dtype=float)
    ones = np.ones((*z.shape, len(b), 1))
    stages = np.linalg.solve(np.eye(len(b)) - z[..., None, None] * A, ones)[..., 0]
    return 1 + z * (stages @ b)


def operator(stencil, n, sign):
    """The matrix of D on a periodic grid of n points with h = 1."""

    def circulant(points):
        matrix = np.zeros((n, n))
        for (j,), w in points.items():
            matrix[np.arange(n), (np.arange(n) + j) % n] += float(w)
        return matrix

    return sign * np.linalg.solve(circulant(stencil.left_points), circulant(stencil.points))


def grid_for(theta):
    """The smallest periodic grid that has a mode within 1e-4 of an angle, or else a large one that has one near."""

    def distance(n):
        return abs(theta - 2 * np.pi / n * round(theta * n / (2 * np.pi)))

    return next((n for n in range(8, 400) if distance(n) < 1e-4), min(range(200, 400), key=distance))


def rolled(stencil, u, axes, h):
    """Σ w_j u_{i+j}/h^m by numpy's rolls, over an axis or over as many as the stencil has."""
    axes = axes if isinstance(axes, tuple) else (axes,)
    total = sum(float(w) * np.roll(u, [-j for j in at], axes) for at, w in stencil.points.items())
    return total / h ** sum(stencil.orders)
