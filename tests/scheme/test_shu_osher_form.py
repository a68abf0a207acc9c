"""Methods given in Shu–Osher form: the tableau in float64, files there and back, and the code that keeps the form."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Matrix, Rational, eye

import tableau2net as t2n
from tableau2net.scheme.file import loads
from tableau2net.scheme.saved import dumps
from tableau2net.testing import assert_consistent

ALPHA = [[], ["1"], ["3/4", "1/4"], ["1/3", "0", "2/3"]]
BETA = [[], ["1"], ["0", "1/4"], ["0", "0", "2/3"]]
FILE = """
format = 1
name = "three"
family = "runge-kutta"
alpha = [[], ["1"], ["3/4", "1/4"], ["1/3", "0", "2/3"]]
beta = [[], ["1"], ["0", "1/4"], ["0", "0", "2/3"]]
[claims]
order = 3
ssp = "1"
"""
small = st.integers(-4, 4).map(lambda n: Rational(n, 4))


@st.composite
def forms(draw, implicit=False):
    s = draw(st.integers(1, 4))
    alpha = [[draw(small) if j < i else Rational(0) for j in range(s)] for i in range(s + 1)]
    beta = [[draw(small) if j < i or (implicit and i < s) else Rational(0) for j in range(s)] for i in range(s + 1)]
    return alpha, beta


@settings(max_examples=12, deadline=None)
@given(forms(), st.booleans())
def test_the_tableau_is_the_inverse_times_beta(form, with_time):
    alpha, beta = form
    scheme = t2n.RungeKutta(alpha=alpha, beta=beta)
    s = scheme.stages
    inner = (eye(s) - Matrix(alpha[:s])).inv() * Matrix(beta[:s])
    assert Matrix(scheme.A) == inner
    assert Matrix([scheme.b]) == Matrix([beta[s]]) + Matrix([alpha[s]]) * inner
    assert loads(dumps(scheme)) == scheme
    field = torch.nn.Linear(2, 2, dtype=torch.float64)
    y = torch.ones(1, 2, dtype=torch.float64)
    codes = [t2n.compile(each)([field])(y).detach() for each in (scheme, t2n.RungeKutta(A=scheme.A, b=scheme.b))]
    np.testing.assert_allclose(*codes, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(forms(implicit=True))
def test_implicit_stages(form):
    scheme = t2n.RungeKutta(alpha=form[0], beta=form[1])
    s = scheme.stages
    assert Matrix(scheme.A) == (eye(s) - Matrix(form[0][:s])).inv() * Matrix(form[1][:s])


def test_a_file_in_this_form_is_the_method_and_its_code_keeps_two_registers():
    scheme, published = loads(FILE), t2n.load("ssprk-33")
    assert (scheme.A, scheme.b, scheme.c) == (published.A, published.b, published.c)
    assert all(claim.ok for claim in t2n.check(scheme).claims)
    source = inspect.getsource(t2n.compile(scheme))
    body = source[source.index("k2 = f(y2)") : source.index("k3 = f")]
    assert "k1" not in body  # the published table keeps k1 for the third stage
    assert "k1" in inspect.getsource(t2n.compile(published)).split("k2 = f(y2)")[1].split("k3 = f")[0]
    assert_consistent(scheme)
    assert "\nA = " not in dumps(scheme)
    assert t2n.report(scheme).to_dict()["ssp"] == t2n.report(published).to_dict()["ssp"]


def test_parameters_and_what_is_made_of_such_a_method():
    k = t2n.Parameter("k", "1/2")
    family = t2n.RungeKutta(alpha=[[], ["1"], ["1-k", "k"]], beta=[[], ["1"], ["0", "k"]], parameters=[k])
    half = family.with_values(k="1/2")
    assert (t2n.order(family), t2n.order(half)) == (0, 2)
    assert half.alpha[2] == (Rational(1, 2), Rational(1, 2))
    assert family.freed().alpha is None  # each coefficient of the tableau is free
    assert t2n.adjoint(half).alpha is None
    assert t2n.compose([half, half]).stages == 4
    implicit = t2n.RungeKutta(alpha=[["k"], ["1"]], beta=[["k/2"], ["1/2"]], parameters=[k])
    assert implicit.with_values(k="1/3").A[0] == (Rational(1, 4),)


def test_an_implicit_mean_of_stages():
    """SDIRK of two stages, Ketcheson, Macdonald, Gottlieb 2009: implicit stages as means with themselves."""
    form = t2n.shu_osher("implicit-midpoint")
    given_back = t2n.RungeKutta(alpha=[row[:1] for row in form.alpha], beta=[row[:1] for row in form.beta])
    assert (given_back.A, given_back.b) == (t2n.load("implicit-midpoint").A, t2n.load("implicit-midpoint").b)


@pytest.mark.parametrize("name", ["ssprk-104", "ssprk-63", "ssprk-43"])
def test_what_is_written_is_read(name):
    form, scheme = t2n.shu_osher(name), t2n.load(name)
    s = scheme.stages
    back = t2n.RungeKutta(alpha=[row[:s] for row in form.alpha], beta=[row[:s] for row in form.beta])
    assert max(abs(x - y) for a, b in zip(back.A, scheme.A, strict=True) for x, y in zip(a, b, strict=True)) < 1e-12


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"alpha": ALPHA}, "a Shu–Osher form has both"),
        ({"alpha": ALPHA[1:], "beta": BETA}, "a row for each stage is expected, the first one"),
        ({"alpha": [["0", "1"], ["1"]], "beta": [[], ["1"]]}, r"alpha\[0\] has 2 entries but there are 1 stages"),
        ({"alpha": [["1"], ["1"]], "beta": [["1"], ["1"]]}, "I − α has no inverse"),
        (
            {"alpha": ALPHA, "beta": BETA, "A": [[], ["1"], ["1", "1"]], "b": ["1", "0", "0"]},
            "leave out one of the two",
        ),
        ({}, "a method has at least one stage"),
    ],
)
def test_a_wrong_form_is_said_in_a_line(given_, message):
    with pytest.raises(t2n.InputError, match=message):
        t2n.RungeKutta(**given_)


def test_a_file_needs_one_of_the_two():
    with pytest.raises(t2n.InputError, match="key A is missing"):
        loads('format = 1\nfamily = "runge-kutta"\nb = ["1"]')
    with pytest.raises(t2n.InputError, match="key beta is missing"):
        loads('format = 1\nfamily = "runge-kutta"\nalpha = [[], ["1"]]')
