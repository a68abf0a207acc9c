"""Smooth maps onto the parameter values where a multistep scheme is zero-stable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import sympy
from sympy import Expr, Poly, Rational, S, Symbol, atanh, sqrt, tanh

from tableau2net.analysis.region.line import Interval, compare
from tableau2net.analysis.region.regions import region_text, zero_stable_region
from tableau2net.analysis.stability.verdicts import zero_stable
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of, symbol
from tableau2net.scheme import Parameter, Scheme
from tableau2net.scheme.layout import Recurrence
from tableau2net.scheme.parameters import substitute

MARGIN = Rational(1, 512)  # of an open end, kept free so that tanh = 1 in rounded arithmetic is inside still
Z = Symbol("z")


@dataclass(frozen=True)
class Map:
    """A parameter as a map of a raw one, ``<name>_raw``.

    value: in the raw symbols.  inverse: the raw parameter in the scheme's.  start: where the raw parameter starts."""

    value: Expr
    inverse: Expr
    start: Expr


def stable_maps(scheme: Scheme) -> dict[str, Map]:
    """For each parameter that α depends on, a map onto values that are zero-stable whatever the raw parameters are.

    One parameter: the exact interval about its start. Several: the roots of ρ beside 1 by reflection coefficients.
    Raises InputError where the scheme does not start inside, or its region has no such map."""
    formula = scheme.formula()
    assert formula is not None
    names = sorted(set().union(*(a.free_symbols for a in formula.alpha)), key=str)
    involved = [p for p in scheme.parameters if p.symbol in names]
    if not involved:
        if not zero_stable(scheme):
            raise InputError(f"keep_stable: {scheme.name} is not zero-stable whatever its learnt coefficients are")
        return {}
    if len(involved) == 1:
        return _on_interval(scheme, involved[0])
    return _by_reflection(scheme, formula, involved)


# ------------------------------------------------------------------------------------------------ one parameter


def _on_interval(scheme: Scheme, p: Parameter) -> dict[str, Map]:
    region = zero_stable_region(scheme)
    assert region is not None
    assert region.intervals is not None
    points = _starts(scheme, p)
    inside = [i for i in region.intervals if all(_between(i, x) for x in points)]
    if not inside:
        where = f"starts from {' to '.join(map(str, points[-2:]))}" if p.init else f"starts at {p.value}"
        raise InputError(
            f"keep_stable: {scheme.name} is {region_text(region)}, and {p.name} {where}: start it strictly inside"
        )
    mapped = _interval_map(inside[0], p, points)
    return {} if mapped is None else {p.name: mapped}


def _starts(scheme: Scheme, p: Parameter) -> list[Expr]:
    if p.init is None:
        return [p.value]
    if p.init.kind != "uniform":
        raise InputError(
            f"keep_stable: {p.name} of {scheme.name} starts from a {p.init.kind} distribution, which has no ends; "
            "declare a uniform one"
        )
    return [p.value, p.init.first, p.init.second]


def _between(interval: Interval, value: Expr) -> bool:
    return compare(value, interval.low) > 0 and compare(value, interval.high) < 0


def _interval_map(interval: Interval, p: Parameter, points: list[Expr]) -> Map | None:
    """tanh onto a bounded interval, (u + √(u² + 4))/2 onto half a line; None onto all of it."""
    u, x = symbol(f"{p.name}_raw"), p.symbol
    low = _end(interval.low, interval.low_closed, [y - interval.low for y in points], interval, 1)
    high = _end(interval.high, interval.high_closed, [interval.high - y for y in points], interval, -1)
    if low is None and high is None:
        return None
    if low is not None and high is not None:
        middle, radius = (low + high) / 2, (high - low) / 2
        value, inverse = middle + radius * tanh(u), atanh((x - middle) / radius)
    else:
        end, sign = (low, 1) if low is not None else (high, -1)
        value, away = end + sign * (u + sqrt(u**2 + 4)) / 2, sign * (x - end)
        inverse = away - 1 / away
    return Map(value, inverse, inverse.subs(x, p.value))


