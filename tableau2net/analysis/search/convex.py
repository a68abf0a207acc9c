"""Polynomials that stay within the unit disk at given points: a convex problem in the free coefficients, in floats.

For a step h the free coefficients enter R(hλ) linearly, so that the least t with |R(hλ_i)|² ≤ 1 + t w_i is found by
Newton's method on a logarithmic barrier (Boyd, Vandenberghe 2004, ch. 11), and the h for which t ≤ 0 by bisection
(Ketcheson, Ahmadia 2012).
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

Complex = np.ndarray[Any, np.dtype[np.complex128]]
Real = np.ndarray[Any, np.dtype[np.float64]]
GAP = 1e-11  # of what the barrier leaves open
STEPS = 60
NEAR = 0.1  # of the longest: nearer to 0 no less is asked, what is asked there is near to rounding
MOST_POWER = 6
ENOUGH = 1e-8  # a t that is not above 0


class Spectrum:
    """Points λ, without 0, and how close to 0 each is: where |R|² − 1 is small by the order alone, little may be asked.

    weights: |λ/λ_max|^q with q the power of h by which |R(hλ)|² can leave 1 where λ is imaginary."""

    def __init__(self, points: Complex, stages: int, order: int) -> None:
        self.size = float(np.abs(points).max())
        self.points = points / self.size
        self.stages, self.order = stages, order
        away = np.abs(self.points)
        self.weights = np.maximum(away, NEAR) ** min(2 * ((order + 2) // 2), MOST_POWER)

    def least(self, h: float, *, enough: bool) -> tuple[float, Real]:
        """The least t at a step h, and the coefficients a_0 … a_s of R; with `enough`, only as far as its sign."""
        z = h * self.size * self.points
        powers = np.stack([z**j for j in range(self.stages + 1)], axis=1)
        fixed = np.array([1 / factorial(j) for j in range(self.order + 1)])
        start = powers[:, : self.order + 1] @ fixed
        free = powers[:, self.order + 1 :]
        if not free.shape[1]:
            return float(((np.abs(start) ** 2 - 1) / self.weights).max()), fixed
        scale = np.abs(free).max(axis=0)
        stacked = np.concatenate([free.real, free.imag]) / scale
        basis, triangle = np.linalg.qr(stacked)
        half = len(z)
        t, x = _barrier(start, basis[:half] + 1j * basis[half:], self.weights, enough)
        return t, np.concatenate([fixed, np.linalg.solve(triangle, x) / scale])

    def largest_step(self, low: float = 0.0, high: float = 0.0, tolerance: float = 1e-9) -> float:
        """The largest h that is feasible, by bisection between a step that is and one that may not be; 0 where none is.
        Feasible h are an interval from 0 in practice, though only R with fixed coefficients makes that sure."""
        high = high or 1.0 / self.size
        while self._feasible(high) and high * self.size < 1e6:
            low, high = high, 2 * high
        while high - low > tolerance * high and high * self.size > 1e-6:
            middle = (low + high) / 2
            low, high = (middle, high) if self._feasible(middle) else (low, middle)
        return low

    def _feasible(self, h: float) -> bool:
        return self.least(h, enough=True)[0] <= ENOUGH


def _barrier(start: Complex, basis: Complex, weights: Real, enough: bool) -> tuple[float, Real]:
    """min t with |start + basis·x|² ≤ 1 + t·weights. With `enough` it ends when the sign of t is sure."""
    n = basis.shape[1]
    stacked = np.concatenate([basis.real, basis.imag])
    x: Real = np.linalg.lstsq(stacked, -np.concatenate([start.real, start.imag]), rcond=None)[0]
    t = float(((np.abs(start + basis @ x) ** 2 - 1) / weights).max())
    t += 1 + abs(t)
    tau = len(weights) / (1 + abs(t))
    while True:
        t, x = _centred(start, basis, weights, tau, t, x)
        gap = len(weights) / tau
        if enough and (t <= 0 or t - gap > ENOUGH):
            return t, x
        if gap < GAP * max(1.0, abs(t)) or n == 0:
            return t, x
        tau *= 12


def _slack(start: Complex, basis: Complex, weights: Real, t: float, x: Real) -> tuple[Real, Complex]:
    value = start + basis @ x
    return 1 + t * weights - np.abs(value) ** 2, value


def _centred(start: Complex, basis: Complex, weights: Real, tau: float, t: float, x: Real) -> tuple[float, Real]:
    """Newton's method on tau·t − Σ log(slack), damped so that all slack stays positive."""
    for _ in range(STEPS):
        slack, value = _slack(start, basis, weights, t, x)
        slope = np.concatenate([-2 * (np.conj(value)[:, None] * basis).real, weights[:, None]], axis=1) / slack[:, None]
        gradient = -slope.sum(axis=0)
        gradient[-1] += tau
        bent = basis / np.sqrt(slack)[:, None]
        hessian = slope.T @ slope
        hessian[:-1, :-1] += 2 * (bent.conj().T @ bent).real
        move = np.linalg.lstsq(hessian, -gradient, rcond=None)[0]
        fall = float(-gradient @ move)
        if fall < 1e-9:
            break
        size, now = 1.0, tau * t - np.log(slack).sum()
        while size > 1e-10:
            ahead, _ = _slack(start, basis, weights, t + size * move[-1], x + size * move[:-1])
            if (ahead > 0).all() and tau * (t + size * move[-1]) - np.log(ahead).sum() < now - 0.1 * size * fall:
                break
            size /= 2
        else:
            break
        t, x = t + size * float(move[-1]), x + size * move[:-1]
    return t, x
