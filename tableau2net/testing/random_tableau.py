"""The linear algebra behind drawn tableaus: conditions that are linear in b given c, and in A given b and c.

The order follows from the simplifying assumptions B(p), C(η), D(ζ): p ≤ η + ζ + 1 and p ≤ 2η + 2 suffice
(Butcher 1964; HNW I, II.7, Theorem 7.4). Up to order 4 it follows from C(1) and D(1) with one condition more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from tableau2net.analysis.reading.trees import forest
from tableau2net.exact.domain import domain_of
from tableau2net.exact.text import parse
from tableau2net.testing.linear_equations import Number, solution
from tableau2net.testing.nodes import Node

Shape = Literal["explicit", "diagonal", "full"]
Row = list[Number]
MAX_TRIANGULAR = 4  # the order that C(1) and D(1) carry


@dataclass(frozen=True)
class NumberField:
    """Where the arithmetic of one tableau happens: ℚ as fractions, or the number field of its nodes."""

    lift: Callable[[Fraction], Number]
    lower: Callable[[Number], Any]


RATIONAL = NumberField(lambda x: x, lambda x: x)


def field_of(nodes: Sequence[Node]) -> tuple[NumberField, Row]:
    """The smallest field that holds the nodes, and the nodes in it."""
    if all(isinstance(c, Fraction) for c in nodes):
        return RATIONAL, list(nodes)
    exact = [parse(c) for c in nodes]
    domain = domain_of(exact)
    return NumberField(lambda x: domain.rational(x.numerator, x.denominator), domain.expression), [
        domain.convert(c) for c in exact
    ]


def positions(shape: Shape, stages: int) -> list[tuple[int, int]]:
    """Where A may have entries."""
    beyond = {"explicit": 0, "diagonal": 1, "full": stages}[shape]  # of the row's own number
    return [(i, j) for i in range(stages) for j in range(min(i + beyond, stages))]


def weights(c: Row, order: int, wanted: Row) -> Row | None:
    """b with B(order), Σ b_i c_i^(k−1) = 1/k, as near to the wanted ones as that leaves open."""
    one = c[0] - c[0] + 1
    return solution(
        [[one * x ** (k - 1) if k > 1 else one for x in c] for k in range(1, order + 1)],
        [one / k for k in range(1, order + 1)],
        wanted,
    )


def triangular(shape: Shape, b: Row, c: Row, order: int, wanted: Row) -> list[Row] | None:
    """A of the shape with row sums c, of order up to 4 together with b, which fulfils B(order)."""
    at = positions(shape, len(b))
    stages = range(len(b))
    rows = [[Fraction(i == k) for i, _ in at] for k in stages]
    right = list(c)
    if order >= 3:  # Σ b A c = 1/6
        rows.append([b[i] * c[j] for i, j in at])
        right.append(Fraction(1, 6))
    if order >= 4:  # D(1), and Σ b c A c = 1/8
        rows += [[b[i] * (j == k) for i, j in at] for k in stages]
        right += [b[k] * (1 - c[k]) for k in stages]
        rows.append([b[i] * c[i] * c[j] for i, j in at])
        right.append(Fraction(1, 8))
    found = solution(rows, right, wanted)
    return None if found is None else matrix(at, found, len(b))


def matrix(at: list[tuple[int, int]], entries: Row, stages: int) -> list[Row]:
    """The square matrix with the entries at the given positions."""
    A: list[Row] = [[Fraction(0)] * stages for _ in range(stages)]
    for (i, j), entry in zip(at, entries, strict=True):
        A[i][j] = entry
    return A


def collocated(c: Row, eta: int, wanted: list[Row]) -> list[Row]:
    """A with C(eta), Σ_j a_ij c_j^(k−1) = c_i^k/k, row by row; collocation itself for eta = s."""
    one = c[0] - c[0] + 1
    powers = [[one] * len(c)]
    for _ in range(eta):
        powers.append([x * y for x, y in zip(powers[-1], c, strict=True)])
    found = []
    for i, row in enumerate(wanted):
        a = solution(powers[:eta], [powers[k][i] / k for k in range(1, eta + 1)], row)
        assert a is not None  # the nodes are distinct
        found.append(a)
    return found


def perturbed(A: list[Row], b: Row, c: Row, zeta: int, wanted: Row) -> list[Row]:
    """Collocation plus l ⊗ δ, where δ annihilates polynomials of degree below s − 1 on the nodes and l is orthogonal
    to b c^(k−1), k ≤ zeta: C(s − 1) and D(zeta) still hold."""
    one = c[0] - c[0] + 1
    s = len(c)
    delta = solution([[x**k if k else one for x in c] for k in range(s - 1)], [one - one] * (s - 1), [one] * s)
    left = solution(
        [[w * x**k if k else w for w, x in zip(b, c, strict=True)] for k in range(zeta)], [one - one] * zeta, wanted
    )
    assert delta is not None  # homogeneous equations have a solution
    assert left is not None
    return [[a + x * y for a, y in zip(row, delta, strict=True)] for row, x in zip(A, left, strict=True)]


def embedded_weights(A: list[Row], c: Row, order: int, wanted: Row) -> Row | None:
    """b̂ with every condition up to an order (they are linear in it): Σ b̂_i Φ_i(t) = 1/γ(t)."""
    one = c[0] - c[0] + 1
    grown = forest()
    rows: list[Row] = []
    right = []
    for n in range(1, order + 1):
        for t in grown.of_order(n):
            if t == 0:
                rows.append([one] * len(c))
            else:
                head, tail = rows[grown.head[t]], rows[grown.tail[t]]
                inner = [sum((a * x for a, x in zip(row, tail, strict=True)), one - one) for row in A]
                rows.append([x * y for x, y in zip(head, inner, strict=True)])
            right.append(one / grown.gamma[t])
    return solution(rows, right, wanted)
