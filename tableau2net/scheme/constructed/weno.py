"""Weighted essentially non-oscillatory differences of order 2r − 1, as far as they are tables (Jiang and Shu 1996).

On r cells the polynomial with their means gives a flux at the right end of cell i; r such candidates, from the one
furthest behind on, make up the flux of order 2r − 1 with linear weights. Smoothness is β = Σ_{l=1}^{r−1} ∫ (∂^l p)²
over cell i, with h = 1. All of it is derived: means are differences of a primitive, interpolated at the cells' ends.
"""

from __future__ import annotations

from fractions import Fraction

from tableau2net.scheme.constructed import polynomial
from tableau2net.scheme.constructed.fractions import exact
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.constructed.polynomial import Polynomial
from tableau2net.scheme.stencil import Stencil

HALF = Fraction(1, 2)
ORDERS = range(3, 14, 2)
Matrix = list[list[Fraction]]


def candidate(order: int, which: int) -> Stencil:
    """The difference of two fluxes of one candidate, the furthest behind first: of order (order + 1)/2."""
    cells = (order + 1) // 2
    first = which + 1 - cells
    return _difference(first, flux(first, cells))


def flux(first: int, cells: int) -> list[Fraction]:
    """The value at 1/2 of the polynomial with given means of the cells first, first + 1, …: their weights."""
    return [polynomial.value(p, HALF) for p in _means(first, cells)]


def linear_weights(order: int) -> list[Fraction]:
    """What the candidates count for in the flux of the whole order."""
    cells = (order + 1) // 2
    left, found = flux(1 - cells, order), []
    for k in range(cells):  # the cell furthest behind is in this candidate alone of those that are left
        own = flux(k + 1 - cells, cells)
        found.append(left[k] / own[0])
        for j, w in enumerate(own, k):
            left[j] -= found[k] * w
    return found


def smoothness(order: int, which: int) -> Matrix:
    """The quadratic form β of a candidate in the means of its cells."""
    cells = (order + 1) // 2
    basis = _means(which + 1 - cells, cells)
    total = [[Fraction(0)] * cells for _ in basis]
    for _ in range(1, cells):
        basis = [polynomial.derivative(p) for p in basis]
        for i, p in enumerate(basis):
            for j, q in enumerate(basis):
                total[i][j] += polynomial.integral(polynomial.product(p, q), -HALF, HALF)
    return total


def _means(first: int, cells: int) -> list[Polynomial]:
    """The polynomials whose mean is 1 in one cell and 0 in the others: cell j reaches from j − 1/2 to j + 1/2."""
    ends = [first + i - HALF for i in range(cells + 1)]
    primitives = polynomial.lagrange(ends)  # a cell adds 1 to the primitive at all ends after it
    summed = [[sum(c) for c in zip(*primitives[i + 1 :], strict=True)] for i in range(cells)]
    return [polynomial.derivative(p) for p in summed]


def _difference(first: int, weights: list[Fraction]) -> Stencil:
    """The flux at the right end of cell i less that at its left end."""
    both = [a - b for a, b in zip([Fraction(0), *weights], [*weights, Fraction(0)], strict=True)]
    return Stencil(1, exact(both), offsets=range(first - 1, first + len(weights)))


register_scheme_patterns(
    SchemePattern(
        pattern="weno-{}-{}",
        members=[(p, k) for p in ORDERS for k in range((p + 1) // 2)],
        build=candidate,
        title=lambda p, k: f"Candidate {k} of the differences of WENO of order {p}",
        reference="Jiang and Shu 1996, J. Comput. Phys. 126, pp. 202-228",
        claims=lambda p, k: {"order": (p + 1) // 2},
        listed=5,
        kind="stencil",
    )
)
