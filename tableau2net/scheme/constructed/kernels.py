"""The kernels that PDE-Net starts with (Long, Lu, Ma and Dong 2018): in the plane, on a square of points.

The matrix of their moments, M_ij = Σ w x^i y^j/(i! j!), has one entry 1 and no other: V⁻¹ M V⁻ᵀ with V_ij = j^i/i! is
the product of the interpolants' derivatives along the axes.
"""

from __future__ import annotations

from sympy import S

from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.constructed.stencils import interpolating
from tableau2net.scheme.stencil import Stencil

SIZES = (3, 5, 7, 9)


def kernel(size: int, first: int, second: int) -> Stencil:
    """For derivatives of these orders along axis 0 and axis 1."""
    reach = size // 2
    points = range(-reach, reach + 1)
    down, along = (interpolating(m, points).points for m in (first, second))
    weights = [[down.get((i,), S.Zero) * along.get((j,), S.Zero) for j in points] for i in points]
    return Stencil((first, second), weights, centre=(reach, reach))


def _order(size: int, derivative: int) -> int:
    """Of an interpolant's derivative at the middle of an odd number of points; that of the value itself is exact."""
    return size - derivative + (derivative % 2 == 0) if derivative else size * 8


register_scheme_patterns(
    SchemePattern(
        pattern="pde-net-{}-{}-{}",
        members=[(n, a, b) for n in SIZES for a in range(n) for b in range(n) if 0 < a + b < n],
        build=kernel,
        title=lambda n, a, b: f"Kernel of PDE-Net on {n}×{n} points, derivatives {a} and {b}",
        reference="Long, Lu, Ma and Dong 2018, PDE-Net",
        claims=lambda n, a, b: {"order": min(_order(n, a), _order(n, b))},
        listed=5,
        kind="stencil",
    )
)
