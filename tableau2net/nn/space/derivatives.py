"""The derivatives of a field: exact weights by offset along every axis of the grid, and the letters they go by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import TypeAlias

from sympy import Expr, S

from tableau2net.analysis.space.moments import space_order
from tableau2net.errors import InputError
from tableau2net.scheme import Stencil, as_stencil
from tableau2net.scheme.derivative_letters import AXES, Orders, are_letters, letters_of_sum, sum_of_orders
from tableau2net.scheme.stencil import MAX_DERIVATIVE

Given: TypeAlias = Stencil | str | Path
Offset = tuple[int, ...]


@dataclass(frozen=True)
class Derivative:
    """∂^o on a grid of d axes: the one stencil of d axes, or the product of stencils along single ones.

    orders: o, along each axis; where derivatives are added, of the first.  parts: each stencil with the axis that it
    stands along, None of one that has them all; none at all for the identity."""

    orders: Offset
    parts: tuple[tuple[int | None, Stencil], ...]

    @property
    def name(self) -> str:
        """``xy``, ``lap``; empty for the identity."""
        return letters_of_sum(self.terms)

    @property
    def terms(self) -> tuple[Orders, ...]:
        """The derivatives that are added, each by its orders along the axes: one, but for a Laplacian and its like."""
        return self.parts[0][1].terms if self.parts and self.parts[0][0] is None else (self.orders,)

    @property
    def points(self) -> dict[Offset, Expr]:
        """The weights by offset, along each axis; of a compact stencil those of the right side."""
        return self._spread([stencil.points for _, stencil in self.parts])

    @property
    def left_points(self) -> dict[Offset, Expr]:
        """What of the derivative the points are the sum of: the value itself unless it is compact."""
        return self._spread([stencil.left_points for _, stencil in self.parts])

    @property
    def order(self) -> int:
        """The order of accuracy: the least of its stencils'."""
        return min((space_order(stencil.at_defaults()).order for _, stencil in self.parts), default=MAX_DERIVATIVE)

    @property
    def compact(self) -> bool:
        """Whether it is found from its neighbours'."""
        return len(self.left_points) > 1

    @property
    def bounded(self) -> bool:
        """Whether it has rows of its own at the ends of an axis."""
        return any(stencil.boundary for _, stencil in self.parts)

    def _spread(self, tables: Sequence[Mapping[Offset, Expr]]) -> dict[Offset, Expr]:
        d = len(self.orders)
        found: dict[Offset, Expr] = {}
        for entries in product(*(table.items() for table in tables)):
            at = [0] * d
            for (axis, _), (offset, _) in zip(self.parts, entries, strict=True):
                for k, j in enumerate(offset) if axis is None else [(axis, offset[0])]:
                    at[k] += j
            found[tuple(at)] = prod((weight for _, weight in entries), start=S.One)
        return found


def identity(dimension: int) -> Derivative:
    """The state itself."""
    return Derivative((0,) * dimension, ())


def derivatives_of(given: object, dimension: int | None) -> dict[str, Derivative]:
    """Derivatives by their letters (``x``, ``xx``, ``xy``), as they may be handed to `field`.

    given: a list of stencils (one of a single axis stands along each), or stencils by letters; there one of a single
    axis stands along each of the letters' axes, and a list of them is their product, one an axis in turn.
    Raises InputError for what is none, or is of another derivative than its letters say."""
    if isinstance(given, Stencil | str | Path):
        given = [given]
    if isinstance(given, Mapping):
        return _by_letters(given, dimension)
    if not isinstance(given, Iterable):
        raise InputError(f"field: a list of stencils is expected, or stencils by letters, not a {type(given).__name__}")
    stencils = [_taken(each) for each in given]
    if not stencils:
        raise InputError('field: no stencil is given; write ["central-1-4", "central-2-4"] say')
    d = dimension or max(stencil.dimension for stencil in stencils)
    found: dict[str, Derivative] = {}
    for stencil in stencils:
        for each in _everywhere(stencil, d):
            if each.name in found:
                raise InputError(f"field: two stencils are of {each.name}; give them by letters, {{{each.name!r}: …}}")
            found[each.name] = each
    return found


def _taken(given: object) -> Stencil:
    """A stencil as it is named or given, with its parameters at their declared values."""
    return as_stencil(given).at_defaults()  # type: ignore[arg-type]


def _everywhere(stencil: Stencil, dimension: int) -> Iterator[Derivative]:
    if stencil.dimension == dimension:
        yield Derivative(stencil.orders, ((None, stencil),) if dimension > 1 else ((0, stencil),))
    elif stencil.dimension == 1:
        for axis in range(dimension):
            yield _along([(axis, stencil)], dimension)
    else:
        raise InputError(f"{stencil.name or 'stencil'}: of {stencil.dimension} dimensions, in a field of {dimension}")


def _by_letters(given: Mapping[object, object], dimension: int | None) -> dict[str, Derivative]:
    for letters in given:
        if not isinstance(letters, str) or not are_letters(letters):
            raise InputError(f"field: {letters!r} names no derivative; write letters of the axes, x, xx, xy, or lap")
    reach = max((AXES.index(c) + 1 for letters in given for c in str(letters) if c in AXES), default=1)
    many = [s.dimension for entry in given.values() if not _is_list(entry) for s in [_taken(entry)]]
    d = dimension or max([reach, *many])
    if reach > d:
        raise InputError(f"field: a derivative along {AXES[reach - 1]} in {d} dimensions")
    found = {}
    for letters, entry in given.items():
        each = _of_letters(str(letters), entry, d)
        if each.name in found:
            raise InputError(f"field: two stencils are of {each.name}")
        found[each.name] = each
    return found


def _of_letters(letters: str, entry: object, dimension: int) -> Derivative:
    terms = sum_of_orders(letters, dimension)
    orders = terms[0]
    axes = [axis for axis, order in enumerate(orders) if order]
    if _is_list(entry):
        stencils = [_taken(each) for each in entry]  # type: ignore[attr-defined]
        if len(stencils) != len(axes) or any(s.dimension > 1 for s in stencils):
            raise InputError(f"field: {letters}: {len(axes)} stencils of one axis are its product")
        found = _along(list(zip(axes, stencils, strict=True)), dimension)
    else:
        stencil = _taken(entry)
        if stencil.dimension == dimension and dimension > 1:
            found = Derivative(stencil.orders, ((None, stencil),))
        else:
            found = _along([(axis, stencil) for axis in axes], dimension)
    if tuple(sorted(found.terms, reverse=True)) != terms:
        raise InputError(f"field: {letters}: the stencil given is of {found.name or 'no derivative'}")
    return found


def _along(parts: Sequence[tuple[int, Stencil]], dimension: int) -> Derivative:
    orders = [0] * dimension
    for axis, stencil in parts:
        if stencil.dimension != 1:
            raise InputError(f"{stencil.name or 'stencil'}: one of a single axis is expected")
        orders[axis] += stencil.orders[0]
    return Derivative(tuple(orders), tuple(parts))


def _is_list(entry: object) -> bool:
    return isinstance(entry, tuple | list)
