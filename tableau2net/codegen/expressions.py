"""Exact numbers and linear combinations as Python text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Expr, Rational

from tableau2net.scheme.expression import float_of

EXACT_INTEGER = 2**53  # below it p / q is the double nearest to the rational


def literal(value: Expr) -> str:
    """The double nearest to an exact number, as ``5 / 12`` where that reads well and is correctly rounded."""
    if isinstance(value, Rational) and max(abs(value.p), value.q) < EXACT_INTEGER:
        return str(value.p) if value.q == 1 else f"{value.p} / {value.q}"
    return repr(float_of(value))


def scalar(value: Expr) -> str:
    """An expression in the learnt coefficients, as Python arithmetic on tensors."""
    return str(_Scalar().doprint(value))


class _Scalar(sympy.StrPrinter):
    """Arithmetic whose numbers are doubles: every exact number inside is printed as one literal."""

    def _print_Add(self, expr: sympy.Add, order: str | None = None) -> str:
        numbers, rest = expr.as_independent(*expr.free_symbols, as_Add=True)
        terms = [t for t in (numbers, *rest.as_ordered_terms()) if t != 0]
        text = self._print(terms[0])
        for term in terms[1:]:
            negative = term.could_extract_minus_sign()
            text += f" - {self._factor(-term)}" if negative else f" + {self._print(term)}"
        return text

    def _print_Mul(self, expr: sympy.Mul) -> str:
        top, bottom = expr.as_numer_denom()
        if bottom.free_symbols:
            return f"{self._factor(top)} / {self._factor(bottom)}"
        number, rest = expr.as_independent(*expr.free_symbols, as_Add=False)
        product = " * ".join(self._factor(factor) for factor in sympy.Mul.make_args(rest))
        return {1: product, -1: f"-{product}"}.get(number, f"{literal(number)} * {product}")

    def _print_Pow(self, expr: sympy.Pow, rational: bool = False) -> str:
        if expr.exp == -1:
            return f"1 / {self._factor(expr.base)}"
        return f"{self._factor(expr.base)} ** {self._print(expr.exp)}"

    def _factor(self, expr: Expr) -> str:
        text = self._print(expr)
        return text if expr.is_Symbol or expr.is_Integer else f"({text})"

    def _print(self, expr: Expr, **kwargs: Any) -> str:
        return literal(expr) if expr.is_number else str(super()._print(expr, **kwargs))


def combination(terms: Sequence[tuple[Expr, str]], is_field: Callable[[str], bool]) -> str:
    """Σ c·value as a chain of ``add``: one pass over memory a term, h folded into the factor.

    A term with coefficient 1 that can begin the chain does, so that nothing is multiplied by one."""
    begin = next((t for t in terms if t[0] == 1 and not is_field(t[1])), None)
    rest = [t for t in terms if t is not begin]
    text = begin[1] if begin else ""
    open_sum = False  # whether `text` ends in a bare sum, to be bracketed before .add
    for coefficient, value in rest:
        field = is_field(value)
        if coefficient.is_number:
            factor = _times_h(literal(coefficient)) if field else literal(coefficient)
            if not text:
                text, open_sum = f"{factor} * {value}", True
            elif factor == "-1":
                text, open_sum = f"{_closed(text, open_sum)}.sub({value})", False
            else:
                alpha = "" if factor == "1" else f", alpha={factor}"
                text, open_sum = f"{_closed(text, open_sum)}.add({value}{alpha})", False
        else:
            factor = scalar(coefficient)
            factor = f"({factor})" if coefficient.is_Add or (field and not coefficient.is_Symbol) else factor
            factor = f"h * {factor}" if field else factor
            text, open_sum = f"{text}{' + ' if text else ''}{factor} * {value}", True
    return text


def wrapped(assignment: str, width: int = 100) -> list[str]:
    """An assignment as lines of bearable length: a long chain goes into brackets, a link a line."""
    if len(assignment) <= width:
        return [assignment]
    target, text = assignment.split(" = ", 1)
    links = re.split(r"(?=\.(?:add|sub)\()|(?<= )(?=\+ (?:h|\w+) \* )", text)
    return [f"{target} = (", *(f"    {link.strip()}" for link in links), ")"]


def _times_h(number: str) -> str:
    return {"1": "h", "-1": "-h"}.get(number, f"{number} * h")


def _closed(text: str, open_sum: bool) -> str:
    return f"({text})" if open_sum else text
