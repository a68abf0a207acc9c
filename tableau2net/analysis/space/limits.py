"""The von Neumann limit of Φ on a symbol: which of the exact routes decides it, and what else is known there.

Where the symbol is real and not positive, or imaginary, it covers a segment from 0, and the limit is the scheme's
stability interval over the largest |ŝ|, in any dimension, and nothing is stable beyond. On one axis the excess
decides (`exits`). Else waves along lines of angles are decided so (`angle_lines`), and floats look at the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import QQ, Expr, Float, Poly, Rational, S, oo, radsimp, sqrt

from tableau2net.analysis.budget import ask
from tableau2net.analysis.reading.linear import WEIGHTS, Curve, curve, free_of_parameters, weighted_curve
from tableau2net.analysis.space.angle_lines import angle_lines
from tableau2net.analysis.space.certified import certified_limit
from tableau2net.analysis.space.cosines import largest, never_negative
from tableau2net.analysis.space.excess import Wave
from tableau2net.analysis.space.exits import first_exit, later
from tableau2net.analysis.space.parts_line import PartsLine
from tableau2net.analysis.space.sampling import sampled_limit
from tableau2net.analysis.space.symbol_line import SymbolLine, radius
from tableau2net.analysis.space.terms import StencilTerm, along_axes, settled
from tableau2net.analysis.stability.boundary import Ray, imaginary_axis, negative_axis
from tableau2net.analysis.stability.decimals import meant
from tableau2net.analysis.stability.zero_stability import zero_stable
from tableau2net.errors import InputError
from tableau2net.exact.polynomials import RealRoot, X
from tableau2net.exact.root_arithmetic import quotient, root, total
from tableau2net.scheme import Scheme
from tableau2net.step import lower

MAX_BITS = 40_000  # of the polynomial of a quotient, about
BEYOND = 1e-3  # how far beyond the limit the angle that grows is looked for, relative
NOTHING = Wave(Poly(0, X, domain=QQ), Poly(0, X, domain=QQ), Poly(1, X, domain=QQ))


@dataclass(frozen=True)
class Limit:
    """A limit, how it is known, rationals around it, the angle of the wave that grows first right beyond it, and the
    intervals in which it is stable again: see `CFL`."""

    value: Expr
    kind: str
    enclosure: tuple[Expr, Expr]
    angle: float | None = None
    later: tuple[tuple[float, float], ...] | None = ()


def limit(scheme: Scheme, terms: Sequence[StencilTerm]) -> Limit:
    """The largest Δt on u_t = Σ c D u. Raises TooMuch, and InputError for several states."""
    open_ = [t.stencil for t in terms if t.stencil.parameters] or (scheme.parameters and not _free(scheme))
    kind = "declared values" if open_ else "exact"
    kind = "decimal" if scheme.digits or any(t.stencil.digits for t in terms) else kind
    fixed = scheme.at_defaults() if scheme.parameters else scheme
    terms, step = [settled(t) for t in terms], lower(fixed)
    if any(t.part >= step.parts for t in terms):
        raise InputError(f"{scheme.name or 'scheme'}: part: a term for each of its fields, {step.parts}, is expected")
    weights = _weights(terms, step.parts)
    phi = weighted_curve(fixed, weights or WEIGHTS[: step.parts]) if step.parts > 1 else curve(fixed)
    if phi is None:
        raise InputError(f"{scheme.name or 'scheme'}: several states, so there is no single z = Δt ŝ(θ)")
    if step.history and fixed.digits and weights:
        phi = meant(phi, step.derivative, 1 if step.parts > 1 else step.parts)
    if not zero_stable(fixed):
        return _answer(S.Zero, kind)
    if not terms:
        return _answer(oo, kind)
    if weights is None:
        alone = _of_parts(fixed, phi, terms)
        return replace(alone, kind=kind) if alone.kind == "exact" else alone
    shared = [t for t in terms if t.part == terms[0].part]
    waves = along_axes(shared)
    found = None if waves is None else _of_waves(phi, waves)
    if found is None:
        seen = _sampled(fixed, phi, terms, shared)
        return replace(seen, kind=kind) if seen.kind == "exact" else seen
    assert waves is not None
    return _with_angle(replace(found, kind=kind if found.kind == "exact" else found.kind), phi, waves)


def _free(scheme: Scheme) -> bool:
    """Whether Φ is the same for all values of parameters, as far as that is found in time."""
    return bool(ask("parameters in Φ", lambda: free_of_parameters(scheme), scheme, silent=True))


def _weights(terms: Sequence[StencilTerm], parts: int) -> tuple[Expr, ...] | None:
    """The symbol of each field over that of the first term's, where that is one number for all waves."""
    used = {t.part for t in terms}
    if len(used) < 2:
        return tuple(S.One if not terms or part in used else S.Zero for part in range(parts))
    fields: dict[int, dict[tuple[Any, ...], Expr]] = {}
    for t in terms:
        field, place = fields.setdefault(t.part, {}), (t.stencil, t.step, t.axis)
        field[place] = field.get(place, S.Zero) + t.coefficient
    found: list[Expr] = [S.Zero] * parts
    for part, field in fields.items():
        first = fields[terms[0].part]
        ratios = {radsimp(c / first[at]) for at, c in field.items() if first.get(at)}
        if field.keys() != first.keys() or len(ratios) != 1 or not all(first.values()):
            return None
        found[part] = ratios.pop()
    return tuple(found)


