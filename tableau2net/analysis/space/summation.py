"""Summation by parts: D = H⁻¹Q, H > 0, Q + Qᵀ = diag(−1, 0, …, 0, 1), so that 2 (u, Du)_H = u_N² − u_0² as for ∫ u u'.

Kreiss and Scherer 1974; Strand 1994. It is an identity of exact matrices. One grid decides it for every finer one:
where the two ends do not touch, each kind of pair of nodes occurs: near an end both, one of them, and none.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, S, bernoulli

from tableau2net.exact.balls import Balls
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.exact.polynomials import sign_in
from tableau2net.scheme import Stencil, by_name

Entries = dict[tuple[int, int], Element]


@dataclass(frozen=True)
class Defect:
    """An entry of Q + Qᵀ that is not what summation by parts needs; nodes from the left, if negative from the right."""

    row: int
    column: int
    value: Expr

    def __str__(self) -> str:
        return f"Q + Qᵀ is off by {self.value} at ({self.row}, {self.column})"


@dataclass(frozen=True)
class Summation:
    """holds: whether D satisfies summation by parts with its norm.  defects: the entries of Q + Qᵀ that miss.

    positive: H > 0.  quadrature: the order of H as a quadrature rule: Σ h H_i f_i = ∫ f + O(h^quadrature)."""

    holds: bool
    positive: bool
    defects: tuple[Defect, ...]
    quadrature: int


def bounded_matrix(stencil: Stencil, nodes: int) -> dict[tuple[int, int], Expr]:
    """h^m D of a bounded stencil on a grid of nodes, by row and column, zeros left out: its own weights in the inside,
    the boundary rows at the left end, and at the right end these mirrored with the sign (−1)^m."""
    rows = [dict(enumerate(row.weights)) for row in stencil.boundary or ()]
    mirror = (-1) ** stencil.orders[0]
    found: dict[tuple[int, int], Expr] = {}
    for i in range(nodes):
        if i < len(rows):
            found |= {(i, j): w for j, w in rows[i].items()}
        elif nodes - 1 - i < len(rows):
            found |= {(i, nodes - 1 - j): mirror * w for j, w in rows[nodes - 1 - i].items()}
        else:
            found |= {(i, i + j): w for (j,), w in stencil.points.items()}
    return {at: w for at, w in found.items() if not w.is_zero}


def smallest_grid(stencil: Stencil) -> int:
    """So many nodes that the ends do not touch: those near one end reach, and are reached from, none near the other."""
    rows = stencil.boundary or ()
    reach = max(abs(j) for (j,) in stencil.points)
    near = max(len(rows), *(len(row.weights) for row in rows), len(stencil.norm or ())) if rows else 0
    return 2 * (near + reach) + 2 * reach + 1


@by_name(Stencil)
def summation_by_parts(stencil: Stencil) -> Summation | None:
    """Whether a bounded stencil for a first derivative sums by parts, at declared parameter values; None for others."""
    if stencil.orders != (1,) or not stencil.boundary or stencil.norm is None:
        return None
    fixed = stencil.at_defaults()
    assert fixed.norm is not None
    nodes = smallest_grid(fixed)
    matrix = bounded_matrix(fixed, nodes)
    norm = [*fixed.norm, *[S.One] * (nodes - 2 * len(fixed.norm)), *reversed(fixed.norm)]
    domain: Domain | Balls = domain_of([*matrix.values(), *norm]) if fixed.digits is None else Balls(fixed.digits)
    defects = _defects(matrix, norm, nodes, domain)
    exact = domain_of(fixed.norm)
    sign = sign_in(exact.domain)
    positive = all(sign(exact.convert(x)) > 0 for x in fixed.norm)
    return Summation(positive and not defects, positive, tuple(defects), quadrature_order(fixed))


def _defects(matrix: dict[tuple[int, int], Expr], norm: list[Expr], nodes: int, domain: Domain | Balls) -> list[Defect]:
    total: Entries = {(0, 0): domain.one, (nodes - 1, nodes - 1): domain.zero - domain.one}
    for (i, j), w in matrix.items():
        value = domain.convert(norm[i]) * domain.convert(w)
        for at in ((i, j), (j, i)):
            total[at] = total[at] + value if at in total else value
    wrong = sorted((i, j) for (i, j), value in total.items() if value and i <= j)

    def named(k: int) -> int:
        return k if k <= nodes // 2 else k - nodes

    return [Defect(named(i), named(j), domain.expression(total[i, j])) for i, j in wrong]


def quadrature_order(stencil: Stencil) -> int:
    """The order of h (H_0 f_0 + H_1 f_1 + … + f_i + …) as a rule for ∫ f from an end on, exactly.

    By the Euler–Maclaurin formula Σ_{i ≥ 0} i^k stands for −B_{k+1}/(k + 1), and for 1/2 where k = 0: the weights
    near the end owe Σ_i (H_i − 1) i^k = B_{k+1}/(k + 1), and −1/2. The first k that fails makes an error O(h^(k+1))."""
    norm = stencil.at_defaults().norm or ()
    domain = domain_of(norm) if stencil.digits is None else Balls(stencil.digits)
    for k in range(2 * len(norm) + 2):
        found = domain.zero
        for i, x in enumerate(norm):
            found = found + (domain.convert(x) - domain.one) * i**k
        owed = S(bernoulli(k + 1)) / (k + 1) if k else S.NegativeOne / 2
        if found - domain.rational(int(owed.p), int(owed.q)):
            return k + 1
    return 2 * len(norm) + 2
