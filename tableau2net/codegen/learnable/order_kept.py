"""The members of a family that keep an order, as a family again: exact, where the conditions can be solved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import sympy
from sympy import Expr, Matrix, Poly, S, Symbol
from sympy.polys.matrices import DomainMatrix

from tableau2net.analysis.generate.settle import fits, substituted
from tableau2net.analysis.generate.solve import BeyondSolvingError, SymbolicSolution, solve
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.order.evidence import Order
from tableau2net.codegen.learnable.pivots import Numbers, pivots
from tableau2net.codegen.learnable.residuals import order_polynomials
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of, symbol
from tableau2net.scheme import Parameter, RungeKutta, Scheme

SLOPE = 30.0  # a solved family that moves faster than this at its start has a pole close by: it is projected instead
MAX_UNKNOWNS, MAX_EQUATIONS = 8, 4  # of a system that is solved although it is not linear


def eliminated(scheme: Scheme, order: int) -> Scheme | None:
    """The members of a family that have an order: what the conditions leave free stays a parameter, where it was.

    Linear conditions are solved for the unknowns that make every other coefficient move least (see `pivots`), the
    oldest β first, as in AdamNet; conditions that are linear in the weights alone are solved for these; few others
    by the means of `analysis.generate`. None where that gives no family that holds the scheme and is finite about it.
    Raises InputError where the conditions contradict each other, which printed decimals can make them.
    """
    family = scheme
    while True:
        found = _conditions(family, order)
        if found.order >= order:
            return family
        equations = [sympy.fraction(sympy.cancel(r.value))[0] for r in found.failing]
        if not family.parameters:
            raise InputError(f"keep_order={order}: the coefficients of {scheme.name} cannot all be kept to it exactly")
        solved = _linear(family, equations, scheme)
        if solved is None:
            return _rational(scheme, order)
        family = substituted(family, solved)


def _conditions(family: Scheme, order: int) -> Order:
    try:
        return order_conditions(family, max(order, 1))
    except InputError:
        raise InputError(
            f"keep_order={order}: the conditions of {family.name or family.family} on coefficients that are free are "
            "out of reach"
        ) from None


def _linear(scheme: Scheme, equations: list[Expr], first: Scheme) -> dict[Symbol, Expr] | None:
    """The solution of equations that are linear in all parameters; None where they are not. `first`: the scheme before
    anything was solved, where each parameter stands in its own place."""
    symbols = _preferred(scheme, first)
    if any(Poly(e, *symbols, extension=True).total_degree() > 1 for e in equations):
        return None
    alpha = _only_in(first, "alpha")
    groups = [[x for x in symbols if x not in alpha], [x for x in symbols if x in alpha]]
    return solve_linear(equations, groups, _start(scheme))


def _rational(scheme: Scheme, order: int) -> Scheme | None:
    """A family with poles away from the start."""
    for opened in (scheme, _by_nodes(scheme)):
        conditions = None if opened is None else order_polynomials(opened, order)
        if opened is None or conditions is None or len(conditions) > MAX_EQUATIONS:
            return None
        for solved in _candidates(opened, [p.as_expr() for p in conditions]):
            if all(map(fits, solved.values())) and _smooth(opened, solved):
                family = substituted(opened, solved)
                if order_conditions(family, order).order >= order:
                    return family
    return None


def _by_nodes(scheme: Scheme) -> Scheme | None:
    """The same family with the nodes as parameters, in the place of the first entry of each row of A: with them, the
    conditions are almost linear. None where no row has two free entries."""
    if not isinstance(scheme, RungeKutta):
        return None
    values: dict[Symbol, Expr] = {}
    starts: dict[str, Expr] = {}
    for i, row in enumerate(scheme.A, 1):
        free = [a for a in row if a.is_Symbol]
        if len(free) > 1 and f"c{i}" not in scheme.symbols:
            values[free[0]] = symbol(f"c{i}") - sum(free[1:])
            starts[f"c{i}"] = sum(scheme.at_defaults().A[i - 1], S.Zero)
    opened = substituted(scheme, values)
    kept = {p.name: p for p in scheme.parameters}
    parameters = tuple(kept.get(p.name) or Parameter(p.name, starts[p.name]) for p in opened.parameters)
    return replace(opened, parameters=parameters) if values else None


def _candidates(scheme: Scheme, equations: list[Expr]) -> Iterator[dict[Symbol, Expr]]:
    """Solutions that hold the start: of conditions that are linear in the weights, then of a few by general means."""
    weights = [x for x in _preferred(scheme) if x in _only_in(scheme, "b")]
    small = len(scheme.parameters) <= MAX_UNKNOWNS
    if (small or len(equations) <= 2) and all(Poly(e, *weights).total_degree() <= 1 for e in equations if weights):
        found = solve_linear(equations, [weights], _start(scheme)) if len(equations) <= len(weights) else None
        yield from [found] if found else []
    if small:
        others = [x for x in reversed(_preferred(scheme)) if x not in weights]
        try:
            for solution in solve(equations, [weights, others]):
                yield from filter(None, [_through(solution, scheme)])
        except BeyondSolvingError:
            return


def _through(solution: SymbolicSolution, scheme: Scheme) -> dict[Symbol, Expr] | None:
    """The values of a solution, if it holds the start and no more special one does."""
    start = _start(scheme)
    if any(abs(_number(p, start)) < 1e-9 for p in solution.nonzero):
        return None
    held = all(abs(_number(v, start) - start[x]) < 1e-9 for x, v in solution.values.items())
    return dict(solution.values) if held else None


def _smooth(scheme: Scheme, solved: Mapping[Symbol, Expr]) -> bool:
    """Whether what was solved for moves slowly at the start with what is free."""
    start = _start(scheme)
    slopes = [sympy.diff(v, x) for v in solved.values() for x in v.free_symbols]
    return all(abs(_number(slope, start)) <= SLOPE for slope in slopes)


def solve_linear(
    equations: Sequence[Expr], groups: Sequence[Sequence[Symbol]], start: Numbers
) -> dict[Symbol, Expr] | None:
    """Unknowns in terms of the rest, from equations that are linear in them; those of the first group where possible.

    Other symbols may stand in the coefficients. None where the rank at the start is not the general one.
    Raises InputError for a contradiction."""
    unknowns = [x for group in groups for x in group]
    A, b = sympy.linear_eq_to_matrix(list(equations), unknowns)
    numbers = [[_number(A[i, j], start) for j in range(A.cols)] for i in range(A.rows)]
    sizes = [len(group) for group in groups]
    chosen = pivots(numbers, sizes)
    rest = [j for j in range(len(unknowns)) if j not in chosen]
    ordered = Matrix.hstack(A[:, chosen], A[:, rest], b)
    reduced, found = DomainMatrix.from_Matrix(ordered, extension=True).to_field().rref()
    if found and found[-1] == len(unknowns):
        raise InputError("the order conditions contradict each other at the decimals given; keep a lower order")
    if list(found) != list(range(len(chosen))):
        return None
    table = reduced.to_Matrix()
    values = {}
    for i, j in enumerate(chosen):
        free = sum((table[i, len(chosen) + m] * unknowns[x] for m, x in enumerate(rest)), S.Zero)
        values[unknowns[j]] = table[i, len(unknowns)] - free
    return values


def _start(scheme: Scheme) -> Numbers:
    return {p.symbol: float_of(p.value) for p in scheme.parameters}


def _number(value: Expr, start: Numbers) -> float:
    return float(value.evalf(30, subs=start)) if value.free_symbols else float_of(value)


def _preferred(scheme: Scheme, first: Scheme | None = None) -> list[Symbol]:
    """Parameters in the order in which they are given up: weights as they come, then the rest, the last first."""
    symbols, only = list(scheme.symbols.values()), _only_in(first or scheme, "b")
    weights = [x for x in symbols if x in only]
    return weights + [x for x in reversed(symbols) if x not in weights]


def _only_in(scheme: Scheme, letter: str) -> set[Symbol]:
    """The parameters that stand in coefficients of that letter alone: "b", weights (β too), or "alpha"."""
    inside: set[Symbol] = set()
    outside: set[Symbol] = set()
    for name, value in scheme.coefficients.items():
        (inside if name.startswith(letter) else outside).update(value.free_symbols)
    return inside - outside