def _of_parts(scheme: Scheme, phi: Curve, terms: Sequence[StencilTerm]) -> Limit:
    """The limit where fields have symbols of their own."""
    axes = {a for t in terms for a in t.axes}
    if len(axes) > 1 or scheme.digits:
        return _sampled(scheme, None, terms)
    waves = [(along_axes([t for t in terms if t.part == p]) or [NOTHING])[0] for p in range(lower(scheme).parts)]
    lines = [PartsLine(p, waves) for p in phi.factors or (phi,)]
    return _beyond(_first(lines), lambda nu, angles: np.max([s.radius(nu, angles) for s in lines], axis=0))


def _of_waves(phi: Curve, waves: list[Wave]) -> Limit | None:
    """The limit where the symbol is a sum over axes; None where it is of a kind that only sampling decides."""
    waves = [w for w in waves if not (w.real.is_zero and w.imaginary.is_zero)]
    if not waves:
        return _answer(oo, "exact")
    if all(w.imaginary.is_zero and never_negative(-w.real) for w in waves):
        return _over(negative_axis(phi), [largest(-w.real, w.below) for w in waves], squared=False)
    if all(w.real.is_zero for w in waves):
        return _over(imaginary_axis(phi), [largest(_square(w), w.below**2) for w in waves], squared=True)
    return _along(phi, waves[0]) if len(waves) == 1 else None


def _with_angle(found: Limit, phi: Curve, waves: Sequence[Wave]) -> Limit:
    """With the angle at which floats see most growth right beyond."""
    if len({(w.real, w.imaginary, w.below) for w in waves}) != 1:
        return found
    return _beyond(found, lambda nu, angles: radius(phi, len(waves) * nu[:, None] * waves[0].sampled(angles)))


def _beyond(found: Limit, radius_at: Callable[[NDArray[np.float64], int], NDArray[np.float64]]) -> Limit:
    if not 0 < found.value < oo:
        return found
    nu, angles = np.array([float(found.value) * (1 + BEYOND)]), 2049
    place = int(np.nan_to_num(radius_at(nu, angles), nan=np.inf).argmax())
    return replace(found, angle=float(np.pi * place / (angles - 1)))


def _square(wave: Wave) -> Poly:
    """(Im ŝ)² times below²."""
    return wave.imaginary**2 * Poly(1 - X**2, X, domain=wave.imaginary.domain)


def _over(ray: Ray, found: list[RealRoot | None], squared: bool) -> Limit:
    """The end of a ray over Σ sizes; both by their squares where `squared`."""
    sizes = [size.simplified() for size in found if size is not None]
    assert len(sizes) == len(found)  # a denominator that vanishes has been refused
    end = ray.exit()
    if end is None:
        return _answer(oo, "exact")
    if isinstance(end, int):
        return _answer(S.Zero, "exact")
    if any(_long_together(end, size) for size in sizes):
        return _isolated(end, sizes, squared)
    same = all((s.coefficients, s.low, s.high) == (sizes[0].coefficients, sizes[0].low, sizes[0].high) for s in sizes)
    if same:
        ratio = quotient(end, sizes[0])
        return _number(ratio, squared, len(sizes))
    sums = [root(s) for s in sizes] if squared else sizes
    all_together = sums[0]
    for s in sums[1:]:
        all_together = total(all_together, s)
    return _number(quotient(root(end) if squared else end, all_together))


def _long_together(a: RealRoot, b: RealRoot) -> bool:
    """Whether the polynomial of the quotient would take too long: b of degree 1 only scales that of a."""
    degrees = [len(r.coefficients) - 1 for r in (a, b)]
    bits = [max(abs(c).bit_length() for c in r.coefficients) for r in (a, b)]
    return b.low < b.high and degrees[0] * degrees[1] * (bits[0] * degrees[1] + bits[1] * degrees[0]) > MAX_BITS


