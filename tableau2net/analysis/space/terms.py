"""The right-hand side of u_t = Σ c D u with constant coefficients, as its symbol along each axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import QQ, Expr, Poly, Rational, S

from tableau2net.analysis.space.excess import Wave
from tableau2net.analysis.space.printed import meant_stencil
from tableau2net.analysis.space.symbol import sampled, symbol
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.exact.polynomials import X, count_real_roots
from tableau2net.exact.text import float_of, parse
from tableau2net.scheme import Stencil, as_stencil


@dataclass(frozen=True)
class StencilTerm:
    """c D u of an equation u_t = Σ c D u on a grid: coefficient, stencil (a table, a name or a path), the step
    h (one number, or one an axis of the stencil), the first axis of the grid that the stencil acts along, and which
    field of an additive scheme it is in, from 0: of most the first is explicit and the second implicit.

    Numbers are exact: whole numbers, fractions, sympy numbers or text; a float is the binary fraction that it is."""

    coefficient: Expr
    stencil: Stencil
    step: Any = 1
    axis: int = 0
    part: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "stencil", as_stencil(self.stencil))
        object.__setattr__(self, "coefficient", _number(self.coefficient, "coefficient"))
        given = self.step if isinstance(self.step, list | tuple) else (self.step,) * self.stencil.dimension
        steps = tuple(_number(h, "step") for h in given)
        if len(steps) != self.stencil.dimension or any(not h.is_positive for h in steps):
            raise InputError(f"step: {self.stencil.dimension} positive numbers h, one an axis, are expected")
        if len(self.stencil.terms) > 1 and len(set(steps)) > 1:
            raise InputError(f"step: {self.stencil.name or 'the stencil'} adds derivatives on a grid of equal steps")
        object.__setattr__(self, "step", steps)
        if not isinstance(self.axis, int) or self.axis < 0:
            raise InputError("axis: a whole number from 0 is expected")
        if not isinstance(self.part, int) or self.part < 0:
            raise InputError("part: a whole number from 0 is expected, the field of an additive scheme")

    @property
    def factor(self) -> Expr:
        """What stands before the stencil's weights: c h^−m, over all axes."""
        value = self.coefficient
        for h, m in zip(self.step, self.stencil.orders, strict=True):
            value = value / h**m
        return value

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of the grid that it acts along."""
        return tuple(range(self.axis, self.axis + self.stencil.dimension))


def _number(value: Any, what: str) -> Expr:
    if isinstance(value, float):
        if not np.isfinite(value):
            raise InputError(f"{what}: {value} is no finite number")
        value = Rational(*Fraction(value).as_integer_ratio())
    found = parse(value)
    if not found.is_number or not found.is_real:
        raise InputError(f"{what}: {found} is no real number")
    return found


def terms_of(given: Iterable[Any]) -> tuple[StencilTerm, ...]:
    """Terms, each a StencilTerm or a tuple of what one holds; without those of coefficient 0. Raises InputError."""
    found = tuple(t if isinstance(t, StencilTerm) else StencilTerm(*t) for t in given)
    if not found:
        raise InputError("an equation needs a term: (coefficient, stencil, step)")
    if len({a for t in found for a in t.axes}) > 3:
        raise InputError("at most three axes")
    return tuple(t for t in found if not t.coefficient.is_zero)


def settled(term: StencilTerm) -> StencilTerm:
    """With the stencil's parameters at their declared values, and its decimals as they were meant."""
    return replace(term, stencil=meant_stencil(term.stencil.at_defaults()))


def along_axes(terms: Sequence[StencilTerm]) -> list[Wave] | None:
    """The symbol as a sum of one for each axis; None where a term couples axes."""
    parts: dict[int, list[tuple[Expr, Stencil]]] = {}
    for term in terms:
        apart = _apart(term.stencil)
        if apart is None:
            return None
        for axis, stencil in apart.items():
            parts.setdefault(term.axis + axis, []).append((term.factor, stencil))
    return [_sum(parts[axis]) for axis in sorted(parts)]


def _apart(stencil: Stencil) -> dict[int, Stencil] | None:
    """A stencil whose points all lie on the axes, as one along each; the point itself is shared so that constants have
    no derivative along any but the first."""
    if stencil.dimension == 1:
        return {0: stencil}
    points: dict[int, dict[int, Expr]] = {}
    rest: Expr = S.Zero
    for offset, weight in stencil.points.items():
        moved = [axis for axis, j in enumerate(offset) if j]
        if len(moved) > 1:
            return None
        if moved:
            points.setdefault(moved[0], {})[offset[moved[0]]] = weight
        rest += weight
    for along in points.values():
        along[0] = -sum(along.values())
    points.setdefault(min(points, default=0), {0: S.Zero})[0] += rest
    return {axis: Stencil(1, list(found.values()), offsets=list(found)) for axis, found in points.items()}


def _sum(parts: Sequence[tuple[Expr, Stencil]]) -> Wave:
    real, imaginary, below = (Poly(c, X, domain=QQ) for c in (0, 0, 1))
    for number, stencil in parts:
        found = symbol(stencil)
        domain = domain_of([number])
        factor = Poly([domain.convert(number)], X, domain=domain.domain)
        d = found.denominator
        if vanishes(d):
            raise InputError(f"{stencil.name or 'stencil'}: left: it vanishes at an angle, no derivative is told there")
        real, imaginary = real * d + factor * found.real * below, imaginary * d + factor * found.imaginary * below
        below = below * d
    common = real.gcd(imaginary).gcd(below) if below.degree() > 0 else below.one
    if common.degree() > 0:
        real, imaginary, below = (p.quo(common) for p in (real, imaginary, below))
    return Wave(real, imaginary, below)


def vanishes(p: Poly) -> bool:
    """Whether a polynomial has a root in [−1, 1]."""
    if p.degree() < 1:
        return False
    if not all(p.eval(end) for end in (-1, 1)):
        return True
    return count_real_roots(p.quo(p.gcd(p.diff())), QQ(-1), QQ(1)) > 0


def sampled_parts(terms: Sequence[StencilTerm], parts: int, *angles: NDArray[np.float64]) -> NDArray[np.complex128]:
    """`sampled_sum` for each field of a scheme of so many, along a first axis."""
    whole = np.broadcast_shapes(*(a.shape for a in angles))
    sums = (sampled_sum([t for t in terms if t.part == p], *angles) for p in range(parts))
    return np.stack([np.broadcast_to(each, whole) for each in sums])


def sampled_sum(terms: Sequence[StencilTerm], *angles: NDArray[np.float64]) -> NDArray[np.complex128]:
    """The symbol at angles, one array for each axis of the grid, in floats."""
    total: Any = np.complex128(0)
    for term in terms:
        total = total + float_of(term.factor) * sampled(term.stencil, *(angles[a] for a in term.axes))
    return np.asarray(total)
