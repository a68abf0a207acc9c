"""Which values of its parameters give a family a higher order: all of them, exactly.

The conditions of the first order that fails are solved for the parameters, and so on in what is left, until nothing
fails up to the order that is asked for. Each answer is substituted and its order proved anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sympy import CRootOf, Expr, Poly, Symbol, cancel, denom, expand, fraction, radsimp, together

from tableau2net.analysis.budget import budget
from tableau2net.analysis.generate.settle import substituted
from tableau2net.analysis.generate.solve import BeyondSolvingError, solve
from tableau2net.analysis.search.openings import common, evidence, root_readable
from tableau2net.errors import InputError
from tableau2net.exact.polynomials import real_roots
from tableau2net.exact.text import exact_json, text_of
from tableau2net.scheme import CoefficientTable, Scheme, Stencil, as_table, plain_numbers

SECONDS = 20.0
MOST_ORDER = 16


@dataclass(frozen=True)
class OrderSolution:
    """Values of parameters for which a family has the order asked for, for all values of those that stay open.

    values: each parameter that is settled, in terms of the others.  nonzero: what must not vanish.
    table: the member, or the smaller family; None where the values are roots of degree three and more, which no file
    holds.  order: its order.  outside: the parameters that leave the range that the source declares."""

    values: dict[str, Expr]
    nonzero: tuple[Expr, ...]
    table: CoefficientTable | None
    order: int
    outside: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = ", ".join(f"{n} = {_written(v)}" for n, v in self.values.items())
        apart = f" where {', '.join(text_of(e) for e in self.nonzero)} is not 0" if self.nonzero else ""
        outside = f" (outside the declared range of {', '.join(self.outside)})" if self.outside else ""
        return f"{text}{apart}: order {self.order}{outside}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON, numbers exact."""
        return {
            "values": {n: _json(v) for n, v in self.values.items()},
            "nonzero": [text_of(e) for e in self.nonzero],
            "order": self.order,
            "outside_range": list(self.outside),
            "open": list(self.table.symbols) if self.table else [],
        }


@plain_numbers
def solve_order(table: CoefficientTable | str, order: int, *, seconds: float = SECONDS) -> tuple[OrderSolution, ...]:
    """All values of the parameters of a scheme, or of a stencil, for which it has at least the given order; () where
    there are none, or where a coefficient would be infinite.

    Raises InputError for a table without parameters, for an order that it has for all of them, and where the system is
    beyond solving, in `seconds` of the processor or at all.
    """
    given = as_table(table, CoefficientTable)
    name = given.name or "table"
    if not isinstance(given, Scheme | Stencil) or not given.parameters:
        raise InputError(f"{name} has no parameters to solve for; `check --repair` seeks changes of its numbers")
    if not 1 <= order <= MOST_ORDER:
        raise InputError(f"order {order}: between 1 and {MOST_ORDER}")
    has = evidence(given, order).order
    if has >= order:
        raise InputError(f"{name} has order {has} for all values of its parameters; ask for a higher one")
    beyond: list[str] = []

    def question() -> tuple[OrderSolution, ...]:
        try:
            return tuple({_key(s): s for s in _solutions(given, order)}.values())
        except BeyondSolvingError as stop:
            beyond.append(str(stop))
            return ()

    with budget(2 * seconds) as held:
        found = held.ask("solve for order", question, silent=True)
    if found is None or beyond:
        why = beyond[0] if beyond else f"not done after {seconds:g} seconds"
        raise InputError(f"{name}, order {order}: beyond solving, {why}; set some parameters first")
    return found


def _key(solution: OrderSolution) -> tuple[Any, ...]:
    return tuple(solution.values.items())


def _solutions(table: CoefficientTable, order: int) -> Iterator[OrderSolution]:
    symbols = [p.symbol for p in table.parameters]
    if len(symbols) == 1:
        yield from _of_one(table, symbols[0], order)
        return
    for values, nonzero, member in _settled(table, order, {}, ()):
        apart = tuple(e for e in nonzero if e.free_symbols)
        yield _solution(table, values, apart, member, order)


