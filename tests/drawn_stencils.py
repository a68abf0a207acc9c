"""Random stencils: explicit and compact, on one to three axes; degenerate ones too (zeros, equal weights, all on one
side, offsets with holes and in any order), and those that interpolation makes as accurate as their offsets allow."""

from fractions import Fraction

import sympy
from hypothesis import settings
from hypothesis import strategies as st

from tableau2net.scheme import Side, Stencil

few = settings(max_examples=10)

weights = st.one_of(
    st.just(Fraction(0)),
    st.sampled_from([Fraction(1), Fraction(-1), Fraction(1, 2)]),
    st.fractions(-2, 2, max_denominator=12),
)


@st.composite
def offsets(draw, most=4, reach=4):
    return draw(st.lists(st.integers(-reach, reach), min_size=1, max_size=most, unique=True))


@st.composite
def explicit_stencils(draw, most=4):
    at = draw(offsets(most))
    own = draw(st.lists(weights, min_size=len(at), max_size=len(at)).filter(any))
    return Stencil(derivative=draw(st.integers(0, 3)), weights=own, offsets=at, name="random")


@st.composite
def compact_stencils(draw):
    """Σ a ≠ 0, so that they have an order; the left side may vanish at other angles."""
    own = draw(explicit_stencils())
    at = sorted({0, *draw(offsets(3, 2))})
    left = draw(st.lists(weights, min_size=len(at), max_size=len(at)).filter(lambda a: a[at.index(0)] and sum(a)))
    return Stencil(own.orders, own.weights, own.offsets, left=Side(at, left), name="random")


@st.composite
def interpolating_stencils(draw):
    """As accurate as their offsets allow; not the identity."""
    at = draw(offsets(5).filter(lambda at: len(at) > (0 in at)))
    m = draw(st.integers(int(0 in at), len(at) - 1))
    own = sympy.finite_diff_weights(m, [sympy.Integer(j) for j in at], 0)[m][-1]
    return Stencil(derivative=m, weights=own, offsets=at, name="interpolating")


@st.composite
def grid_stencils(draw):
    """On two or three axes: random weights, or products of interpolating ones."""
    axes = draw(st.integers(2, 3))
    if draw(st.booleans()):
        factors = [draw(interpolating_stencils()) for _ in range(axes)]
        return product_of(factors)
    shape = [draw(st.integers(1, 3)) for _ in range(axes)]
    grid = nested(shape, lambda at: draw(weights))
    grid = grid if any(flat(grid)) else nested(shape, lambda at: 1)
    centre = [draw(st.integers(0, n - 1)) for n in shape]
    return Stencil(derivative=[draw(st.integers(0, 2)) for _ in shape], weights=grid, centre=centre, name="random")


def product_of(factors):
    """The stencil that acts along each axis as one of those on one axis does."""
    low = [min(0, *f.offsets) for f in factors]
    shape = [max(0, *f.offsets) - a + 1 for f, a in zip(factors, low, strict=True)]

    def weight(at):
        held = [f.points.get((i + a,), 0) for f, i, a in zip(factors, at, low, strict=True)]
        return sympy.prod(held)

    return Stencil([f.orders[0] for f in factors], nested(shape, weight), centre=[-a for a in low], name="product")


def nested(shape, weight, at=()):
    if not shape:
        return weight(at)
    return tuple(nested(shape[1:], weight, (*at, i)) for i in range(shape[0]))


def flat(grid):
    return [x for row in grid for x in flat(row)] if isinstance(grid, tuple) else [grid]


stencils = st.one_of(explicit_stencils(), compact_stencils(), interpolating_stencils(), grid_stencils())
line_stencils = st.one_of(explicit_stencils(), compact_stencils(), interpolating_stencils())
