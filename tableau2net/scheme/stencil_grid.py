"""The tables of a stencil: a row under its offsets, on two axes a square, on three one a plane; and its formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from sympy import Expr, S

from tableau2net.scheme.layout import Cell, CellGrid, Label

Offset = tuple[int, ...]


class Pointed(Protocol):
    """What a stencil says of its weights."""

    @property
    def dimension(self) -> int: ...

    @property
    def points(self) -> dict[Offset, Expr]: ...

    @property
    def left_points(self) -> dict[Offset, Expr]: ...


def inner_grids(stencil: Pointed) -> tuple[CellGrid, ...]:
    """The weights where they stand, zeros between them too; of a compact formula the left side's above."""
    points = stencil.points
    if stencil.dimension == 1:
        sides = [(Label("w", "w"), points)]
        if stencil.left_points != {(0,): S.One}:
            sides.insert(0, (Label("a", "a"), stencil.left_points))
        return (_row(sides),)
    if stencil.dimension == 2:
        return (_square(points),)
    planes = range(min(at[0] for at in points), max(at[0] for at in points) + 1)
    held = {plane: {offset[1:]: w for offset, w in points.items() if offset[0] == plane} for plane in planes}
    reach = _reach([offset[1:] for offset in points])
    return tuple(_square(square, reach, _at(f"plane {plane:+d}")) for plane, square in held.items())


def boundary_grid(rows: Sequence[Sequence[Expr]], norm: Sequence[Expr]) -> CellGrid:
    """The rows near the left end by node, and beside them the diagonal of H."""
    width = max(map(len, rows))
    head: tuple[Cell, ...] = (None, *(_at(str(j)) for j in range(width)), Label("H", "H"))
    body = []
    for i in range(max(len(rows), len(norm))):
        row = rows[i] if i < len(rows) else ()
        entries = (*row, *[None] * (width - len(row)))
        body.append((_at(str(i)), *entries, norm[i] if i < len(norm) else None))
    return CellGrid((1, width, 1), ((head,), tuple(body)), Label("left end", r"\text{left end}"))


def _row(sides: Sequence[tuple[Label, Mapping[Offset, Expr]]]) -> CellGrid:
    (reach,) = _reach([offset for _, points in sides for offset in points])
    rows = tuple((name, *(points.get((j,), S.Zero) for j in reach)) for name, points in sides)
    return CellGrid((1, len(reach)), (((None, *map(_offset, reach)),), rows))


def _square(points: Mapping[Offset, Expr], reach: Sequence[range] = (), name: Label | None = None) -> CellGrid:
    down, across = reach or _reach(list(points))
    rows = tuple((_offset(i), *(points.get((i, j), S.Zero) for j in across)) for i in down)
    return CellGrid((1, len(across)), (((None, *map(_offset, across)),), rows), name)


def _reach(offsets: Sequence[Offset]) -> list[range]:
    return [range(min(along), max(along) + 1) for along in zip(*offsets, strict=True)]


def _offset(j: int) -> Label:
    return _at(f"{j:+d}" if j else "0")


def _at(text: str) -> Label:
    return Label(text, text if text[0] in "+-0123456789" else rf"\text{{{text}}}")
