"""The smallest exact domain that holds a program's coefficients: ℚ, ℚ(√d, …), and parameters over either.

Arithmetic in such a domain decides equality, so that "is this residual zero" has one answer and needs no
simplification heuristics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import sympy
from sympy import QQ, Expr, Pow, Rational
from sympy.polys.polyerrors import CoercionFailed, NotAlgebraic

from tableau2net.errors import InputError
from tableau2net.exact.polynomial_roots import ATOMS, degree
from tableau2net.exact.square_roots import TooLargeError, square_root_field

MAX_DEGREE = 8  # of a number field: at 16, finding its generator takes sympy a minute

Element = Any  # an element of a domain: supports + - * and truth


class Domain:
    """A sympy domain, with a conversion that walks the expression instead of searching for minimal polynomials."""

    def __init__(self, domain: Any, atoms: dict[Expr, Element]) -> None:
        self.domain = domain
        self.zero: Element = domain.zero
        self.one: Element = domain.one
        self._is_rational = bool(domain.is_QQ)
        self._atoms = atoms  # radicals and parameters

    def convert(self, value: Expr) -> Element:
        """`value` as an element. Raises InputError where it divides by zero or is not algebraic."""
        if isinstance(value, Rational):
            return self.rational(int(value.p), int(value.q))
        if value in self._atoms:
            return self._atoms[value]
        if value.is_Add:
            return sum((self.convert(term) for term in value.args), self.zero)
        if value.is_Mul:
            product = self.one
            for factor in value.args:
                product = product * self.convert(factor)
            return product
        if isinstance(value, Pow) and value.exp.is_Integer:
            power = self.convert(value.base) ** abs(int(value.exp))
            if value.exp > 0:
                return power
            if not power:  # a zero in disguise, such as (k + 1)**2 - k**2 - 2*k - 1
                raise InputError(f"{value}: division by zero")
            return self.one / power
        raise InputError(f"{value}: not algebraic in the parameters")

    def rational(self, p: int, q: int) -> Element:
        """p/q as an element."""
        number = QQ(p, q)
        return number if self._is_rational else self.domain.convert_from(number, QQ)

    def total(self, factors: Sequence[Element], elements: Sequence[Element]) -> Element:
        """Σ factor · element."""
        return sum((a * b for a, b in zip(factors, elements, strict=True)), self.zero)

    def divided(self, element: Element, by: int) -> Element:
        """element/by."""
        return element * self.rational(1, by)

    def expression(self, element: Element) -> Expr:
        """The element as a sympy expression."""
        return self.domain.to_sympy(element)


def domain_of(coefficients: Iterable[Expr]) -> Domain:
    """A domain that holds every given expression and divides by what they divide by.

    Raises InputError when the radicals generate a field of degree over `MAX_DEGREE`, or an expression is not
    algebraic in the parameters (√k, say, with k open).
    """
    radicals: set[Expr] = set()
    symbols: set[Expr] = set()
    poles = False
    for expression in coefficients:
        if expression.is_Rational:
            continue
        symbols |= expression.free_symbols
        for power in expression.atoms(Pow):
            if not power.exp.is_Integer:
                if power.free_symbols:
                    raise InputError(f"{power}: a root of an open parameter; declare the root itself as the parameter")
                radicals.add(power)
            poles |= bool(power.free_symbols) and bool(power.exp.is_negative)
        radicals |= expression.atoms(*ATOMS)
    field, roots = _number_field(frozenset(radicals))
    if not symbols:
        return Domain(field, roots)
    names = sorted(symbols, key=str)
    domain = field.frac_field(*names) if poles else field[tuple(names)]
    atoms = {radical: domain.convert_from(root, field) for radical, root in roots.items()}
    return Domain(domain, atoms | {name: domain.from_sympy(name) for name in names})


@cache
def _number_field(radicals: frozenset[Expr]) -> tuple[Any, dict[Expr, Element]]:
    """The field that the radicals generate, and each of them in it."""
    # what is no radical first, of the largest degree: roots may lie in its field; of radicals, inner ones
    ordered = sorted(
        radicals, key=lambda r: (isinstance(r, Pow), sympy.count_ops(r) if isinstance(r, Pow) else -degree(r), str(r))
    )
    field: Any = QQ
    generators: list[Expr] = []
    try:
        found = square_root_field(ordered, MAX_DEGREE)
        if found is not None:
            return found
        for radical in ordered:
            if field is not QQ and _holds(field, radical):
                continue
            if (1 if field is QQ else field.mod.degree()) * degree(radical) > MAX_DEGREE:
                raise InputError(f"the roots in the coefficients generate a number field of degree over {MAX_DEGREE}")
            generators.append(radical)
            field = QQ.algebraic_field(*generators)
        return field, {radical: field.from_sympy(radical) for radical in radicals}
    except TooLargeError:
        raise InputError(f"the roots in the coefficients generate a number field of degree over {MAX_DEGREE}") from None
    except (CoercionFailed, NotAlgebraic, NotImplementedError):  # sympy finds no exact relation between them
        names = ", ".join(sorted(map(str, radicals)))
        raise InputError(f"the roots {names} could not be put into one number field exactly") from None


def _holds(field: Any, radical: Expr) -> bool:
    try:
        field.from_sympy(radical)
    except CoercionFailed:
        return False
    return True
