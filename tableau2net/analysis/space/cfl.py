"""The exact von Neumann limit of a scheme on a stencil: the largest ν at which no Fourier mode grows in a step.

On u_t = D u with constant coefficients and no boundary a mode e^{iθ·j} is multiplied in each step by a root ζ of Φ(ζ,
ν ŝ(θ)).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import degrees, isfinite, pi
from typing import Any

from sympy import Expr, sign

from tableau2net.analysis.budget import ask, budget, left_out
from tableau2net.analysis.reading.linear import curve
from tableau2net.analysis.report.pieces import SUPERSCRIPTS
from tableau2net.analysis.space.damping import equation_signs
from tableau2net.analysis.space.limits import limit
from tableau2net.analysis.space.moments import space_order
from tableau2net.analysis.space.symbol import symbol
from tableau2net.analysis.space.terms import StencilTerm, terms_of
from tableau2net.errors import InputError
from tableau2net.exact.text import exact_json, text_of
from tableau2net.scheme import Scheme, Stencil, as_scheme, as_stencil, plain_numbers
from tableau2net.step import lower

SECONDS = 12.0  # of the processor, for one pair: each question may take half of what is left
MAX_AXES = 3
NECESSARY = (
    "constant coefficients, no boundary; of variable ones the least over their values is necessary, not sufficient"
)


@dataclass(frozen=True)
class CFL:
    """How far a scheme is stable on an equation in space.

    limit: the largest step such that no Fourier mode grows for any in (0, limit]: rational, with square roots,
    sympy's ``CRootOf``, infinity for no limit, 0 for none that is stable; a ``Float`` where the number is only
    isolated or sampled.
    kind: "exact"; "declared values" where parameters were set to them; "decimal" where a source printed decimals;
    "isolated" where both ends of `enclosure` are proved, but the number has no polynomial that could be written;
    "to 1e-10" (several axes of a mixed kind) where it is proved on boxes of angles that no wave grows by more at
    `limit`, and by floats at smaller steps; "sampled" where floats alone looked.
    enclosure: low ≤ limit ≤ high.
    angle: θ of the wave that grows first right beyond, in radians, a float; None where there is none.
    later: intervals beyond the limit where it is stable again, (low, high) in floats, proved but near their ends; ()
    where floats see none, None where nobody looked.
    against: the limit for waves that run the other way; None where it is the same, or where there is no other way.
    equation, step: what it is said of, and what the limit is a limit of."""

    limit: Expr
    kind: str
    enclosure: tuple[Expr, Expr]
    angle: float | None = None
    later: tuple[tuple[float, float], ...] | None = ()
    against: Expr | None = None
    equation: str = ""
    step: str = "Δt"
    scope: str = NECESSARY

    def __float__(self) -> float:
        return float(self.limit)

    @property
    def verdict(self) -> str:
        """What is proved, in words."""
        if self.kind == "sampled":
            return "as floats see it at many angles: not proved"
        if self.kind == "to 1e-10":
            return (
                "proved: at this very step no wave grows by more than 1e-10; not proved: that none does at a smaller "
                "step, where floats see none, and that one does right beyond, where floats see it"
            )
        if self.limit.is_infinite:
            found = "proved: no wave grows, however large the step"
        elif self.limit.is_zero:
            found = "proved: some wave grows at every small step"
        else:
            found = "proved: no wave grows up to there, some wave does right beyond"
        if self.kind == "isolated":
            low, high = map(float, self.enclosure)
            return f"{found}; the number is isolated between {low:.15g} and {high:.15g}"
        return found + {
            "declared values": ", at the declared values of parameters",
            "decimal": ", to the decimals",
        }.get(self.kind, "")

    @property
    def points_a_wave(self) -> float | None:
        """How many points the wave has that grows first; None for that of no angle, and for one that does not
        vary."""
        return 2 * pi / self.angle if self.angle else None

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values, numbers exact."""
        later = None if self.later is None else [[a, b if isfinite(b) else None] for a, b in self.later]
        return {
            "equation": self.equation,
            "step": self.step,
            "limit": exact_json(self.limit),
            "kind": self.kind,
            "verdict": self.verdict,
            "enclosure": None if self.limit in self.enclosure else [exact_json(x) for x in self.enclosure],
            "angle_degrees": None if self.angle is None else degrees(self.angle),
            "later": later,
            "against": None if self.against is None else exact_json(self.against),
            "scope": self.scope,
        }


