"""One parameter on the real line: where a fact holds that can only change at the roots of given polynomials."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key
from typing import Any

import sympy
from sympy import QQ, Expr, Integer, Poly, Rational, S, Symbol
from sympy.polys.polyerrors import CoercionFailed

from tableau2net.errors import InputError
from tableau2net.exact.text import text_of


@dataclass(frozen=True)
class Interval:
    """From low to high, exact real numbers or ∓oo; a single point where they are equal."""

    low: Expr
    high: Expr
    low_closed: bool = True
    high_closed: bool = True

    def __contains__(self, value: Expr) -> bool:
        below, above = compare(value, self.low), compare(value, self.high)
        return (below > 0 or (below == 0 and self.low_closed)) and (above < 0 or (above == 0 and self.high_closed))

    def text(self, name: str) -> str:
        """``-1 < k <= 1``, ``k >= 1/4``, ``k = 0``."""
        if self.low == self.high:
            return f"{name} = {number_text(self.low)}"
        low, high = number_text(self.low), number_text(self.high)
        if self.high is S.Infinity:
            return "" if self.low is S.NegativeInfinity else f"{name} {'>=' if self.low_closed else '>'} {low}"
        right = f"{name} {'<=' if self.high_closed else '<'} {high}"
        return right if self.low is S.NegativeInfinity else f"{low} {'<=' if self.low_closed else '<'} {right}"


def number_text(value: Expr) -> str:
    """The exact number; a root of higher degree by its digits and its polynomial."""
    if value.has(sympy.CRootOf):
        polynomial = sympy.sstr(value.args[0]) if isinstance(value, sympy.CRootOf) else text_of(value)
        return f"{value.evalf(12)} (root of {polynomial})"
    return text_of(value)


def compare(a: Expr, b: Expr) -> int:
    """The sign of a − b for real algebraic numbers or ∓oo; exact."""
    if a == b:
        return 0
    if a.is_infinite or b.is_infinite or (a.is_Rational and b.is_Rational):
        return 1 if a > b else -1
    difference, digits = a - b, 20
    while True:
        number = difference.evalf(digits, maxn=100 * digits)
        if number.is_comparable and abs(number) > Integer(10) ** (-digits // 2):
            return 1 if number > 0 else -1
        if digits >= 80 and sympy.minimal_polynomial(difference).is_Symbol:
            return 0  # the minimal polynomial of 0 is x
        digits *= 2


@dataclass(frozen=True)
class ParameterLine:
    """The values of one parameter, over ℚ or a real number field: polynomials in it, and fields that hold a value."""

    name: Symbol
    ground: Any

    def critical_points(self, expressions: Iterable[Expr]) -> list[Expr]:
        """All real roots of polynomials in the parameter, sorted: rational, by square roots, or as `CRootOf`."""
        factors: set[Poly] = set()
        for expression in expressions:
            p = Poly(expression, self.name, domain=self.ground)
            if p.degree() < 1:
                continue
            rational = p if self.ground.is_QQ else p.norm()  # its roots, and some that do not matter
            factors |= {f for f, _ in rational.set_domain("QQ").factor_list()[1]}
        roots = {root for f in factors for root, _ in f.real_roots(multiple=False)}
        return sorted(roots, key=cmp_to_key(compare))

    def at(self, polynomial: Poly, value: Expr) -> Poly:
        """A polynomial over ground[parameter] with the parameter put in, over a number field that holds the value."""
        field, element = self._field(value)
        coefficients = []
        for c in polynomial.all_coeffs():
            total = field.zero
            for part in Poly(c, self.name, domain=self.ground).all_coeffs():
                total = total * element + field.from_sympy(part)
            coefficients.append(total)
        return Poly(coefficients, polynomial.gen, domain=field)

    def _field(self, value: Expr) -> tuple[Any, Any]:
        if value.is_Rational:
            return self.ground, self.ground.from_sympy(value)
        try:
            generators = [] if self.ground.is_QQ else list(self.ground.orig_ext)
            field = QQ.algebraic_field(*generators, value)
            return field, field.from_sympy(value)
        except (CoercionFailed, NotImplementedError):
            raise InputError(f"{value}: could not be put into one number field with the coefficients") from None


def decide(points: list[Expr], holds: Callable[[Expr], bool]) -> tuple[Interval, ...]:
    """The set where `holds` is true, given that it only changes at the points; each point is asked for itself."""
    borders = [S.NegativeInfinity, *points, S.Infinity]
    found: list[Interval] = []
    for i, low in enumerate(borders[:-1]):
        if i and holds(low):
            found.append(Interval(low, low))
        high = borders[i + 1]
        if holds(between(low, high)):
            found.append(Interval(low, high, False, False))
    return _merged(found)


def _merged(pieces: list[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for piece in pieces:
        if merged and merged[-1].high == piece.low and (merged[-1].high_closed or piece.low_closed):
            last = merged.pop()
            piece = Interval(last.low, piece.high, last.low_closed, piece.high_closed)
        merged.append(piece)
    return tuple(merged)


def between(low: Expr, high: Expr) -> Rational:
    """A short rational strictly between."""
    if low is S.NegativeInfinity:
        return S.Zero if high is S.Infinity else Integer(sympy.floor(high.evalf(20)) - 1)
    if high is S.Infinity:
        return Integer(sympy.ceiling(low.evalf(20)) + 1)
    digits = 20
    while not high.evalf(digits) - low.evalf(digits) > Integer(10) ** (-digits // 2):
        digits *= 2
    exact = [_fraction(x, digits) for x in (low, high)]
    third = (exact[1] - exact[0]) / 3
    size = 1
    while True:
        guess = ((exact[0] + exact[1]) / 2).limit_denominator(size)
        if exact[0] + third < guess < exact[1] - third:
            return Rational(guess.numerator, guess.denominator)
        size *= 2


def _fraction(value: Expr, digits: int) -> Fraction:
    number = Rational(value.evalf(digits))
    return Fraction(int(number.p), int(number.q))
