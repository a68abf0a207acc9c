"""Numbers known to so many decimals: a midpoint and a radius, for tables whose source printed decimals.

Every coefficient that is no whole number lies within half a unit of the last printed decimal, and each operation
widens the radius by all that this can do. A condition holds "to 1e-n" exactly when its ball contains zero: the true
coefficients, which the source rounded, may then fulfil it; where the ball does not, no coefficients that round to the
printed ones do.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Float, Rational

POINT = 320  # binary digits after the point of a midpoint: far beyond any source's, so that its own rounding is nothing
UNIT = 1 << POINT
TINY = 2.0**-POINT
ROUNDING = 2.0 ** (2 - POINT)


class Ball:
    """A real number between `mid` − `radius` and `mid` + `radius`; mid counts in units of 2^-POINT."""

    __slots__ = ("mid", "radius", "size")

    def __init__(self, mid: int, radius: float) -> None:
        self.mid = mid
        self.radius = radius
        self.size = abs(mid) * TINY

    def __add__(self, other: Ball) -> Ball:
        return Ball(self.mid + other.mid, self.radius + other.radius)

    def __sub__(self, other: Ball) -> Ball:
        return Ball(self.mid - other.mid, self.radius + other.radius)

    def __mul__(self, other: Ball | int) -> Ball:
        if isinstance(other, int):
            return Ball(self.mid * other, self.radius * abs(other))
        wider = self.size * other.radius + other.size * self.radius + self.radius * other.radius
        return Ball(self.mid * other.mid >> POINT, wider * (1 + 1e-15) + ROUNDING)

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        """Whether it is certainly not zero."""
        return self.size > self.radius * (1 + 1e-15)


class Balls:
    """Stands where a `Domain` does: coefficients printed to `digits` decimals."""

    def __init__(self, digits: int) -> None:
        self.last = 0.5 * 10.0**-digits
        self.zero = Ball(0, 0.0)
        self.one = Ball(UNIT, 0.0)

    def convert(self, value: Expr) -> Ball:
        """A whole number exactly, any other to half a unit of the last decimal."""
        if value.is_Integer:
            return Ball(int(value) * UNIT, 0.0)
        number = value if isinstance(value, Rational) else Rational(value.evalf(POINT // 3))
        return Ball(int(number.p) * UNIT // int(number.q), self.last + ROUNDING)

    def rational(self, p: int, q: int) -> Ball:
        """p/q, meant exactly."""
        return Ball(p * UNIT // q, ROUNDING)

    def total(self, factors: Sequence[Ball], elements: Sequence[Ball]) -> Ball:
        """Σ factor · element, rounded once."""
        mid, wider, zero = 0, 0.0, self.zero
        there = [(a, b) for a, b in zip(factors, elements, strict=True) if b is not zero]
        if not there:
            return zero
        for a, b in there:
            mid += a.mid * b.mid
            wider += a.size * b.radius + b.size * a.radius + a.radius * b.radius
        return Ball(mid >> POINT, wider * (1 + 1e-15 * (len(factors) + 3)) + ROUNDING)

    def divided(self, element: Ball, by: int) -> Ball:
        """element/by."""
        return element * self.rational(1, by)

    def expression(self, element: Ball) -> Expr:
        """The midpoint: a float, 15 digits of it."""
        return Float(Rational(element.mid, UNIT), 15)
