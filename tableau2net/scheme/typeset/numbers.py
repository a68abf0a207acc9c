"""Exact numbers in LaTeX and in HTML; the plain text form is `expression.text_of`."""

from __future__ import annotations

from html import escape
from typing import Any

from sympy import Expr, Rational, StrPrinter
from sympy.printing.latex import LatexPrinter


def _number_first(terms: list[Any]) -> list[Any]:
    """A positive number first: 1 − k, not −k + 1."""
    return sorted(terms, key=lambda term: not (term.is_Rational and term.is_positive))


class _Latex(LatexPrinter):
    def _as_ordered_terms(self, expr: Any, order: str | None = None) -> list[Any]:
        return _number_first(super()._as_ordered_terms(expr, order=order))


class _Html(StrPrinter):
    def _as_ordered_terms(self, expr: Any, order: str | None = None) -> list[Any]:
        return _number_first(super()._as_ordered_terms(expr, order=order))

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        base, exponent = expr.as_base_exp()
        if exponent == Rational(1, 2):
            root = self._print(base)
            return f"√{root}" if base.is_Integer or base.is_Symbol else f"√({root})"
        if exponent == Rational(-1, 2):
            return f"1/{self._print_Pow(1 / expr)}"
        inner = self._print(base)
        if not (base.is_Symbol or (base.is_Integer and base.is_nonnegative)):
            inner = f"({inner})"
        return f"1/{self._print(1 / expr)}" if exponent == -1 else f"{inner}<sup>{self._print(exponent)}</sup>"

    def _print_Abs(self, expr: Any) -> str:
        return f"|{self._print(expr.args[0])}|"

    def _print_Max(self, expr: Any) -> str:
        return f"max({', '.join(map(self._print, expr.args))})"

    def _print_Symbol(self, expr: Any) -> str:
        return f"<i>{escape(expr.name)}</i>"


_LATEX = _Latex({"order": None})
_HTML = _Html()


def latex_number(value: Expr) -> str:
    """An exact number, or an expression in parameters, as LaTeX (math mode)."""
    return str(_LATEX.doprint(value))


def html_number(value: Expr) -> str:
    """An exact number, or an expression in parameters, as HTML."""
    return str(_HTML.doprint(value)).replace("*", "·").replace("-", "−")
