"""Expressions in parameters as numbers: sums and products without common factors, so that zero is seen."""

from __future__ import annotations

from sympy import Expr, S, cancel


class Cancelled:
    """An expression that is kept in lowest terms."""

    __slots__ = ("value",)

    def __init__(self, value: Expr) -> None:
        self.value = value

    def __add__(self, other: Cancelled) -> Cancelled:
        return Cancelled(cancel(self.value + other.value))

    def __mul__(self, other: Cancelled) -> Cancelled:
        return Cancelled(cancel(self.value * other.value))


class Expressions:
    """Stands where a `Domain` does, for what lies in no field that could be found: slower, and without bounds."""

    zero = Cancelled(S.Zero)
    one = Cancelled(S.One)

    def convert(self, value: Expr) -> Cancelled:
        """The expression as a number."""
        return Cancelled(value)
