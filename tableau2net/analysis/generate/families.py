"""Families of schemes from order conditions: a shape and an order in, a scheme with parameters out.

The conditions are read off the step program of a scheme whose coefficients are all unknown, as for any other scheme,
and solved exactly (`solve`); what stays free becomes a parameter. The order of what is handed back is proved anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cmp_to_key
from itertools import chain

import sympy
from sympy import Expr, S, Symbol

from tableau2net.analysis.generate.limited import OutOfTimeError, within
from tableau2net.analysis.generate.settle import NotStableError, at, fits, settle, substituted
from tableau2net.analysis.generate.shapes import (
    Shape,
    imex_multistep_shape,
    multistep_shape,
    quadrature,
    runge_kutta_shape,
)
from tableau2net.analysis.generate.solve import BeyondSolvingError, SymbolicSolution, solve
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.reading.step_reading import Reading
from tableau2net.analysis.reading.trees import forest
from tableau2net.analysis.region.line import compare
from tableau2net.analysis.region.regions import ZERO_STABLE
from tableau2net.analysis.stability.zero_stability import zero_stable
from tableau2net.errors import InputError
from tableau2net.exact.text import parse, symbol
from tableau2net.scheme import RungeKutta, Scheme, plain_numbers
from tableau2net.step import lower

SECONDS = 55.0  # of solving, before a system is given up
Values = Mapping[str, object]


@plain_numbers
def generate_multistep(
    steps: int,
    order: int,
    *,
    explicit: bool = True,
    adams: bool = False,
    fix: Values | None = None,
    values: Values | None = None,
    stable: str | None = None,
    name: str = "",
) -> Scheme:
    """The linear multistep methods with `steps` steps that have the given order for all values of their parameters.

    Order 0 asks for ρ(1) = 0 alone. Free are the newest β and the oldest α (names ``beta2``, ``alpha0``, …); as they
    start, the method is Adams', or else a zero-stable one where one is found.
    explicit: β_k = 0.  adams: α is that of Adams' methods, only β is free.
    fix: coefficient → number, or an expression in other coefficients and in new names, which become parameters:
    ``{"alpha0": "-k"}``.  values: where parameters start.  stable: "zero-stable" to insist on it.
    Raises InputError where no method of that shape has the order, or the shape is out of reach.
    """
    shape = multistep_shape(steps, explicit=explicit, adams=adams)
    most = 2 * steps - explicit
    if not 0 <= order <= most:
        raise InputError(f"order {order}: an {shape.kind} has an order from 0 to {most} (HNW I, III.2)")
    return _generated(_from_adams(shape), order, name, None, fix or {}, values or {}, stable, prefer=ZERO_STABLE)


@plain_numbers
def generate_imex_multistep(
    steps: int,
    order: int,
    *,
    adams: bool = False,
    fix: Values | None = None,
    values: Values | None = None,
    stable: str | None = None,
    name: str = "",
) -> Scheme:
    """The implicit-explicit multistep methods of the given order for y' = f¹ + f²: f¹ implicit, f² explicit (Ascher,
    Ruuth, Wetton 1995). As `generate_multistep`; coefficients are ``alpha0``, ``beta0_p1``, ``beta0_p2``, …
    """
    shape = imex_multistep_shape(steps, adams=adams)
    if not 0 <= order <= 2 * steps - 1:
        raise InputError(f"order {order}: an {shape.kind} has an order from 0 to {2 * steps - 1}")
    start = _from_adams(shape, steps)
    return _generated(start, order, name, None, fix or {}, values or {}, stable, prefer=ZERO_STABLE)


def _from_adams(shape: Shape, order: int | None = None) -> Shape:
    """The shape with free coefficients that start at those of the Adams method, of the highest order or the given."""
    k = len(shape.groups[1])
    adams = {f"alpha{j}": S.NegativeOne if j == k - 1 else S.Zero for j in range(k)}
    conditions = len(shape.groups[0]) if order is None else order
    member = next(_solutions(shape, conditions, None, _fixed(shape.template, adams)))[0]
    half = {p.symbol: S.Half for p in member.parameters}  # of an implicit part that could have a higher order
    start = {n: at(c, half) for n, c in member.coefficients.items()}
    parameters = tuple(replace(p, value=start[p.name]) for p in shape.template.parameters)
    return replace(shape, template=replace(shape.template, parameters=parameters))


@plain_numbers
def generate_runge_kutta(
    stages: int,
    order: int,
    *,
    shape: str = "explicit",
    embedded: int | None = None,
    fix: Values | None = None,
    values: Values | None = None,
    stable: str | None = None,
    name: str = "",
    seconds: float | None = SECONDS,
) -> Scheme:
    """The Runge–Kutta methods with `stages` stages that have the given order for all values of their parameters.

    Free are nodes first (``c2``, …), then entries of A and weights.  shape: explicit, diagonally-implicit,
    singly-diagonally-implicit (one ``gamma`` on the diagonal), implicit, or collocation (the methods of given nodes).
    embedded: the order of a second formula b_hat.  fix, values: as in `generate_multistep`.
    stable: "A-stable" to insist on a family that is so somewhere, and to start there.
    seconds: after which solving is given up; None computes in this process, without a limit.
    Special solutions (two equal nodes, say) are returned only where there is no general one.
    Raises InputError where no such method exists, with the reason, and where the system is out of reach.
    """
    asked = runge_kutta_shape(stages, shape, embedded=embedded is not None)
    if order < 1:
        raise InputError(f"order {order}: at least 1 is asked of a Runge–Kutta method")
    if embedded is not None and not 1 <= embedded <= order:
        raise InputError(f"embedded order {embedded}: between 1 and the order {order}")
    _barrier(stages, order, shape)
    arguments = (asked, order, name, embedded, dict(fix or {}), dict(values or {}), stable)
    if seconds is None:
        return _generated(*arguments)
    try:
        return within(seconds, _generated, *arguments)
    except OutOfTimeError as stop:
        raise InputError(f"{asked.kind} of order {order}: beyond solving, {stop}; fix some coefficients") from None


def _generated(
    shape: Shape,
    order: int,
    name: str,
    embedded: int | None,
    fix: Values,
    values: Values,
    stable: str | None,
    prefer: str | None = None,
) -> Scheme:
    """The first solution, generic ones first, that has what is asked for. Raises InputError."""
    what = f"{shape.kind} of order {order}"
    refused = False
    try:
        fixed = _fixed(shape.template, {**shape.fixed, **fix})
        for solved, nonzero, closed in _solutions(shape, order, embedded, fixed):
            starts = _starts(shape) | _values(solved, values)
            try:
                family = settle(solved, nonzero, starts, stable or prefer, must=stable is not None)
            except NotStableError:
                refused = True
                continue
            chosen = [*closed, *(x for x in solved.symbols if x not in family.symbols)]
            return _named(_ascending(family) if not fix else family, name, shape, order, _chosen(chosen, family))
    except BeyondSolvingError as stop:
        raise InputError(f"{what}: beyond solving, {stop}; fix some coefficients") from None
    if refused:
        raise InputError(f"{what}: there are such methods, but none was found that is {stable}")
    given = f" with {', '.join(f'{k} = {v}' for k, v in fix.items())}" if fix else ""
    raise InputError(f"no {what}{given}: the order conditions contradict each other")


def _solutions(
    shape: Shape, order: int, embedded: int | None, fixed: list[Expr]
) -> Iterator[tuple[Scheme, tuple[Expr, ...], tuple[str, ...]]]:
    """The template with what is fixed and all conditions solved, what must not vanish then, and the free coefficients
    that were set to a number because the solution in them is too long."""
    starts = _starts(shape)
    for given in solve(fixed, shape.groups):
        start = substituted(shape.template, given.values)
        more = [at(e, given.values) for e in shape.conditions]
        for found in _conditioned(start, shape, order, embedded, more, starts):
            yield found[0], (*given.nonzero, *found[1]), found[2]


def _conditioned(
    scheme: Scheme, shape: Shape, order: int, embedded: int | None, more: list[Expr], starts: Mapping[str, Expr]
) -> Iterator[tuple[Scheme, tuple[Expr, ...], tuple[str, ...]]]:
    """Solve what fails, until nothing does: all conditions at once where they can be read at once."""
    at_once = False
    if isinstance(scheme, RungeKutta) and not _has_poles(scheme):
        at_once, failing = True, _all_conditions(scheme, shape, order, embedded)
    else:
        failing = _failing(scheme, order, embedded)
    equations = [*more, *failing]
    if not equations:
        yield scheme, (), ()
        return
    groups = [[x for x in group if str(x) in scheme.symbols] for group in shape.groups]
    for found, closed in _short_solutions(equations, groups, starts):
        solved = substituted(scheme, found.values)
        if at_once:
            yield solved, found.nonzero, closed
            continue
        for final, nonzero, later in _conditioned(solved, shape, order, embedded, [], starts):
            yield final, (*found.nonzero, *nonzero), (*closed, *later)


def _short_solutions(
    equations: list[Expr], groups: list[list[Symbol]], starts: Mapping[str, Expr]
) -> Iterator[tuple[SymbolicSolution, tuple[str, ...]]]:
    """Solutions that a file can hold, and what was set for it. Where the general one is too long, what is left free is
    set to where it would start: the first group of unknowns, then the next, and one by one in the last."""
    closed: list[Expr] = []
    names: list[str] = []
    tried: set[Symbol] = set()
    while True:
        solutions = solve([*equations, *closed], groups)
        first = next(solutions, None)
        if first is None and not closed:
            return
        if first is None:
            closed, names = closed[:-1], names[:-1]  # there are no such members
            continue
        left = set().union(*(v.free_symbols for v in first.values.values())) - tried
        free = [[x for x in group if x in left and str(x) in starts] for group in groups]
        if not any(free) or all(map(fits, first.values.values())):
            yield from ((found, tuple(names)) for found in chain([first], solutions))
            return
        some = next((group for group in free[:-1] if group), free[-1][:1])
        tried |= set(some)
        closed += [x - starts[str(x)] for x in some]
        names += map(str, some)


def _all_conditions(scheme: RungeKutta, shape: Shape, order: int, embedded: int | None) -> list[Expr]:
    wanted = quadrature(scheme, order) if shape.quadrature else _conditions(scheme, order, embedded=False)
    if embedded is not None:
        wanted += _conditions(scheme, embedded, embedded=True)
    return [e for e in wanted if sympy.expand(e) != 0]


def _failing(scheme: Scheme, order: int, embedded: int | None) -> list[Expr]:
    """The conditions of the first order that fails."""
    failing: list[Expr] = []
    for goal, of_estimate in ((order, False), (embedded, True)):
        if goal is None:
            continue
        found = order_conditions(scheme, max(goal, 1), embedded=of_estimate)
        if found.order < goal:
            failing += [sympy.fraction(sympy.cancel(r.value))[0] for r in found.failing]
    return failing


def _conditions(scheme: Scheme, order: int, *, embedded: bool) -> list[Expr]:
    step, grown = lower(scheme), forest()
    result = step.estimate if embedded else step.result
    assert result is not None
    reading = Reading(step, grown)
    reading.extend(order)
    return [reading.residual(result, tree) for n in range(1, order + 1) for tree in grown.of_order(n)]


def _has_poles(scheme: Scheme) -> bool:
    return any(not sympy.denom(sympy.together(c)).is_number for c in scheme.coefficients.values())


# ------------------------------------------------------------------------------------------- fixed coefficients


def _fixed(template: Scheme, fix: Values) -> list[Expr]:
    """coefficient − value for everything that is fixed; new names in a value become symbols."""
    known = template.coefficients
    equations = []
    for key, value in fix.items():
        if key == "gamma" and "gamma" in template.symbols:
            left: Expr = template.symbols["gamma"]
        elif key in known:
            left = known[key]
        else:
            raise InputError(f"fix {key}: unknown coefficient; there are {', '.join(known)}")
        names = set(re.findall(r"[A-Za-z]\w*", value)) - {"sqrt"} if isinstance(value, str) else set()
        symbols = {n: known.get(n, symbol(n)) for n in names}
        try:
            right = parse(value, symbols)
        except InputError as error:
            raise InputError(f"fix {key}: {error}") from None
        equations.append(sympy.fraction(sympy.together(left - right))[0])
    return [e for e in equations if sympy.expand(e) != 0]


# ------------------------------------------------------------------------------------------------- finishing


def _starts(shape: Shape) -> dict[str, Expr]:
    """Where parameters start, in the order in which they are given up when a coefficient is too long to write."""
    preferred = {p.name: p.value for p in shape.template.parameters}
    return {str(x): preferred[str(x)] for group in shape.groups for x in group if str(x) in preferred}


def _values(scheme: Scheme, values: Values) -> dict[str, Expr]:
    asked = {n: parse(v) for n, v in values.items()}
    for n in asked:
        if n not in scheme.symbols:
            raise InputError(f"value of {n}: no such parameter; there are {', '.join(scheme.symbols) or 'none'}")
    return asked


def _ascending(scheme: Scheme) -> Scheme:
    """Coupled stages in the order of their nodes, where these are numbers."""
    if not isinstance(scheme, RungeKutta) or scheme.parameters or all(a.is_zero for a in scheme.A[0][1:]):
        return scheme
    c = scheme.c
    order = cmp_to_key(compare)
    p = sorted(range(scheme.stages), key=lambda i: order(c[i]))

    def sort(row: tuple[Expr, ...]) -> tuple[Expr, ...]:
        return tuple(row[i] for i in p)

    b_hat = None if scheme.b_hat is None else sort(scheme.b_hat)
    return replace(scheme, A=tuple(sort(scheme.A[i]) for i in p), b=sort(scheme.b), c=sort(scheme.c), b_hat=b_hat)


def _chosen(names: list[str], family: Scheme) -> str:
    """Of a family: the coefficients that are free too and have a number, for the whole family is too long to write."""
    values = {n: family.coefficients[n] for n in sorted(set(names)) if n in family.coefficients}
    told = ", ".join(f"{n} = {v}" for n, v in values.items() if v.is_number)
    return f", with {told}" if told and family.parameters else ""


def _named(scheme: Scheme, name: str, shape: Shape, order: int, chosen: str) -> Scheme:
    """With a name, a title and, as claims, the orders that it really has: the proof that it was solved rightly."""
    found = order_conditions(scheme).order
    assert found >= order, f"{shape.kind}: order {found} where {order} was solved for"
    claims: dict[str, object] = {"order": found}
    if lower(scheme).estimate is not None:
        claims["embedded_order"] = order_conditions(scheme, embedded=True).order
    if scheme.formula():
        claims["zero_stable"] = zero_stable(scheme)
    title = f"{shape.kind[0].upper()}{shape.kind[1:]}, order {found}{chosen}"
    if scheme.parameters:
        title += f", family in {', '.join(scheme.symbols)}"
    plain = f"{shape.kind} order {found}".lower().replace("–", "-").replace(" method", "")
    return replace(
        scheme,
        name=name or re.sub(r"[^a-z0-9]+", "-", plain),
        title=title,
        reference="generated by tableau2net from the order conditions",
        claims=claims,
    )


# -------------------------------------------------------------------------------------------------- barriers

# explicit methods: the fewest stages for an order (Butcher 1964, 1965, 1985; HNW I, II.5)
FEWEST_STAGES = {5: 6, 6: 7, 7: 9, 8: 11}


def _barrier(stages: int, order: int, shape: str) -> None:
    """Raises InputError for an order that is known not to be reached."""
    if shape == "explicit":
        needed = FEWEST_STAGES.get(order, order if order < 5 else order + 3)
        reason = "Butcher's barriers, HNW I, II.5" if order > 4 else "HNW I, II.1"
    elif "diagonally" in shape:
        needed, reason = order - 1, "HW II, IV.6"
    else:
        needed, reason = (order + 1) // 2, "HW II, IV.5"
    if stages < needed:
        raise InputError(
            f"impossible: order {order} takes {needed} stages at least where the method is {shape} ({reason}); "
            f"add stages or lower the order"
        )
