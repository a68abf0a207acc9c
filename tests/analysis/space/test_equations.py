"""What is said of an equation: its stencils, the order that it has with them, and its claims."""

import json

import pytest
import sympy
from typer.testing import CliRunner

import tableau2net as t2n
from tableau2net import InputError
from tableau2net.analysis.space.equations import equation_order, stencils_used
from tableau2net.scheme import Equation, UsedStencil
from tableau2net.scheme.library import list_tables


@pytest.mark.parametrize("name", list_tables("*", Equation))
def test_shipped_equations_are_as_they_claim(name):
    verdict = t2n.check(t2n.load(name, Equation))
    assert verdict.ok
    assert verdict.order.order == verdict.claims[0].declared


def test_an_order_is_that_of_the_least_stencil():
    """By Taylor: what the stencils make of e^{ax + by} beside what the equation does, in powers of h."""
    uses = [UsedStencil("x", "upwind-3"), UsedStencil("xyy", weights=["1", "-1"], offsets=[0, -1])]
    with pytest.raises(InputError):
        Equation(["u_x + u_xyy"], dimension=2, stencils=uses)  # a line of weights for two axes
    equation = Equation(["u_x + u_xyy + u_yy"], dimension=2, stencils=uses[:1])
    h, a, b = sympy.symbols("h a b")
    found = 0
    for letters, placed in stencils_used(equation, 6).items():
        factor = sympy.S.One
        for axis, stencil in placed:
            rate = (a, b)[axis]
            wave = sum(
                w * (j * h * rate) ** k / sympy.factorial(k) for (j,), w in stencil.points.items() for k in range(9)
            )
            factor *= sympy.expand(wave / h ** stencil.orders[0])
        found += factor - a ** letters.count("x") * b ** letters.count("y")
    assert sympy.Poly(sympy.expand(found), h).monoms()[-1] == (3,)
    assert equation_order(equation).order == 3
    assert "x (upwind-3)" in str(equation_order(equation).failing[0])


def test_a_claim_is_refuted_with_what_shows_it():
    equation = Equation(["u_xx"], stencils=[UsedStencil("xx", "central-2-2")], claims={"order": 4})
    (claim,) = t2n.check(equation).claims
    assert (claim.ok, claim.found) == (False, 2)
    wrong = Equation(["u_xx"], stencils=[UsedStencil("xx", "central-1-2")])
    with pytest.raises(InputError, match="xx: central-1-2 is of another derivative"):
        t2n.check(wrong)


def test_the_command_shows_terms_and_stencils():
    from tableau2net.cli import app

    shown = CliRunner().invoke(app, ["show", "burgers"])
    assert shown.exit_code == 0, shown.output
    for text in ("u*u_x", "u_t", "-u*u_x + nu*u_xx", "central-2-4, order 4", "order in space  4"):
        assert text in shown.output
    record = json.loads(CliRunner().invoke(app, ["show", "burgers", "--json"]).output)
    assert record["stencils"]["xx"] == [{"axis": 0, "stencil": "central-2-4", "order": 4}]
    assert record["order"] == 4
