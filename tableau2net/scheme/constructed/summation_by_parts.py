"""First differences on an interval that sum by parts (Kreiss and Scherer 1974; Strand 1994).

D = H⁻¹Q with a diagonal H > 0 and Q + Qᵀ = diag(−1, 0, …, 0, 1): the central difference of order 2τ inside, and 2τ rows
of order τ at each end. That these are exact for polynomials of degree τ, Σ_j Q_ij j^k = k i^(k−1) H_i, is linear in H
and in the entries of Q that are open, those over the diagonal of its first 2τ rows and columns. H follows; what stays
open in Q from τ = 3 on are parameters, which begin where Mattsson and Nordström have put them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from sympy import Expr, Rational, S

from tableau2net.exact.domain import domain_of
from tableau2net.exact.linear_systems import Exact
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.constructed.stencils import central
from tableau2net.scheme.parameters import Parameter
from tableau2net.scheme.stencil import BoundaryRow, Stencil

REFERENCE = "Strand 1994, J. Comput. Phys.; Mattsson and Nordström 2004, J. Comput. Phys. 199, pp. 503-540"
# entries of Q by their nodes, as the second of these chooses them
CHOSEN: Mapping[int, Mapping[str, str]] = {
    6: {"q45": "342523/518400"},
    8: {"q56": "-231661/322560", "q57": "7120007/33868800", "q67": "70710683/101606400"},
}
Row = list[Expr]


def by_parts(order: int, at_the_ends: int) -> Stencil:
    """The operator of an even order; `at_the_ends` is half of it."""
    inside = central(1, order)
    half = {j: w for (j,), w in inside.points.items() if j > 0}  # reaches as far as the rows' order
    norm, block, free = _solved(order, at_the_ends, half)
    rows = [_row(i, order, block, half, h) for i, h in enumerate(norm)]
    plain = [S.Zero] * (order - 1) + list(inside.weights)  # the row of node order + at_the_ends − 1, which ends none
    while rows and rows[-1] == _trimmed(plain[order + at_the_ends - len(rows) :]):
        rows.pop()
    return Stencil(
        1,
        inside.weights,
        offsets=inside.offsets,
        norm=norm[: len(rows)],
        boundary=[BoundaryRow(row, parameters=free) for row in rows],
        parameters=free,
    )


def _solved(
    order: int, at_the_ends: int, half: Mapping[int, Expr]
) -> tuple[Row, dict[tuple[int, int], Expr], list[Parameter]]:
    """H, the open entries of Q, and the parameters that these are written in."""
    pairs = list(combinations(range(order), 2))
    system = Exact(domain_of(()))
    left, right = [], []
    for i in range(order):
        for k in range(at_the_ends + 1):
            # what the entries that are known give: Q_00 = −1/2, and the central weights beyond the block
            known = sum((w * (i + j) ** k for j, w in half.items() if i + j >= order), S.Zero)
            known -= Rational(1, 2) if (i, k) == (0, 0) else 0
            equation = {n: (b**k if a == i else -(a**k)) for n, (a, b) in enumerate(pairs, order) if i in (a, b)}
            equation[i] = -k * i ** (k - 1) if k else 0
            left.append([system.rational(equation.get(n, 0), 1) for n in range(order + len(pairs))])
            right.append([system.convert(-known)])
    found = system.solved(left, right)
    assert found is not None  # Kreiss and Scherer
    values, kernel = [system.expression(x) for (x,) in found[0]], found[1]
    names = [_name(pairs[max(n for n, x in enumerate(direction) if x) - order]) for direction in kernel]
    free = [Parameter(name, CHOSEN[order][name]) for name in names]
    for parameter, direction in zip(free, kernel, strict=True):
        values = [v + parameter.symbol * system.expression(x) for v, x in zip(values, direction, strict=True)]
    return values[:order], dict(zip(pairs, values[order:], strict=True)), free


def _name(pair: tuple[int, int]) -> str:
    return f"q{pair[0]}{pair[1]}"


def _row(i: int, order: int, block: Mapping[tuple[int, int], Expr], half: Mapping[int, Expr], h: Expr) -> Row:
    """D_ij = Q_ij/H_i for j = 0, 1, …"""
    start = [-block[j, i] for j in range(i)] + [S.Zero if i else -S.Half] + [block[i, j] for j in range(i + 1, order)]
    return _trimmed(
        [(q / h).expand() for q in [*start, *(half.get(j - i, S.Zero) for j in range(order, order + len(half)))]]
    )


def _trimmed(row: Row) -> Row:
    while row and row[-1] == 0:
        row = row[:-1]
    return row


register_scheme_patterns(
    SchemePattern(
        pattern="sbp-{}-{}",
        members=[(p, p // 2) for p in (2, 4, 6, 8)],
        build=by_parts,
        title=lambda p, q: f"First difference that sums by parts, order {p} inside and {q} at the ends",
        reference=REFERENCE,
        claims=lambda p, q: {"order": p, "boundary_order": q, "antisymmetric": True, "sbp": True},
        kind="stencil",
        parameters=lambda p, q: tuple(CHOSEN.get(p, {})),
    )
)
