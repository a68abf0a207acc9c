"""Scheme files: round trip, and one clear line for each thing that can be wrong."""

import pytest
from hypothesis import given
from sympy import Integer

from tableau2net.errors import InputError
from tableau2net.exact.text import symbol
from tableau2net.scheme import Multistep, Parameter, RungeKutta, list_schemes, load
from tableau2net.scheme.file import loads
from tableau2net.scheme.saved import dumps
from tableau2net.testing import multistep, runge_kutta

GOOD = """
format = 1
name = "mine"
family = "multistep"
alpha = ["-k", "-(1 - k)", "1"]
beta = [0, 1, 0]
[claims]
order = 0
[parameters.k]
value = 0.25
range = ["-1", "1"]
init = { uniform = ["-1/10", "0"] }
"""


@given(runge_kutta(range(1, 6), explicit=True))
def test_a_runge_kutta_scheme_survives_its_file(scheme):
    assert loads(dumps(scheme)) == scheme


@given(multistep(explicit=False))
def test_a_multistep_scheme_survives_its_file(scheme):
    assert loads(dumps(scheme)) == scheme


# PolyNet's second stage starts from nothing; damped states keep no constants
WITHOUT_ORDER = ("polynet-2", "in-resnet", "lambda-in-resnet")


def test_every_shipped_scheme_survives_its_file():
    for name in list_schemes():
        scheme = load(name)
        assert loads(dumps(scheme)) == scheme, name
        assert scheme.name == name
        assert scheme.title, name
        assert scheme.reference, name
        assert "order" in scheme.claims or name in WITHOUT_ORDER, name


def test_toml_numbers_are_read_exactly():
    scheme = loads(GOOD)
    assert str(scheme.parameters[0].value) == "1/4"
    assert str(loads(GOOD.replace("0.25", "0.1")).parameters[0].value) == "1/10"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("format = 1", "format = 2", "format = 2"),
        ("format = 1", "", "format"),
        ('"multistep"', '"no-such-family"', "runge-kutta, multistep"),
        ("[claims]", "colour = 1\n[claims]", "unknown key colour"),
        ("order = 0", "oder = 0", "unknown key claims.oder"),
        ("order = 0", 'order = "4"', "claims.order"),
        ("order = 0", "order = true", "claims.order"),
        ("value = 0.25", "valu = 1", "unknown key parameters.k.valu"),
        ("value = 0.25", "", "value is missing"),
        ("value = 0.25", "value = 3", "outside its range"),
        ("value = 0.25", 'value = "k"', "undeclared"),
        ("value = 0.25", "value = nan", "nan is not a finite number"),
        ("uniform", "cauchy", "cauchy"),
        ('{ uniform = ["-1/10", "0"] }', '{ uniform = ["1", "0"] }', "low <= high"),
        ('{ uniform = ["-1/10", "0"] }', '{ uniform = ["1"] }', "two numbers"),
        ('["-1", "1"]', '["1", "-1"]', "low <= high"),
        ("[parameters.k]", '[parameters."k;import os"]', "parameter name|undeclared"),
        ("beta = [0, 1, 0]", "", "beta is missing"),
        ("beta = [0, 1, 0]", "beta = [0, 1]", "beta has 2 entries"),
        ("beta = [0, 1, 0]", "beta = [0, 1, [0]]", r"beta\[2\]"),
        ("beta = [0, 1, 0]", 'beta = "0, 1, 0"', "beta"),
        ("beta = [0, 1, 0]", "beta = [0, 1979-05-27, 0]", r"beta\[1\]"),
        ("beta = [0, 1, 0]", 'beta = [0, "q", 0]', "undeclared symbol 'q'.*parameters.q"),
        ("beta = [0, 1, 0]", "beta = [0, \"__import__('os')\", 0]", r"beta\[1\].*not allowed"),
        ("beta = [0, 1, 0]", 'beta = [0, "9**9**9", 0]', r"beta\[1\].*exponent"),
        ('"-(1 - k)", "1"]', '"-(1 - k)", "2"]', "last entry must be 1"),
        ('name = "mine"', "name = 3", "name"),
        ('name = "mine"', 'name = "a\\nb"', "name"),
        ("beta = [0, 1, 0]", "beta = [0, 1, 0", "not valid TOML"),
        ("beta = [0, 1, 0]", "beta = " + "[" * 5000, "not valid TOML"),
    ],
)
def test_each_mistake_is_named(old, new, says):
    assert old in GOOD
    with pytest.raises(InputError, match=says) as caught:
        loads(GOOD.replace(old, new))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("A", "b", "more", "says"),
    [
        ([[]], ["1", "1"], {}, "A has 1 rows but b has 2"),
        ([["1", "2"]], ["1"], {}, r"A\[0\] has 2 entries"),
        ([[]], [], {}, "at least one stage"),
        ([[]], ["1"], {"c": ["0", "1"]}, "c has 2 entries"),
        ([[]], ["1"], {"b_hat": ["0", "1"]}, "b_hat has 2 entries"),
        ([[]], [0.5], {}, "not an exact number"),
        ("01", ["1"], {}, "list of rows"),
        ([[]] * 65, ["0"] * 65, {}, "at most 64"),
    ],
)
def test_a_tableau_of_the_wrong_shape_is_refused(A, b, more, says):
    with pytest.raises(InputError, match=says):
        RungeKutta(A=A, b=b, **more)


@pytest.mark.parametrize("text", ["2.8e0", "2.8E0", "28e-1", "3.", ".5", "+2.8", " 2.8", "-(2.8)", "2.8 + 0", "(2.8)"])
def test_decimals_that_are_claimed_are_printed_ones(text):
    """Not taken for exact numbers, whatever their spelling."""
    with pytest.raises(InputError, match=r"claims\.ssp: .* decimals are claimed as they are printed") as caught:
        loads(f'format = 1\nname = "x"\nfamily = "runge-kutta"\nA = [[]]\nb = ["1"]\n[claims]\nssp = "{text}"\n')
    assert "\n" not in str(caught.value)


def test_unreadable_files(tmp_path):
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * 10_000_000)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"title = '\xe9'")
    for path, says in [
        (huge, "larger than"),
        (latin, "UTF-8"),
        (tmp_path, "is a directory"),
        (tmp_path / "no.toml", "No such"),
    ]:
        with pytest.raises(InputError, match=says) as caught:
            load(path)
        assert str(path) in str(caught.value)


def test_families_and_their_members():
    lm = load("lm")
    assert isinstance(lm, Multistep)
    member = lm.with_values(k="1/2")
    assert [str(a) for a in member.alpha] == ["-1/2", "-1/2", "1"]
    assert not member.parameters
    with pytest.raises(InputError, match="no parameter 'q'"):
        lm.with_values(q=1)
    with pytest.raises(InputError, match="outside its range"):
        lm.with_values(k=2)
    scheme = RungeKutta(A=[[]], b=[1 / symbol("p")], parameters=(Parameter("p", Integer(1)),))
    with pytest.raises(InputError, match="not finite"):
        scheme.with_values(p=0)


def test_a_freed_scheme_keeps_its_zeros_and_starts_where_it_stood():
    rk4 = load("rk4")
    freed = rk4.freed()
    assert [p.name for p in freed.parameters] == ["a21", "a32", "a43", "b1", "b2", "b3", "b4"]
    assert freed.at_defaults().coefficients == rk4.coefficients
