"""Where all roots lie, as inequalities in the coefficients: half plane, unit disk, unit circle.

The coefficients are elements of any exact ring, of ℚ[a, b, …] too: the inequalities then describe a region of
parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

from sympy.polys.matrices import DomainMatrix

Element = Any


def hurwitz(coefficients: Sequence[Element], domain: Any) -> list[Element]:
    """Elements that are all positive exactly when all roots have a negative real part; highest power first.

    A positive leading coefficient is one of them: give the polynomial the sign that it must have.
    (Liénard–Chipart: every other coefficient and every other Hurwitz determinant; Gantmacher II, XV.13.)"""
    n = len(coefficients) - 1

    def a(i: int) -> Element:
        return coefficients[i] if 0 <= i <= n else domain.zero

    wanted = [a(0), *(a(i) for i in range(n, 0, -2))]
    for size in range(n - 1, 0, -2):
        rows = [[a(2 * (j + 1) - (i + 1)) for j in range(size)] for i in range(size)]
        wanted.append(DomainMatrix(rows, (size, size), domain).det())
    return wanted


def schur(coefficients: Sequence[Element], domain: Any) -> list[Element]:
    """Elements that are all positive exactly when all roots have modulus < 1; highest power first, positive there.

    By ζ = (1 + w)/(1 − w), which maps the disk onto the half plane."""
    low = list(reversed(coefficients))
    n = len(low) - 1
    moved = [domain.zero] * (n + 1)
    for j, c in enumerate(low):
        for i, x in enumerate(_product(j, n - j)):  # (1 + w)^j (1 − w)^(n−j)
            moved[i] += c * x
    return hurwitz(list(reversed(moved)), domain)


def circle(coefficients: Sequence[Element], domain: Any) -> list[Element]:
    """For a self-reciprocal polynomial of even degree 2m, positive at 1: elements that are all positive exactly when
    all roots are simple, on the unit circle and not ±1.

    With x = ζ + 1/ζ they are the real x in (−2, 2) of a polynomial q; x = 2(1 + v)/(1 − v) makes these negative v,
    and those of G(v) are simple and negative exactly when G(w²) + w G'(w²) is a Hurwitz polynomial (Hermite–Biehler).
    """
    m = (len(coefficients) - 1) // 2
    q = _in_x(coefficients, m, domain)
    moved = [domain.zero] * (m + 1)  # Σ q_j 2^j (1 + v)^j (1 − v)^(m−j)
    for j, c in enumerate(q):
        for i, x in enumerate(_product(j, m - j)):
            moved[i] += c * (2**j * x)
    spread = []  # lowest power first: G(w²) + w G'(w²)
    for i, c in enumerate(moved):
        spread += [c, (i + 1) * moved[i + 1] if i < m else domain.zero]
    return hurwitz(list(reversed(spread[:-1])), domain)


def _product(plus: int, minus: int) -> list[int]:
    """(1 + w)^plus (1 − w)^minus, lowest power first."""
    product = [0] * (plus + minus + 1)
    for i in range(plus + 1):
        for j in range(minus + 1):
            product[i + j] += comb(plus, i) * comb(minus, j) * (-1) ** j
    return product


def _in_x(coefficients: Sequence[Element], m: int, domain: Any) -> list[Element]:
    """q, lowest power first, with p(ζ) = ζ^m q(ζ + 1/ζ): ζ^j + ζ^−j are Chebyshev's polynomials in x."""
    chebyshev = [[2], [0, 1]]
    while len(chebyshev) <= m:
        up, before = [0, *chebyshev[-1]], chebyshev[-2]
        chebyshev.append([u - (before[i] if i < len(before) else 0) for i, u in enumerate(up)])
    q = [domain.zero] * (m + 1)
    q[0] += coefficients[m]
    for j in range(1, m + 1):
        for i, x in enumerate(chebyshev[j]):
            q[i] += coefficients[m - j] * x
    return q
