"""The exact numbers of sharing: rationals, and sums of radicals as far as they are told apart by how they are written.

Radicals stand as they are for independent numbers. That can hide that two values are equal, which then are not shared;
it never makes equal what is not.
"""

from __future__ import annotations

from math import inf
from typing import Any

from sympy import QQ, Expr, Rational, expand

Number = Any  # an element of sympy's QQ (a Python fraction, or a faster one), or a Radical


class Radical:
    """An irrational number, as a sum of products of radicals; `given` is how it was written."""

    __slots__ = ("_size", "expr", "given")

    def __init__(self, expr: Expr, given: Expr | None = None) -> None:
        self.expr = expr
        self.given = expr if given is None else given
        self._size: float | None = None

    def __add__(self, other: Number) -> Number:
        return _number(self.expr + expression(other))

    __radd__ = __add__

    def __sub__(self, other: Number) -> Number:
        return _number(self.expr - expression(other))

    def __rsub__(self, other: Number) -> Number:
        return _number(expression(other) - self.expr)

    def __mul__(self, other: Number) -> Number:
        return _number(expand(self.expr * expression(other)))

    __rmul__ = __mul__

    @property
    def size(self) -> float:
        """Its magnitude, in floating point."""
        if self._size is None:
            self._size = abs(float(self.expr))
        return self._size


def exact(coefficient: Expr) -> Number:
    """A coefficient without symbols as a number to reckon with."""
    if isinstance(coefficient, Rational):
        return QQ(int(coefficient.p), int(coefficient.q))
    found = _number(expand(coefficient))
    return Radical(found.expr, coefficient) if isinstance(found, Radical) else found


def _number(expr: Expr) -> Number:
    return QQ(int(expr.p), int(expr.q)) if isinstance(expr, Rational) else Radical(expr)


def expression(number: Number) -> Expr:
    """The number as a coefficient again."""
    return number.given if isinstance(number, Radical) else Rational(int(number.numerator), int(number.denominator))


def magnitude(number: Number) -> float:
    """|number|, for deciding what is large."""
    return number.size if isinstance(number, Radical) else abs(_double(number))


def quotient_key(x: Number, y: Number) -> float | None:
    """A float that is the same wherever the quotient is (it is correctly rounded); None where that is irrational."""
    if isinstance(x, Radical) or isinstance(y, Radical):
        found = quotient(x, y)
        return None if found is None else _double(found)
    return _double(x / y)


def _double(number: Number) -> float:
    """The double nearest to a rational; infinite where it is beyond all of them."""
    try:
        return int(number.numerator) / int(number.denominator)
    except OverflowError:
        return inf if number > 0 else -inf


def quotient(x: Number, y: Number) -> Number | None:
    """x/y where that is rational, else None."""
    if not (isinstance(x, Radical) or isinstance(y, Radical)):
        return x / y
    if not (isinstance(x, Radical) and isinstance(y, Radical)):
        return None
    left, right = x.expr.as_coefficients_dict(), y.expr.as_coefficients_dict()
    if left.keys() != right.keys():
        return None
    found = {left[radical] / right[radical] for radical in left}
    return exact(found.pop()) if len(found) == 1 else None
