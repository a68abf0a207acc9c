"""Polynomials that stay within the unit disk at given points: a convex problem in the free coefficients, in floats.

R = T + z^(p+1) K: T is what the order fixes, K a polynomial in a basis that is orthonormal on the points (Arnoldi's, as
Brubeck, Nakatsukasa and Trefethen 2021 do for Vandermonde's matrix): in powers of z floats see nothing from degree
seven on.  For a step h the free coefficients enter R(hλ) linearly, so that the least t with |R(hλ_i)|² ≤ 1 + t w_i is
found by Newton's method on a logarithmic barrier (Boyd, Vandenberghe 2004, ch. 11), and the h for which t ≤ 0 by
bisection (Ketcheson, Ahmadia 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import factorial
from typing import Any

import numpy as np

from tableau2net.errors import InputError

Complex = np.ndarray[Any, np.dtype[np.complex128]]
Real = np.ndarray[Any, np.dtype[np.float64]]
GAP = 1e-11  # of what the barrier leaves open
STEPS = 60
CLOSER = 0.02  # of what a place leaves open, at the least, after one step: at the edge floats lose all other places
ENOUGH = 1e-8  # a t that is not above 0
SHORTEST = 1e-3  # of a step, times the largest modulus: less is not told from rounding
LONGEST = 1e12
APART = 1e-11  # points that are nearer to each other, seen from the largest, are not told apart


class Spectrum:
    """Points λ, without 0.

    basis: the polynomials λ^(p+1) K_k(λ) at λ/λ_max; step by step λ K_k = Σ_j recurrence[j, k] K_j, K_0 = 1/first."""

    def __init__(self, points: Complex, stages: int, order: int) -> None:
        self.size = float(np.abs(points).max())
        self.points = points / self.size
        self.stages, self.order = stages, order
        self.away = np.abs(self.points)
        self.fixed = np.array([1 / factorial(j) for j in range(order + 1)])
        self._orthonormal(stages - order)

    def _orthonormal(self, many: int) -> None:
        """Real coefficients, as the conjugates of the points are meant too. K is kept, not only the basis: near 0 it
        has all its digits, where what is left of λ^(p+1) K after subtraction would have none."""
        lead = self.points ** (self.order + 1)
        weight = np.abs(lead) ** 2
        columns: list[Complex] = []
        self.first = float(np.sqrt(weight.sum()))
        self.recurrence = np.zeros((many + 1, max(many, 1)))
        column = np.full(len(self.points), 1 / self.first, complex)
        for k in range(many):
            columns.append(column)
            column = self.points * column
            length = float(np.sqrt((weight * np.abs(column) ** 2).sum()))
            for _ in range(2):
                for j, known in enumerate(columns):
                    part = float((weight * (np.conj(known) * column).real).sum())
                    self.recurrence[j, k] += part
                    column = column - part * known
            rest = float(np.sqrt((weight * np.abs(column) ** 2).sum()))
            if rest <= APART * length and k + 1 < many:
                raise InputError("the points differ too much in size, or too little, for floats to tell them apart")
            self.recurrence[k + 1, k] = rest
            column = column / (rest or 1.0)
        self.basis: Complex = (
            lead[:, None] * np.stack(columns, axis=1) if columns else np.zeros((len(lead), 0), complex)
        )

    def coefficients(self, x: Real, h: Fraction) -> list[Fraction]:
        """a_0 … a_s of R in powers of z, exactly those that the floats x stand for."""
        unit = h * Fraction(self.size)
        H = [[Fraction(float(v)) for v in row] for row in self.recurrence]
        polynomials = [[1 / Fraction(self.first)]]
        for k in range(len(x) - 1):
            ahead = [Fraction(0), *polynomials[k]]
            for j, known in enumerate(polynomials):
                for i, v in enumerate(known):
                    ahead[i] -= H[j][k] * v
            polynomials.append([v / H[k + 1][k] for v in ahead])
        free = [
            sum((Fraction(float(c)) * p[i] for c, p in zip(x, polynomials, strict=True) if i < len(p)), Fraction(0))
            for i in range(len(x))
        ]
        p = self.order + 1
        return [*(Fraction(1, factorial(j)) for j in range(p)), *(a / unit ** (p + i) for i, a in enumerate(free))]

    def least(self, h: float, *, enough: bool) -> tuple[float, Real]:
        """The least t at a step h, and the free coefficients; with `enough`, only as far as its sign."""
        weights = np.minimum(h * self.size * self.away, 1.0) ** (2 * ((self.order + 2) // 2))
        problem = _Problem(self._start(h), self._excess(h), self.basis, weights)
        if not self.basis.shape[1]:
            nothing = np.zeros(0)
            return float((problem.over(nothing)[0] / weights).max()), nothing
        return _barrier(problem, enough)

    def _start(self, h: float) -> Complex:
        return np.asarray(np.polyval(self.fixed[::-1], h * self.size * self.points))

    def _excess(self, h: float) -> Real:
        """|T|² − 1 without cancellation where hλ is small; nan elsewhere, where |R|² itself is better."""
        z = h * self.size * self.points
        if not z.real.any():  # T(iy) T(−iy) − 1 in powers of y²; those up to order p cancel exactly
            parts = [
                sum(
                    Fraction((-1) ** j, factorial(j) * factorial(n - j))
                    for j in range(n + 1)
                    if j <= self.order and n - j <= self.order
                )
                for n in range(0, 2 * self.order + 1, 2)
            ]
            parts[0] = Fraction(0)
            found = np.polyval([float(c) * (-1) ** n for n, c in enumerate(parts)][::-1], np.abs(z) ** 2)
        else:
            beyond = z * np.polyval(self.fixed[:0:-1], z)
            found = 2 * beyond.real + np.abs(beyond) ** 2
        return np.where(np.abs(z) < 1, found, np.nan)

    def largest_step(self, longest: float, low: float = 0.0, tolerance: float = 1e-7) -> float:
        """The largest h that is feasible; 0 where none is, inf where all seem to be. Sought downwards from `longest`
        (upwards where that is feasible), then by bisection: feasible h are an interval from 0 in practice, though
        nothing makes that sure, and of short steps floats see too little."""
        high = longest
        if self._feasible(high):
            while self._feasible(high):
                low, high = high, 2 * high
                if high * self.size > LONGEST:
                    return float("inf")
        else:
            while not low or not self._feasible(low):
                high, low = low or high, 0.85 * (low or high)
                if low * self.size < SHORTEST:
                    return 0.0
        while high - low > tolerance * high:
            middle = (low + high) / 2
            low, high = (middle, high) if self._feasible(middle) else (low, middle)
        return low

    def _feasible(self, h: float) -> bool:
        return self.least(h, enough=True)[0] <= ENOUGH


@dataclass(frozen=True)
class _Problem:
    """min t with |start + basis·x|² ≤ 1 + t·weights.

    weights: |z|^q where |z| < 1, q the power of h by which |R(hλ)|² can leave 1 where λ is imaginary: where |R|² − 1 is
    small by the order alone, little may be asked."""

    start: Complex
    excess: Real
    basis: Complex
    weights: Real

    def over(self, x: Real) -> tuple[Real, Complex]:
        """|R|² − 1, and R."""
        moved = self.basis @ x
        value = self.start + moved
        near = self.excess + 2 * (np.conj(self.start) * moved).real + np.abs(moved) ** 2
        return np.where(np.isnan(near), np.abs(value) ** 2 - 1, near), value


def _barrier(problem: _Problem, enough: bool) -> tuple[float, Real]:
    """With `enough` it ends when the sign of t is sure."""
    weights, start, basis = problem.weights, problem.start, problem.basis
    x: Real = -(basis.real.T @ start.real + basis.imag.T @ start.imag)
    x -= basis.real.T @ (start + basis @ x).real + basis.imag.T @ (start + basis @ x).imag
    t = float((problem.over(x)[0] / weights).max())
    t += 1 + abs(t)
    tau = len(weights) / (1 + abs(t))
    while True:
        t, x = _centred(problem, tau, t, x)
        gap = len(weights) / tau
        if enough and (t <= 0 or t - gap > ENOUGH):
            return t, x
        if gap < GAP * max(1.0, abs(t)):
            return t, x
        tau *= 12


def _centred(problem: _Problem, tau: float, t: float, x: Real) -> tuple[float, Real]:
    """Newton's method on tau·t − Σ log(slack), damped so that all slack stays positive."""
    weights, basis = problem.weights, problem.basis
    for _ in range(STEPS):
        over, value = problem.over(x)
        slack = t * weights - over
        slope = np.concatenate([-2 * (np.conj(value)[:, None] * basis).real, weights[:, None]], axis=1) / slack[:, None]
        gradient = -slope.sum(axis=0)
        gradient[-1] += tau
        bent = basis / np.sqrt(slack)[:, None]
        hessian = slope.T @ slope
        hessian[:-1, :-1] += 2 * (bent.conj().T @ bent).real
        size = 1 / np.sqrt(np.diag(hessian))
        move = size * np.linalg.lstsq(hessian * size[:, None] * size, -gradient * size, rcond=None)[0]
        fall = float(-gradient @ move)
        if fall < 1e-9:
            break
        step, now = 1.0, tau * t - np.log(slack).sum()
        while step > 1e-10:
            ahead = (t + step * move[-1]) * weights - problem.over(x + step * move[:-1])[0]
            if (ahead > CLOSER * slack).all() and tau * (t + step * move[-1]) - np.log(
                ahead
            ).sum() < now - 0.1 * step * fall:
                break
            step /= 2
        else:
            break
        t, x = t + step * float(move[-1]), x + step * move[:-1]
    return t, x
