"""The nodes of Gauss, Radau and Lobatto quadrature on [0, 1] (Hairer, Wanner II, IV.5).

They are roots of derivatives of x^a (x − 1)^b. Taken about the middle, those of Gauss and Lobatto come in pairs ±u, so
that u² is a root of a polynomial of half the degree. Where that degree is at most two the nodes are square roots,
nested once at most, and exact. Beyond, they have no real radicals in general (Radau's fourth has a cubic with three
real roots, the casus irreducibilis, and the fields grow beyond what exact arithmetic can hold), so they are decimals.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath

from tableau2net.exact.surds import conjugate_roots, quadratic_roots
from tableau2net.scheme.constructed import polynomial
from tableau2net.scheme.constructed.polynomial import Polynomial

DIGITS = 50  # that a table of decimals promises
STORED = 56  # that it holds, so that sums of rounded numbers keep the promise
WORKING = 120  # carried on the way


# exponents a and b, and how often it is derived: a root 0 or 1 stays where the exponent is larger than that
POLYNOMIALS: dict[str, Callable[[int], Polynomial]] = {
    "gauss": lambda s: polynomial.rodrigues(s, s, s),
    "radau-left": lambda s: polynomial.rodrigues(s, s - 1, s - 1),
    "radau-right": lambda s: polynomial.rodrigues(s - 1, s, s - 1),
    "lobatto": lambda s: polynomial.rodrigues(s - 1, s - 1, s - 2),
}


@cache
def nodes(kind: str, s: int) -> tuple[Any, ...]:
    """The s nodes in order: fractions and surds where there are such, else mpmath numbers of `WORKING` digits."""
    p = POLYNOMIALS[kind](s)
    ends = [Fraction(end) for end in (0, 1) if not polynomial.value(p, Fraction(end))]
    for end in ends:
        p = _divided(p, end)
    inner = _symmetric(p) if kind in ("gauss", "lobatto") else _quadratic(p)
    if inner is None:
        inner, ends = _numeric(p), [mpmath.mpf(int(end)) for end in ends]
    return (*(e for e in ends if e == 0), *inner, *(e for e in ends if e == 1))


def is_exact(kind: str, s: int) -> bool:
    """Whether `nodes` are exact; quick."""
    ends = {"gauss": 0, "lobatto": 2}.get(kind, 1)
    return s - ends <= (5 if kind in ("gauss", "lobatto") else 2)


def _divided(p: Polynomial, root: Fraction) -> Polynomial:
    """p/(x − root)."""
    quotient: Polynomial = []
    for coefficient in reversed(p[1:]):
        quotient.append(coefficient + (quotient[-1] * root if quotient else 0))
    return quotient[::-1]


def _quadratic(p: Polynomial) -> list[Any] | None:
    """The roots of a polynomial of degree two at most, or None."""
    if len(p) > 3:
        return None
    if len(p) < 3:
        return [-p[0] / p[1]] if len(p) == 2 else []
    return list(quadratic_roots(p[1] / p[2], p[0] / p[2]))


def _symmetric(p: Polynomial) -> list[Any] | None:
    """The roots of a polynomial that is even or odd about 1/2, through those in u², with x = 1/2 + u; or None."""
    shifted: Polynomial = [Fraction(0)]
    for coefficient in reversed(p):  # p(1/2 + u)
        shifted = polynomial.product(shifted, [Fraction(1, 2), Fraction(1)])
        shifted[0] += coefficient
    shifted = shifted[: len(p)]
    odd = not shifted[0]
    squares = _quadratic(shifted[odd::2])
    if squares is None:
        return None
    distances = [d for square in squares[:1] for d in conjugate_roots(square, squares[-1])][: len(squares)]
    half = Fraction(1, 2)
    return [half - d for d in reversed(distances)] + [half] * odd + [half + d for d in distances]


def _numeric(p: Polynomial) -> list[Any]:
    """All roots, which are real, simple and inside (0, 1), by Newton's method from double precision estimates."""
    with mpmath.workdps(WORKING + 20):
        c = [mpmath.mpf(x.numerator) / x.denominator for x in reversed(p)]
        roots = mpmath.polyroots(c, maxsteps=200, extraprec=WORKING * 4)
        return sorted(mpmath.re(root) for root in roots)
