"""Exact numbers as text: ``"1/2"``, ``"(3 - sqrt(3))/6"``, ``"1 - k"``, ``"cos(pi/18)"``, ``"rootof(x**3 - 2, 0)"``.

Scheme files come from strangers, so their text never reaches ``eval`` or ``sympify``. It is parsed by
Python's grammar into a syntax tree, and only the nodes named here are given a meaning; length, depth, exponents
and the size of every intermediate number are bounded, so that no text can hang the program.
Decimal text is read as the exact rational it spells: ``0.1`` is 1/10.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import comb, inf, isfinite, log10, prod
from numbers import Rational as RationalNumber
from typing import Any

import sympy
from sympy import Expr, Pow, Rational

from tableau2net.errors import InputError
from tableau2net.exact.polynomial_roots import X, of_angle, root_of

MAX_LENGTH = 2000  # characters of one coefficient: Cooper–Verner's longest needs under 100
MAX_DEPTH = 60
MAX_EXPONENT = 64
MAX_BITS = 8192  # of any numerator or denominator on the way
MAX_DECIMALS = 2000
INEXACT = (sympy.Float, sympy.nan, sympy.oo, -sympy.oo, sympy.zoo, sympy.I)
NOT_FINITE = ("nan", "inf", "infinity", "oo")
MAX_DIGITS_WRITTEN = 4000  # of a whole number: Python itself reads and writes 4300
MAX_DEGREE, MAX_TERMS = 64, 2000  # in the parameters
# what most coefficients are: read without a syntax tree
PLAIN = re.compile(r"(-?(?:0|[1-9][0-9]{0,99}))(?:/([1-9][0-9]{0,99}))?\Z")


def symbol(name: str) -> sympy.Symbol:
    """The sympy symbol that stands for the scheme parameter `name` everywhere: real, nothing else assumed."""
    return sympy.Symbol(name, real=True)


def parse(
    value: object,
    symbols: Mapping[str, Expr] | None = None,
    functions: Mapping[str, Callable[[Expr], Expr]] | None = None,
) -> Expr:
    """Read one exact coefficient.

    Text goes through the bounded grammar: numbers, the names in `symbols`, ``+ - * / **``, unary minus, ``sqrt``,
    ``cos`` and ``sin`` of a rational part of pi, ``rootof(polynomial in x, index)`` as in sympy. Integers, fractions,
    decimals and sympy's exact real numbers are taken as they are; a float is refused, since it is
    not exact. functions: further ones that text may call, of an expression with a symbol and without a function in it.

    Raises:
        InputError: what is wrong with the text, in one line that quotes it.
    """
    match value:
        case Rational():
            return value
        case Expr():
            if value.has(*INEXACT):
                raise InputError(
                    f'{shown(value)} is not an exact real number: write it as text, such as "1/2" or "0.1"'
                )
            return value
        case str():
            return _parse_text(value, symbols or {}, functions or {})
        case bool() | float():
            raise InputError(f'{value!r} is not an exact number: write it as text, such as "1/2" or "0.1"')
        case RationalNumber():  # whole numbers of Python and of numpy, and fractions
            return _bounded(Rational(int(value.numerator), int(value.denominator)), "this")
        case Decimal():
            return _decimal(value)
    raise InputError(f'a coefficient is text such as "1/2", not {type(value).__name__}')


def _decimal(value: Decimal) -> Expr:
    if not value.is_finite() or abs(value.adjusted()) > MAX_DECIMALS or len(value.as_tuple().digits) > MAX_DECIMALS:
        raise InputError(f"{shown(value)} is not a finite number of at most {MAX_DECIMALS} decimals")
    return _bounded(Rational(*value.as_integer_ratio()), "this")


def shown(value: object) -> str:
    """A value as a line quotes it, cut off where it is long."""
    try:
        text = " ".join(str(value).split())
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        text = f"a {type(value).__name__} too long to write"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _parse_text(text: str, symbols: Mapping[str, Expr], functions: Mapping[str, Callable[[Expr], Expr]]) -> Expr:
    if plain := PLAIN.match(text):
        return Rational(int(plain[1]), int(plain[2] or 1))
    shown = text if len(text) <= 60 else text[:57] + "..."
    if len(text) > MAX_LENGTH:
        raise InputError(f"coefficient {shown!r} is longer than {MAX_LENGTH} characters")
    if not text.isascii():
        raise InputError(f"coefficient {shown!r}: only ASCII is read, write - for a minus sign")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own about text that is refused in a moment, "1if 1else 2" say
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        deep = isinstance(error, MemoryError | RecursionError) or "too many nested" in str(error)
        what = f"nested deeper than {MAX_DEPTH}" if deep else "not an arithmetic expression"
        raise InputError(f"coefficient {shown!r} is {what}") from None
    try:
        return _Reader(text.strip(), symbols, functions).read(tree.body, 0)
    except InputError as error:
        raise InputError(f"coefficient {shown!r}: {error}") from None


class _Reader:
    """Gives a meaning to the few syntax nodes a coefficient may hold."""

    def __init__(
        self,
        text: str,
        symbols: Mapping[str, Expr],
        functions: Mapping[str, Callable[[Expr], Expr]],
        inside: str = "",
    ) -> None:
        self.text, self.inside = text, inside
        self.symbols = symbols
        self.functions = functions

    def read(self, node: ast.expr, depth: int) -> Expr:
        if depth > MAX_DEPTH:
            raise InputError(f"nested deeper than {MAX_DEPTH}")
        match node:
            case ast.Constant(value=value) if type(value) in (int, float):
                return self._number(ast.get_source_segment(self.text, node) or "")
            case ast.Name(id=name):
                return self._name(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.read(operand, depth + 1)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(op, self.read(left, depth + 1), self.read(right, depth + 1))
            case ast.Call(func=ast.Name(id="sqrt"), args=[argument], keywords=[]):
                return self._power(self.read(argument, depth + 1), Rational(1, 2))
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in self.functions:
                return self._function(name, self.read(argument, depth + 1))
            case ast.Call(func=ast.Name(id="cos" | "sin" as name), args=[argument], keywords=[]):
                return of_angle(name, self._within(name, {"pi": sympy.pi}, argument, depth))
            case ast.Call(func=ast.Name(id="rootof" | "CRootOf"), args=[polynomial, index], keywords=[]):
                return root_of(self._within("rootof", {"x": X}, polynomial, depth), self.read(index, depth + 1))
            case ast.Call(func=ast.Name(id=name)):
                known = ", ".join(self._known())
                raise InputError(f"{name}(...) is not allowed, only {known} of one value and rootof(polynomial, index)")
        known = ", ".join([*self._known(), "rootof"])
        raise InputError(f"{type(node).__name__} is not allowed: numbers, parameters, + - * / **, {known}")

    def _known(self) -> list[str]:
        return list(dict.fromkeys(["sqrt", *self.functions, "cos", "sin"]))

    def _within(self, call: str, symbols: Mapping[str, Expr], node: ast.expr, depth: int) -> Expr:
        """What stands inside a call that has names of its own."""
        return _Reader(self.text, symbols, {}, call).read(node, depth + 1)

    def _function(self, name: str, argument: Expr) -> Expr:
        """One of the further functions. Nested ones, exp(exp(9)) say, are numbers beyond all bounds."""
        if not argument.free_symbols or argument.has(sympy.Function):
            raise InputError(f"{name}(...) is of an expression with a name in it, and without another function")
        return self.functions[name](argument)

    def _number(self, text: str) -> Expr:
        if not re.fullmatch(r"\d+|(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", text):
            raise InputError(f"{text!r} is not a decimal number")
        return _bounded(Rational(text) if text.isdigit() else Rational(*Decimal(text).as_integer_ratio()), text)

    def _name(self, name: str) -> Expr:
        if name not in self.symbols and name.lower() in NOT_FINITE:
            raise InputError(f"{name} is not a finite number")
        if name not in self.symbols and self.inside:
            raise InputError(f"{name} stands inside {self.inside}(...), where {' and '.join(self.symbols)} alone may")
        if name not in self.symbols:
            known = ", ".join(sorted(self.symbols)) or "none"
            raise InputError(f"undeclared symbol {name!r} (declared: {known}); add [parameters.{name}]")
        return self.symbols[name]

    def _binary(self, op: ast.operator, left: Expr, right: Expr) -> Expr:
        match op:
            case ast.Add():
                result = left + right
            case ast.Sub():
                result = left - right
            case ast.Mult():
                result = left * right
            case ast.Div():
                if right.is_zero:
                    raise InputError("division by zero")
                result = left / right
            case ast.Pow():
                result = self._power(left, right)
            case _:
                raise InputError(f"operator {type(op).__name__} is not allowed: + - * / **")
        return _bounded(result, str(type(op).__name__))

    @staticmethod
    def _power(base: Expr, exponent: Expr) -> Expr:
        if not isinstance(exponent, Rational) or abs(exponent) > MAX_EXPONENT or exponent.q > 12:
            raise InputError(f"the exponent must be a small rational number, at most {MAX_EXPONENT}")
        if base.is_zero and not exponent.is_positive:
            raise InputError("division by zero")
        if isinstance(base, Rational) and max(base.p.bit_length(), base.q.bit_length()) * abs(exponent) > MAX_BITS:
            raise InputError("the power is too large a number")
        if exponent.q > 1 and base.is_number and not base.is_nonnegative:
            raise InputError("a root of a negative number: coefficients are real")
        if exponent.q > 1 and isinstance(base, Rational) and max(abs(base.p), base.q).bit_length() > 256:
            raise InputError("a root of too large a number")  # sympy would try to factor it
        return base**exponent


def _bounded(value: Expr, what: str) -> Expr:
    """Refuse numbers whose exact form is absurdly long, and expressions that have grown without bound."""
    if isinstance(value, Rational):
        if max(abs(value.p).bit_length(), value.q.bit_length()) > MAX_BITS:
            raise InputError(f"{what}: a number of more than {MAX_BITS} bits")
    elif value.free_symbols and (degree_bound(value) > MAX_DEGREE or terms_bound(value) > MAX_TERMS):
        raise InputError(f"the degree in the parameters is too high (at most {MAX_DEGREE}, {MAX_TERMS} terms)")
    elif value.is_finite is False or value.is_real is False:
        raise InputError(f"{what}: not a finite real number")
    return value


def degree_bound(value: Expr) -> int:
    """No less than the degree of numerator and denominator in the parameters."""
    if isinstance(value, Pow):
        return int(abs(value.exp) * degree_bound(value.base)) if value.exp.is_Rational else MAX_DEGREE + 1
    return int(value.is_Symbol) + sum(map(degree_bound, value.args))


def terms_bound(value: Expr) -> int:
    """No less than the number of terms when multiplied out."""
    if isinstance(value, Pow) and value.exp.is_Integer:
        n = abs(int(value.exp))
        return comb(terms_bound(value.base) + n - 1, n)
    counts = list(map(terms_bound, value.args))
    return prod(counts) if value.is_Mul else max(1, sum(counts))


class _Printer(sympy.StrPrinter):
    """sympy's own printer, with every root of two as ``sqrt`` and others as rational powers."""

    def _as_ordered_terms(self, expr: Any, order: str | None = None) -> list[Any]:
        """A positive number first: ``1 - k``, not ``-k + 1``."""
        terms = super()._as_ordered_terms(expr, order=order)
        return sorted(terms, key=lambda term: not (term.is_Rational and term.is_positive))

    def _print_ComplexRootOf(self, expr: Any) -> str:
        """As it is written in files; sympy reads it too."""
        return f"rootof({sympy.sstr(expr.args[0])}, {expr.args[1]})"

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        base, exponent = expr.as_base_exp()
        if exponent == Rational(1, 2):
            return f"sqrt({self._print(base)})"
        if exponent == Rational(-1, 2):
            return f"1/sqrt({self._print(base)})"
        return str(super()._print_Pow(expr, rational=rational))


