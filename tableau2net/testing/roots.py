"""Polynomials ρ drawn by their roots, so that zero-stability holds, or fails, by construction."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from tableau2net.testing.draw import simple

Factor = tuple[Fraction, ...]  # a monic polynomial with one real root or a complex pair, lowest power first
UNIT = [(Fraction(a, c), Fraction(b, c)) for a, b, c in ((0, 1, 1), (3, 4, 5), (4, 3, 5), (5, 12, 13), (12, 5, 13))]


def _real(root: Fraction) -> Factor:
    return -root, Fraction(1)


def _pair(a: Fraction, b: Fraction) -> Factor:
    return a * a + b * b, -2 * a, Fraction(1)


ONE = _real(Fraction(1))
MINUS_ONE = _real(Fraction(-1))
INSIDE_REAL = [_real(x) for x in simple(-1, 1, 4) if abs(x) < 1]
INSIDE_PAIR = [_pair(a, b) for b in simple(0, 1, 4) if b for a in simple(-1, 1, 4) if a * a + b * b < 1]
CIRCLE = [_pair(a, b) for a, b in UNIT] + [_pair(-a, b) for a, b in UNIT[1:]]
OUTSIDE_REAL = [_real(Fraction(x, 2)) for x in (4, -4, 3, -3, 6, -6)]
OUTSIDE_PAIR = [_pair(Fraction(a), Fraction(b)) for a, b in ((1, 1), (-1, 1), (0, 2), (2, 1))]


def stable(draw: st.DrawFn, degree: int, at_one: int) -> list[Factor]:
    """Factors of degree `degree` in all: 1 as a root `at_one` times, the rest in the disk and simple on the circle."""
    return [ONE] * at_one + _harmless(draw, degree - at_one)


def unstable(draw: st.DrawFn, degree: int, at_one: int) -> list[Factor]:
    """As `stable`, with something that breaks the root condition; degree > at_one."""
    left = degree - at_one
    breaks: list[list[Factor]] = [[root] for root in OUTSIDE_REAL]
    if left >= 2:
        breaks += [[MINUS_ONE, MINUS_ONE], *([pair] for pair in OUTSIDE_PAIR)]
    if left >= 4:
        breaks += [[pair, pair] for pair in CIRCLE]
    broken = draw(st.sampled_from(breaks))
    return [ONE] * at_one + broken + _harmless(draw, left - sum(len(f) - 1 for f in broken), without=broken)


def symmetric(draw: st.DrawFn, degree: int, at_one: int, outside: bool) -> list[Factor]:
    """Roots that come with their inverses: all simple on the circle, but for 1, or with a pair r, 1/r off it."""
    factors = [ONE] * at_one + [MINUS_ONE] * (at_one == 1)
    left = (degree - len(factors)) // 2
    if outside:
        r = draw(st.sampled_from([Fraction(2), Fraction(-2), Fraction(3), Fraction(-3, 2)]))
        factors += [_real(r), _real(1 / r)]
        left -= 1
    pool = list(CIRCLE)
    for _ in range(left):
        factors.append(draw(st.sampled_from(pool)))
        pool.remove(factors[-1])
    return factors


def _harmless(draw: st.DrawFn, degree: int, without: list[Factor] | None = None) -> list[Factor]:
    taken = list(without or [])
    factors: list[Factor] = []
    while degree:
        real = degree == 1 or not draw(st.booleans())
        inside, circle = (INSIDE_REAL, [MINUS_ONE]) if real else (INSIDE_PAIR, CIRCLE)
        factor = draw(st.sampled_from(inside + [f for f in circle if f not in taken]))
        taken.append(factor)
        factors.append(factor)
        degree -= len(factor) - 1
    return factors


def product(factors: list[Factor]) -> list[Fraction]:
    """The coefficients of the product, lowest power first."""
    p = [Fraction(1)]
    for factor in factors:
        q = [Fraction(0)] * (len(p) + len(factor) - 1)
        for i, a in enumerate(p):
            for j, b in enumerate(factor):
                q[i + j] += a * b
        p = q
    return p
