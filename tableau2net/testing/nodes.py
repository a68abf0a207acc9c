"""Nodes that make a quadrature rule as good as asked: some drawn, the others solved for.

s nodes have order s + r when M(x) = Π (x − c_i) is orthogonal to all polynomials of degree below r on [0, 1]
(HNW I, II.7; HW II, IV.5). With r = 1 the last node is rational in the others; with r = 2 the last two are roots of a
quadratic, real when the others lie outside (0, 1); beyond, nodes symmetric about 1/2 keep the roots square roots.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import sympy
from hypothesis import assume
from hypothesis import strategies as st
from sympy import Expr

from tableau2net.testing.draw import distinct, simple
from tableau2net.testing.linear_equations import solution

Node = Any  # a Fraction, or a sympy number
ANYWHERE = simple(-1, 2, 4)
OUTSIDE = [x for x in simple(-1, 2, 4) if not 0 < x < 1]
MAX_SUPER = 5  # square roots of square roots; a sixth would need the roots of a cubic


def super_order(stages: int, order: int) -> int:
    """r: how far the order of the nodes that are drawn lies above the number of stages."""
    r = max(order - stages, 0)
    return r + (stages - r) % 2 if r > 2 else r  # nodes outside (0, 1) come in pairs


def nodes(draw: st.DrawFn, stages: int, r: int) -> list[Node]:
    """Distinct nodes of a quadrature rule of order stages + r."""
    if r > 2:
        return _symmetric(draw, stages, r)
    free = distinct(draw, stages - r, OUTSIDE if r == 2 else ANYWHERE)
    if r == 0:
        return list(free)
    # M = N·(x^r + u_1 x^(r−1) + …) with ∫ M x^k = 0 for k < r
    N = _from_roots(free)
    rows = [[_integral(N, k + r - i, 0, 1) for i in range(1, r + 1)] for k in range(r)]
    u = solution(rows, [-_integral(N, k + r, 0, 1) for k in range(r)], [Fraction(0)] * r)
    assume(u is not None)
    assert u is not None
    solved: list[Node] = (
        [-u[0]]
        if r == 1
        else [(-_exact(u[0]) + sign * sympy.sqrt(_exact(u[0] ** 2 - 4 * u[1]))) / 2 for sign in (-1, 1)]
    )
    assume(solved[0] not in free)
    return [*free, *solved]


def _symmetric(draw: st.DrawFn, stages: int, r: int) -> list[Node]:
    """With y = x − 1/2: M = N(y²)·y^(r mod 2)·Q(y²), Q of degree 1 or 2 solved for."""
    half = Fraction(1, 2)
    pairs = distinct(draw, (stages - r) // 2, [x for x in OUTSIDE if x <= 0])
    N = _from_roots([y for x in pairs for y in (x - half, half - x)])
    odd, m = r % 2, r // 2
    rows = [[_integral(N, 2 * (odd + k + m - i), -half, half) for i in range(1, m + 1)] for k in range(m)]
    q = solution(rows, [-_integral(N, 2 * (odd + k + m), -half, half) for k in range(m)], [Fraction(0)] * m)
    assert q is not None  # N keeps its sign
    if m == 1:
        squares = [_exact(-q[0])]
    else:
        root = sympy.sqrt(_exact(q[0] ** 2 - 4 * q[1]))
        squares = [(-_exact(q[0]) + sign * root) / 2 for sign in (-1, 1)]
    solved = [sympy.Rational(1, 2) + sign * sympy.sqrt(d) for d, sign in product(squares, (-1, 1))]
    return [*(y for x in pairs for y in (x, 1 - x)), *[half] * odd, *solved]


def _from_roots(roots: list[Fraction]) -> list[Fraction]:
    """Π (x − root), lowest power first."""
    p = [Fraction(1)]
    for root in roots:
        p = [a - root * b for a, b in zip([Fraction(0), *p], [*p, Fraction(0)], strict=True)]
    return p


def _integral(p: list[Fraction], power: int, low: Fraction | int, high: Fraction | int) -> Fraction:
    """∫ p(x) x^power over [low, high]."""
    total = Fraction(0)
    for i, a in enumerate(p):
        n = i + power + 1
        total += a * (Fraction(high) ** n - Fraction(low) ** n) / n
    return total


def _exact(x: Fraction) -> Expr:
    return sympy.Rational(x.numerator, x.denominator)
