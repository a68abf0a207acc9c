"""What the stencils of a field have become: tables again, whose order and symbol are read exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from sympy import Expr, Rational, S
from torch import Tensor, nn

from tableau2net.analysis.space.order_set import moment_basis
from tableau2net.errors import InputError
from tableau2net.nn.learnt.schemes import digits_of, shortest
from tableau2net.nn.space.derivatives import Derivative, Offset
from tableau2net.nn.space.space_field import SpaceField
from tableau2net.nn.space.stencil_weights import StencilWeights
from tableau2net.scheme import Stencil


@dataclass(frozen=True)
class LearntStencil:
    """A stencil of a field in a network.

    field: the name of the field, empty for one by itself.  derivative: its letters.  learnt: whether it moved at all.
    kept: the order that it was to keep, None where none.  stencil: with the numbers that it has now: where an order is
    kept, w₀ + N z with exact N and the shortest decimals that are z, which has that order exactly; else the shortest
    decimals of each weight. `digits` is set where they keep an order as far as that precision goes."""

    field: str
    derivative: str
    learnt: bool
    kept: int | None
    stencil: Stencil


def stencils_of(model: nn.Module) -> list[LearntStencil]:
    """The stencils of all fields of a network, or of one field, as tables; each field once.

    Raises InputError where a weight is no number any more."""
    found: list[LearntStencil] = []
    for name, module in model.named_modules():
        if isinstance(module, SpaceField):
            found += _of_field(name, module)
    return found


def _of_field(name: str, field: SpaceField) -> Iterator[LearntStencil]:
    held = field.stencils
    with torch.no_grad():
        rows = held().cpu()
    for i, derivative in enumerate(held.derivatives):
        if not derivative.parts:
            continue
        if not held.learns(i):
            yield LearntStencil(name, derivative.name, False, None, as_one(derivative))
            continue
        if not rows[i].isfinite().all():
            raise InputError(f"{name or 'field'}: a weight of {derivative.name} has become no number")
        signed, kept = held.signed, held.keep_order[i] if held.learn == "constrained" else None
        points = _decimals(held, i, rows[i]) if signed or kept is None else _member(held, i)
        digits = digits_of(list(points.values()), rows.dtype) if signed else None
        yield LearntStencil(name, derivative.name, True, kept, _stencil(derivative.terms, points, digits=digits))


def _member(held: StencilWeights, i: int) -> dict[Offset, Expr]:
    """w₀ + N z of a derivative, exactly."""
    basis, free, start = moment_basis(held.own[i]), held.free[i], held.derivatives[i].points
    assert held.z is not None
    first = sum(len(each) for each in held.free[:i])
    z = [shortest(value) for value in held.z.detach().cpu()[first : first + len(free)]]
    found = {}
    for at, row in zip(held.own[i], basis.inverse, strict=True):
        moved = (_rational(row[n]) * v for n, v in zip(free, z, strict=True))
        found[at] = start.get(at, S.Zero) + sum(moved, start=S.Zero)
    return found


def _rational(value: Any) -> Rational:
    return Rational(int(value.numerator), int(value.denominator))


def _decimals(held: StencilWeights, i: int, row: Tensor) -> dict[Offset, Expr]:
    box = row.view(held.box)
    return {at: shortest(box[tuple(j - low for j, low in zip(at, held.low, strict=True))]) for at in held.own[i]}


def as_one(derivative: Derivative) -> Stencil:
    """A derivative on a grid as one stencil: the one that it is made of, or their product."""
    if len(derivative.parts) == 1:
        return derivative.parts[0][1]
    return _stencil(derivative.terms, derivative.points)


def _stencil(terms: tuple[Offset, ...], points: dict[Offset, Expr], *, digits: int | None = None) -> Stencil:
    """A stencil of these weights: along one axis where it reaches along no other."""
    orders = terms[0]
    axes = [a for a in range(len(orders)) if any(o[a] for o in terms) or any(at[a] for at in points)]
    if len(axes) == 1:
        (axis,) = axes
        line = {at[axis]: w for at, w in sorted(points.items())}
        return Stencil(orders[axis], tuple(line.values()), tuple(line), digits=digits)
    low = [min(0, *(at[a] for at in points)) for a in range(len(orders))]
    high = [max(0, *(at[a] for at in points)) for a in range(len(orders))]
    return Stencil(terms, _nested(points, low, high), centre=tuple(-a for a in low), digits=digits)


def _nested(points: dict[Offset, Expr], low: list[int], high: list[int], at: Offset = ()) -> Any:
    if len(at) == len(low):
        return points.get(at, S.Zero)
    a = len(at)
    return tuple(_nested(points, low, high, (*at, j)) for j in range(low[a], high[a] + 1))
