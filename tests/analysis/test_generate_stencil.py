"""Families of stencils from their conditions: all members have the order, none is missing; what cannot be is said."""

from fractions import Fraction
from itertools import product
from math import perm, prod

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tableau2net.analysis.generate import generate_stencil
from tableau2net.errors import InputError
from tableau2net.exact.text import text_of
from tableau2net.scheme import Stencil, load
from tableau2net.scheme.file import loads
from tableau2net.scheme.saved import dumps

VALUES = st.fractions(-3, 3, max_denominator=12)


def member(family, data):
    return family.with_values(**{p.name: str(data.draw(VALUES, label=p.name)) for p in family.parameters})


def polynomials_fail_first(stencil, most):
    """The total degree of the first monomial x^k whose derivative at 0 is not what the formula makes of it."""
    right = {at: Fraction(str(w)) for at, w in stencil.points.items()}
    left = {at: Fraction(str(a)) for at, a in stencil.left_points.items()}
    for degree in range(most):
        for k in product(range(degree + 1), repeat=stencil.dimension):
            if sum(k) == degree and power(right, k) != sum(slope(left, k, o) for o in stencil.terms):
                return degree
    return most


def power(points, k):
    """Σ w_j j^k."""
    return sum(w * prod(j**n for j, n in zip(at, k, strict=True)) for at, w in points.items())


def slope(points, k, o):
    """Σ a_l ∂^o x^k at l."""
    if any(n < m for n, m in zip(k, o, strict=True)):
        return 0
    factor = prod(perm(n, m) for n, m in zip(k, o, strict=True))
    return factor * power(points, [n - m for n, m in zip(k, o, strict=True)])


@settings(max_examples=25)
@given(st.integers(-4, 1), st.integers(1, 7), st.integers(1, 3), st.integers(1, 6), st.data())
def test_a_family_holds_all_stencils_of_its_order_on_the_line(first, n, m, p, data):
    """n − (m + p) parameters where that is not negative; else at most the interpolant is one, where it has luck."""
    offsets = range(first, first + n)
    interpolant = sympy.finite_diff_weights(m, list(offsets), 0)[m][-1] if n > m else None
    best = polynomials_fail_first(Stencil(m, interpolant, tuple(offsets)), 30) if interpolant else 0
    if best < m + p and p > n - m:
        with pytest.raises(InputError, match=r"^no weights on [^\n]+$"):
            generate_stencil(m, [offsets], p)
        return
    family = generate_stencil(m, [offsets], p)
    assert len(family.parameters) == max(n - m - p, 0)
    assert polynomials_fail_first(member(family, data), 30) >= m + p
    assert loads(dumps(family)) == family
    at = {q.name: int(q.name[1:].replace("m", "-")) for q in family.parameters}
    fixed = family.with_values(**{name: interpolant[j - first] for name, j in at.items()})
    assert fixed.points == Stencil(m, interpolant, tuple(offsets)).points


@settings(max_examples=8)
@given(
    st.sampled_from([[1, 0], [0, 1], [1, 1], [2, 0], [[2, 0], [0, 2]], [[3, 0], [1, 2]]]),
    st.integers(1, 2),
    st.integers(1, 2),
    st.booleans(),
    st.integers(1, 3),
    st.data(),
)
def test_members_in_the_plane_have_the_order_and_the_symmetry(derivative, a, b, symmetric, p, data):
    try:
        family = generate_stencil(derivative, [range(-a, a + 1), range(-b, b + 1)], p, symmetric=symmetric)
    except InputError:  # too few points, or a box less symmetric than the derivative
        assume(False)
    drawn = member(family, data)
    degree = sum(drawn.orders) + p
    assert polynomials_fail_first(drawn, degree) == degree
    if symmetric:
        for (i, j), w in drawn.points.items():
            assert drawn.points[-i, j] == (-1) ** drawn.orders[0] * w
            assert drawn.points[i, -j] == (-1) ** drawn.orders[1] * w


@settings(max_examples=8)
@given(st.integers(1, 4), st.integers(1, 2), st.integers(2, 3), st.sampled_from([2, 4, 6]), st.data())
def test_compact_families_hold_those_of_lele(m, left, right, p, data):
    unknowns = left + right + (m % 2 == 0)
    conditions = (m + p + (m % 2 == 0)) // 2
    offsets, side = [range(-right, right + 1)], range(-left, left + 1)
    if unknowns < conditions:
        with pytest.raises(InputError, match=r"the highest is|nor any order"):
            generate_stencil(m, offsets, p, left=side, symmetric=True)
        return
    family = generate_stencil(m, offsets, p, left=side, symmetric=True)
    assert len(family.parameters) == unknowns - conditions
    assert polynomials_fail_first(member(family, data), 30) >= m + p
    if m <= 2 and (left, right) == (2, 3):
        best = load(f"compact-{m}-10", Stencil)  # the highest order on these points
        both = {"a": best.left_points, "w": best.points}
        values = {q.name: both[q.name[0]][int(q.name[1:]),] for q in family.parameters}
        assert family.with_values(**values).points == best.points


def test_the_weights_of_tam_and_webb_are_one_of_a_family():
    family = generate_stencil(1, [range(-3, 4)], 4, symmetric=True)
    assert [text_of(family.points[j,]) for j in (1, 2, 3)] == ["2/3 + 5*w3", "-4*w3 - 1/12", "w3"]


def test_weights_are_fixed_and_starts_are_said():
    made = generate_stencil(1, [range(-3, 4)], 4, symmetric=True, fix={"w1": "3/4"})
    assert made.points == load("central-1-6", Stencil).points
    assert generate_stencil(2, [range(-2, 3)], 2, values={"w2": "1/7"}).parameters[0].value == sympy.Rational(1, 7)
    for wrong in ({"fix": {"w7": "1"}}, {"values": {"w0": "1"}}, {"fix": {"w1": "sqrt(2)"}}):
        with pytest.raises(InputError, match=r"^(fix|value) w\d: [^\n]+$"):
            generate_stencil(2, [range(-2, 3)], 2, **wrong)