@plain_numbers
def cfl(
    scheme: Scheme | str,
    stencil: Stencil | str | Sequence[Stencil | str],
    other: Stencil | str | None = None,
    *,
    speed: Any = 1,
    dimension: int = 1,
    convection: Any = None,
    diffusion: Any = None,
    step: Any = 1,
    part: int | None = None,
) -> CFL:
    """The largest ν at which a scheme is stable with a stencil on a periodic grid, exactly.

    scheme, stencil: tables, names or files. ν = |a| Δt/h^m for the equation that D is of: u_t + a u_x = 0 for odd
    derivatives, a the `speed`, whose sign is the direction that waves run in (an upwind stencil is unstable in the
    other one; see `CFL.against`); u_t = a u_xx, u_t = −a u_xxxx, … for even ones. Of a method for y'' = f, u_tt = …
    and ν = a Δt²/h^m. dimension: on so many axes, the same stencil and ν on each.

    convection, diffusion: instead, the largest Δt on u_t + convection·u_x = diffusion·u_xx at a grid of step `step`,
    exactly for that ratio; `other` is the second stencil, by default the central one of the same order. The two may be
    given as a list.

    Of an additive scheme the first stencil is in the first field, which in nearly all is explicit, and the second one
    in the second, implicit. part: of one stencil alone the field that it is in, from 0, by default the first.

    Raises InputError for several states, for what has no such equation, and in one line where it is too much work."""
    if isinstance(stencil, list | tuple):
        if len(stencil) != 2 or other is not None:
            raise InputError("stencils: one, or two of which one is of u_x and one of u_xx; see limit_of_terms")
        stencil, other = stencil
    assert isinstance(stencil, Stencil | str)
    method, found = as_scheme(scheme), as_stencil(stencil)
    parts = lower(method).parts
    if part is not None and not (isinstance(part, int) and 0 <= part < parts and parts > 1):
        many = f"one of its {parts} fields" if parts > 1 else "no additive scheme, so there is one field"
        raise InputError(f"part: {method.name or 'the scheme'}: {many}")
    if not (isinstance(dimension, int) and dimension >= 1 and dimension * found.dimension <= MAX_AXES):
        raise InputError(f"dimension = {dimension}: a whole number from 1, and {MAX_AXES} axes at most in all")
    if convection is not None or diffusion is not None:
        if part is not None:
            raise InputError("part: of convection and diffusion the first stencil is in the first field")
        pair = _pair(found, other)
        return _of_both(method, pair, (0 if x is None else x for x in (convection, diffusion)), step, dimension)
    if other is not None:
        raise InputError("a second stencil: say which coefficients they have, convection and diffusion")
    if step != 1:
        raise InputError("step: ν = |a| Δt/h^m is the limit for every h; it goes with convection and diffusion")
    return _of_one(method, found, speed, dimension, part or 0)


def _of_one(scheme: Scheme, stencil: Stencil, speed: Any, dimension: int, part: int) -> CFL:
    signs = equation_signs(stencil)
    if not signs:
        told = "a filter" if not sum(stencil.orders) else "a mixed derivative"
        raise InputError(f"{stencil.name or 'stencil'}: {told}, of which u_t = D u is no equation; see limit_of_terms")
    a = StencilTerm(speed, stencil).coefficient
    if a.is_zero or (a.is_negative and len(signs) == 1):
        raise InputError(
            f"speed = {a}: {'a number that is not 0' if len(signs) > 1 else 'a positive number'} is expected"
        )
    axes = range(0, dimension * stencil.dimension, stencil.dimension)
    directions = [signs[-1] * sign(a)]
    if len(signs) > 1 and not symbol(stencil.at_defaults()).is_imaginary:
        directions.append(-directions[0])
    limits = [limit_of_terms(scheme, [StencilTerm(d, stencil, 1, axis, part) for axis in axes]) for d in directions]
    return replace(
        limits[0],
        against=limits[1].limit if len(limits) > 1 else None,
        equation=_equation(scheme, stencil, a)
        + (f", all of it in {field_text(scheme, part)}" if lower(scheme).parts > 1 else ""),
        step=_ratio(scheme, stencil),
    )


