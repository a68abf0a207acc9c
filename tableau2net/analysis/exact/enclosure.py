"""Proven enclosures: an exact number as an interval of reals, and the sign of an element of an exact domain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mpmath import iv
from sympy import Expr, Pow, Rational

from tableau2net.errors import InputError

Enclosure = Any  # an mpmath interval: the number lies in [.a, .b], rounding included
MAX_BITS = 1 << 16


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
    """An interval that holds a real number made of rationals and roots, at the current interval precision.

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
    raise InputError(f"{value}: not a real number made of rationals and roots")


def holds_zero(x: Enclosure) -> bool:
    """Whether 0 lies in the interval, so that the sign is not known."""
    return bool(x.a <= 0 <= x.b)


def sign_in(domain: Any) -> Callable[[Any], int]:
    """The sign of an element of ℚ or of a real number field: zero is decided by the domain, the rest by enclosure."""
    if domain.is_QQ or domain.is_ZZ:
        return lambda element: (element > 0) - (element < 0)

    def sign(element: Any) -> int:
        if not element:
            return 0
        expression, bits = domain.to_sympy(element), 64
        while bits <= MAX_BITS:
            with precision(bits):
                enclosed = enclose(expression)
                if not holds_zero(enclosed):
                    return 1 if enclosed.a > 0 else -1
            bits *= 2
        raise InputError(f"{expression}: its sign needs more than {MAX_BITS} bits")

    return sign
