"""Expressions in learnt coefficients, as text: what Python makes of it is what they are."""

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, Symbol

from tableau2net.codegen.expressions import scalar

A, B = Symbol("a", positive=True), Symbol("b", positive=True)
NUMBERS = st.sampled_from([sympy.Integer(2), Rational(3, 7), sympy.sqrt(3), sympy.sqrt(5 + sympy.sqrt(2)), A, B])
EXPONENTS = st.sampled_from([Rational(1, 2), Rational(-1, 2), Rational(3, 2), Rational(1, 3), sympy.Integer(-2)])
SUMS = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.builds(sympy.Add, inner, inner),
        st.builds(sympy.Mul, inner, inner),
        st.builds(lambda x, y: x + 1 - y / 9, inner, NUMBERS),
        st.builds(sympy.Pow, inner, EXPONENTS),
    ),
    max_leaves=6,
)


def value(text):
    return eval(text, {"__builtins__": {}}, {"a": 1.37, "b": 0.61})


@settings(max_examples=150, deadline=None)
@given(SUMS)
def test_the_text_is_the_expression(expression):
    exact = complex(expression.subs({A: Rational("1.37"), B: Rational("0.61")}).evalf(30))
    assert value(scalar(expression)) == pytest.approx(exact, rel=1e-9, abs=1e-9)


def test_roots_of_sums():
    """Once ``(525 + x) ** 1 / 2``, which is half of it: as where a nested root is shared by several factors."""
    assert value(scalar(sympy.sqrt(A + 2))) == pytest.approx(3.37**0.5)
    assert value(scalar((A + 2) ** Rational(-3, 2))) == pytest.approx(3.37**-1.5)
