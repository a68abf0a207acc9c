"""Roots and signs of real polynomials against polynomials put together from known roots."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sympy import QQ, CRootOf, Poly, Rational, Symbol, prod, sqrt

from tableau2net.exact.polynomials import (
    X,
    count_real_roots,
    hurwitz,
    non_negative,
    positive_roots,
    samples,
    sign_in,
)

FIELD = QQ.algebraic_field(sqrt(2))
small = st.fractions(-4, 4, max_denominator=5).map(lambda f: Rational(f.numerator, f.denominator))
surds = st.tuples(small, small)  # a + b√2


def value(surd):
    return float(surd[0]) + float(surd[1]) * 2**0.5


def element(surd):
    return FIELD([QQ(int(c.p), int(c.q)) for c in map(Rational, reversed(surd))])


def from_surds(roots):
    c = [FIELD.one]
    for root in map(element, roots):
        c = [a - root * b for a, b in zip([*c, FIELD.zero], [FIELD.zero, *c], strict=True)]
    return Poly(c, X, domain=FIELD)


def from_roots(roots):
    return Poly(prod([X - r for r in roots]) if roots else 1, X, domain=QQ)


@given(st.lists(small, max_size=5), st.lists(small, max_size=3))
def test_rational_roots_are_found_once_and_in_order(first, second):
    found = positive_roots([from_roots(first), from_roots(second)])
    assert [r.expression() for r in found] == sorted({r for r in first + second if r > 0})
    assert all(r.low > 0 for r in found)
    points = [Rational(int(q.numerator), int(q.denominator)) for q in samples(found)]
    assert len(points) == len(found) + 1
    merged = [x for pair in zip(points, [r.expression() for r in found], strict=False) for x in pair] + points[-1:]
    assert merged == sorted(merged)


@settings(max_examples=40)
@given(st.lists(surds, min_size=1, max_size=3), st.lists(surds, max_size=2))
@example([(0, 0)], [(0, 1), (1, 0)])  # one root is an end of the interval that isolates the other
def test_roots_over_a_number_field(first, second):
    found = positive_roots([from_surds(first), from_surds(second)])
    expected = sorted(value(r) for r in {*first, *second} if value(r) > 1e-12)
    assert [float(r.expression()) for r in found] == pytest.approx(expected, rel=1e-12)
    assert all(r.expression().atoms(CRootOf) == set() for r in found)


@pytest.mark.slow
@given(st.sets(surds, min_size=1, max_size=4), small, small)
def test_sturm_counts(roots, a, b):
    low, high = min(a, b), max(a, b)
    assume(not {(low, 0), (high, 0)} & roots)
    assert count_real_roots(from_surds(roots), low, high) == sum(float(low) < value(r) < float(high) for r in roots)


def test_what_a_root_is_written_as():
    assert positive_roots([Poly(X**2 - 3, X, domain=QQ)])[0].expression() == sqrt(3)
    (quintic,) = positive_roots([Poly((X**5 - X - 1) * (X**2 + 1), X, domain=QQ)])
    assert quintic.expression() == CRootOf(X**5 - X - 1, 0)
    assert quintic.square_root() == CRootOf(X**10 - X**2 - 1, 1)
    assert abs(quintic.decimal() - CRootOf(X**5 - X - 1, 0).evalf(40)) < Rational(1, 10**29)
    nested = positive_roots([Poly(X**2 - 6 * X + 1, X, domain=QQ)])
    assert [r.square_root() for r in nested] == [sqrt(2) - 1, 1 + sqrt(2)]


@settings(max_examples=50)
@given(st.lists(small, max_size=3), st.lists(st.tuples(small, small), max_size=2))
def test_half_plane(real, pairs):
    x = Symbol("x")
    p = Poly(prod([x - r for r in real] + [(x - a) ** 2 + b**2 for a, b in pairs] + [x + 1]), x, domain=QQ)
    assert hurwitz(p) == all(r < 0 for r in [*real, *(a for a, _ in pairs)])


@settings(max_examples=50)
@given(st.lists(small, max_size=4), st.integers(-1, 1))
def test_non_negative_on_the_positive_axis(roots, factor):
    p = from_roots(roots) * factor
    x = np.unique([float(r) + e for r in roots for e in (-0.01, 0.01)] + [0.0, 100.0])
    sampled = np.polyval([float(c) for c in p.all_coeffs()], x[x >= 0]).min() >= -1e-12
    assert non_negative(p) == sampled


def test_signs_need_as_many_digits_as_they_need():
    sign = sign_in(FIELD)
    a, b = 1, 1  # convergents a/b of √2
    for _ in range(200):
        a, b = a + 2 * b, a + b
    close = element((Rational(a, b), Rational(-1)))
    assert sign(close) == (1 if a * a > 2 * b * b else -1)
    assert sign(FIELD.zero) == 0


@pytest.mark.parametrize("p", [Poly(0, X, domain=QQ), Poly(3, X, domain=QQ)])
def test_constants_have_no_roots(p):
    assert positive_roots([p]) == []
