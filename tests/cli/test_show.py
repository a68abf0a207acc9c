"""One scheme in a terminal, as LaTeX, as JSON, and in a notebook."""

import io
import json
import math
import re

import pytest
import sympy
from rich.console import Console

from tableau2net.analysis.report.facts import facts
from tableau2net.analysis.report.pieces import number, polynomial, short_number
from tableau2net.analysis.report.report import report
from tableau2net.cli.scheme_display import TableView, scheme_view
from tableau2net.scheme import RungeKutta, StochasticRungeKutta, load
from tableau2net.scheme.library import list_tables
from tests.schemes import CNAB, IMEX, SCHEMES, STORMER, TWO_STEP, VERLET, named

Z = sympy.Symbol("z")


def shown(scheme, width=80):
    return printed(scheme_view(report(scheme)), width)


def printed(view, width):
    console = Console(width=width, highlight=False, record=True, file=io.StringIO())
    console.print(view)
    return console.export_text()


@pytest.mark.parametrize("scheme", SCHEMES, ids=named)
@pytest.mark.parametrize("width", [60, 100])
def test_every_family_is_shown_in_any_width(scheme, width):
    text = shown(scheme, width)
    assert max(map(len, text.splitlines())) <= width
    assert text.startswith(scheme.name)
    assert "None" not in text
    assert " = ≈" not in text


def facts_of(scheme):
    found = facts(report(scheme))
    named = {fact.name: fact.text for fact in found}
    assert len(named) == len([f for f in found if f.name != "parameter"]) + any(f.name == "parameter" for f in found)
    return named


def test_the_facts_of_rk4():
    found = facts_of(load("rk4"))
    assert found["family"] == "runge-kutta, 4 stages, explicit"
    assert found["order"] == "4, exact"
    assert found["order 5 misses by"].startswith("-1/120 at [[[[τ]]]], 1/240 at [[[τ²]]]")
    assert found["principal error norm"] == "sqrt(1745)/2880 ≈ 0.014505"
    assert found["stability function"] == "R(z) = 1 + z + z²/2 + z³/6 + z⁴/24"
    assert found["E-polynomial"] == "E(y) = y⁶/72 − y⁸/576"
    assert found["imaginary interval"] == "[−xi, xi], x = 2*sqrt(2) ≈ 2.8284"
    assert found["A-stable"] == "no"
    assert "zero-stable" not in found
    assert "effective step" not in found


def test_the_facts_of_lm():
    found = facts_of(load("lm"))
    assert found["order 1 needs"] == "-k = 0 at τ"
    assert found["effective step"] == "1/(1 + k) h"
    assert found["zero-stable"] == "yes; exactly where -1 < k ≤ 1"
    assert found["decided at"] == "k = 0"
    assert found["smooth solution"].startswith("(1+k) u' + (1−k) h/2 u''")
    assert "gives back y_prev" in found["invertible"]
    assert "1/|k|" in found["invertible"]


def test_the_facts_of_implicit_and_multistep_methods():
    found = facts_of(load("radau-iia-2"))
    assert found["stability function"] == "R(z) = (1 + z/3) / (1 − 2z/3 + z²/6)"
    assert found["L-stable"] == "yes"
    assert found["real interval"] == "(−∞, 0]"
    found = facts_of(load("bdf-3"))
    assert found["A(α)-stable"] == "α ≈ 86.03°"
    assert found["characteristic"] == "Φ(ζ, z) = (1 − 6z/11)·ζ³ − 18ζ²/11 + 9ζ/11 − 2/11"
    assert facts_of(load("leapfrog-2"))["imaginary interval"] == "[−1i, 1i]"


def test_the_facts_of_several_fields_and_states():
    assert "field 2 alone" in facts_of(IMEX)
    assert facts_of(VERLET)["symplectic"].startswith(("yes", "for separable"))
    assert facts_of(CNAB)["order"] == "2, exact"
    assert facts_of(STORMER)["zero-stable"] == "yes"
    assert facts_of(TWO_STEP)["family"] == "general-linear, 2 stages, explicit"


def test_tables_stand_side_by_side_where_there_is_room():
    wide, narrow = shown(IMEX, 80), shown(IMEX, 20)
    assert re.search(r"f¹ +f²", wide)
    assert not re.search(r"f¹ +f²", narrow)
    assert "a21_p1 = 1/2" in " ".join(shown(IMEX, 12).split())
    assert "1/2 │ 1/4  1/4" in narrow


