"""A fact, the pieces that its value is written with, and how each looks as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from sympy import Expr, Float, Poly, Rational
from sympy.polys.rootoftools import ComplexRootOf

from tableau2net.exact.text import digits_in, float_of, is_long, text_of

Piece: TypeAlias = str | Expr | Poly
LONGEST = 32  # characters of an exact number that is still read as one; a longer one is in the JSON
LONGEST_LINE = 4000  # characters of a value in words
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
GREEK = {"zeta": "ζ", "lambda": "λ", "nu": "ν"}


@dataclass(frozen=True)
class Fact:
    """One line of the report: its name, and the pieces of its value.

    detail: it is about this scheme alone, and does not stand beside another's.  section: what it belongs to.
    brief: for a table, where dropping the exact forms of `value` is not enough."""

    name: str
    value: tuple[Piece, ...]
    detail: bool = False
    section: str = ""
    brief: str = ""

    @cached_property
    def text(self) -> str:
        """The value as text, cut where nobody would read on."""
        return cut("".join(map(_text, self.value)))

    @property
    def short(self) -> str:
        """The value for a table: a number is exact or decimal, not both."""
        return self.brief or "".join(short_number(p) if isinstance(p, Expr) else _text(p) for p in self.value)


def cut(text: str) -> str:
    """The text, but for what is beyond `LONGEST_LINE`."""
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}… ({len(text):,} characters)"


def yes(holds: bool) -> str:
    """``yes`` or ``no``."""
    return "yes" if holds else "no"


def _text(piece: Piece) -> str:
    if isinstance(piece, str):
        return piece
    return polynomial(piece) if isinstance(piece, Poly) else number(piece)


def number(value: Expr) -> str:
    """An exact number, its decimal value beside it where that is not plain: ``sqrt(1745)/2880 ≈ 0.0145``."""
    if value.is_infinite:
        return "∞" if value.is_extended_positive else "−∞"
    if is_long(value):
        return f"≈ {decimal(value)} ({_digits(value)})" if value.is_number else f"a formula, {_digits(value)}"
    if not value.is_number:
        return _bars(text_of(value))
    if isinstance(value, ComplexRootOf):
        written = polynomial(p := Poly(value.expr))
        root = written if len(written) <= LONGEST else f"a polynomial of degree {p.degree()}"
        return f"≈ {decimal(value)} (a root of {root})"
    exact = text_of(value)
    if isinstance(value, Rational) and len(exact) <= 12:
        return exact
    if len(exact) > LONGEST or value.atoms(ComplexRootOf, Float):  # a Float: the source printed decimals
        return f"≈ {decimal(value)}"
    return f"{exact} ≈ {decimal(value)}"


def _digits(value: Expr) -> str:
    return f"exact, with numbers of {digits_in(value):,} digits"


def short_number(value: Expr) -> str:
    """A short rational as it is, another number as decimals."""
    if is_long(value) and value.is_number:
        return decimal(value)
    if value.is_infinite or not value.is_number or (isinstance(value, Rational) and len(text_of(value)) <= 12):
        return number(value)
    return decimal(value)


def _bars(expression: str) -> str:
    """``Max(1, Abs(k))`` as ``max(1, |k|)``."""
    return re.sub(r"Abs\(([^()]*)\)", r"|\1|", expression).replace("Max(", "max(")


def decimal(value: Expr) -> str:
    """Five digits of it."""
    return f"{float_of(value):.5g}"


def polynomial(p: Poly) -> str:
    """Lowest power first, powers raised: ``1 + z/2 + z²/12``; of several variables the first is factored out:
    ``(1 − z)·ζ² − ζ``."""
    if len(p.gens) > 1:
        outer = Poly(p.as_expr(), p.gens[0])
        terms = [(Poly(c, *p.gens[1:]), n) for (n,), c in sorted(outer.terms(), reverse=True)]
        return "".join(_block(c, n, _name(p.gens[0]), first=not i) for i, (c, n) in enumerate(terms)) or "0"
    variable = _name(p.gens[0])
    found = ""
    for (power,), coefficient in sorted(p.terms()):
        found += _term(coefficient, power, variable, first=not found)
    return found or "0"


def _name(variable: Expr) -> str:
    return GREEK.get(str(variable), str(variable))


def _raised(variable: str, power: int) -> str:
    return "" if power == 0 else variable if power == 1 else variable + str(power).translate(SUPERSCRIPTS)


def _block(coefficient: Poly, power: int, variable: str, *, first: bool) -> str:
    """A polynomial times a power of another variable."""
    name = _raised(variable, power)
    if coefficient.is_ground:
        return _term(coefficient.LC(), power, variable, first=first)
    inner = polynomial(coefficient)
    minus = all(c.could_extract_minus_sign() for c in coefficient.coeffs())
    if minus:
        inner = polynomial(-coefficient)
    sign = ("−" if minus else "") if first else (" − " if minus else " + ")
    single = len(coefficient.coeffs()) == 1
    if not name:
        return sign + (inner if single or not minus else f"({inner})")
    return sign + (f"{inner}·{name}" if single else f"({inner})·{name}")


def _term(coefficient: Expr, power: int, variable: str, *, first: bool) -> str:
    if _too_long(coefficient):
        minus = float_of(coefficient) < 0
    else:
        minus = not coefficient.is_Add and coefficient.could_extract_minus_sign()
    size = -coefficient if minus else coefficient
    sign = ("−" if minus else "") if first else (" − " if minus else " + ")
    return sign + _scaled(size, _raised(variable, power), first=first)


def _scaled(size: Expr, name: str, *, first: bool) -> str:
    """``z²/12``, ``3z/4``, ``(1 − k)·z``; a number too long to read cut short, ``0.041666667…z⁴``."""
    if _too_long(size):
        return f"{float_of(size):.8g}…{name}"
    if not name:
        return _typeset(size) if first or not size.is_Add else f"({_typeset(size)})"
    if isinstance(size, Rational):
        above = name if size.p == 1 else f"{size.p}{name}"
        return above if size.q == 1 else f"{above}/{size.q}"
    return f"({_typeset(size)})·{name}" if size.is_Add else f"{_typeset(size)}·{name}"


def _too_long(value: Expr) -> bool:
    return bool(value.is_number) and (is_long(value) or len(text_of(value)) > LONGEST)


def _typeset(value: Expr) -> str:
    powers = re.sub(r"\*\*(\d+)", lambda found: found[1].translate(SUPERSCRIPTS), text_of(value))
    return powers.replace("-", "−").replace("*", "·")
