"""A Butcher tableau from rows of fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from sympy import Expr, Rational

from tableau2net.scheme.runge_kutta import RungeKutta

Row = Sequence[Fraction]


def explicit_table(rows: Sequence[Row], b: Row, b_hat: Row | None = None, *, digits: int | None = None) -> RungeKutta:
    """The method with these rows, of which the zeros at and after the diagonal are left out."""
    return RungeKutta(
        A=tuple(exact(row[:i]) for i, row in enumerate(rows)),
        b=exact(b),
        b_hat=None if b_hat is None else exact(b_hat),
        digits=digits,
    )


def exact(row: Row) -> tuple[Expr, ...]:
    """Fractions as sympy numbers."""
    return tuple(Rational(x.numerator, x.denominator) for x in row)