class _FilePrinter(_Printer):
    """The same with a number behind sums that it multiplies: read before them, it would be multiplied in."""

    def _print_Mul(self, expr: Any) -> str:
        number, rest = expr.as_coeff_Mul()
        if number != 1 and any(factor.as_base_exp()[0].is_Add for factor in sympy.Mul.make_args(rest)):
            return f"{self._print(rest)}*({self._print(number)})"
        return str(super()._print_Mul(expr))


def text_of(value: Expr) -> str:
    """The coefficient as text that `parse` reads back to an expression of the same values; sympy reads it too.

    Raises InputError for a number of so many digits that no Python reads it back."""
    return _printed(value, _Printer())


def file_text(value: Expr) -> str:
    """The same, as text that `parse` reads back to the very expression."""
    return _printed(value, _FilePrinter())


def _printed(value: Expr, printer: sympy.StrPrinter) -> str:
    try:
        return str(printer.doprint(value))
    except ValueError:
        raise InputError(
            f"a number of {digits_in(value):,} digits is not written out; shorten its coefficients"
        ) from None


def digits_in(value: Expr) -> int:
    """Roughly how many decimal digits the longest whole number in an expression has."""
    longest = max((max(abs(n.p), n.q).bit_length() for n in value.atoms(Rational)), default=1)
    return int(longest * log10(2)) + 1


def is_long(value: Expr) -> bool:
    """Whether a number in it has more digits than are written out."""
    return digits_in(value) > MAX_DIGITS_WRITTEN


def exact_json(value: Expr) -> dict[str, object]:
    """``{"exact": "sqrt(3)/6", "value": 0.288…}``: the form of an exact number in every JSON we write.

    `value` is the nearest double; null when the expression still holds a parameter, or is beyond all doubles. A number
    of thousands of digits, which no Python would read back, has null for `exact` and beside it how many `digits`."""
    near = float_of(value) if value.is_number else None
    double = near if near is not None and isfinite(near) else None
    if is_long(value):
        return {"exact": None, "value": double, "digits": digits_in(value)}
    return {"exact": text_of(value), "value": double}


def float_of(value: Expr) -> float:
    """The double nearest to an exact real number (rationals are rounded correctly, radicals through 40 digits);
    infinite where it is beyond all of them."""
    if not isinstance(value, Rational):
        return float(value.evalf(40))
    try:
        return float(Fraction(int(value.p), int(value.q)))
    except OverflowError:
        return inf if value.is_positive else -inf
