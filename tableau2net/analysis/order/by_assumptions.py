"""The order of methods of collocation type, by Butcher's theorem instead of by trees.

A method of twelve stages and order 24 has millions of order conditions. It also fulfils the simplifying assumptions

    B(p): Σ_i b_i c_i^(k−1) = 1/k, k ≤ p
    C(q): Σ_j a_ij c_j^(k−1) = c_i^k/k, k ≤ q
    D(r): Σ_i b_i c_i^(k−1) a_ij = b_j/k (1 − c_j^k), k ≤ r

with p ≤ q + r + 1 and p ≤ 2q + 2, and then its order is p at least (Butcher 1964; HNW I, II.7, Theorem 7.4).
Where that misses p by one, symmetry can supply it: the order of a symmetric method is even (HLW II.3, Theorem 3.2).
It is p exactly, because B(p + 1), one of the conditions of order p + 1, fails. Methods whose nodes are not row sums,
so that C(1) fails, are left to trees: their order is two at most here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import lcm
from typing import Any

from sympy import Expr, Rational, expand

from tableau2net.analysis.order.evidence import Order, Residual, kind_of
from tableau2net.exact.domain import Domain, domain_of
from tableau2net.scheme import RungeKutta, Scheme

Element = Any


def order_by_simplifying(scheme: Scheme, *, embedded: bool = False) -> int | None:
    """The order, where the simplifying assumptions settle it; None where they do not, or do not apply.

    Exact; with `digits`, conditions are taken as true to that many decimals. `embedded`: of the embedded method.
    Raises InputError when the coefficients lie outside what can be computed exactly."""
    proved = proved_by_simplifying(scheme, embedded=embedded)
    return None if proved is None else proved.order


def proved_by_simplifying(scheme: Scheme, *, embedded: bool = False, least: int = 0) -> Order | None:
    """`order_by_simplifying` with the evidence that it is not more: of the conditions that fail, the one of the
    quadrature formula, whose tree is a root with `order` leaves. Nothing is proved of an order under `least`."""
    if not isinstance(scheme, RungeKutta) or scheme.parameters:
        return None
    b = scheme.b_hat if embedded else scheme.b
    if b is None:
        return None
    numbers = _Numbers(scheme, b)
    p = numbers.quadrature()
    if p < least:
        return None
    q = numbers.stages(p)
    proved = min(2 * q + 2, q + numbers.adjoint(p - q - 1) + 1)
    if proved == p - 1 and p % 2 == 0 and numbers.symmetric():
        proved = p
    if proved < p or not q:
        return None
    failing = Residual((1, *(2,) * p), numbers.residual(p + 1))
    return Order(p, kind_of(scheme), True, (failing,), p)


class _Numbers:
    """The tableau times `scale`, in which each condition is a number that should be zero.

    Decimals become integers, of which sums of products are cheap; else the scale is 1, in the coefficients' domain.
    """

    def __init__(self, scheme: RungeKutta, b: tuple[Any, ...]) -> None:
        entries = [*(a for row in scheme.A for a in row), *b, *scheme.c]
        self.digits = scheme.digits if all(x.is_Rational for x in entries) else None
        if self.digits is None:
            self.domain: Domain | None = domain_of(entries)
            self.scale: Element = self.domain.one
            convert: Callable[[Any], Element] = self.domain.convert
        else:
            self.domain = None
            self.scale = lcm(*(int(x.q) for x in entries))
            convert = self._integer
        self._table, self._convert = scheme.A, convert
        self.b = [convert(x) for x in b]
        self.c = [convert(x) for x in scheme.c]

    @cached_property
    def A(self) -> list[list[Element]]:
        """Converted when first needed: of most tableaus, b and c settle that nothing is proved."""
        return [[self._convert(a) for a in row] for row in self._table]

    def _integer(self, x: Any) -> Element:
        return int(x.p) * (self.scale // int(x.q))

    def _zero(self, number: Element, power: int, k: int) -> bool:
        """Whether a number that holds k times a residual, times scale^power, is zero."""
        if self.digits is None:
            return not number
        return bool(abs(number) * 10**self.digits <= k * self.scale**power)

    def quadrature(self) -> int:
        """The largest p with B(p); at most 2s."""
        terms = list(self.b)  # b_i c_i^(k−1)
        for k in range(1, 2 * len(self.b) + 2):
            if not self._zero(k * sum(terms) - self.scale**k, k, k):
                return k - 1
            terms = [t * c for t, c in zip(terms, self.c, strict=True)]
        return 2 * len(self.b)

    def residual(self, k: int) -> Expr:
        """Σ_i b_i c_i^(k−1) − 1/k."""
        total = sum(b * c ** (k - 1) for b, c in zip(self.b, self.c, strict=True))
        if self.domain is None:
            return Rational(total, self.scale**k) - Rational(1, k)
        if self.domain.domain.is_AlgebraicField and len(total.to_list()) < 2:  # rational, as on conjugate nodes
            return self.domain.domain.dom.to_sympy(sum(total.to_list())) - Rational(1, k)
        return expand(self.domain.expression(total)) - Rational(1, k)

    def stages(self, limit: int) -> int:
        """The largest q ≤ limit with C(q)."""
        powers = [self.scale**0 for _ in self.c]  # c^(k−1)
        for k in range(1, limit + 1):
            raised = [x * c for x, c in zip(powers, self.c, strict=True)]
            for row, target in zip(self.A, raised, strict=True):
                left = sum(a * x for a, x in zip(row, powers, strict=True) if a)
                if not self._zero(k * left - target, k, k):
                    return k - 1
            powers = raised
        return limit

    def adjoint(self, limit: int) -> int:
        """The largest r ≤ limit with D(r)."""
        terms, powers = list(self.b), [self.scale**0 for _ in self.c]
        for k in range(1, limit + 1):
            powers = [x * c for x, c in zip(powers, self.c, strict=True)]
            one = self.scale**k
            for j, weight in enumerate(self.b):
                left = sum(t * row[j] for t, row in zip(terms, self.A, strict=True) if row[j])
                if not self._zero(k * left - weight * (one - powers[j]), k + 1, k):
                    return k - 1
            terms = [t * c for t, c in zip(terms, self.c, strict=True)]
        return max(limit, 0)

    def symmetric(self) -> bool:
        """Whether the method is its own adjoint: a_ij + a_{s+1−i,s+1−j} = b_j and c_i + c_{s+1−i} = 1, as written."""
        s = range(len(self.b))
        return all(
            self._zero(self.A[i][j] + self.A[-1 - i][-1 - j] - self.b[j], 1, 1)
            and self._zero(self.b[j] - self.b[-1 - j], 1, 1)
            and self._zero(self.c[j] + self.c[-1 - j] - self.scale, 1, 1)
            for i in s
            for j in s
        )
