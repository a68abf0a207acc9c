"""All difference formulas on given points that have an order: their conditions are linear, and solved exactly.

M_k(w) = Σ_o M_{k−o}(a) for |k| < |o| + p (`analysis.space.moments`): a particular solution and the kernel of the
conditions. What spans it becomes parameters, each named by the weight that it is: ``w2`` at offset 2, ``wm1`` at −1,
``w1_0`` at (1, 0), ``a1`` on the left side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from math import factorial, prod
from typing import Any

from sympy import Expr, S

from tableau2net.analysis.space.moments import Index, indices, space_order
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.exact.linear_systems import Exact
from tableau2net.exact.text import parse, shown
from tableau2net.scheme import Parameter, Side, Stencil

MAX_ORDER = 32
MAX_UNKNOWNS = 200
Points = Mapping[Index, int]  # of an orbit: each point with its sign


@dataclass(frozen=True)
class _Unknown:
    """A weight, and those that are it or its opposite by symmetry; on the left side or on the right."""

    letter: str
    points: Points

    @property
    def name(self) -> str:
        first = max(self.points)
        return self.letter + "_".join(str(j).replace("-", "m") for j in first)

    def moment(self, k: Index) -> Any:
        """What it gives to M_k, over k!."""
        if min(k) < 0:
            return 0
        total = sum(sign * prod(j**n for j, n in zip(at, k, strict=True)) for at, sign in self.points.items())
        return S(total) / prod(map(factorial, k))


def generate_stencil(
    derivative: Any,
    offsets: Sequence[range],
    order: int,
    *,
    left: range | None = None,
    symmetric: bool = False,
    fix: Mapping[str, object] | None = None,
    values: Mapping[str, object] | None = None,
    name: str = "",
) -> Stencil:
    """The stencils on a box of offsets, a range for each axis, that have an order for all values of their parameters.

    derivative: as in `Stencil`.  left: offsets of the left side of a compact formula, on one axis.
    symmetric: with all symmetries of the derivative itself, reflections and exchanges of axes.
    fix: weight → number.  values: where parameters start, 0 where nothing is said.
    Raises InputError where no weights have the order, with the highest that there is and what ends it.
    """
    if not 1 <= order <= MAX_ORDER:
        raise InputError(f"order {shown(order)}: from 1 to {MAX_ORDER} is asked of a stencil")
    shape = _shape(derivative, offsets, left)
    unknowns = _unknowns(shape, offsets, left, symmetric=symmetric)
    given = _numbers(fix or {}, [u.name for u in unknowns], "fix")
    found = _solved(shape, unknowns, order, given)
    if found is None:
        raise InputError(_why_not(shape, unknowns, order, given, f"no weights on {_box(offsets)} have order {order}"))
    solution, kernel = found
    free = {max(n for n, x in enumerate(direction) if x): direction for direction in kernel}
    starts = _numbers(values or {}, [unknowns[n].name for n in free], "value")
    parameters = [Parameter(unknowns[n].name, starts.get(unknowns[n].name, S.Zero)) for n in free]
    for parameter, direction in zip(parameters, free.values(), strict=True):
        solution = [x + parameter.symbol * y for x, y in zip(solution, direction, strict=True)]
    made = _stencil(shape, unknowns, solution, parameters, name)
    reached = space_order(made).order  # by symmetry it may be more than was asked for
    title = f"Stencils of order {reached} on {_box(offsets)}" if parameters else f"The stencil on {_box(offsets)}"
    return replace(made, title=title, claims={"order": reached})


def _shape(derivative: Any, offsets: Sequence[range], left: range | None) -> Stencil:
    """A stencil with these points: all that is wrong with them, and with the derivative, is said when it is made."""
    if not 1 <= len(offsets) <= 3 or not all(offsets) or prod(map(len, offsets)) > MAX_UNKNOWNS:
        raise InputError(f"offsets: a range for each of one to three axes, with at most {MAX_UNKNOWNS} points in all")
    if left is not None and (len(offsets) > 1 or 0 not in left):
        raise InputError("left: offsets about 0, of a compact formula on one axis")
    if len(offsets) > 1 and not all(0 in axis for axis in offsets):
        raise InputError("offsets: on several axes the point itself, 0, is among them")
    ones = dict.fromkeys(left, S.One) if left is not None else None
    return _boxed(derivative, offsets, dict.fromkeys(product(*offsets), S.One), ones)


def _boxed(
    derivative: Any,
    offsets: Sequence[range],
    weights: Mapping[Index, Expr],
    left: Mapping[int, Expr] | None,
    parameters: Sequence[Parameter] = (),
    name: str = "",
) -> Stencil:
    if len(offsets) == 1:
        side = Side(list(left), list(left.values()), parameters=parameters) if left else None
        on = tuple(offsets[0])
        return Stencil(derivative, [weights[j,] for j in on], on, left=side, parameters=parameters, name=name)
    centre = [-axis.start for axis in offsets]
    return Stencil(derivative, _nested(offsets, weights), centre=centre, parameters=parameters, name=name)


def _nested(offsets: Sequence[range], weights: Mapping[Index, Expr], at: Index = ()) -> Any:
    if len(at) == len(offsets):
        return weights[at]
    return [_nested(offsets, weights, (*at, j)) for j in offsets[len(at)]]


def _unknowns(shape: Stencil, offsets: Sequence[range], left: range | None, *, symmetric: bool) -> list[_Unknown]:
    """The weights that are free of each other, the nearest first, so that those far out stay free."""
    moves = list(_moves(shape)) if symmetric else [(tuple(range(shape.dimension)), (1,) * shape.dimension, 1)]
    found = [_Unknown("w", orbit) for orbit in _orbits(list(product(*offsets)), moves)]
    if left is not None:
        even = [(axes, signs, 1) for axes, signs, _ in moves]
        found += [_Unknown("a", orbit) for orbit in _orbits([(j,) for j in left if j], even)]
    return found


Move = tuple[tuple[int, ...], tuple[int, ...], int]  # axes in their new order, signs along them, and what D becomes


def _moves(shape: Stencil) -> Iterator[Move]:
    """The reflections and exchanges of axes that keep the derivative, or turn its sign."""
    for axes in permutations(range(shape.dimension)):
        if sorted(tuple(o[i] for i in axes) for o in shape.terms) != sorted(shape.terms):
            continue
        for signs in product((1, -1), repeat=shape.dimension):
            turned = {prod(s**n for s, n in zip(signs, o, strict=True)) for o in shape.terms}
            if len(turned) == 1:
                yield axes, signs, turned.pop()


def _orbits(points: Sequence[Index], moves: Sequence[Move]) -> list[Points]:
    """Points that go over into each other, with the signs of their weights; none that would be its own opposite."""
    left = dict.fromkeys(sorted(points, key=lambda at: (sum(j * j for j in at), at)))
    found: list[Points] = []
    while left:
        start = next(iter(left))
        orbit: dict[Index, set[int]] = {}
        for axes, signs, sign in moves:
            at = tuple(s * start[i] for i, s in zip(axes, signs, strict=True))
            orbit.setdefault(at, set()).add(sign)
        for at in orbit:
            if at not in points:
                raise InputError(f"offsets: {list(start)} is among them, {list(at)} is not, which symmetry asks for")
            left.pop(at, None)
        if all(len(s) == 1 for s in orbit.values()):
            (named,) = orbit[max(orbit)]
            found.append({at: named * s.pop() for at, s in orbit.items()})
    return found


def _numbers(given: Mapping[str, object], known: Sequence[str], what: str) -> dict[str, Expr]:
    numbers = {key: parse(value) for key, value in given.items()}
    for key, number in numbers.items():
        if key not in known:
            raise InputError(f"{what} {shown(key)}: write one of {', '.join(known) or 'none, nothing is free'}")
        if not number.is_Rational:
            raise InputError(f"{what} {key}: a rational number is expected")
    return numbers


def _solved(
    shape: Stencil, unknowns: Sequence[_Unknown], order: int, given: Mapping[str, Expr]
) -> tuple[list[Expr], list[list[Expr]]] | None:
    """A solution of the conditions, and what spans all others."""
    system, total = Exact(domain_of(())), sum(shape.orders)
    rows, right = [], []
    for degree in range(total + order):
        for k in indices(degree, shape.dimension):
            less = [tuple(a - b for a, b in zip(k, o, strict=True)) for o in shape.terms]
            row = [u.moment(k) if u.letter == "w" else -sum(u.moment(lower) for lower in less) for u in unknowns]
            rows.append(row)
            right.append([S(shape.terms.count(k))])
    for n, u in enumerate(unknowns):
        if u.name in given:
            rows.append([S(int(i == n)) for i in range(len(unknowns))])
            right.append([given[u.name]])
    exact = [[[system.convert(S(x)) for x in row] for row in side] for side in (rows, right)]
    found = system.solved(*exact)
    if found is None:
        return None
    solution = [system.expression(x) for (x,) in found[0]]
    return solution, [[system.expression(x) for x in direction] for direction in found[1]]


def _why_not(
    shape: Stencil,
    unknowns: Sequence[_Unknown],
    order: int,
    given: Mapping[str, Expr],
    what: str,
) -> str:
    for lower in range(order - 1, 0, -1):
        found = _solved(shape, unknowns, lower, given)
        if found is None:
            continue
        if found[1]:
            return f"{what}: the highest is {lower}"
        first = space_order(_stencil(shape, unknowns, found[0])).failing[0]
        return f"{what}: the highest is {lower}, of one stencil alone, where {first}"
    return f"{what}, nor any order: the weights there cannot be consistent; give more offsets"


def _stencil(
    shape: Stencil,
    unknowns: Sequence[_Unknown],
    solution: Sequence[Expr],
    parameters: Sequence[Parameter] = (),
    name: str = "",
) -> Stencil:
    weights: dict[Index, Expr] = dict.fromkeys(shape.points, S.Zero)
    left: dict[int, Expr] = dict.fromkeys((j for (j,) in shape.left_points), S.One) if shape.left is not None else {}
    for unknown, value in zip(unknowns, solution, strict=True):
        for at, sign in unknown.points.items():
            if unknown.letter == "w":
                weights[at] = (sign * value).expand()
            else:
                left[at[0]] = value.expand()
    offsets = [range(min(axis), max(axis) + 1) for axis in zip(*shape.points, strict=True)]
    return _boxed(shape.derivative, offsets, weights, left or None, parameters, name)


def _box(offsets: Sequence[range]) -> str:
    return ",".join(f"{axis.start}:{axis[-1]}" for axis in offsets)
