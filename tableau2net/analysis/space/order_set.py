"""The weights of a stencil on the set where an order holds: w = w₀ + N z, exactly.

Order conditions in space are linear in the weights: the moments M_k(w) = Σ_j w_j j^k/k! of |k| < |o| + p stay what they
are. All moments that are independent on the points of a stencil are a change of basis, w = V⁻¹ M; those that no
condition fixes are the z, as in PDE-Net (Long, Lu, Ma, Dong 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import factorial, prod

from sympy import QQ
from sympy.polys.matrices import DomainMatrix

from tableau2net.errors import InputError

Offset = tuple[int, ...]


@dataclass(frozen=True)
class MomentBasis:
    """Independent moments on some points, lowest degrees first.

    indices: k of each.  rows: j^k/k! at each point.  inverse: weights from moments, a row a point."""

    indices: tuple[Offset, ...]
    rows: tuple[tuple[QQ, ...], ...]
    inverse: tuple[tuple[QQ, ...], ...]


@cache
def moment_basis(points: tuple[Offset, ...]) -> MomentBasis:
    """The moments of a set of points: as many as there are points, each of the lowest degree that is independent."""
    d = len(points[0])
    reach = [len({at[a] for at in points}) for a in range(d)]
    candidates = sorted(product(*map(range, reach)), key=lambda k: (sum(k), tuple(-n for n in k)))
    rows = [tuple(_moment_row(k, points)) for k in candidates]
    columns = DomainMatrix([list(r) for r in rows], (len(rows), len(points)), QQ).transpose()
    chosen = columns.rref()[1]
    kept = tuple(rows[i] for i in chosen)
    square = DomainMatrix([list(r) for r in kept], (len(kept), len(points)), QQ)
    inverse = square.inv().to_list()
    return MomentBasis(tuple(candidates[i] for i in chosen), kept, tuple(map(tuple, inverse)))


def _moment_row(k: Offset, points: Sequence[Offset]) -> list[QQ]:
    below = prod(map(factorial, k))
    return [QQ(prod(j**n for j, n in zip(at, k, strict=True)), below) for at in points]


def free_moments(orders: Offset, order: int, points: tuple[Offset, ...], *, symmetric: bool) -> list[int]:
    """Which moments of the basis no condition fixes, where a derivative of these orders keeps an order.

    symmetric: those of the other parity along an axis than the derivative stay 0 too, so that the stencil stays
    symmetric or antisymmetric along each. Raises InputError where its points are not so themselves."""
    basis = moment_basis(points)
    if symmetric and any(
        {tuple(-j if a == b else j for b, j in enumerate(at)) for at in points} != {*points} for a in range(len(orders))
    ):
        raise InputError("keep_symmetry: the points of the stencil are not symmetric about its own")
    fixed = sum(orders) + order
    return [
        i
        for i, k in enumerate(basis.indices)
        if sum(k) >= fixed and not (symmetric and any((n - m) % 2 for n, m in zip(k, orders, strict=True)))
    ]
