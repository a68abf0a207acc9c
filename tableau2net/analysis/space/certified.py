"""That no wave grows by more than 1e-10 in a step, proved on boxes of angles: for symbols on several axes of a mixed
kind.

On a cube of half-width δ about θ, with z = Σ c e^{ij·θ}, the excess |P|² − (1 + 2·10⁻¹⁰)|Q|² is at most its Taylor
polynomial of degree 3 there, each term by its absolute value, and a remainder. The remainder is that of a majorant:
|z − z(θ)| ≤ Σ |c| (e^{|j|δ} − 1) with |j| the sum over axes, put into Σ_k |P^(k)(z)|/k! · x^k. Where that does not
tell, the cube is cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import factorial, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tableau2net.analysis.reading.linear import Curve
from tableau2net.analysis.space.terms import StencilTerm
from tableau2net.exact.text import float_of

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

TOLERANCE = 2e-10  # of |R|²
ROUNDING = 1e-12  # what floats may be off, beyond what they tell
NEAR, SMALL = 1e-7, 1e-6  # how near the limit it is proved, and what is no step, over what floats see
UNCLEAR = 3  # steps at which it is not decided, after which the search ends
MOST, BATCH = 400_000, 20_000  # cubes in all, and at once
ORDER = 3


def points_of(terms: Sequence[StencilTerm], axes: int) -> dict[tuple[int, ...], float] | None:
    """The weights of Σ c D by offset along all axes; None where one is compact."""
    found: dict[tuple[int, ...], float] = {}
    for term in terms:
        if term.stencil.left is not None:
            return None
        for offset, weight in term.stencil.points.items():
            at = [0] * axes
            for axis, j in zip(term.axes, offset, strict=True):
                at[axis] = j
            found[tuple(at)] = found.get(tuple(at), 0.0) + float_of(term.factor * weight)
    return found


def certified_limit(phi: Curve, terms: Sequence[StencilTerm], guess: float) -> tuple[float, float] | None:
    """A step at which that is proved and a larger one at which it is refuted, or the guess: to a relative 1e-7 where
    it is decided so near. (0, …) where no step worth the name is proved; None where the guess is neither proved nor
    refuted."""
    low, high, tried, unclear = 0.0, guess, guess * (1 - NEAR), 0
    upper = guess
    while high - low > 2 * NEAR * high and high > SMALL * guess and unclear < UNCLEAR:
        found = calm(phi, terms, tried)
        if found is None and upper == guess:
            return None
        unclear += found is None
        if found:
            low = tried
        else:
            high = tried
            upper = upper if found is None else tried
        tried = (low + high) / 2
    return low, upper


def calm(phi: Curve, terms: Sequence[StencilTerm], step: float) -> bool | None:
    """Whether no wave grows by more than 1e-10 in a step of that size, of a one-step scheme; None where it is not
    decided."""
    axes = max(a for t in terms for a in t.axes) + 1
    points = points_of(terms, axes)
    if points is None or phi.steps != 1:
        return None
    cubes = _Cubes({j: step * c for j, c in points.items()}, axes, phi)
    width, left = np.pi / 16, MOST
    sides = [np.arange(0.5, (16 if k else 8)) * 2 * width - (np.pi if k else 0) for k in range(axes)]
    stack = [np.stack([a.ravel() for a in np.meshgrid(*sides, indexing="ij")])]
    widths = [width]
    corners = np.array(list(product((-0.5, 0.5), repeat=axes))).T
    while stack:
        centres, delta = stack.pop(), widths.pop()
        left -= centres.shape[1]
        if left < 0:
            return None
        value, bound = cubes.excess(centres, delta)
        if (value > 0).any():
            return False
        open_ = centres[:, ~(bound <= 0)]
        if open_.shape[1]:
            smaller = (open_[:, :, None] + delta * corners[:, None, :]).reshape(axes, -1)
            for start in range(0, smaller.shape[1], BATCH):
                stack.append(smaller[:, start : start + BATCH])
                widths.append(delta / 2)
    return True


class _Cubes:
    """The excess on cubes of angles."""

    def __init__(self, points: Mapping[tuple[int, ...], float], axes: int, phi: Curve) -> None:
        self.offsets = np.array(list(points), dtype=float)
        self.weights = np.array(list(points.values()))
        self.sums = np.abs(self.offsets).sum(axis=1)
        degrees = product(range(ORDER + 1), repeat=axes)
        self.indices = sorted((k for k in degrees if sum(k) <= ORDER), key=lambda k: (sum(k), k))
        place = {k: n for n, k in enumerate(self.indices)}
        self.pairs = [
            (a, b, place[total])
            for a, i in enumerate(self.indices)
            for b, j in enumerate(self.indices)
            if (total := tuple(x + y for x, y in zip(i, j, strict=True))) in place
        ]
        self.sizes = np.array([sum(k) for k in self.indices])
        self.polynomials = [[float(c) for c in p.all_coeffs()] for p in phi.coefficients]
        powers = [1j ** sum(k) * np.prod(self.offsets**k, axis=1) / prod(map(factorial, k)) for k in self.indices]
        self.rows = np.array(powers) * self.weights  # Taylor coefficients of z, of each wave

    def excess(self, centres: Floats, delta: float) -> tuple[Floats, Floats]:
        """At each centre, and an upper bound on the cube of half-width delta about it."""
        z = self.rows @ np.exp(1j * (self.offsets @ centres))
        (p, more), (q, less) = (self._square(coefficients, z, delta) for coefficients in self.polynomials)
        found = p - (1 + TOLERANCE) * q
        bound = found[0] + (np.abs(found[1:]) * delta ** self.sizes[1:, None]).sum(axis=0)
        return found[0], bound + more + (1 + TOLERANCE) * less + ROUNDING

    def _square(self, coefficients: list[float], z: Complexes, delta: float) -> tuple[Floats, Floats]:
        """|p|² by its Taylor coefficients, and a bound on what is beyond them."""
        derivatives = [np.polyval(np.array(coefficients), z[0])]
        shifted = np.array(coefficients)
        for k in range(1, len(coefficients)):
            shifted = np.polyder(shifted)
            derivatives.append(np.polyval(shifted, z[0]) / factorial(k))
        moved = z.copy()
        moved[0] = 0
        total, power = np.zeros_like(z), np.zeros_like(z)
        power[0] = 1
        for d in derivatives[: ORDER + 1]:
            total = total + d * power
            power = self._times(power, moved)
        return self._times(total, total.conj()).real, self._beyond([np.abs(d) for d in derivatives], delta)

    def _times(self, a: Complexes, b: Complexes) -> Complexes:
        found = np.zeros_like(a)
        for i, j, k in self.pairs:
            found[k] += a[i] * b[j]
        return found

    def _beyond(self, sizes: list[Floats], delta: float) -> Floats:
        """The majorant's value less its terms up to δ³."""
        reach = float(np.abs(self.weights) @ np.expm1(self.sums * delta))
        m = [float(np.abs(self.weights) @ (self.sums * delta) ** k) / factorial(k) for k in range(ORDER + 1)]
        p: list[Any] = [*sizes, *[np.zeros_like(sizes[0])] * ORDER]
        whole = sum(size * reach**k for k, size in enumerate(sizes))
        t = (p[0], p[1] * m[1], p[1] * m[2] + p[2] * m[1] ** 2, p[1] * m[3] + 2 * p[2] * m[1] * m[2] + p[3] * m[1] ** 3)
        kept = t[0] ** 2 + 2 * t[0] * t[1] + 2 * t[0] * t[2] + t[1] ** 2 + 2 * (t[0] * t[3] + t[1] * t[2])
        return np.asarray(np.maximum(whole**2 - kept, 0))
