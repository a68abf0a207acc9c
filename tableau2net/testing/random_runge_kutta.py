"""Runge–Kutta methods drawn at random, with the order by construction."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod

from hypothesis import assume
from hypothesis import strategies as st
from sympy import Expr

from tableau2net.errors import InputError
from tableau2net.exact.text import parse, symbol
from tableau2net.scheme import Parameter, RungeKutta
from tableau2net.testing import random_tableau as tableau
from tableau2net.testing.draw import Size, among, distinct, rationals, sizes, vector
from tableau2net.testing.nodes import ANYWHERE, MAX_SUPER, nodes, super_order
from tableau2net.testing.random_tableau import MAX_TRIANGULAR, RATIONAL, NumberField, Row, Shape

SHAPES: tuple[Shape, ...] = ("explicit", "diagonal", "full")


@dataclass(frozen=True)
class DrawnTableau:
    """The numbers of a tableau, in one field. `other`: the A and b of a second method, every mixture with which has the
    order too."""

    A: list[Row]
    b: Row
    c: Row
    other: tuple[list[Row], Row] | None = None
    field: NumberField = RATIONAL


@st.composite
def runge_kutta(
    draw: st.DrawFn,
    stages: Size = range(1, 5),
    order: int | None = None,
    explicit: bool | None = None,
    diagonally_implicit: bool = False,
    embedded: bool = False,
    with_parameter: bool = False,
) -> RungeKutta:
    """Runge–Kutta methods of order `order` at least, by construction; any tableau at all without one.

    stages: a number, or a range of them: ``range(1, 5)``.
    explicit: True, False, or None for both.  diagonally_implicit: A lower triangular, not strictly.
    embedded: with weights b_hat of the highest order below `order` at which the tableau leaves others than b.
    with_parameter: where the order leaves freedom, a line in the set of such methods, with parameter theta.

    Nodes, and the entries that the order conditions leave open, are small rationals; the rest is solved for exactly.
    An implicit method of order > stages + 1 has square roots. Raises InputError where there is no such method, or none
    that can be constructed here: explicit beyond order 4 needs 1 + p(p − 1)/2 stages (extrapolation of Euler steps).
    """
    p = 0 if order is None else order
    shape, s = draw(_sizes(stages, p, explicit, diagonally_implicit))
    found = _table(draw, shape, s, p, with_parameter)
    b_hat = None
    if embedded:
        if with_parameter and p > 3:
            raise InputError(f"order={p}: with_parameter and embedded go together up to order 3")
        b_hat = other_weights(found, p, [found.field.lift(x) for x in vector(draw, s)])
    scheme = _scheme(draw, found, b_hat)
    assume(scheme.explicit == (shape == "explicit"))
    return scheme


def _sizes(stages: Size, p: int, explicit: bool | None, diagonal: bool) -> st.SearchStrategy[tuple[Shape, int]]:
    """The shapes and stage counts that can carry the order; InputError where there is none."""
    if explicit and diagonal:
        raise InputError("explicit=True and diagonally_implicit=True: choose one")
    wanted: tuple[Shape, ...] = ("diagonal",) if diagonal else ("explicit",) if explicit else SHAPES
    if explicit is False and not diagonal:
        wanted = ("full",)
    possible: list[tuple[Shape, int]] = []
    why = InputError(f"order={p}: no implicit method with stages={stages} has it, or none that is drawn")
    for shape in wanted:
        try:
            possible += [(shape, s) for s in _stages(stages, shape, p)]
        except InputError as error:
            why = error
    if not possible:
        raise why
    return st.sampled_from(sorted(possible, key=lambda found: found[1]))


def _stages(stages: Size, shape: Shape, p: int) -> list[int]:
    """The stage counts among the given ones with which methods of order p are constructed."""
    if shape == "diagonal" and p > MAX_TRIANGULAR:
        raise InputError(f"order={p}: diagonally implicit methods are drawn up to order {MAX_TRIANGULAR}")
    least = {
        "explicit": max(p, 1) if p <= MAX_TRIANGULAR else 1 + p * (p - 1) // 2,
        "diagonal": max(p - 1, 1),
        "full": max((p + 1) // 2, p - MAX_SUPER, 1),
    }[shape]
    left = sizes(stages, least, f"{shape} methods of order {p}: stages")
    return [s for s in left if shape != "full" or super_order(s, p) <= MAX_SUPER]


def _table(draw: st.DrawFn, shape: Shape, s: int, p: int, twice: bool) -> DrawnTableau:
    if shape == "explicit" and p > MAX_TRIANGULAR:
        return _extrapolated(draw, s, p)
    if p <= 1 or (p == 2 and s > 1):
        return _from_entries(draw, shape, s, p, twice)
    return _triangular(draw, shape, s, p, twice) if shape != "full" else _full(draw, s, p, twice)


def _from_entries(draw: st.DrawFn, shape: Shape, s: int, p: int, twice: bool) -> DrawnTableau:
    """Up to order 2: any A, its row sums for c, and weights with B(p)."""
    A = _entries(draw, shape, s)
    if p == 2 and sum(A[-1]) == sum(A[-2]):
        A[-1][0] += 1  # two nodes are needed to have Σ b c = 1/2 beside Σ b = 1
    c = [sum(row, Fraction(0)) for row in A]
    many = [tableau.weights(c, p, vector(draw, s)) for _ in range(1 + twice)]
    b = many[0]
    assert b is not None
    return DrawnTableau(A, b, c, (A, many[1] or b) if twice else None)


def _entries(draw: st.DrawFn, shape: Shape, s: int) -> list[Row]:
    at = tableau.positions(shape, s)
    A = tableau.matrix(at, vector(draw, len(at)), s)
    if shape != "explicit" and not any(A[i][j] for i, j in at if j >= i):
        A[0][0] = Fraction(1)
    return A


def _triangular(draw: st.DrawFn, shape: Shape, s: int, p: int, twice: bool) -> DrawnTableau:
    """Explicit and diagonally implicit methods of orders 2 to 4: nodes first, then b, then A."""
    c: Row
    if p > s:
        c = list(nodes(draw, s, p - s))
    elif shape == "explicit":
        last = [Fraction(1)] * (p == 4)  # D(1) wants c_s = 1
        c = [Fraction(0), *distinct(draw, s - 1 - len(last), ANYWHERE, [Fraction(0), *last]), *last]
    else:
        c = distinct(draw, s, ANYWHERE)
    b = tableau.weights(c, min(p, s), vector(draw, s))
    assert b is not None  # the nodes are distinct
    free = len(tableau.positions(shape, s))
    many = [tableau.triangular(shape, b, c, p, vector(draw, free)) for _ in range(1 + twice)]
    assume(many[0] is not None)
    A = many[0]
    assert A is not None
    return DrawnTableau(A, b, c, (many[1] or A, b) if twice else None)


def _full(draw: st.DrawFn, s: int, p: int, twice: bool) -> DrawnTableau:
    """Implicit methods of any order p: C(η) with the entries it leaves open drawn, and for p > s collocation or
    what is left of it when D(p − s) makes up for the last of its conditions."""
    r = super_order(s, p)
    field, c = tableau.field_of(nodes(draw, s, r))

    def wanted(count: int) -> Row:
        return [field.lift(x) for x in vector(draw, count)]

    b = tableau.weights(c, min(p, s), wanted(s) if p < s else [field.lift(Fraction(0))] * s)
    assert b is not None
    some = 1 + twice
    if r == 0:
        eta = draw(st.integers(max(p - 1, 1), s))
        many = [tableau.collocated(c, eta, [wanted(s) for _ in range(s)]) for _ in range(some)]
    else:
        many = [tableau.collocated(c, s, [[field.lift(Fraction(0))] * s] * s)] * some
        if r < s and draw(st.booleans()):
            many = [tableau.perturbed(many[0], b, c, r, wanted(s)) for _ in range(some)]
    return DrawnTableau(many[0], b, c, (many[1], b) if twice else None, field)


def _extrapolated(draw: st.DrawFn, s: int, p: int) -> DrawnTableau:
    """Euler steps with n_1 < … < n_p substeps, extrapolated to order p (Aitken–Neville; HNW I, II.9)."""
    n = list(range(1, p + 1))
    spare = s - 1 - p * (p - 1) // 2
    both = draw(among(range(spare // 2 + 1)))
    n[-1] += spare - both
    n[-2] += both
    A: list[Row] = [[]]
    b = [Fraction(0)]
    for m in n:
        weight = Fraction(prod(m for k in n if k != m), prod(m - k for k in n if k != m)) / m
        start = len(A)
        b[0] += weight
        for i in range(m - 1):
            A.append([Fraction(1, m), *[Fraction(0)] * (start - 1), *[Fraction(1, m)] * i])
            b.append(weight)
    A = [[*row, *[Fraction(0)] * (s - len(row))] for row in A]
    return DrawnTableau(A, b, [sum(row, Fraction(0)) for row in A])


def other_weights(found: DrawnTableau, p: int, wanted: Row) -> Row:
    """Weights of the highest order below p at which there is a choice."""
    one = found.field.lift(Fraction(1))
    shifted = ([x + one if i == j else x for j, x in enumerate(wanted)] for i in range(len(wanted)))
    nearest_to = [wanted, *shifted]  # b may be what is nearest to one of them
    for q in range(max(p - 1, 0), 0, -1):
        for each in nearest_to:
            b_hat = tableau.embedded_weights(found.A, found.c, q, each)
            assert b_hat is not None  # b itself is a solution
            if b_hat != found.b:
                return b_hat
    return wanted


def _scheme(draw: st.DrawFn, found: DrawnTableau, b_hat: Row | None) -> RungeKutta:
    def lowered(row: Row) -> list[Expr]:
        return [parse(found.field.lower(x)) for x in row]

    A, b = [lowered(row) for row in found.A], lowered(found.b)
    parameters: tuple[Parameter, ...] = ()
    if found.other is not None:
        A = [_mixture(row, lowered(other)) for row, other in zip(A, found.other[0], strict=True)]
        b = _mixture(b, lowered(found.other[1]))
        if any(x.free_symbols for row in (*A, b) for x in row):
            parameters = (Parameter("theta", parse(draw(rationals()))),)
    return RungeKutta(
        A=tuple(map(tuple, A)),
        b=tuple(b),
        c=tuple(lowered(found.c)),
        b_hat=None if b_hat is None else tuple(lowered(b_hat)),
        parameters=parameters,
        name="random",
    )


def plain(A: list[Row], b: Row, c: Row) -> RungeKutta:
    """A tableau of fractions."""
    return RungeKutta(A=tuple(map(tuple, A)), b=tuple(b), c=tuple(c))


def _mixture(x: list[Expr], y: list[Expr]) -> list[Expr]:
    """x at theta = 0, y at theta = 1, and the line through them."""
    return [a + symbol("theta") * (b - a) for a, b in zip(x, y, strict=True)]
