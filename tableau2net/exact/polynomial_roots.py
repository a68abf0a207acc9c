"""Exact real numbers that no square roots give: roots of polynomials, and cosines and sines of parts of a half turn."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import QQ, Expr, Poly, Pow, Symbol, cos, sin
from sympy.polys.rootoftools import ComplexRootOf

from tableau2net.errors import InputError

X = Symbol("x")  # of a polynomial in text
MAX_ROOT_DEGREE = 12
MAX_BITS = 200  # of a polynomial's coefficients
MAX_PARTS = 360  # of a half turn
ATOMS = (ComplexRootOf, cos, sin)


def root_of(polynomial: Expr, index: Expr) -> Expr:
    """The real root of that number, from 0 in increasing order, as sympy's ``rootof`` counts them.

    polynomial: in x, with rational coefficients. Raises InputError where it is none, or has no such real root."""
    p = _polynomial(polynomial)
    if not index.is_Integer:
        raise InputError("rootof(polynomial, index): the index is a whole number, 0 for the least real root")
    real: list[Expr] = p.real_roots(radicals=True)
    if not 0 <= index < len(real):
        known = f"0 to {len(real) - 1}" if real else "none, since no root is real"
        raise InputError(f"rootof(..., {index}): real roots are counted from 0 in increasing order, here {known}")
    return real[int(index)]


def _polynomial(expression: Expr) -> Poly:
    if expression.free_symbols != {X}:
        raise InputError("rootof(polynomial, index): write a polynomial in x, such as 6*x**3 - 18*x**2 + 9*x - 1")
    try:
        p = Poly(expression, X, domain=QQ)
    except (sympy.PolynomialError, sympy.CoercionFailed):
        raise InputError(
            "rootof(polynomial, index): the polynomial has rational coefficients and powers of x"
        ) from None
    if p.degree() > MAX_ROOT_DEGREE:
        raise InputError(f"rootof(polynomial, index): of degree {p.degree()}, at most {MAX_ROOT_DEGREE}")
    if max(max(abs(int(c.p)), int(c.q)).bit_length() for c in p.all_coeffs()) > MAX_BITS:
        raise InputError("rootof(polynomial, index): coefficients of at most 60 digits")
    return p


def of_angle(name: str, angle: Expr) -> Expr:
    """cos or sin of a rational multiple of π. Raises InputError for another angle."""
    part = angle / sympy.pi
    if not part.is_Rational:
        raise InputError(f"{name}(...) is of a rational multiple of pi, such as {name}(pi/18)")
    if part.q > MAX_PARTS:
        raise InputError(f"{name}(...): a multiple of pi with a denominator of at most {MAX_PARTS} is read")
    found: Expr = {"cos": cos, "sin": sin}[name](angle)
    return found


@cache
def degree(atom: Expr) -> int:
    """Of a number's minimal polynomial; of a radical, at most."""
    if isinstance(atom, Pow):
        return int(atom.exp.q)
    return int(sympy.minimal_polynomial(atom, X, polys=True).degree())
