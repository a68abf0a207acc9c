"""Equations as data: what is read, what comes back from a file, and what no file may do."""

import time

import pytest
import sympy
from sympy import Rational

from tableau2net import InputError
from tableau2net.scheme import Equation, Parameter, Stencil, UsedStencil, load
from tableau2net.scheme.file import loads
from tableau2net.scheme.library import list_tables
from tableau2net.scheme.saved import dumps


def test_terms_are_read_exactly():
    equation = Equation(
        ["-u*u_x + nu*(u_xx + u_yy)/3 + 0.1*sin(2*u)*v_yx", "u**2 - v"],
        states=["u", "v"],
        dimension=2,
        parameters=[Parameter("nu", "1/2")],
    )
    u, v = sympy.symbols("u v", real=True)
    names = {s.name: s for rate in equation.rates for s in rate.free_symbols}
    assert equation.rates[0] == (
        -u * names["u_x"]
        + names["nu"] * (names["u_xx"] + names["u_yy"]) / 3
        + Rational(1, 10) * sympy.sin(2 * u) * names["v_xy"]
    )
    assert equation.rates[1] == u**2 - v
    assert equation.derivatives == {
        "u": ("u", ""),
        "u_x": ("u", "x"),
        "u_xx": ("u", "xx"),
        "u_yy": ("u", "yy"),
        "v": ("v", ""),
        "v_xy": ("v", "xy"),
    }
    assert equation.coefficients["u_t: u_xx"] == names["nu"] / 3
    fixed = equation.with_values(nu="3/7")
    assert fixed.coefficients["u_t: u_xx"] == Rational(1, 7)
    assert fixed.parameters == ()
    assert fixed.at_defaults() == fixed


@pytest.mark.parametrize("name", list_tables("*", Equation))
def test_files_come_back(name):
    equation = load(name, Equation)
    assert loads(dumps(equation)) == equation
    assert dumps(loads(dumps(equation))) == dumps(equation)


def test_a_stencil_of_an_equation_is_named_or_written():
    equation = Equation(
        ["u_x + u_yy"],
        dimension=2,
        stencils=[UsedStencil("x", "upwind-3"), UsedStencil("yy", weights=[1, -2, 1], offsets=[-1, 0, 1])],
    )
    assert loads(dumps(equation)) == equation
    assert equation.stencils[1].inline(2) == Stencil(2, [1, -2, 1], [-1, 0, 1])


HEAD = 'format = 1\nname = "mine"\nfamily = "equation"\n'
BAD = [
    ('right = ["__import__(1)*u"]', "is not allowed"),
    ('right = ["u.real"]', "Attribute is not allowed"),
    ('right = ["u_q"]', "undeclared symbol 'u_q'"),
    ('right = ["u_y"]', "y is no axis"),
    ('right = ["w*u"]', "undeclared symbol 'w'"),
    ('right = ["exp(exp(u))"]', "without another function"),
    ('right = ["exp(9)"]', "of an expression with a name in it"),
    ('right = ["u**999"]', "exponent"),
    ('right = ["((u**60)**60)**60"]', "degree in the parameters is too high"),
    ('right = ["pi**60**2*u"]', "exponent"),
    ('right = ["u_xxxxxxxxx"]', "orders up to 8"),
    ("right = [1]", "a list of texts"),
    ('right = ["u", "u"]', "2 entries for 1 states"),
    ('right = ["u"]\nstates = ["x"]', "no name for one"),
    ('right = ["u"]\nstates = ["u", "u"]', "different names"),
    ('right = ["u"]\ndimension = 4', "1 to 3"),
    ('right = ["u"]\nboundary = ["round"]', "write one of periodic"),
    ('right = ["u"]\nboundary = ["zero", "zero"]', "2 words for 1 axes"),
    ('right = ["u"]\n[parameters.u_x]\nvalue = "1"', "means something else|has a meaning"),
    ('right = ["u"]\n[[stencils]]\nof = "x"', "one of the two"),
    ('right = ["u"]\n[[stencils]]\nof = "q"\nstencil = "central-1-2"', "q is no axis"),
    ('right = ["u"]\n[[stencils]]\nof = "x"\nstencil = "a"\n[[stencils]]\nof = "x"\nstencil = "a"', "two stand for x"),
    ('right = ["u"]\nexec = "1"', "unknown key exec"),
    ("", "key right is missing"),
]


@pytest.mark.parametrize(("text", "told"), BAD)
def test_what_is_wrong_is_said_in_a_line(text, told):
    with pytest.raises(InputError, match=told) as error:
        loads(HEAD + text)
    assert "\n" not in str(error.value)


def test_a_file_takes_no_time_or_memory():
    """Sums of many powers, deep nesting and long texts are refused before they are multiplied out."""
    for text in (
        "*".join(["(u + u_x + u_xx + u_xxx + u_xxxx)**16"] * 3),
        "+".join(["u*u_x"] * 2000),
        "*".join(["(1 + u)**4"] * 20),
    ):
        with pytest.raises(InputError):
            loads(HEAD + f'right = ["{text}"]')
    largest = loads(HEAD + 'right = ["(u + u_x + u_xx)**20"]')
    start = time.process_time()
    assert len(largest.terms["u"]) == 231
    assert time.process_time() - start < 2
