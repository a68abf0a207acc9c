"""Implicit stages to solve: backward Euler, and a coupled pair."""

import numpy as np
import torch

from tableau2net.runtime.stage_solve import Solver, solve

METHODS = ("fixed-point", "anderson", "newton-krylov")
ITERATED = METHODS[:2]
# any coupled pair will do: the matrix of Radau IIA of two stages
A = ((5 / 12, -1 / 12), (3 / 4, 1 / 4))


def solver(method, tolerance=1e-12, iterations=100, gradient="implicit"):
    return Solver(method, tolerance, iterations, gradient)


def random(*shape, scale=1.0, grad=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(*shape, dtype=torch.float64, generator=generator)).requires_grad_(grad)


def two_stages(f, y, h, how, modules=()):
    """The two coupled stages of a Runge–Kutta method, and the field values in them."""

    def stages(y1, y2):
        k1, k2 = f(y1), f(y2)
        return tuple(y + h * (a * k1 + b * k2) for a, b in A), (k1, k2)

    return solve(stages, (y, y), how, modules)


def one_stage(f, y, h, how, modules=()):
    """Backward Euler: the new state, and the field value in it."""

    def stages(y1):
        k1 = f(y1)
        return (y.add(k1, alpha=h),), (k1,)

    (y1,), (k1,) = solve(stages, (y,), how, modules)
    return y1, k1


def stiff(n=20, largest=1e4):
    """A symmetric matrix with eigenvalues from −1 to −largest."""
    basis = torch.linalg.qr(random(n, n))[0]
    return basis @ torch.diag(-torch.logspace(0, np.log10(largest), n, dtype=torch.float64)) @ basis.T
