"""Exact arithmetic with square roots, nested ones included: a tower of quadratic extensions of ℚ.

sympy can do this too, but it needs a second to find a generator of a field as small as ℚ(√30, √(15 − 2√30), √105), and
the tables of a whole family are wanted in a moment. Here a number over the root r is a pair x + y·√r of numbers one
floor below, and every operation is a handful of products there.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, isqrt, lcm
from typing import Any, TypeGuard

import sympy
from sympy import Expr, Rational


@dataclass(frozen=True, eq=False)
class AdjoinedRoot:
    """A square root adjoined: the positive √radicand, how it is written, and the floor it stands on.

    mate: another root whose product with this one is simpler than the two, and that product
    (√(a + √b) · √(a − √b) = √(a² − b))."""

    radicand: Any  # Fraction or Surd
    floor: int
    written: Expr
    mate: AdjoinedRoot | None = None
    product: Expr | None = None

    @property
    def surd(self) -> Surd:
        """The root itself as a number."""
        return Surd(Fraction(0), Fraction(1), self)


class Surd:
    """x + y·√r with x and y from the floors below; exact, and zero only when both are."""

    __slots__ = ("root", "x", "y")

    def __init__(self, x: Any, y: Any, root: AdjoinedRoot) -> None:
        self.x, self.y, self.root = x, y, root

    def _pair(self, other: Any) -> tuple[Any, Any]:
        """`other` as a pair over the same root."""
        while isinstance(other, Surd) and not other.y and other.root is not self.root:
            other = other.x
        if isinstance(other, Surd):
            return (other.x, other.y) if other.root is self.root else (other, Fraction(0))
        return Fraction(other), Fraction(0)

    def _below(self, other: Any) -> TypeGuard[Surd]:
        """Whether the other number stands on a higher floor, so that the operation is its business."""
        return isinstance(other, Surd) and other.root.floor > self.root.floor

    def __add__(self, other: Any) -> Surd:
        if self._below(other):
            return other.__add__(self)
        x, y = self._pair(other)
        return Surd(self.x + x, self.y + y, self.root)

    def __mul__(self, other: Any) -> Surd:
        if self._below(other):
            return other.__mul__(self)
        x, y = self._pair(other)
        if not y:  # most numbers stand on low floors
            return Surd(self.x * x, self.y * x, self.root)
        return Surd(self.x * x + self.y * y * self.root.radicand, self.x * y + self.y * x, self.root)

    def __neg__(self) -> Surd:
        return Surd(-self.x, -self.y, self.root)

    def __sub__(self, other: Any) -> Surd:
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> Surd:
        return (-self).__add__(other)

    def __truediv__(self, other: Any) -> Surd:
        return self.__mul__(other.inverse() if isinstance(other, Surd) else 1 / Fraction(other))

    def __rtruediv__(self, other: Any) -> Surd:
        return self.inverse().__mul__(other)

    __radd__ = __add__
    __rmul__ = __mul__

    def inverse(self) -> Surd:
        """1/self, by the conjugate. Raises ZeroDivisionError."""
        norm = self.x * self.x - self.y * self.y * self.root.radicand
        return Surd(self.x / norm, -self.y / norm, self.root)

    def __bool__(self) -> bool:
        return bool(self.x) or bool(self.y)

    def __eq__(self, other: object) -> bool:
        return not (self - other)

    __hash__ = None  # type: ignore[assignment]

    def terms(self) -> dict[tuple[AdjoinedRoot, ...], Fraction]:
        """The number as rational multiples of products of roots."""
        found = dict(_terms(self.x))
        return found | {(*roots, self.root): factor for roots, factor in _terms(self.y).items()}


def _terms(number: Any) -> dict[tuple[AdjoinedRoot, ...], Fraction]:
    if isinstance(number, Surd):
        return number.terms()
    return {(): Fraction(number)} if number else {}


def expression(number: Any) -> Expr:
    """A fraction or surd as a sympy number."""
    return sympy.Add(
        *(Rational(f.numerator, f.denominator) * _written(roots) for roots, f in _terms(number).items() if f)
    )


def _written(roots: tuple[AdjoinedRoot, ...]) -> Expr:
    for root in roots:
        if root.mate in roots and root.product is not None:
            return root.product * _written(tuple(r for r in roots if r is not root and r is not root.mate))
    return sympy.Mul(*(root.written for root in roots))


def quadratic_roots(p: Fraction, q: Fraction) -> tuple[Any, Any]:
    """The two real solutions of x² + px + q = 0, the smaller first."""
    root = rational_root((p * p - 4 * q) / 4)
    return -p / 2 - root, -p / 2 + root


def rational_root(square: Fraction) -> Any:
    """√square for a rational: a fraction, or one times the root of a square-free integer."""
    outside, inside = _split(square.numerator * square.denominator)
    factor = Fraction(outside, square.denominator)
    if inside == 1:
        return factor
    return factor * AdjoinedRoot(Fraction(inside), 1, sympy.sqrt(inside)).surd


def conjugate_roots(low: Any, high: Any) -> tuple[Any, Any]:
    """√low and √high for x ∓ y√d, both positive, in one field."""
    if not isinstance(low, Surd):
        return rational_root(low), rational_root(high)
    outside, inside = _split(lcm(low.x.denominator, low.y.denominator))
    scale = Fraction(outside * inside)  # makes integers under the root, and takes squares out again
    scale /= _split(gcd(int(scale**2 * low.x), int(scale**2 * low.y)))[0]
    norm = rational_root(low.x * low.x - low.y * low.y * low.root.radicand)
    radicands = [scale**2 * number for number in (low, high)]
    first = AdjoinedRoot(radicands[0], 2, sympy.sqrt(expression(radicands[0])))
    second = AdjoinedRoot(radicands[1], 3, sympy.sqrt(expression(radicands[1])), first, expression(scale**2 * norm))
    return first.surd / scale, second.surd / scale


def _split(n: int) -> tuple[int, int]:
    """n = a²·b with b square-free; n is small."""
    outside = 1
    for factor in range(2, isqrt(n) + 1):
        while n % (factor * factor) == 0:
            n //= factor * factor
            outside *= factor
    return outside, n
