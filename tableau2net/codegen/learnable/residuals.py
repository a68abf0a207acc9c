"""Order conditions as polynomials in what is learnt, for where no solved family keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy
from sympy import Expr, Matrix, Poly, Rational
from sympy.polys.matrices import DomainMatrix

from tableau2net.analysis.reading.step_reading import BSeriesError, Reading
from tableau2net.analysis.reading.trees import forest_of
from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain
from tableau2net.exact.text import float_of
from tableau2net.scheme import RungeKutta, Scheme
from tableau2net.step import Input, lower

MAX_TERMS = 5000  # they are written into the generated code


@dataclass(frozen=True)
class RetractionConditions:
    """Conditions to project on.

    names: the learnt coefficients.  conditions: polynomials in them as text, each to be 0: blanks about + and -,
    factors with *, powers written out (``"a21*b2 + a32*b3 - 1/2"``). See `runtime.retraction`."""

    names: tuple[str, ...]
    conditions: tuple[str, ...]


def retraction(scheme: Scheme, order: int) -> RetractionConditions:
    """The conditions of an order in the parameters of a one-step scheme.

    Raises InputError where there are none to be had, too many, or no direction is left to move in."""
    name = scheme.name or scheme.family
    polynomials = order_polynomials(scheme, order)
    if polynomials is None:
        raise InputError(f"keep_order={order}: the conditions of {name} on its coefficients are out of reach")
    if _rank(scheme, polynomials) == len(scheme.parameters):
        raise InputError(f"{name}: keep_order={order} leaves nothing to learn")
    return RetractionConditions(tuple(scheme.symbols), tuple(text(p) for p in polynomials))


@cache
def order_polynomials(scheme: Scheme, order: int) -> tuple[Poly, ...] | None:
    """The conditions up to an order, each once, over the parameters; None for a scheme with a history.

    Raises InputError for more terms than anyone projects on."""
    step = lower(scheme)
    if step.history:
        return None
    with_time = not (isinstance(scheme, RungeKutta) and _row_sums(scheme))  # else they are there already
    grown = forest_of(step, with_time=with_time)
    reading = Reading(step, grown)
    found: dict[Poly, None] = {}
    terms = 0
    for n in range(1, order + step.derivative):
        try:
            reading.extend(n)
        except BSeriesError:
            return None
        for result, given in zip(step.results, step.states, strict=True):
            for tree in grown.of_order(n):
                if len(step.states) > 1 and grown.colour[tree] != given.component:
                    continue
                p = _polynomial(reading, result, tree, given)
                if not p.is_zero and p not in found:
                    found[p] = None
                    terms += p.length()
                if terms > MAX_TERMS:
                    raise InputError(
                        f"keep_order={order}: the conditions of {scheme.name or scheme.family} have more than the "
                        f"{MAX_TERMS} terms that are projected on; keep a lower order"
                    )
    return tuple(found)


def _polynomial(reading: Reading, result: str, tree: int, given: Input) -> Poly:
    """A residual without fractions in the parameters, with leading coefficient 1."""
    assert isinstance(reading.domain, Domain)
    element, domain = reading.error(result, tree, given), reading.domain.domain
    if domain.is_FractionField:
        element, domain = element.numer, domain.get_ring()
    p = Poly.from_dict(dict(element), *domain.symbols, domain=domain.domain)
    return p if p.is_zero else p.monic()


def text(p: Poly) -> str:
    """A polynomial as `RetractionConditions.conditions` holds it."""
    pieces = []
    for exponents, coefficient in p.terms():
        factors = [str(x) for x, e in zip(p.gens, exponents, strict=True) for _ in range(e)]
        pieces.append(_term(coefficient, factors))
    joined = " ".join(f"{'-' if negative else '+'} {piece}" for negative, piece in pieces)
    return joined.removeprefix("+ ") if joined.startswith("+") else "-" + joined.removeprefix("- ")


def _term(coefficient: Expr, factors: list[str]) -> tuple[bool, str]:
    size = abs(coefficient)
    number = str(size) if isinstance(size, Rational) else repr(float_of(size))
    return bool(coefficient < 0), "*".join(factors if size == 1 and factors else [number, *factors])


def _row_sums(scheme: RungeKutta) -> bool:
    return all(sympy.expand(c - sum(row)) == 0 for row, c in zip(scheme.A, scheme.c, strict=True))


def _rank(scheme: Scheme, polynomials: tuple[Poly, ...]) -> int:
    """The rank of the conditions' derivatives at the start, exact."""
    start = {p.symbol: p.value for p in scheme.parameters}
    rows = [[p.diff(x)(*(start[y] for y in p.gens)) for x in p.gens] for p in polynomials]
    return int(DomainMatrix.from_Matrix(Matrix(rows), extension=True).to_field().rank())
