"""Waves whose angles lie on a line through 0, θ = d·t with every d_k one of −1, 0 and 1: constant along other axes, or
along a diagonal.

They obey a problem of one axis, which is decided exactly, and no problem of several has a larger limit than its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from sympy import Expr, S

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.space.terms import StencilTerm
from tableau2net.scheme import Side, Stencil
from tableau2net.scheme.exact_rows import MAX_STAGES


def angle_lines(terms: Sequence[StencilTerm]) -> Iterator[tuple[StencilTerm, ...]]:
    """The equation of waves along each line, once: along axes first, then along the diagonals of all axes.
    Raises TooMuch where points along a diagonal are too far apart."""
    axes = sorted({a for t in terms for a in t.axes})
    ahead = [d for d in product((0, 1, -1), repeat=len(axes)) if next(filter(None, d), 0) == 1]
    ahead.sort(key=lambda d: (d.count(0) != len(d) - 1, d.count(0)))
    known: set[tuple[StencilTerm, ...]] = set()
    for d in ahead:
        line = tuple(on for t in terms if (on := _on_line(t, dict(zip(axes, d, strict=True)))))
        if line not in known:
            yield line
        known.add(line)


def _on_line(term: StencilTerm, direction: Mapping[int, int]) -> StencilTerm | None:
    """The term as it acts on such waves; None where it does not."""
    along = [direction[a] for a in term.axes]
    weights, left = (_gathered(p, along) for p in (term.stencil.points, term.stencil.left_points))
    if not any(weights.values()):
        return None
    if max(map(abs, weights)) > MAX_STAGES:
        raise TooMuch(f"a stencil of more than {MAX_STAGES} points each way along a diagonal")
    side = None if term.stencil.left is None else Side(list(left), list(left.values()))
    stencil = Stencil(1, list(weights.values()), offsets=list(weights), left=side)
    return replace(term, coefficient=term.factor, stencil=stencil, step=1, axis=0)


def _gathered(points: Mapping[tuple[int, ...], Expr], along: Sequence[int]) -> dict[int, Expr]:
    """Weights by the offset d·j, in order."""
    found: dict[int, Expr] = {}
    for offset, weight in points.items():
        at = sum(j * d for j, d in zip(offset, along, strict=True))
        found[at] = found.get(at, S.Zero) + weight
    return dict(sorted(found.items()))
