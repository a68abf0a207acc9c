"""Roots of polynomials and cosines as exact coefficients: what is read, what is computed with them, what is refused."""

import mpmath
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import Rational

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.exact.enclosure import enclose, precision
from tableau2net.exact.text import parse, text_of
from tableau2net.scheme.file import loads
from tableau2net.scheme.saved import dumps

GAMMA = "rootof(6*x**3 - 18*x**2 + 9*x - 1, 1)"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=2, max_size=6), st.integers(0, 4))
def test_real_roots_in_order_and_enclosed(coefficients, index):
    """Against mpmath's roots in floats; repeated roots and zeros among them."""
    assume(coefficients[0])
    n = len(coefficients) - 1
    text = " + ".join(f"({c})*x**{n - k}" for k, c in enumerate(coefficients))
    with mpmath.workdps(60):
        found = mpmath.polyroots(coefficients, maxsteps=500, extraprec=400)
        real = sorted(z.real for z in found if abs(z.imag) < mpmath.mpf(10) ** -12)  # repeated roots are known so far
    if index >= len(real):
        with pytest.raises(InputError, match="real roots are counted from 0"):
            parse(f"rootof({text}, {index})")
        return
    value = parse(f"rootof({text}, {index})")
    assert abs(float(value) - float(real[index])) < 1e-9
    assert parse(text_of(value)) == value
    with precision(80):
        apart = enclose(value) - enclose(Rational(str(value.evalf(40))))
    assert float(apart.b) >= -1e-20
    assert float(apart.a) <= 1e-20
    assert float(apart.delta) < 1e-15


@pytest.mark.parametrize("angle", ["pi/18", "7*pi/18", "-pi/9", "2*pi/7", "pi/5", "0", "pi"])
def test_angles(angle):
    for name in ("cos", "sin"):
        value = parse(f"{name}({angle})")
        assert float(value) == pytest.approx(float(getattr(sympy, name)(sympy.sympify(angle))), abs=1e-15)
        assert parse(text_of(value)) == value
        with precision(80):
            assert abs(float(enclose(value).mid) - float(value)) < 1e-15


def test_roots_that_lie_in_the_field_of_others():
    """√3 = 8c³ − 6c with c = cos(π/18), so that the degree is six, not twelve."""
    c, root = parse("cos(pi/18)"), parse("sqrt(3)")
    numbers = domain_of([c, root, parse("sin(pi/9)")])
    assert numbers.domain.mod.degree() == 6
    assert not numbers.convert(8 * c**3 - 6 * c) - numbers.convert(root)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cos(1)", "rational multiple of pi"),
        ("cos(pi/1009)", "denominator of at most 360"),
        ("cos(sqrt(2)*pi)", "rational multiple of pi"),
        ("pi", "undeclared symbol"),
        ("rootof(x**2 + 1, 0)", "no root is real"),
        ("rootof(x**3 - 2, 1)", "counted from 0"),
        ("rootof(x**3 - 2, 1/2)", "whole number"),
        ("rootof(x**13 - 2, 0)", "at most 12"),
        ("rootof(1/x - 2, 0)", "powers of x"),
        ("rootof(sqrt(2)*x - 2, 0)", "rational coefficients"),
        ("rootof(7, 0)", "a polynomial in x"),
        ("rootof(x - k, 0)", r"k stands inside rootof\(...\), where x alone may"),
        ("sin(W)", r"W stands inside sin\(...\), where pi alone may"),
        (f"rootof(x**3 - {10**90}, 0)", "digits"),
        ("rootof(x**3 - 2)", "not allowed"),
    ],
)
def test_what_is_no_such_number(text, why):
    with pytest.raises(InputError, match=why):
        parse(text)


def test_sdirk_of_order_three_for_the_root_and_not_near_it():
    exact = t2n.load("alexander-3")
    assert (t2n.order(exact), float(exact.A[0][0])) == (3, pytest.approx(0.435866521508459, abs=1e-14))
    near = {
        name: value.xreplace({parse(GAMMA): Rational("0.4358665215")}) for name, value in exact.coefficients.items()
    }
    assert t2n.order(exact.with_coefficients(near)) < 3  # conditions hold at the root alone


def test_a_file_that_is_written_again(tmp_path):
    for name in ("alexander-3", "crouzeix-3", "ars-343"):
        scheme = t2n.load(name)
        assert loads(dumps(scheme)) == scheme