def _isolated(end: RealRoot, sizes: Sequence[RealRoot], squared: bool) -> Limit:
    """The end over the sum of sizes, by intervals alone."""
    narrow = [[_rational(x) for x in (r.low, r.high)] for r in (_to_digits(a, 20) for a in (end, *sizes))]
    if squared:
        slack = Rational(1, 10**20)
        narrow = [
            [Rational(sqrt(x).n(40)) * (1 + side * slack) for x, side in zip(e, (-1, 1), strict=True)] for e in narrow
        ]
    first, *others = narrow
    low, high = first[0] / sum(x[1] for x in others), first[1] / sum(x[0] for x in others)
    return Limit(Float((low + high) / 2, 30), "isolated", (low, high))


def _number(found: RealRoot, squared: bool = False, over: int = 1) -> Limit:
    """A root, or its square root, over a whole number; isolated where its polynomial is too long to write."""
    value = (found.square_root() if squared else found.expression()) / over
    if not value.has(Float):
        return _answer(value, "exact")
    narrow = _to_digits(found, 16)
    ends = [_rational(x) for x in (narrow.low, narrow.high)]
    if squared:
        ends = [
            Rational(str(sqrt(x).n(30))) + side * Rational(1, 10**24) for x, side in zip(ends, (-1, 1), strict=True)
        ]
    return Limit(value, "isolated", (ends[0] / over, ends[1] / over))


def _to_digits(found: RealRoot, digits: int) -> RealRoot:
    """A positive number in an interval of so many digits."""
    while found.high - found.low > found.low / 10**digits:
        found = found.halved()
    return found


def _rational(x: Any) -> Rational:
    return Rational(int(x.numerator), int(x.denominator))


def _along(phi: Curve, wave: Wave) -> Limit:
    """The limit on a symbol along one axis, of any kind."""
    return _first([SymbolLine(p, wave) for p in phi.factors or (phi,)])


def _first(lines: Sequence[SymbolLine]) -> Limit:
    """The least of the limits of all factors."""
    bounded = [e for e in map(first_exit, lines) if e is not None]
    if not bounded:
        return _answer(oo, "exact")
    first = min(bounded, key=lambda e: e.high)
    ends = tuple(map(_rational, (first.low, first.high)))
    value = first.root.expression() if first.root is not None else None
    again = ask("later intervals", lambda: later(lines[0], first.high), silent=True) if len(lines) == 1 else None
    if value is None or value.has(Float):
        return Limit(value or Float(sum(ends) / 2, 15), "isolated", (ends[0], ends[1]), later=again)
    return replace(_answer(value, "exact"), later=again)


def _answer(value: Expr, kind: str) -> Limit:
    return Limit(value, kind, (value, value))


def _sampled(
    scheme: Scheme, phi: Curve | None, terms: Sequence[StencilTerm], shared: Sequence[StencilTerm] = ()
) -> Limit:
    """0 where waves along a line grow at every small step; else what floats see, which is no more than along any line,
    proved on boxes of angles, but for growth by less than 1e-10, where that comes to an end: if all fields share one
    symbol, whose terms are then given."""
    bound = _along_lines(scheme, terms)
    if bound.value.is_zero:
        return replace(bound, later=None)
    low, high = sampled_limit(scheme, terms)
    least, most = (float(np.nextafter(float(x), side)) for x, side in zip(bound.enclosure, (0, np.inf), strict=True))
    low, high = min(low, least), min(high, most)
    if high == float("inf"):
        return Limit(oo, "sampled", (oo, oo), later=None)
    proved = certified_limit(phi, shared, low) if low and phi is not None else None
    kind = "sampled" if proved is None else "to 1e-10"
    if proved is not None:
        low, high = proved[0], high if proved[1] == low else proved[1]
    if not low:
        return Limit(S.Zero, kind, (S.Zero, S.Zero), later=None)
    ends = tuple(Rational(*Fraction(x).as_integer_ratio()) for x in (low, high))
    return Limit(Float(low, 10), kind, (ends[0], ends[1]), later=None)


def _along_lines(scheme: Scheme, terms: Sequence[StencilTerm]) -> Limit:
    """The least limit of waves along a line of angles, of those that are decided in time; exact."""
    found = [_answer(oo, "exact")]

    def decide() -> None:
        for line in angle_lines(terms) if len({a for t in terms for a in t.axes}) > 1 else ():
            one = ask("waves along a line", partial(limit, scheme, line), scheme, line, silent=True)
            found.extend([one] if one else [])
            if found[-1].value.is_zero:
                break

    ask("waves along lines", decide, scheme, tuple(terms), silent=True)
    return min(found, key=lambda each: float(each.enclosure[1]))
