"""Signs of polynomials on boxes, proved: Bernstein's basis in one or two variables, over whole numbers.

On the unit box p = Σ b_ij B_ij with B_ij ≥ 0, so p ≤ 0 where no b_ij is positive; and the corner coefficients are
values. What neither tells is cut in half (de Casteljau), with whole numbers throughout. Where they become long they
are rounded up, so that what is shown to be ≤ 0 is so.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import comb, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.object_]  # whole numbers of any length, an axis a variable

BITS = {1: 8000, 2: 600}  # by the number of variables: longer numbers are rounded up to half as many


def bernstein(powers: Grid) -> Grid:
    """A polynomial by powers on the unit box in Bernstein's basis, times a positive number."""
    for axis, size in enumerate(powers.shape):
        powers = _applied(_to_bernstein(size - 1), powers, axis)
    return powers


def moved(powers: Grid, axis: int, low: Any, high: Any) -> Grid:
    """p by powers of a variable that runs over [low, high], by those of one that runs over [0, 1]; times a positive
    number."""
    n = powers.shape[axis] - 1
    q = lcm(int(low.denominator), int(high.denominator))
    a, b = (int(x.numerator) * (q // int(x.denominator)) for x in (low, high))
    matrix = np.zeros((n + 1, n + 1), dtype=object)
    for k in range(n + 1):  # (a + (b − a)s)^k q^(n−k)
        for j in range(k + 1):
            matrix[j, k] = comb(k, j) * a ** (k - j) * (b - a) ** j * q ** (n - k)
    return _applied(matrix, powers, axis)


def reversed_powers(powers: Grid, axis: int) -> Grid:
    """x^n p(1/x)."""
    return np.flip(powers, axis)


def derivative(powers: Grid, axis: int) -> Grid:
    """∂p, by powers."""
    n = powers.shape[axis]
    shape = [1] * powers.ndim
    shape[axis] = max(n - 1, 1)
    if n == 1:
        return np.zeros_like(powers)
    factors = np.array(range(1, n), dtype=object).reshape(shape)
    return np.asarray(np.delete(powers, 0, axis) * factors)


def halves(b: Grid, axis: int) -> tuple[Grid, Grid]:
    """The coefficients on the two halves of the box, by de Casteljau; both times the same positive number."""
    v = np.moveaxis(b, axis, 0)
    n = len(v) - 1
    low, high = np.empty_like(v), np.empty_like(v)
    for k in range(n + 1):
        low[k], high[n - k] = v[0] * (1 << (n - k)), v[-1] * (1 << (n - k))
        v = v[:-1] + v[1:]
    return np.moveaxis(low, 0, axis), np.moveaxis(high, 0, axis)


def corners(b: Grid) -> Iterator[int]:
    """The values at the corners of the box."""
    yield from b[np.ix_(*([0, -1] for _ in b.shape))].ravel()


def longest(b: Grid) -> int:
    """The axis along which the coefficients vary most."""
    if b.ndim == 1:
        return 0
    bits = max((int(abs(x)).bit_length() for x in (b.max(), b.min())), default=0)
    rough = (b >> max(bits - 60, 0)).astype(float)
    spread = [
        np.abs(np.diff(rough, axis=axis)).sum(axis=axis).max() if n > 1 else -1.0 for axis, n in enumerate(b.shape)
    ]
    return int(np.argmax(spread))


def shortened(b: Grid) -> Grid:
    """The same where numbers are short, else rounded up: then only what is ≤ 0 is still sure."""
    bits, most = max(int(abs(x)).bit_length() for x in (b.max(), b.min())), BITS[b.ndim]
    return -((-b) >> (bits - most // 2)) if bits > most else b


def _applied(matrix: Grid, powers: Grid, axis: int) -> Grid:
    turned = np.moveaxis(powers, axis, 0)
    found = matrix.dot(turned.reshape(len(turned), -1)).reshape(len(matrix), *turned.shape[1:])
    return np.asarray(np.moveaxis(found, 0, axis))


@lru_cache(maxsize=128)
def _to_bernstein(n: int) -> Grid:
    """b_i = Σ_{k ≤ i} C(i, k)/C(n, k) c_k, times what makes it whole."""
    scale = lcm(*(comb(n, k) for k in range(n + 1)))
    matrix = np.zeros((n + 1, n + 1), dtype=object)
    for i in range(n + 1):
        for k in range(i + 1):
            matrix[i, k] = comb(i, k) * (scale // comb(n, k))
    return matrix
