"""Compact difference formulas of the highest order on their points (Lele 1992, J. Comput. Phys. 103, pp. 16-42).

Σ_l α_l (Du)_{i+l} = h^−m Σ_j w_j u_{i+j}, both sides symmetric, the right one antisymmetric for an odd m.
The conditions M_k(w) = M_{k−m}(α) of the parity of m, for k < m + p, are linear and as many as there are weights:
p = 2(L + R) for first and second derivatives with L neighbours on the left side and R on the right.
"""

from __future__ import annotations

from fractions import Fraction
from math import factorial

from tableau2net.exact.elimination import solved
from tableau2net.scheme.constructed.fractions import exact
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.constructed.stencils import sides
from tableau2net.scheme.stencil import Side, Stencil

DERIVATIVES = range(1, 5)
ORDERS = range(4, 17, 2)


def compact(derivative: int, order: int) -> Stencil:
    """The tridiagonal formula of order 4 or 6, the pentadiagonal one of 8 or 10, and so on."""
    left = order // 4
    return balanced(derivative, left, (derivative - 1) // 2 + order // 2 - left)


def balanced(derivative: int, left: int, right: int) -> Stencil:
    """With so many neighbours a side, on the left and on the right."""
    odd = derivative % 2
    weights = range(odd, right + 1)  # w_j, j ≥ 0; those at −j follow
    rows, wanted = [], []
    for k in range(odd, odd + 2 * (left + len(weights)), 2):
        row = {i: _pair(j, k) for i, j in enumerate(weights)}
        row |= {len(weights) - 1 + i: -_pair(i, k - derivative) for i in range(1, left + 1)}
        rows.append({i: x for i, x in row.items() if x})
        wanted.append({0: Fraction(1)} if k == derivative else {})
    found = solved(rows, wanted)
    assert found is not None  # conditions of Hermite interpolation
    values = [row.get(0, Fraction(0)) for row in found]
    w, a = values[: len(weights)], values[len(weights) :]
    sign = -1 if odd else 1
    return Stencil(
        derivative,
        exact([*(sign * x for x in reversed(w[1 - odd :])), *([Fraction(0)] if odd else []), *w]),
        offsets=range(-right, right + 1),
        left=Side(range(-left, left + 1), exact([*reversed(a), Fraction(1), *a])),
    )


def _pair(j: int, k: int) -> Fraction:
    """What weights 1 at j and (−1)^k at −j give to M_k; one alone at j = 0."""
    if k < 0:
        return Fraction(0)
    return Fraction((2 if j else 1) * j**k, factorial(k))


register_scheme_patterns(
    SchemePattern(
        pattern="compact-{}-{}",
        members=[(m, p) for m in DERIVATIVES for p in ORDERS],
        build=compact,
        title=lambda m, p: f"Compact difference of derivative {m}, order {p}",
        reference="Lele 1992, J. Comput. Phys. 103, pp. 16-42",
        claims=lambda m, p: {"order": p, **sides(m)},
        listed=14,
        kind="stencil",
    )
)
