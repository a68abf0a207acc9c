"""Proven enclosures: an exact number as an interval of reals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mpmath import iv
from sympy import Expr, Pow, Rational, cos, pi, sin
from sympy.polys.rootoftools import ComplexRootOf

from tableau2net.errors import InputError

Enclosure = Any  # an mpmath interval: the number lies in [.a, .b], rounding included


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Interval arithmetic with so many bits, as it was before afterwards."""
    before = iv.prec
    iv.prec = bits
    try:
        yield
    finally:
        iv.prec = before


def enclose(value: Expr) -> Enclosure:
    """An interval that holds a real algebraic number as files write them, at the current interval precision.

    Raises InputError for anything else, and for a root of something negative."""
    if isinstance(value, Rational):
        return iv.mpf(int(value.p)) / int(value.q)
    if value.is_Add:
        total = iv.mpf(0)
        for term in value.args:
            total += enclose(term)
        return total
    if value.is_Mul:
        product = iv.mpf(1)
        for factor in value.args:
            product *= enclose(factor)
        return product
    if isinstance(value, Pow) and isinstance(value.exp, Rational):
        base, p, q = enclose(value.base), int(value.exp.p), int(value.exp.q)
        if q == 1:
            return base**p
        if base.a >= 0:
            root = iv.sqrt(base) if q == 2 else iv.exp(iv.log(base) / q)
            return root**p
    if isinstance(value, cos | sin) and (value.args[0] / pi).is_Rational:
        angle = iv.pi * enclose(value.args[0] / pi)
        return iv.cos(angle) if isinstance(value, cos) else iv.sin(angle)
    if isinstance(value, ComplexRootOf) and value.is_real:
        near = Rational(1, 2**iv.prec)
        middle = value.eval_rational(near)
        low, high = enclose(middle - near), enclose(middle + near)
        return iv.mpf([low.a, high.b])
    raise InputError(f"{value}: not a real number made of rationals and roots")


def holds_zero(x: Enclosure) -> bool:
    """Whether 0 lies in the interval, so that the sign is not known."""
    return bool(x.a <= 0 <= x.b)
