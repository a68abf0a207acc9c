"""Orders that stiffness leaves: weak stage order, and the order on y' = λ(y − φ(t)) + φ'(t) that no λ takes away.

There a step from the solution misses by Σ_k h^k φ^(k)/(k−1)! · W_k(z) with

    W_k(z) = bᵀc^(k−1) − 1/k + z bᵀ(I − zA)⁻¹ τ_k,    τ_k = A c^(k−1) − c^k/k,    z = hλ

(Prothero & Robinson 1974; Ostermann & Roche 1992), and W_k vanishes for every z where bᵀc^(k−1) = 1/k and
bᵀA^j τ_k = 0 for all j: weak stage order."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Poly

from tableau2net.analysis.order.assumptions import nodes
from tableau2net.analysis.order.conditions import order
from tableau2net.analysis.reading.linear import Z
from tableau2net.analysis.stability.verdicts import stability
from tableau2net.analysis.structure.tableau import arithmetic
from tableau2net.exact.domain import Element, domain_of
from tableau2net.exact.polynomials import hurwitz
from tableau2net.exact.series import Ring, determinant, times
from tableau2net.scheme import RungeKutta, Scheme

Vector = list[Element]


def weak_stage_order(scheme: Scheme) -> int | None:
    """The largest q with bᵀA^j τ_k = 0 for every j and all k ≤ q, and q at most the order: some space that A maps into
    itself holds τ_1 … τ_q and is orthogonal to b (Rosales, Seibold, Shirokoff & Zhou 2017; Ketcheson, Seibold,
    Shirokoff & Zhou 2020, Definition 2). At least the stage order. To the decimals where a source printed decimals.
    None for families without stages."""
    if not isinstance(scheme, RungeKutta):
        return None
    numbers, p = arithmetic(scheme), order(scheme)
    A, b = [[numbers.convert(a) for a in row] for row in scheme.A], [numbers.convert(x) for x in scheme.b]
    powers, c = [numbers.one] * scheme.stages, nodes(scheme, numbers)
    for k in range(1, p + 1):
        raised = [x * y for x, y in zip(powers, c, strict=True)]
        defect = [k * x - y for x, y in zip(_applied(A, powers, numbers.zero), raised, strict=True)]
        if any(_seen(A, b, defect, numbers.zero)):
            return k - 1
        powers = raised
    return p


def stiff_order(scheme: Scheme) -> int | None:
    """The order on y' = λ(y − φ(t)) + φ'(t) with steps of one size, uniformly for all Re hλ ≤ 0, of an A-stable method
    at the declared parameter values: its weak stage order q, or q + 1 where that is not over the order and
    W_(q+1)/(1 − R) is bounded for Re z ≤ 0, so that errors of size h^(q+1) do not add up (Ostermann & Roche 1992,
    Theorem 1; Burrage, Hundsdorfer & Verwer 1986). None for others."""
    if not isinstance(scheme, RungeKutta) or scheme.explicit or not stability(scheme).a_stable:
        return None
    fixed = scheme.at_defaults() if scheme.parameters else scheme
    q = weak_stage_order(fixed)
    assert q is not None
    return q + 1 if q < order(fixed) and _bounded(fixed, q + 1) else q


def _bounded(scheme: RungeKutta, k: int) -> bool:
    """Whether W_k/(1 − R) = zN/(Q − P) has no pole for Re z ≤ 0, ∞ included."""
    domain = domain_of([*(a for row in scheme.A for a in row), *scheme.b, *scheme.c])
    A, b = [[domain.convert(a) for a in row] for row in scheme.A], [domain.convert(x) for x in scheme.b]
    c = [domain.convert(x) for x in scheme.c]
    powers = [x ** (k - 1) for x in c]
    defect = [
        x - y * z * domain.rational(1, k) for x, y, z in zip(_applied(A, powers, domain.zero), powers, c, strict=True)
    ]
    ring = Ring(domain, scheme.stages)
    Q = determinant(A, ring)
    N = times(Q, _seen(A, b, defect, domain.zero), ring)[: scheme.stages]
    grown = times(Q, _seen(A, b, [domain.one] * scheme.stages, domain.zero), ring)[: scheme.stages]  # (P − Q)/z
    above, below = (Poly(x[::-1] or [0], Z, domain=domain.domain) for x in (N, grown))
    common = above.gcd(below)
    above, below = above.quo(common), below.quo(common)
    return above.degree() <= below.degree() and hurwitz(below.compose(Poly(-Z, Z, domain=below.domain)))


def _seen(A: Sequence[Vector], b: Vector, v: Vector, zero: Element) -> Vector:
    """bᵀA^j v for j = 0 … s − 1; fewer where A^j v vanishes before."""
    found: Vector = []
    while len(found) < len(b) and any(v):
        found.append(sum((x * y for x, y in zip(b, v, strict=True) if x and y), zero))
        v = _applied(A, v, zero)
    return found


def _applied(A: Sequence[Vector], v: Vector, zero: Element) -> Vector:
    return [sum((a * x for a, x in zip(row, v, strict=True) if a and x), zero) for row in A]
