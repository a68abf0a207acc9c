"""The exact von Neumann limit of a scheme on a stencil: the largest ν at which no Fourier mode grows in a step.

On u_t = D u with constant coefficients and no boundary a mode e^{iθ·j} is multiplied in each step by a root ζ of Φ(ζ,
ν ŝ(θ)). Where the symbol is real and not positive, or imaginary, it covers a segment from 0, and the limit is the
scheme's stability interval over the largest |ŝ|: in any dimension. Else the excess over the unit circle decides
(`exits`), a polynomial in ν and cos θ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from sympy import Expr, Float, Poly, Rational, S, oo, sqrt

from tableau2net.analysis.budget import ask, budget, left_out
from tableau2net.analysis.reading.linear import Curve, curve
from tableau2net.analysis.space.cosines import largest, never_negative
from tableau2net.analysis.space.damping import equation_signs
from tableau2net.analysis.space.excess import Wave
from tableau2net.analysis.space.exits import SymbolLine, first_exit
from tableau2net.analysis.space.sampling import sampled_limit
from tableau2net.analysis.space.terms import StencilTerm, along_axes, settled, terms_of
from tableau2net.analysis.stability.boundary import Ray, imaginary_axis, negative_axis
from tableau2net.analysis.stability.decimals import meant
from tableau2net.analysis.stability.zero_stability import zero_stable
from tableau2net.errors import InputError
from tableau2net.exact.polynomials import RealRoot, X
from tableau2net.exact.root_arithmetic import quotient, root, total
from tableau2net.scheme import Scheme, Stencil, as_scheme, as_stencil
from tableau2net.step import lower

SECONDS = 6.0  # of the processor, for one pair
NECESSARY = "constant coefficients and no boundary: necessary, and for variable ones at each frozen value"


@dataclass(frozen=True)
class CFL:
    """How far a scheme is stable on an equation in space.

    limit: the largest ν such that no Fourier mode grows for any step in (0, ν]: rational, with a square root, sympy's
    ``CRootOf``, infinity for no limit, 0 for none that is stable; a ``Float`` where the number is only isolated or
    sampled.
    kind: "exact"; "declared values" where parameters were set to them; "decimal" where a source printed decimals;
    "isolated" where both ends of `enclosure` are proved, but the number has no polynomial that could be written;
    "sampled" where floats looked (several axes of mixed kind).
    enclosure: low ≤ limit ≤ high.
    notes: what it does not say."""

    limit: Expr
    kind: str
    enclosure: tuple[Expr, Expr]
    notes: tuple[str, ...] = field(default=(NECESSARY,))

    def __float__(self) -> float:
        return float(self.limit)


def cfl(
    scheme: Scheme | str,
    stencil: Stencil | str,
    *,
    speed: Any = 1,
    dimension: int = 1,
) -> CFL:
    """The largest ν at which a scheme is stable with a stencil on a periodic grid, exactly.

    scheme, stencil: tables, names or files. ν = |c| Δt/h^m for u_t = c D u, with the sign that the equation has: u_t
    + a u_x = 0 for odd m, a the `speed`, whose sign is the direction the waves run in (an upwind stencil is unstable
    in the other); u_t = c u_xx, u_t = −c u_xxxx, … for even ones. Of a method for y'' = f, u_tt = c D u and ν = c
    Δt²/h^m. dimension: on so many axes, the same stencil and ν on each. Raises InputError for several states, and
    where it is too much work."""
    found = as_stencil(stencil)
    signs = equation_signs(found)
    if not signs:
        told = "a filter" if not sum(found.orders) else "a mixed derivative"
        raise InputError(f"{found.name or 'stencil'}: {told}, of which u_t = D u is no equation; see limit_of_terms")
    axes = range(0, dimension * found.dimension, found.dimension)
    coefficient = StencilTerm(speed, found).coefficient
    return limit_of_terms(as_scheme(scheme), [StencilTerm(signs[-1] * coefficient, found, 1, axis) for axis in axes])


def limit_of_terms(scheme: Scheme | str, terms: Iterable[StencilTerm | Sequence[Any]]) -> CFL:
    """The largest Δt at which a scheme is stable on u_t = Σ c D u with frozen coefficients.

    terms: each a `StencilTerm`, or (coefficient, stencil, h), (coefficient, stencil, (h_0, h_1)) or (coefficient,
    stencil, h, axis): Δt has no other bound than that no Fourier mode grows. A term in u itself is (c, identity
    stencil, 1). Of variable coefficients ask for the values at each place, or at the corners of their range, and take
    the least. Raises InputError for several states, and, in one line, where it is too much work."""
    method = as_scheme(scheme)
    known = terms_of(terms)
    with budget(SECONDS):
        found = ask("von Neumann limit", lambda: _limit(method, known), method, known)
        if found is None:
            why = next((str(o.why) for o in reversed(left_out()) if o.part == "von Neumann limit"), "too much work")
            raise InputError(f"{method.name or 'scheme'} on {_names(known)}: the limit is too much work: {why}")
    return found


def _names(terms: Sequence[StencilTerm]) -> str:
    return " + ".join(dict.fromkeys(t.stencil.name or "stencil" for t in terms)) or "nothing"


def _limit(scheme: Scheme, terms: Sequence[StencilTerm]) -> CFL:
    kind = "declared values" if scheme.parameters or any(t.stencil.parameters for t in terms) else "exact"
    kind = "decimal" if scheme.digits or any(t.stencil.digits for t in terms) else kind
    fixed = scheme.at_defaults() if scheme.parameters else scheme
    terms = [settled(t) for t in terms]
    phi = curve(fixed)
    if phi is None:
        raise InputError(f"{scheme.name or 'scheme'}: several states, so there is no single z = Δt ŝ(θ)")
    step = lower(fixed)
    if step.history and fixed.digits:
        phi = meant(phi, step.derivative, step.parts)
    if not zero_stable(fixed):
        return _answer(S.Zero, kind)
    if not terms:
        return _answer(oo, kind)
    waves = along_axes(terms)
    found = None if waves is None else _of_waves(phi, waves)
    if found is None:
        return _sampled(fixed, terms)
    return replace(found, kind=kind if found.kind == "exact" else found.kind)


def _of_waves(phi: Curve, waves: list[Wave]) -> CFL | None:
    """The limit where the symbol is a sum over axes; None where it is of a kind that only sampling decides."""
    waves = [w for w in waves if not (w.real.is_zero and w.imaginary.is_zero)]
    if not waves:
        return _answer(oo, "exact")
    if all(w.imaginary.is_zero and never_negative(-w.real) for w in waves):
        return _over(negative_axis(phi), [largest(-w.real, w.below) for w in waves], squared=False)
    if all(w.real.is_zero for w in waves):
        return _over(imaginary_axis(phi), [largest(_square(w), w.below**2) for w in waves], squared=True)
    return _along(phi, waves[0]) if len(waves) == 1 else None


def _square(wave: Wave) -> Poly:
    """(Im ŝ)² times below²."""
    return wave.imaginary**2 * Poly(1 - X**2, X, domain=wave.imaginary.domain)


def _over(ray: Ray, found: list[RealRoot | None], squared: bool) -> CFL:
    """The end of a ray over Σ sizes; both by their squares where `squared`."""
    sizes = [size.simplified() for size in found if size is not None]
    assert len(sizes) == len(found)  # a denominator that vanishes has been refused
    end = ray.exit()
    if end is None:
        return _answer(oo, "exact")
    if isinstance(end, int):
        return _answer(S.Zero, "exact")
    same = all((s.coefficients, s.low, s.high) == (sizes[0].coefficients, sizes[0].low, sizes[0].high) for s in sizes)
    if same:
        ratio = quotient(end, sizes[0])
        return _number(ratio, squared, len(sizes))
    sums = [root(s) for s in sizes] if squared else sizes
    all_together = sums[0]
    for s in sums[1:]:
        all_together = total(all_together, s)
    return _number(quotient(root(end) if squared else end, all_together))


def _number(found: RealRoot, squared: bool = False, over: int = 1) -> CFL:
    """A root, or its square root, over a whole number; isolated where its polynomial is too long to write."""
    value = (found.square_root() if squared else found.expression()) / over
    if not value.has(Float):
        return _answer(value, "exact")
    narrow = found.within(found.high / 10**16)
    ends = [_rational(x) for x in (narrow.low, narrow.high)]
    if squared:
        ends = [
            Rational(str(sqrt(x).n(30))) + side * Rational(1, 10**24) for x, side in zip(ends, (-1, 1), strict=True)
        ]
    return CFL(value, "isolated", (ends[0] / over, ends[1] / over))


def _rational(x: Any) -> Rational:
    return Rational(int(x.numerator), int(x.denominator))


def _along(phi: Curve, wave: Wave) -> CFL:
    """The limit on a symbol along one axis, of any kind."""
    exits = [first_exit(SymbolLine(p, wave)) for p in phi.factors or (phi,)]
    bounded = [e for e in exits if e is not None]
    if not bounded:
        return _answer(oo, "exact")
    first = min(bounded, key=lambda e: e.high)
    ends = tuple(map(_rational, (first.low, first.high)))
    value = first.root.expression() if first.root is not None else None
    if value is None or value.has(Float):
        return CFL(Float(sum(ends) / 2, 15) if value is None else value, "isolated", (ends[0], ends[1]))
    return _answer(value, "exact")


def _answer(value: Expr, kind: str) -> CFL:
    return CFL(value, kind, (value, value))


def _sampled(scheme: Scheme, terms: Sequence[StencilTerm]) -> CFL:
    low, high = sampled_limit(scheme, terms)
    if low == float("inf"):
        return CFL(oo, "sampled", (oo, oo))
    ends = tuple(Rational(*Fraction(x).as_integer_ratio()) for x in (low, high))
    return CFL(Float(low, 10), "sampled", (ends[0], ends[1]))