def _solution(
    table: CoefficientTable, values: dict[Symbol, Expr], nonzero: tuple[Expr, ...], member: CoefficientTable, order: int
) -> OrderSolution:
    reached = evidence(member, order).order
    assert reached >= order, f"order {reached} where {order} was solved for"
    named = {str(x): v for x, v in values.items()}
    return OrderSolution(named, nonzero, member, reached, _outside(table, named))


def _outside(table: CoefficientTable, values: dict[str, Expr]) -> tuple[str, ...]:
    ranges = {p.name: p.range for p in table.parameters if p.range is not None}
    numbers = {n: v for n, v in values.items() if v.is_number and n in ranges}
    return tuple(n for n, v in numbers.items() if not ranges[n][0] <= v <= ranges[n][1])


def _finite(table: CoefficientTable, values: dict[Symbol, Expr]) -> bool:
    """Whether no coefficient has a pole there, for all that stays open."""
    poles = (denom(together(c)) for c in table.coefficients.values())
    return all(cancel(pole.subs(values)) != 0 for pole in poles if pole.free_symbols)


def _settled(
    table: CoefficientTable, order: int, values: dict[Symbol, Expr], nonzero: tuple[Expr, ...]
) -> Iterator[tuple[dict[Symbol, Expr], tuple[Expr, ...], CoefficientTable]]:
    """Solve what fails, until nothing does."""
    found = evidence(table, order)
    if found.order >= order:
        yield values, nonzero, table
        return
    equations = [fraction(together(r.value))[0] for r in found.failing]
    for solution in solve(equations, [[p.symbol for p in table.parameters]]):
        if not _finite(table, solution.values):
            continue
        member = _with(table, solution.values)
        known = {x: _tidy(v.subs(solution.values)) for x, v in values.items()}
        apart = tuple(cancel(e.subs(solution.values)) for e in nonzero)
        new = {x: _tidy(v) for x, v in solution.values.items()}
        yield from _settled(member, order, known | new, (*apart, *solution.nonzero))


def _tidy(value: Expr) -> Expr:
    return cancel(value) if value.free_symbols else radsimp(expand(value))


def _with(table: CoefficientTable, values: dict[Symbol, Expr]) -> CoefficientTable:
    if isinstance(table, Scheme):
        return substituted(table, values)
    left = tuple(p for p in table.parameters if p.symbol not in values)
    return table.with_coefficients({n: cancel(c.subs(values)) for n, c in table.coefficients.items()}, parameters=left)


def _of_one(table: CoefficientTable, x: Symbol, order: int) -> Iterator[OrderSolution]:
    """One parameter: the roots of the greatest common divisor of what fails, order after order for those of degree
    three and more, which are left as roots."""
    divisor = common([r.value for r in evidence(table, order).failing], x)
    for factor, _ in divisor.factor_list()[1] if divisor is not None else ():
        if factor.degree() > 2:
            yield from _of_roots(table, factor, order)
            continue
        for value in root_readable(factor):
            if _finite(table, {x: value}):
                member = _with(table, {x: value})
                if evidence(member, order).order >= order:
                    yield _solution(table, {x: value}, (), member, order)


def _of_roots(table: CoefficientTable, factor: Poly, order: int) -> Iterator[OrderSolution]:
    """Real roots of an irreducible polynomial: the order is proved where this divides every condition of it."""
    name = str(factor.gen)
    if not factor.domain.is_QQ or evidence(table, order).order + 1 < order:
        raise BeyondSolvingError(f"{name} is a root of {factor.as_expr()}, at which further conditions are not read")
    for root in real_roots(factor) if _has_no_pole_at(table, factor) else ():
        value = root.expression()
        yield OrderSolution({name: value}, (), None, order, _outside(table, {name: value}))


def _has_no_pole_at(table: CoefficientTable, factor: Poly) -> bool:
    poles = (denom(together(c)) for c in table.coefficients.values())
    return all(Poly(pole, factor.gen).gcd(factor).degree() < 1 for pole in poles if pole.free_symbols)


def _written(value: Expr) -> str:
    if isinstance(value, CRootOf) or value.has(CRootOf):
        return f"a root of {value.args[0].as_expr()}, near {value.evalf(12)}"
    return text_of(value)


def _json(value: Expr) -> Any:
    return exact_json(value) if value.is_number and not value.has(CRootOf) else _written(value)
