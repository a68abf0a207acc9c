"""Fully implicit methods on the nodes of a quadrature formula (Hairer, Wanner II, IV.5; Butcher 1964).

Each family is fixed by its nodes and by one of the simplifying assumptions

    C(q): Σ_j a_ij c_j^(k−1) = c_i^k/k, k ≤ q        D(r): Σ_i b_i c_i^(k−1) a_ij = b_j/k (1 − c_j^k), k ≤ r.

C(s) is collocation: a_ij = ∫_0^{c_i} ℓ_j. D(s) is its transpose: a_ij = b_j (1 − â_ji/b_i), with â of collocation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import mpmath
from sympy import Expr, Rational

from tableau2net.exact.surds import expression
from tableau2net.scheme.constructed import polynomial
from tableau2net.scheme.constructed.quadrature import DIGITS, STORED, WORKING, is_exact, nodes
from tableau2net.scheme.runge_kutta import RungeKutta

Matrix = list[list[Any]]
Rule = Callable[[Sequence[Any], Sequence[Any]], Matrix]  # of nodes and weights


def table(kind: str, rule: Rule, s: int) -> RungeKutta:
    """The method with s nodes of a quadrature and the matrix that a rule makes of them."""
    with mpmath.workdps(WORKING):
        c = nodes(kind, s)
        b = weights(c)
        A = rule(c, b)
        if is_exact(kind, s):
            return RungeKutta(
                A=tuple(tuple(map(expression, row)) for row in A),
                b=tuple(map(expression, b)),
                c=tuple(map(expression, c)),
            )
        rows = [_decimals(row, x) for row, x in zip(A, c, strict=True)]
        return RungeKutta(A=tuple(rows), b=_decimals(b, 1), c=tuple(map(_decimal, c)), digits=DIGITS)


def weights(c: Sequence[Any]) -> list[Any]:
    """b_j = ∫_0^1 ℓ_j: interpolatory quadrature."""
    return [polynomial.integral(ell, 0, 1) for ell in polynomial.lagrange(c)]


def collocation(c: Sequence[Any], b: Sequence[Any]) -> Matrix:
    """C(s)."""
    return _moments(c, polynomial.lagrange(c))


def transposed(c: Sequence[Any], b: Sequence[Any]) -> Matrix:
    """D(s)."""
    A, s = collocation(c, b), range(len(c))
    return [[b[j] * (1 - A[j][i] / b[i]) for j in s] for i in s]


def first_column(c: Sequence[Any], b: Sequence[Any]) -> Matrix:
    """C(s − 1) and a_i1 = b_1: Lobatto IIIC."""
    first = b[0]
    basis = polynomial.lagrange(c[1:])
    inner = _moments(c, basis)
    return [[first, *(a - first * ell[0] for a, ell in zip(row, basis, strict=True))] for row in inner]


def last_column(c: Sequence[Any], b: Sequence[Any]) -> Matrix:
    """C(s − 1) and a_is = 0: Lobatto III of Butcher, also written IIIC*."""
    return [[*row, 0] for row in _moments(c, polynomial.lagrange(c[:-1]))]


def mean(first: Rule, second: Rule) -> Rule:
    """Half of each of two rules."""

    def rule(c: Sequence[Any], b: Sequence[Any]) -> Matrix:
        return [
            [(x + y) / 2 for x, y in zip(*rows, strict=True)] for rows in zip(first(c, b), second(c, b), strict=True)
        ]

    return rule


def reflected(c: Sequence[Any], b: Sequence[Any]) -> Matrix:
    """Lobatto IIID: IIIC with the sign turned of what couples the last two Legendre polynomials.

    In the basis of Legendre polynomials (the W-transformation, HW II, IV.5) A is tridiagonal; its entries in the last
    row and column beside the diagonal are taken negative. This gives the printed tables of two and three stages, and
    keeps order 2s − 2 and algebraic stability."""
    A, s = first_column(c, b), range(len(c))
    last, before = ([polynomial.value(polynomial.legendre(k), x) for x in c] for k in (len(c) - 1, len(c) - 2))

    def inner(p: Sequence[Any], q: Sequence[Any]) -> Any:
        return sum(w * x * y for w, x, y in zip(b, p, q, strict=True))

    def coupling(p: Sequence[Any], q: Sequence[Any]) -> Any:
        """The coefficient of p in A q, over |p|² |q|²."""
        image = [sum(A[i][j] * q[j] for j in s) for i in s]
        return inner(p, image) / inner(p, p) / inner(q, q)

    down, up = coupling(last, before), coupling(before, last)
    return [[A[i][j] - 2 * b[j] * (down * last[i] * before[j] + up * before[i] * last[j]) for j in s] for i in s]


def _moments(c: Sequence[Any], basis: Sequence[polynomial.Polynomial]) -> Matrix:
    """∫_0^{c_i} of each polynomial."""
    primitives = [polynomial.primitive(ell) for ell in basis]
    return [[polynomial.value(p, x) for p in primitives] for x in c]


def _decimals(row: Sequence[Any], total: Any) -> tuple[Expr, ...]:
    """A row rounded, its largest entry so that the sum is the rounded total exactly where it should be that."""
    rounded = [_decimal(x) for x in row]
    wanted = _decimal(total)
    if abs(sum(rounded) - wanted) < Rational(1, 10**DIGITS):
        largest = max(range(len(row)), key=lambda j: abs(rounded[j]))
        rounded[largest] += wanted - sum(rounded)
    return tuple(rounded)


def _decimal(x: Any) -> Expr:
    if isinstance(x, int | Fraction):
        return Rational(x) if isinstance(x, int) else Rational(x.numerator, x.denominator)
    return Rational(int(mpmath.nint(x * mpmath.mpf(10) ** STORED)), 10**STORED)