@pytest.mark.parametrize("name", list_tables(kind=StochasticRungeKutta))
def test_every_stochastic_table_has_a_view(name):
    """Cells are polynomials in random variables, whose numbers may be printed decimals."""
    assert all(printed(TableView(load(name, StochasticRungeKutta)), width).strip() for width in (300, 60))


def test_long_numbers_before_letters_are_cut_off():
    text = printed(TableView(load("sosri", StochasticRungeKutta)), 300)
    assert "b021 = -0.21641094…*H - 0.10820547…*W" in text
    assert "0.01920444…*W**3" in text


def test_numbers_as_text():
    x = sympy.Symbol("x")
    assert number(sympy.Rational(5, 12)) == "5/12"
    assert number(sympy.sqrt(2)) == "sqrt(2) ≈ 1.4142"
    assert number(sympy.oo) == "∞"
    assert number(sympy.Rational(10**20 + 1, 3 * 10**19)) == "≈ 3.3333"
    assert number(sympy.rootof(x**5 - x - 1, 0)) == "≈ 1.1673 (a root of −1 − x + x⁵)"
    assert number(sympy.Float("0.0416666665680937")) == "≈ 0.041667"
    assert short_number(sympy.sqrt(2)) == "1.4142"
    assert short_number(sympy.Rational(-1, 4)) == "-1/4"


def test_polynomials_as_text():
    k = sympy.Symbol("k", real=True)
    zeta = sympy.Symbol("zeta")
    assert polynomial(sympy.Poly(1 - Z / 2 + 3 * Z**12 / 4, Z)) == "1 − z/2 + 3z¹²/4"
    assert polynomial(sympy.Poly(-Z, Z)) == "−z"
    assert polynomial(sympy.Poly(0, Z)) == "0"
    assert polynomial(sympy.Poly((1 - k) * Z + k - 1, Z)) == "k − 1 + (1 − k)·z"
    assert polynomial(sympy.Poly(Z * sympy.sqrt(3), Z)) == "sqrt(3)·z"
    assert polynomial(sympy.Poly(zeta**2 - zeta - Z * zeta - 1, zeta, Z)) == "ζ² − (1 + z)·ζ − 1"


@pytest.mark.parametrize("name", ["rk4", "gauss-2", "bdf-3", "lm"])
def test_latex(run, name):
    code, out, err = run("show", name, "--latex")
    assert (code, err) == (0, "")
    assert out.startswith(f"% {name}\n")
    assert out.count(r"\begin{align*}") == 1
    assert (r"\begin{array}" in out) == (name in ("rk4", "gauss-2"))


def test_terms(run):
    _, out, _ = run("show", "euler", "--terms", "3")
    assert "f̃ = τ + h (−1/2 [τ]) + h² (1/3 [[τ]] + 1/12 [τ²]) + …" in " ".join(out.split())
    _, out, _ = run("show", "euler", "--terms", "2", "--json")
    found = json.loads(out)["modified_equation"]
    assert [(t["tree"], t["coefficient"]["exact"]) for t in found] == [([1], "1"), ([1, 2], "-1/2")]
    _, out, _ = run("show", "euler", "--json")
    assert json.loads(out)["modified_equation"] is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rk4", "--json", "--latex"], "choose one"),
        (["rk4", "--terms", "-1"], "terms"),
        (["rk4", "--terms", "99"], "terms"),
    ],
)
def test_bad_input_is_one_line_and_status_2(run, arguments, says):
    code, out, err = run("show", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert says in line


def test_json_numbers_are_those_shown(run):
    found = json.loads(run("show", "rk4", "--json")[1])
    assert found["principal_error_norm"]["exact"] == "sqrt(1745)/2880"
    assert found["principal_error_norm"]["value"] == pytest.approx(math.sqrt(1745) / 2880)


def test_a_notebook_shows_a_report():
    found = report(load("radau-iia-2"))
    assert "L-stable" in found._repr_html_()
    assert found._repr_latex_().startswith("$$")
    bare = RungeKutta(A=[[]], b=["1"])
    assert "unnamed" in report(bare)._repr_html_()
