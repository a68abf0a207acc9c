"""From a solution of the order conditions to a scheme: what stays free becomes a parameter with a value to start at."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import sympy
from sympy import Expr, Rational, S, Symbol

from tableau2net.analysis.region.line import between
from tableau2net.analysis.region.regions import A_STABLE, Region, a_stable_region, zero_stable_region
from tableau2net.errors import InputError
from tableau2net.exact.text import MAX_LENGTH, parse, symbol, text_of
from tableau2net.scheme import RungeKutta, Scheme
from tableau2net.scheme.parameters import Parameter

ATTEMPTS = 400
READABLE = 600  # characters: a general member with a hundred terms helps nobody
CANDIDATES = [S.Zero, S.One, S.NegativeOne, Rational(-1, 2)]
CANDIDATES += [Rational(n, d) for d in range(2, 8) for n in range(1, d) if sympy.igcd(n, d) == 1]


class NotStableError(Exception):
    """No values of the parameters were found at which a family is stable as asked."""


def settle(
    solved: Scheme, nonzero: Iterable[Expr], starts: Mapping[str, Expr], fact: str | None, *, must: bool = False
) -> Scheme:
    """A solved scheme with values for its parameters: those of `starts`, or others near where these give a pole or a
    method that is not stable.

    fact: "zero-stable" or "A-stable", wished for; with `must`, insisted on.
    A parameter is given up, in the order of `starts`, while a coefficient is too long for a scheme file.
    Raises NotStableError, and InputError where nothing will do.
    """
    region = _region(solved, fact)
    if must and region is not None and region.nowhere:
        raise NotStableError
    point = _start(solved, nonzero, starts, region, must=must)
    while True:
        try:
            return _bounded(_written(solved, point), region)
        except TooLongError as stop:
            closed = next((n for n in starts if n in solved.symbols), None)
            if closed is None:
                raise InputError(f"{stop}; fix some of {', '.join(solved.symbols)}") from None
            solved = substituted(solved, {symbol(closed): point[closed]})
            region = _region(solved, fact) if region is not None else None


def fits(value: Expr) -> bool:
    """Whether a coefficient is short enough to be read by a person, and by `parse`."""
    if len(str(value)) > 4 * READABLE:
        return False
    text = text_of(_tidy(value))
    if len(text) > READABLE:
        return False
    try:
        parse(text, {str(x): x for x in value.free_symbols})
    except InputError:
        return False
    return True


def _region(scheme: Scheme, fact: str | None) -> Region | None:
    if fact is None:
        return None
    return a_stable_region(scheme) if fact == A_STABLE else zero_stable_region(scheme)


def _start(
    scheme: Scheme, nonzero: Iterable[Expr], starts: Mapping[str, Expr], region: Region | None, *, must: bool
) -> dict[str, Expr]:
    denominators = [sympy.denom(sympy.together(c)) for c in scheme.coefficients.values()]
    poles = {d for d in [*denominators, *nonzero] if d.free_symbols}
    finite = None
    for point in _points(list(scheme.symbols), starts, region):
        if any(pole.subs({symbol(n): v for n, v in point.items()}) == 0 for pole in poles):
            continue
        if region is None or region.nowhere or region.contains(point):
            return point
        finite = finite or point
    if finite is None:
        raise InputError("no values were found at which the coefficients are finite; say some with --value")
    if must:
        raise NotStableError
    return finite


def _points(names: list[str], starts: Mapping[str, Expr], region: Region | None) -> Iterator[dict[str, Expr]]:
    """The preferred values, then ever more of them replaced by small fractions."""
    draw = random.Random(0)
    choices = dict.fromkeys(names, CANDIDATES)
    if region is not None and region.parameter in choices and region.intervals:
        inside = [i.low if i.low == i.high else between(i.low, i.high) for i in region.intervals]
        choices[region.parameter] = [x for x in (*inside, *CANDIDATES) if any(x in i for i in region.intervals)]
    for attempt in range(ATTEMPTS):
        chance = attempt / ATTEMPTS
        yield {n: draw.choice(choices[n]) if draw.random() < chance else starts.get(n, S.Zero) for n in names}


def _bounded(scheme: Scheme, region: Region | None) -> Scheme:
    """The region as the range of its parameter, where it is one closed interval that a file can hold."""
    if region is None or region.intervals is None or len(region.intervals) != 1:
        return scheme
    (i,) = region.intervals
    ends = (i.low, i.high)
    if not (i.low_closed and i.high_closed) or any(x.has(sympy.CRootOf) for x in ends):
        return scheme
    changed = tuple(
        replace(p, range=ends) if p.name == region.parameter and p.value in i else p for p in scheme.parameters
    )
    return replace(scheme, parameters=changed)


class TooLongError(Exception):
    """A coefficient does not fit into a scheme file."""


def _written(scheme: Scheme, point: Mapping[str, Expr]) -> Scheme:
    """With its parameters at the point, and coefficients as a file would hold them."""
    coefficients = {}
    for key, value in scheme.coefficients.items():
        text = text_of(value)
        if len(text) > MAX_LENGTH:
            raise TooLongError(f"{key} takes {len(text)} characters in the free coefficients")
        try:
            coefficients[key] = parse(text, scheme.symbols)
        except InputError as error:
            raise TooLongError(f"{key}: {error}") from None
    return with_coefficients(scheme, coefficients, tuple(Parameter(n, point[n]) for n in scheme.symbols))


# ------------------------------------------------------------------------------------------------ substitution


def substituted(scheme: Scheme, values: Mapping[Symbol, Expr]) -> Scheme:
    """The scheme with unknowns replaced by what they were solved to be; its parameters are whatever stays free."""
    coefficients = {n: _tidy(at(c, values)) for n, c in scheme.coefficients.items()}
    free = sorted(set().union(*(c.free_symbols for c in coefficients.values())), key=_natural)
    known = {p.name: p for p in scheme.parameters}
    parameters = tuple(known.get(str(x), Parameter(str(x), S.Zero)) for x in free)
    return with_coefficients(scheme, coefficients, parameters)


def at(value: Expr, point: Mapping[Symbol, Expr]) -> Expr:
    """`value` at a point."""
    return value.subs(point) if point else value


def with_coefficients(scheme: Scheme, coefficients: Mapping[str, Expr], parameters: tuple[Parameter, ...]) -> Scheme:
    """The scheme with other coefficients and parameters."""
    changed: Scheme = scheme.with_coefficients(coefficients, parameters=parameters)
    if isinstance(changed, RungeKutta):  # the nodes as they were solved for, not as sums of the rows
        return replace(changed, c=tuple(coefficients[f"c{i + 1}"] for i in range(changed.stages)))
    return changed


def _natural(x: Symbol) -> tuple[object, ...]:
    """c2 before c10, alpha before beta."""
    parts = re.split(r"(\d+)", str(x))
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def _tidy(value: Expr) -> Expr:
    """The shorter of a fraction in factors and a sum of terms."""
    if not value.free_symbols:
        return sympy.radsimp(sympy.expand(value))
    factored = sympy.factor(value)
    return min(factored, sympy.expand(value), key=lambda e: len(text_of(e)))
