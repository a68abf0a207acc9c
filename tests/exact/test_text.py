"""The safe parser: it reads back what is printed, and nothing a stranger writes can run or hang."""

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sympy import Integer, Rational, cancel, sqrt

from tableau2net.errors import InputError
from tableau2net.exact.text import (
    MAX_DEGREE,
    MAX_TERMS,
    degree_bound,
    exact_json,
    float_of,
    parse,
    symbol,
    terms_bound,
    text_of,
)

K, BETA = symbol("k"), symbol("beta_1")
numbers = st.builds(Rational, st.integers(-(10**12), 10**12), st.integers(1, 10**9))
leaves = st.one_of(numbers, st.sampled_from([sqrt(2), sqrt(21), Integer(2) ** Rational(1, 3), K, BETA]))
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda a, b: a / (b * b + 1), inner, inner),
        st.builds(lambda a, n: a**n, inner, st.integers(1, 3)),
    ),
    max_leaves=6,
)


@given(expressions)
def test_parse_reads_back_what_is_printed(expression):
    assume(degree_bound(expression) <= MAX_DEGREE and terms_bound(expression) <= MAX_TERMS)  # what a file may hold
    read = parse(text_of(expression), {"k": K, "beta_1": BETA})
    assert read == expression or cancel(read - expression) == 0  # sympy multiplies 2*(1 + x) out as it reads


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=12))
def test_a_decimal_is_the_rational_it_spells(value):
    assert parse(str(value)) == Rational(*value.as_integer_ratio())


@given(numbers)
def test_the_double_is_the_nearest(value):
    exact = exact_json(value)
    assert parse(exact["exact"]) == value
    assert exact["value"] == float_of(value) == int(value.p) / int(value.q)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("__import__('os')", "not allowed"),
        ("__import__('os').system('true')", "not allowed"),
        ("9**9**9", "exponent"),
        ("(9**60)**60", "too large"),
        ("10**64*10**64" + "*10**64" * 40, "bits"),
        ("1e999999999", "decimal"),
        ("2**0.123456789", "exponent"),
        ("k", "undeclared symbol 'k'"),
        ("1/0", "division by zero"),
        ("0**-1", "division by zero"),
        ("1/(sqrt(3+2*sqrt(2)) - 1 - sqrt(2))", "division by zero"),
        ("sqrt(-2)", "negative"),
        ("sqrt(1, 2)", "not allowed"),
        ("exp(1)", "only sqrt"),
        ("lambda: 1", "not allowed"),
        ("[1]", "not allowed"),
        ("'a'", "not allowed"),
        ("True", "not allowed"),
        ("1 if 1 else 2", "not allowed"),
        ("7 % 2", "not allowed"),
        ("0x10", "decimal"),
        ("1_0", "decimal"),
        ("1_0.5", "decimal"),
        ("1j", "not allowed"),
        ("½", "ASCII"),
        ("", "not an arithmetic expression"),
        ("1 +", "not an arithmetic expression"),
        ("1\n2", "not an arithmetic expression"),
        ("1" * 5000, "longer than"),
        ("(" * 300 + "1" + ")" * 300, "nested deeper than 60"),
        ("-" * 1000 + "1", "nested deeper"),
        ("1" + "+1" * 500, "nested deeper"),
        ("inf", "not a finite number"),
        ("sqrt(" + "1234567" * 40 + ")", "too large"),
    ],
)
def test_what_is_not_a_coefficient_is_refused_in_one_quick_line(text, says):
    started = time.perf_counter()
    with pytest.raises(InputError, match=says.replace("(", r"\(")) as caught:
        parse(text)
    assert "\n" not in str(caught.value).replace(text, "")
    assert len(str(caught.value)) < 300
    assert time.perf_counter() - started < 2  # a hang, not a timing


@pytest.mark.parametrize(
    "text", ["(k+1)**64*(k-1)**64", "((k+1)**9)**9", "(((k**64)**64)**64)**64", "(1/(k+1)+1/(k-1)+k)**40"]
)
def test_a_parameter_cannot_make_an_expression_that_explodes(text):
    with pytest.raises(InputError, match="degree"):
        parse(text, {"k": K})


@pytest.mark.parametrize("value", [0.5, float("nan"), True, None, b"1", object()])
def test_what_is_not_exact_is_refused(value):
    with pytest.raises(InputError):
        parse(value)
