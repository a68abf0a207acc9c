"""Exact numbers in LaTeX and in HTML; the plain text form is `exact.text.text_of`."""

from __future__ import annotations

from html import escape
from typing import Any

from sympy import Expr, Integer, Pow, S, StrPrinter
from sympy.printing.latex import LatexPrinter

DECIMALS = 8  # digits of a root that no radicals give; it is exact in the plain text


def _number_first(terms: list[Any]) -> list[Any]:
    """A positive number first: 1 − k, not −k + 1."""
    return sorted(terms, key=lambda term: not (term.is_Rational and term.is_positive))


def _decimals(root: Any) -> str:
    """A root that is not written in radicals: its first decimals."""
    return str(root.evalf(DECIMALS))


class _Latex(LatexPrinter):
    def _print_ComplexRootOf(self, expr: Any) -> str:
        return rf"{_decimals(expr)}\ldots"

    def _as_ordered_terms(self, expr: Any, order: str | None = None) -> list[Any]:
        return _number_first(super()._as_ordered_terms(expr, order=order))


class _Html(StrPrinter):
    printmethod = "_sympyhtml"  # what a function of ours calls its own form

    def _print_ComplexRootOf(self, expr: Any) -> str:
        return f"{_decimals(expr)}…"

    def _as_ordered_terms(self, expr: Any, order: str | None = None) -> list[Any]:
        return _number_first(super()._as_ordered_terms(expr, order=order))

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        return self._quotient([expr])

    def _print_Mul(self, expr: Any) -> str:
        number, rest = expr.as_coeff_Mul()
        factors = rest.as_ordered_factors()
        if number.is_Rational and number.is_negative:
            return f"-{self._quotient([-number, *factors])}"
        return self._quotient([number, *factors])

    def _quotient(self, factors: list[Any]) -> str:
        """A product over a product, each factor in brackets where it needs them."""
        above, below = [], []
        for factor in factors:
            base, exponent = factor.as_base_exp()
            if factor.is_Rational:
                above += [Integer(factor.p)] if factor.p != 1 else []
                below += [Integer(factor.q)] if factor.q != 1 else []
            elif exponent.is_Rational and exponent.is_negative:
                below.append(Pow(base, -exponent, evaluate=False) if exponent != -1 else base)
            else:
                above.append(factor)
        numerator = self._product(above)
        if not below:
            return numerator
        denominator = self._product(below)
        return f"{numerator}/{denominator if len(below) == 1 else f'({denominator})'}"

    def _product(self, factors: list[Any]) -> str:
        if len(factors) == 1 and not factors[0].is_Add:
            return self._factor(factors[0])
        return "*".join(map(self._factor, factors)) or "1"

    def _factor(self, factor: Any) -> str:
        base, exponent = factor.args if factor.is_Pow else (factor, S.One)
        if exponent == S.Half:
            return f"√{self._print(base)}" if self._is_atom(base) else f"√({self._print(base)})"
        inner = self._print(base) if self._is_atom(base) or base.is_Function else f"({self._print(base)})"
        return inner if exponent == 1 else f"{inner}<sup>{self._print(exponent)}</sup>"

    @staticmethod
    def _is_atom(base: Any) -> bool:
        return bool(base.is_Symbol or (base.is_Integer and base.is_nonnegative) or (base.is_Float and base.is_positive))

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