def _equation(scheme: Scheme, stencil: Stencil, a: Expr) -> str:
    """``u_t + a u_x = 0, a > 0``."""
    time = "u_t" + "t" * (lower(scheme).derivative - 1)
    space = " + ".join("u_" + "".join(x * m for x, m in zip("xyz", orders, strict=False)) for orders in stencil.terms)
    space = f"({space})" if len(stencil.terms) > 1 else space
    if sum(stencil.orders) % 2:
        return f"{time} + a {space} = 0, a {'>' if a.is_positive else '<'} 0"
    return f"{time} = {'' if sum(stencil.orders) % 4 else '−'}a {space}"


def field_text(scheme: Scheme, part: int) -> str:
    """``f1 (explicit)``, of an additive scheme's fields from 0."""
    phi = curve(scheme.at_defaults(), part)
    solved = phi is not None and phi.coefficients[-1].degree() > 0
    return f"f{part + 1} ({'implicit' if solved else 'explicit'})"


def _ratio(scheme: Scheme, stencil: Stencil) -> str:
    """``|a| Δt/h``."""
    m = str(sum(stencil.orders)).translate(SUPERSCRIPTS)
    size = "|a|" if sum(stencil.orders) % 2 else "a"
    return f"{size} Δt{'²' * (lower(scheme).derivative == 2)}/h{'' if m == '¹' else m}"


def _pair(stencil: Stencil, other: Stencil | str | None) -> tuple[Stencil, Stencil]:
    """The stencils of u_x and of u_xx, as given: the second by default the central one of the same order."""
    if stencil.dimension > 1:
        raise InputError(f"{stencil.name or 'stencil'}: convection and diffusion take stencils of one axis")
    if other is None:
        order = max(2, space_order(stencil).order)
        other = f"central-{2 if stencil.orders == (1,) else 1}-{order + order % 2}"
    pair = stencil, as_stencil(other)
    if sorted(s.orders for s in pair) != [(1,), (2,)]:
        raise InputError("convection and diffusion: one stencil of u_x and one of u_xx are expected")
    return pair


def _of_both(
    scheme: Scheme, pair: tuple[Stencil, Stencil], coefficients: Iterable[Any], step: Any, dimension: int
) -> CFL:
    fields = (0, 1) if lower(scheme).parts > 1 else (0, 0)
    placed = sorted(zip(pair, fields, strict=True), key=lambda each: each[0].orders)
    a, d = (StencilTerm(c, s, step, 0, part) for c, (s, part) in zip(coefficients, placed, strict=True))
    if d.coefficient.is_negative:
        raise InputError(
            f"diffusion = {d.coefficient}: a negative one lets every wave grow; a positive one is expected"
        )
    terms = [
        replace(t, coefficient=c, axis=axis)
        for axis in range(dimension)
        for t, c in ((a, -a.coefficient), (d, d.coefficient))
    ]
    h = text_of(a.step[0])
    named = [s.name or "a stencil" for s, _ in placed]
    if fields[1]:
        named = [f"{name} in {field_text(scheme, part)}" for name, (_, part) in zip(named, placed, strict=True)]
    told = f"u_t + {text_of(a.coefficient)} u_x = {text_of(d.coefficient)} u_xx, {' and '.join(named)}, h = {h}"
    return replace(limit_of_terms(scheme, terms), equation=told)


def limit_of_terms(scheme: Scheme | str, terms: Iterable[StencilTerm | Sequence[Any]]) -> CFL:
    """The largest Δt at which a scheme is stable on u_t = Σ c D u with frozen coefficients.

    terms: each a `StencilTerm`, or (coefficient, stencil, h), (coefficient, stencil, (h_0, h_1)) or (coefficient,
    stencil, h, axis), where Δt has no other bound than that no Fourier mode grows. A term in u itself is (c, identity
    stencil, 1). Of an additive scheme each term is in one field, (coefficient, stencil, h, axis, part), the first if
    it is left out. Of variable coefficients ask for the values at each place, or at the corners of their range, and
    take the least. Raises InputError for several states, and, in one line, where it is too much work."""
    method = as_scheme(scheme)
    known = terms_of(terms)
    with budget(SECONDS):
        before = len(left_out())
        found = ask("von Neumann limit", lambda: limit(method, known), method, known)
        why = [str(o.why) for o in left_out()[before:] if o.part == "von Neumann limit"]
    if found is None:
        names = " + ".join(dict.fromkeys(t.stencil.name or "stencil" for t in known))
        raise InputError(
            f"{method.name or 'scheme'} on {names}: the limit is not decided: {(why or ['too much work'])[-1]}"
        )
    return CFL(found.value, found.kind, found.enclosure, found.angle, found.later)
