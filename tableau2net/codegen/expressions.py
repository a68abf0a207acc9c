"""Exact numbers and linear combinations as Python text."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import sympy
from sympy import Expr, Rational, expand

from tableau2net.errors import InputError
from tableau2net.exact.text import float_of, shown

EXACT_INTEGER = 2**53  # below it p / q is the double nearest to the rational


def literal(value: Expr) -> str:
    """The double nearest to an exact number, as ``5 / 12`` where that reads well and is correctly rounded. Raises
    InputError where it is beyond all doubles."""
    if isinstance(value, Rational) and max(abs(value.p), value.q) < EXACT_INTEGER:
        return str(value.p) if value.q == 1 else f"{value.p} / {value.q}"
    near = float_of(value)
    if not isfinite(near):
        raise InputError(f"a factor of the step, {shown(value)}, is beyond all floating-point numbers")
    return repr(near)


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
        return f"{self._factor(expr.base)} ** {self._factor(expr.exp)}"

    def _print_Abs(self, expr: sympy.Abs) -> str:
        return f"torch.abs({self._print(expr.args[0])})"

    def _print_Function(self, expr: sympy.Function) -> str:
        return f"torch.{expr.func.__name__}({', '.join(self._print(a) for a in expr.args)})"

    def _factor(self, expr: Expr) -> str:
        text = self._print(expr)
        return text if expr.is_Symbol or expr.is_Integer or expr.is_Function else f"({text})"

    def _print(self, expr: Expr, **kwargs: Any) -> str:
        return literal(expr) if expr.is_number else str(super()._print(expr, **kwargs))


@dataclass(frozen=True)
class Combination:
    """How sums are written: which of the values are field values, to be multiplied by a power of h, and which names
    the learnt factors have (those of field values have that power in them already).

    mixed: whether two states whose factors sum to 1 are taken together, by ``lerp``."""

    fields: frozenset[str]
    learnt: Mapping[tuple[Expr, bool], str]
    h: str = "h"
    mixed: bool = True

    def text(self, terms: Sequence[tuple[Expr, str]], base: str | None = None, start: str = "y") -> str:
        """Σ c·value as a chain of ``add``: one pass over memory a term, h folded into the factor.

        Only the first link makes a new tensor. None does where `base`, one of the values with the factor 1, is to be
        overwritten. A value with factor 1 begins the chain where there is one, so that nothing is multiplied by one.
        """
        if not terms:
            return f"0 * {start}"
        mixture = mixture_in(terms, self.fields) if self.mixed and base is None else None
        begin = next((t for t in terms if t[1] == base), None) or next(
            (t for t in terms if t[0] == 1 and t[1] not in self.fields), terms[0]
        )
        if mixture:
            (_, first), (weight, second) = mixture
            # under autocast a state may begin in half precision and go on in the field's
            text = f"{first}.lerp({second}.to({first}), {self._weight(weight)})"
        else:
            text = begin[1] if begin[0] == 1 and begin[1] not in self.fields else f"({self._product(*begin)})"
        inplace = bool(mixture) or text.startswith("(") or base is not None
        for term in terms:
            if term not in (mixture or (begin,)):
                text += self._link(*term, mark="_" if inplace else "")
                inplace = True
        return text[1:-1] if len(terms) == 1 and text.startswith("(") else text

    def _weight(self, weight: Expr) -> str:
        return literal(weight) if weight.is_number else self.learnt[weight, False]

    def scaled(self, coefficient: Expr) -> str:
        """A coefficient times what a field value counts with."""
        if not coefficient.is_number:
            return self.learnt[coefficient, True]
        number = literal(coefficient)
        return {"1": self.h, "-1": f"-{self.h}"}.get(number, f"{number} * {self.h}")

    def factor(self, coefficient: Expr, value: str) -> str:
        """What a value is multiplied by."""
        return self._factor(coefficient, value) if coefficient.is_number else self.learnt[coefficient, True]

    def _product(self, coefficient: Expr, value: str) -> str:
        if not coefficient.is_number:
            return f"{self.learnt[coefficient, value in self.fields]} * {value}"
        return f"{self._factor(coefficient, value)} * {value}"

    def _link(self, coefficient: Expr, value: str, mark: str) -> str:
        if not coefficient.is_number:
            return f".addcmul{mark}({value}, {self.learnt[coefficient, value in self.fields]})"
        factor = self._factor(coefficient, value)
        if factor in ("1", "-1"):
            return f".{'add' if factor == '1' else 'sub'}{mark}({value})"
        return f".add{mark}({value}, alpha={factor})"

    def _factor(self, coefficient: Expr, value: str) -> str:
        return self.scaled(coefficient) if value in self.fields else literal(coefficient)


Term = tuple[Expr, str]


def mixture_in(terms: Sequence[Term], fields: Container[str]) -> tuple[Term, Term] | None:
    """Two states whose factors, neither of them 1, sum to 1: a u + b v is one kernel, ``lerp``. The second is the one
    with the simpler factor."""
    states = [t for t in terms if t[1] not in fields]
    if any(c == 1 for c, _ in states):
        return None
    for i, u in enumerate(states):
        for v in states[i + 1 :]:
            if u[1] != v[1] and expand(u[0] + v[0]) == 1:
                return (v, u) if u[0].is_Symbol and not v[0].is_Symbol else (u, v)
    return None


def wrapped(statement: str, width: int = 100) -> list[str]:
    """A statement as lines of bearable length: a long chain goes into brackets, a link a line."""
    if len(statement) <= width:
        return [statement]
    target, equals, text = statement.rpartition(" = ") if " = " in statement else ("", "", statement)
    links = re.split(r"(?=\.(?:add|sub|addcmul)_?\()", text)
    head = [links[0] + links[1], *links[2:]] if len(links) > 1 else links
    return [f"{target}{equals}(", *(f"    {link.strip()}" for link in head), ")"]
