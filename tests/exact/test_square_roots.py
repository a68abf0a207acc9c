"""The tower of square roots against sympy's number fields and decimals."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import QQ, Integer, Pow, Rational, count_ops, sqrt

from tableau2net.exact.square_roots import TooLargeError, square_root, square_root_field
from tableau2net.exact.surds import AdjoinedRoot, expression

FIELDS = [
    ([sqrt(2)], 2),
    ([sqrt(2), sqrt(3), sqrt(6)], 4),
    ([sqrt(6), 1 / sqrt(6), 6 * sqrt(6)], 2),
    ([sqrt(2), sqrt(3 + 2 * sqrt(2))], 2),  # it is 1 + √2
    ([sqrt(30), sqrt(525 - 70 * sqrt(30)), sqrt(525 + 70 * sqrt(30))], 8),
    ([sqrt(30), sqrt(105), sqrt(525 - 70 * sqrt(30)), sqrt(525 + 70 * sqrt(30))], 8),
    ([sqrt(5), sqrt(10 - 2 * sqrt(5)), sqrt(10 + 2 * sqrt(5))], 4),  # cyclic: the second is in the field of the first
    ([sqrt(sqrt(Rational(2, 7)) + 1), sqrt(14)], 4),
]


@pytest.mark.parametrize(("radicals", "degree"), FIELDS)
def test_each_radical_is_a_root_of_what_it_should_be(radicals, degree):
    atoms = {power for r in radicals for power in r.atoms(Pow) if not power.exp.is_Integer}
    field, images = square_root_field(sorted(atoms, key=lambda r: (count_ops(r), str(r))), 8)
    assert field.mod.degree() == degree
    theta = field.ext.as_expr().evalf(60)
    assert abs(sum(c * theta**n for n, c in enumerate(reversed(list(map(QQ.to_sympy, field.mod.to_list())))))) < 1e-40
    for radical, element in images.items():
        assert abs((field.to_sympy(element) - radical).evalf(40)) < 1e-30
        if radical.base.is_Rational:
            assert element**2 == field.from_sympy(radical**2)


def test_what_it_leaves_to_others():
    assert square_root_field([Integer(2) ** Rational(1, 3)], 8) is None
    assert square_root_field([], 8) == (QQ, {})
    with pytest.raises(TooLargeError):
        square_root_field([sqrt(2), sqrt(3), sqrt(5), sqrt(7)], 8)


fractions = st.builds(Fraction, st.integers(-9, 9), st.integers(1, 5))


@given(a=fractions, b=fractions, c=fractions, d=fractions)
def test_squares_are_found_and_others_are_not(a, b, c, d):
    two = AdjoinedRoot(Fraction(2), 1, sqrt(2))
    nested = AdjoinedRoot(1 + two.surd, 2, sqrt(1 + sqrt(2)))
    x = a + b * two.surd + c * nested.surd + d * nested.surd * two.surd
    found = square_root(x * x, (two, nested))
    assert found in (x, -x)
    if a or b or c or d:
        assert square_root(3 * x * x, (two, nested)) is None  # √3 is not in the field
        assert abs(expression(x * (1 / x)) - 1) == 0
