"""Problems with solutions that are known, in closed form or from scipy."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch

D = torch.float64


def lotka_volterra(t, y):
    a, b = y[..., 0], y[..., 1]
    return torch.stack((a * (1.5 - b), b * (a - 3)), -1)


def van_der_pol(mu):
    return lambda t, y: torch.stack((y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]))


def pulled(t, q):
    """The acceleration towards the sun."""
    return -q / q.norm() ** 3


def kepler(t, y):
    """Position and velocity, a row each."""
    return torch.stack((y[1], pulled(t, y[0])))


def reference(f, y0, times, method="DOP853"):
    """The solution at the times by scipy, to twelve digits or so."""
    from scipy.integrate import solve_ivp

    shape = np.shape(y0)

    def flat(t, y):
        return f(t, torch.tensor(y, dtype=D).reshape(shape)).reshape(-1).numpy()

    span = (times[0], times[-1])
    found = solve_ivp(flat, span, np.ravel(y0), method=method, t_eval=times, rtol=1e-12, atol=1e-13)
    return torch.tensor(found.y.T.reshape(len(times), *shape), dtype=D)


def growing(t, y):
    """y' = y cos t, solved by exp(sin t)."""
    return y * math.cos(t)


def grown(t):
    return math.exp(math.sin(t))


def slopes(error, sizes):
    """The orders that errors show, from one size to the next."""
    errors = [error(n) for n in sizes]
    ratios = (math.log(b / a) for a, b in pairwise(sizes))
    return [math.log(a / b) / r for a, b, r in zip(errors, errors[1:], ratios, strict=False)]
