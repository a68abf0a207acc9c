"""The smallest exact domain that holds a program's coefficients: ℚ, ℚ(√d, …), and parameters over either.

Arithmetic in such a domain decides equality, so that "is this residual zero" has one answer and needs no
simplification heuristics.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy
from sympy import QQ, Expr, Pow, Rational

from tableau2net.errors import InputError

MAX_DEGREE = 16  # of a number field: beyond this, exact arithmetic takes minutes

Element = Any  # an element of the domain: supports + - * and truth


def domain_of(coefficients: Iterable[Expr]) -> Any:
    """The sympy domain: a field that holds every given expression.

    Raises InputError when the radicals generate a field of degree over `MAX_DEGREE`, or an expression is not
    algebraic in the parameters (√k, say, with k open).
    """
    expressions = list(coefficients)
    radicals: set[Expr] = set()
    symbols: set[Expr] = set()
    poles = False
    for expression in expressions:
        symbols |= expression.free_symbols
        radicals |= {p for p in expression.atoms(Pow) if p.is_number and not p.exp.is_Integer}
        for power in expression.atoms(Pow):
            if power.free_symbols and not power.exp.is_Integer:
                raise InputError(f"{power}: a root of an open parameter; declare the root itself as the parameter")
            poles |= bool(power.free_symbols) and power.exp.is_negative
    base = _number_field(radicals)
    if not symbols:
        return base
    names = sorted(symbols, key=str)
    return base.frac_field(*names) if poles else base[tuple(names)]


def _number_field(radicals: set[Expr]) -> Any:
    if not radicals:
        return QQ
    generators: list[Expr] = []
    field: Any = QQ
    for radical in sorted(radicals, key=lambda r: (sympy.count_ops(r), str(r))):
        if field is not QQ and _holds(field, radical):
            continue
        generators.append(radical)
        field = QQ.algebraic_field(*generators)
        if field.ext.minpoly.degree() > MAX_DEGREE:
            raise InputError(f"the roots in the coefficients generate a number field of degree over {MAX_DEGREE}")
    return field


def _holds(field: Any, radical: Expr) -> bool:
    try:
        field.from_sympy(radical)
    except sympy.polys.polyerrors.CoercionFailed:
        return False
    return True


def to_domain(domain: Any, value: Expr) -> Element:
    """`value` as an element; expanded first, so that nested sums reach the domain as it expects them."""
    if isinstance(value, Rational):
        return domain.convert_from(QQ(int(value.p), int(value.q)), QQ)
    return domain.from_sympy(value if domain.is_FractionField else sympy.expand(value))


def to_expression(domain: Any, element: Element) -> Expr:
    """The element as a sympy expression."""
    return domain.to_sympy(element)
