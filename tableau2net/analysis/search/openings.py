"""One coefficient of a table opened: the values of it that fulfil the first order conditions which it can fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sympy import Expr, Poly, Rational, Symbol, fraction, real_roots, sqrt, together

from tableau2net.analysis.order.conditions import conditions
from tableau2net.analysis.order.evidence import Order, Residual
from tableau2net.analysis.reading.step_reading import BSeriesError, Reading
from tableau2net.analysis.reading.trees import forest_of
from tableau2net.analysis.search.spelling import near
from tableau2net.analysis.space.moments import SpaceOrder, space_order
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.exact.text import parse, symbol, text_of
from tableau2net.scheme import CoefficientTable, Scheme, Stencil
from tableau2net.scheme.parameters import Parameter
from tableau2net.step import lower

OPEN = "unknown"
MOST_ROOTS = 8
SLACK = 10**4  # how far, in units of the last decimal, what the others' rounding makes of a root may lie


def evidence(table: CoefficientTable, goal: int, *, embedded: bool = False) -> Order | SpaceOrder:
    """The order as far as one above `goal`, with what fails then; not remembered, since thousands are asked for."""
    if isinstance(table, Stencil):
        return space_order(table)
    assert isinstance(table, Scheme)
    return conditions.__wrapped__(table, goal + 1, embedded)


def unknown(table: CoefficientTable) -> str:
    """A name that no parameter of the table has."""
    name = OPEN
    while name in table.symbols:
        name += "_"
    return name


def opened(table: CoefficientTable, name: str, other: str | None = None) -> CoefficientTable | None:
    """The table with one coefficient unknown, exact; None where another decides it (a node that is a row sum).

    other: one that changes with it, so that their sum stays."""
    x = symbol(unknown(table))
    now = table.coefficients
    put = {name: x} if other is None else {name: x, other: now[name] + now[other] - x}
    start = now[name]
    value = start if start.is_number else Rational(0)
    parameters = (*table.parameters, Parameter(str(x), value))
    found = table.with_coefficients({**now, **put}, parameters=parameters, digits=None)
    return found if any(x in c.free_symbols for c in found.coefficients.values()) else None


def values(
    table: CoefficientTable, name: str, goal: int, *, embedded: bool = False, other: str | None = None
) -> list[Expr]:
    """The values of a coefficient for which the first conditions hold that not every value fulfils. Candidates: what
    they do further on is not asked. other: as in `opened`."""
    try:
        open_ = opened(table, name, other)
        if open_ is None:
            return []
        if table.digits is not None and isinstance(table, Scheme):
            return list(_in_decimals(table, open_, name, goal, embedded))
        failing = evidence(open_, goal - 1, embedded=embedded).failing
    except (InputError, BSeriesError):  # a number that its family fixes, a state that does not begin with y
        return []
    return common_roots([r.value for r in failing], symbol(unknown(table)))


def common_roots(conditions: Iterable[Expr], x: Symbol) -> list[Expr]:
    """The numbers at which all of some polynomials in x vanish (in x alone, or over the field of other symbols), and
    that a scheme file can hold; rational ones first."""
    divisor = common(conditions, x)
    if divisor is None:
        return []
    found = [root for factor, _ in divisor.factor_list()[1] for root in root_readable(factor)]
    return sorted(found, key=lambda v: (not v.is_Rational, len(text_of(v))))[:MOST_ROOTS]


def common(conditions: Iterable[Expr], x: Symbol) -> Poly | None:
    """The greatest common divisor in x of the numerators; None where they have no common root."""
    numerators = [fraction(together(c))[0] for c in conditions]
    if not numerators or any(x not in n.free_symbols for n in numerators):
        return None
    field = domain_of(numerators).domain
    others = [s for s in getattr(field, "symbols", ()) if s != x]
    ground = field.domain if field.is_Composite else field
    ground = ground.frac_field(*others) if others else ground
    found = Poly(numerators[0], x, domain=ground)
    for n in numerators[1:]:
        found = found.gcd(Poly(n, x, domain=ground))
    return found if found.degree() > 0 else None


def root_readable(factor: Poly) -> list[Expr]:
    """The real roots of an irreducible polynomial that a scheme file can hold: of degree one and two."""
    coefficients = factor.all_coeffs()
    others = sorted(set().union(*(c.free_symbols for c in coefficients)), key=str)
    if len(coefficients) == 2:
        found = [together(-coefficients[1] / coefficients[0])]
    elif len(coefficients) == 3 and not others:
        a, b, c = coefficients
        discriminant = b**2 - 4 * a * c
        if discriminant.evalf() < 0:
            return []
        found = [((-b + s * sqrt(discriminant)) / (2 * a)).expand() for s in (-1, 1)]
    else:
        return []
    return [v for v in found if _readable(v, others)]


def _readable(value: Expr, others: list[Symbol]) -> bool:
    try:
        parse(text_of(value), {str(s): s for s in others})
        domain_of([value])
    except InputError:
        return False
    return True


# ------------------------------------------------------------------------------------------------------ decimals


def _in_decimals(table: Scheme, open_: CoefficientTable, name: str, goal: int, embedded: bool) -> Iterator[Expr]:
    """Where numbers were cut off no condition holds exactly: the roots of the conditions that are missed most, and the
    numbers near them that one slip of a digit makes of what is printed, or that have as many decimals."""
    assert isinstance(open_, Scheme)
    assert table.digits is not None
    now = evidence(table, goal - 1, embedded=embedded)
    trees = [r.tree for r in now.failing if isinstance(r, Residual)]
    if not trees:
        return
    order = min(map(len, trees))
    old = table.coefficients[name]
    seen: set[Expr] = set()
    unit = Rational(1, 10**table.digits)
    for root in _roots_of_worst(open_, order, old, embedded):
        size = max(abs(root), Rational(1))
        rounded = Rational(round(root / unit)) * unit
        for value in (*near(old, root, SLACK * unit * size), rounded):
            if value not in seen:
                seen.add(value)
                yield value


def _roots_of_worst(open_: Scheme, order: int, old: Expr, embedded: bool, most: int = 3) -> Iterator[Rational]:
    step, x = lower(open_), symbol(OPEN)
    result = step.estimate if embedded else step.result
    assert result is not None
    grown = forest_of(step, with_time=not step.history)
    reading = Reading(step, grown)
    reading.extend(order)
    residuals = (reading.residual(result, tree) for tree in grown.of_order(order))
    missed = [r for r in residuals if x in r.free_symbols]
    for residual in sorted(missed, key=lambda r: -abs(float(r.subs(x, old))))[:most]:
        numerator = Poly(fraction(together(residual))[0], x)
        for root in real_roots(numerator.replace(x)) if numerator.degree() < 5 else []:
            yield root if root.is_Rational else Rational(str(root.evalf(50)))