def _end(end: Expr, closed: bool, distances: list[Expr], interval: Interval, inwards: int) -> Rational | None:
    """A rational end inside the interval, nearer to it than any start: itself where it belongs to the interval and
    is a short binary fraction, so that it is reached exactly; None for an infinite one."""
    if end.is_infinite:
        return None
    if closed and end.is_Rational and 512 % end.q == 0:
        return cast(Rational, end)
    width = interval.high - interval.low
    bounds = [float_of(d) / 2 for d in distances] + [float(MARGIN)] * bool(width.is_infinite)
    bounds += [] if width.is_infinite else [float_of(width) * float(MARGIN)]
    margin = Rational(2) ** int(sympy.floor(sympy.log(Rational(min(bounds)), 2)))
    if end.is_Rational:
        return end + inwards * margin
    near = Rational(round(float_of(end) / float(margin) * 8)) * margin / 8
    return near + inwards * margin


# -------------------------------------------------------------------------------------------- several parameters


def reflected(kappa: list[Expr]) -> list[Expr]:
    """Coefficients, highest power first, of the monic polynomial with given reflection coefficients: all its roots
    lie in the open unit disc exactly if they lie in (−1, 1) (Schur, Cohn; Levinson's recursion)."""
    q = [S.One]
    for k in kappa:
        q = [a + k * b for a, b in zip([*q, S.Zero], [S.Zero, *reversed(q)], strict=True)]
    return [sympy.expand(c) for c in q]


def reflections(q: list[Expr]) -> list[Expr] | None:
    """The reflection coefficients of a monic polynomial with exact numbers; None unless all are inside (−1, 1)."""
    kappa: list[Expr] = []
    while len(q) > 1:
        k = q[-1]
        if compare(abs(k), S.One) >= 0:
            return None
        kappa.insert(0, k)
        q = [sympy.radsimp(sympy.expand((a - k * b) / (1 - k**2))) for a, b in zip(q, reversed(q), strict=True)][:-1]
    return kappa


def _by_reflection(scheme: Scheme, formula: Recurrence, involved: list[Parameter]) -> dict[str, Map]:
    """ρ(ζ) = ζ^m (ζ − 1)^d q(ζ), where q is any polynomial with its roots inside the unit circle."""
    drawn = [p.name for p in involved if p.init is not None]
    if drawn:
        raise InputError(
            f"keep_stable: {', '.join(drawn)} of {scheme.name} cannot be drawn where several parameters make the "
            "zero-stable region; drop init"
        )
    d, oldest = formula.derivative, next(i for i, a in enumerate(formula.alpha) if not a.is_zero)
    size = formula.steps - oldest - d
    kappa = list(sympy.symbols(f"kappa1:{size + 1}", real=True)) if size > 0 else []
    q = Poly(reflected(kappa), Z)
    rho = (q * Poly(Z - 1, Z) ** d * Poly(Z, Z) ** oldest).all_coeffs()[::-1]
    solved = sympy.linsolve([a - r for a, r in zip(formula.alpha, rho, strict=True)], [p.symbol for p in involved])
    if size != len(involved) or not solved:
        raise InputError(
            f"keep_stable: {scheme.name} ties its {len(involved)} learnt alpha to each other in a way that no smooth "
            "map follows; keep a lower order, or fix all of them but one"
        )
    start = {p.symbol: p.value for p in scheme.parameters}
    (found,) = solved
    here = _reflections_of(tuple(substitute(a, start) for a in formula.alpha), d, oldest)
    if here is None:
        raise InputError(
            f"keep_stable: {scheme.name} does not start strictly inside: a root of rho, beside 1, is not inside the "
            "unit circle; start from another scheme"
        )
    raw, values = [symbol(f"{p.name}_raw") for p in involved], {}
    for k, u, at in zip(kappa, raw, here, strict=True):
        values[k] = (1 - _margin(at)) * tanh(u)
    starts = [atanh(at / (1 - _margin(at))) for at in here]
    return {p.name: Map(value.subs(values), at, at) for p, value, at in zip(involved, found, starts, strict=True)}


def _margin(kappa: Expr) -> Rational:
    room = min(float_of(1 - abs(kappa)) / 2, float(MARGIN))
    return Rational(2) ** int(sympy.floor(sympy.log(Rational(room), 2)))


def _reflections_of(alpha: tuple[Expr, ...], d: int, oldest: int) -> list[Expr] | None:
    rho = Poly(list(reversed(alpha[oldest:])), Z, extension=True)
    q, rest = sympy.div(rho, Poly(Z - 1, Z, domain=rho.domain) ** d)
    return reflections(q.all_coeffs()) if rest.is_zero else None
