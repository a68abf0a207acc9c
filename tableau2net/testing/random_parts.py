"""Additive and partitioned Runge–Kutta methods drawn at random, coupling conditions fulfilled by construction.

Tableaus with the same nodes c that fulfil C(1), and from order 3 on the same weights b, fulfil the coupling conditions
up to order 4 when each fulfils the conditions that are linear in its own A (Kennedy & Carpenter 2003, §2.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import assume
from hypothesis import strategies as st

from tableau2net.errors import InputError
from tableau2net.scheme import AdditiveRungeKutta, PartitionedRungeKutta, RungeKutta
from tableau2net.testing import random_tableau as tableau
from tableau2net.testing.draw import Size, among, distinct, sizes, vector
from tableau2net.testing.nodes import ANYWHERE
from tableau2net.testing.random_runge_kutta import SHAPES, plain
from tableau2net.testing.random_tableau import MAX_TRIANGULAR, Shape


@st.composite
def additive_runge_kutta(
    draw: st.DrawFn,
    parts: int = 2,
    stages: Size = range(1, 5),
    order: int | None = None,
    shapes: Sequence[Shape] | None = None,
) -> AdditiveRungeKutta:
    """Additive Runge–Kutta methods of order `order` (up to 4) at least, by construction.

    shapes: "explicit", "diagonal" or "full" for each field; drawn when left out.
    Raises InputError where no such method can be constructed here."""
    return AdditiveRungeKutta(parts=_parts(draw, parts, stages, order, shapes), name="random")


@st.composite
def partitioned_runge_kutta(
    draw: st.DrawFn,
    parts: int = 2,
    stages: Size = range(1, 5),
    order: int | None = None,
    shapes: Sequence[Shape] | None = None,
    separable: bool = False,
) -> PartitionedRungeKutta:
    """Partitioned Runge–Kutta methods of order `order` (up to 4) at least, by construction.

    separable: each field reads the other states only.  shapes: as for `additive_runge_kutta`."""
    numbers = range(1, parts + 1)
    reads = tuple(tuple(q for q in numbers if q != p) for p in numbers) if separable else None
    if separable and parts < 2:
        raise InputError("separable=True: two parts at least are needed")
    return PartitionedRungeKutta(parts=_parts(draw, parts, stages, order, shapes), reads=reads, name="random")


def _parts(
    draw: st.DrawFn, parts: int, stages: Size, order: int | None, shapes: Sequence[Shape] | None
) -> tuple[RungeKutta, ...]:
    p = 0 if order is None else order
    if not 0 <= p <= MAX_TRIANGULAR:
        raise InputError(f"order={p}: methods with several tableaus are drawn up to order {MAX_TRIANGULAR}")
    if parts < 1 or (shapes is not None and len(shapes) != parts):
        raise InputError(f"parts={parts}: one at least, and as many shapes")
    s = draw(among(sizes(stages, max(p, 1), f"methods of order {p}: stages")))
    drawn = [draw(st.sampled_from(SHAPES)) for _ in range(parts)] if shapes is None else list(shapes)
    if p < 2:
        return tuple(_free(draw, shape, s, p) for shape in drawn)
    last = [Fraction(1)] * (p == MAX_TRIANGULAR)  # D(1) wants c_s = 1 of explicit tableaus
    c = [Fraction(0), *distinct(draw, s - 1 - len(last), ANYWHERE, [Fraction(0), *last]), *last]
    common = tableau.weights(c, p, vector(draw, s))
    made = []
    for shape in drawn:
        b = common if p > 2 else tableau.weights(c, p, vector(draw, s))
        assert b is not None  # the nodes are distinct
        A = tableau.triangular(shape, b, c, p, vector(draw, len(tableau.positions(shape, s))))
        assume(A is not None)
        assert A is not None
        made.append(plain(A, b, c))
    return tuple(made)


def _free(draw: st.DrawFn, shape: Shape, s: int, p: int) -> RungeKutta:
    """Any A, with Σ b = 1 where the order wants that."""
    at = tableau.positions(shape, s)
    A = tableau.matrix(at, vector(draw, len(at)), s)
    b = tableau.weights([sum(row, Fraction(0)) for row in A], p, vector(draw, s))
    assert b is not None  # p is 0 or 1
    return plain(A, b, [sum(row, Fraction(0)) for row in A])
