"""Power series in one variable, cut off after a degree, over anything that adds and multiplies (no division)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Element = Any
Series = list[Element]  # lowest power first


@dataclass(frozen=True)
class Ring:
    """The arithmetic that elements come from, and the degree after which series are cut off."""

    arithmetic: Any
    degree: int

    @property
    def zero(self) -> Element:
        """0."""
        return self.arithmetic.zero

    @property
    def one(self) -> Element:
        """1."""
        return self.arithmetic.one


def plus(a: Series, b: Series, ring: Ring) -> Series:
    """a + b."""
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    return [x + y for x, y in zip(longer, shorter, strict=False)] + longer[len(shorter) :]


def negative(a: Series, ring: Ring) -> Series:
    """−a."""
    return [ring.zero - x for x in a]


def times(a: Series, b: Series, ring: Ring) -> Series:
    """a·b up to the degree of the ring."""
    if not a or not b:
        return []
    product = [ring.zero] * min(len(a) + len(b) - 1, ring.degree + 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b[: max(len(product) - i, 0)]):
            product[i + j] = product[i + j] + x * y
    return product


def determinant(matrix: Sequence[Sequence[Element]], ring: Ring) -> Series:
    """det(I − zA)."""
    constants = [[[x] for x in row] for row in matrix]
    return [c[0] for c in reversed_characteristic(constants, Ring(ring.arithmetic, 0))]


def reversed_characteristic(matrix: Sequence[Sequence[Series]], ring: Ring) -> list[Series]:
    """det(I − wM) = Σ c_k w^k for a matrix of series, by Berkowitz's algorithm (1984): no division.

    An empty series is 0. The characteristic polynomial is Σ c_k ζ^(n−k)."""
    known: list[Series] = [[ring.one]]
    for n, row in enumerate(matrix):
        # one more row and column: a Toeplitz matrix with 1, −a, −RC, −RMC, … is multiplied on
        column = [matrix[i][n] for i in range(n)]
        first = [[ring.one], negative(row[n], ring)]
        for k in range(n if any(row[:n]) else 0):
            first.append(negative(_dot(row[:n], column, ring), ring))
            if k + 1 < n:
                column = [_dot(matrix[i][:n], column, ring) for i in range(n)]
        known = [_convolved(first, known, k, ring) for k in range(n + 2)]
    return known


def _convolved(first: list[Series], known: list[Series], k: int, ring: Ring) -> Series:
    total: Series = []
    for j, c in enumerate(known):
        if 0 <= k - j < len(first):
            total = plus(total, times(first[k - j], c, ring), ring)
    return total


def _dot(a: Sequence[Series], b: Sequence[Series], ring: Ring) -> Series:
    total: Series = []
    for x, y in zip(a, b, strict=True):
        if x and y:
            total = plus(total, times(x, y, ring), ring)
    return total
