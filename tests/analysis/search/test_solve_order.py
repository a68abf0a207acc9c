"""Values of parameters that reach an order, against what is known from books, and by substitution in floats."""

import json

import pytest
from sympy import CRootOf, Rational, sqrt

import tableau2net as t2n
from tableau2net.analysis.generate import generate_multistep
from tableau2net.errors import InputError

KNOWN = [  # family, order, values
    ("lm", 1, [{"k": 0}]),
    ("lm", 2, []),
    ("rk2", 3, []),  # two stages reach order 2
    ("adamnet-2", 2, [{"beta_1": Rational(3, 2)}]),  # Adams and Bashforth
    ("adamnet-3", 3, [{"beta_1": Rational(23, 12), "beta_2": Rational(-4, 3)}]),
    ("two-step-2", 3, [{"a": -5}]),  # HNW I, III.3: y_{n+2} + 4y_{n+1} − 5y_n
    ("pareschi-russo-2", 3, [{"x": (3 - sqrt(3)) / 6}, {"x": (3 + sqrt(3)) / 6}]),  # Nørsett, Crouzeix
    ("lele-tridiagonal-1", 6, [{"alpha": Rational(1, 3)}]),  # Lele 1992
    ("kappa", 3, [{"kappa": Rational(1, 3)}]),
]


@pytest.mark.parametrize(("name", "order", "wanted"), KNOWN)
def test_known_values(name, order, wanted):
    found = t2n.solve_order(name, order)
    assert [{n: (v - w[n]).expand() for n, v in s.values.items()} for s, w in zip(found, wanted, strict=True)] == [
        dict.fromkeys(w, 0) for w in wanted
    ]
    for solution in found:
        assert t2n.order(solution.table) == solution.order >= order
        assert (solution.table.parameters, solution.nonzero) == ((), ())


def test_a_family_that_stays():
    (solution,) = t2n.solve_order("adamnet-3", 2)
    assert [p.name for p in solution.table.parameters] == ["beta_2"]
    assert t2n.order(solution.table) == 2  # for all values
    for value in ("0", "-1", "2/7"):
        assert t2n.order(solution.table.with_values(beta_2=value)) == 2


def test_the_theta_method_and_one_with_a_pole():
    theta = t2n.RungeKutta(A=[[], ["1 - q", "q"]], b=["1 - q", "q"], parameters=[t2n.Parameter("q", "1/3")])
    assert [s.values["q"] for s in t2n.solve_order(theta, 2)] == [Rational(1, 2)]
    pole = t2n.RungeKutta(A=[[], ["1/w"]], b=["1 + w", "0"], parameters=[t2n.Parameter("w", "1/3")])
    assert t2n.solve_order(pole, 1) == ()  # w = 0 makes no number of a21


def test_roots_of_a_cubic_are_told_as_such():
    """y' = f by b = (1 − γ³ + γ, …): order 1 at the roots of a cubic alone."""
    cubic = t2n.RungeKutta(A=[[]], b=["1 + g**3 - g - 1"], parameters=[t2n.Parameter("g", "1")])
    (solution,) = t2n.solve_order(cubic, 1)
    assert isinstance(solution.values["g"], CRootOf)
    assert float(solution.values["g"]) == pytest.approx(1.3247179572447460, abs=1e-15)  # of g³ = g + 1
    assert (solution.table, solution.order) == (None, 1)


def test_a_family_that_was_generated():
    family = generate_multistep(2, 2, explicit=False)
    found = t2n.solve_order(family, 4)  # Milne and Simpson's method alone
    assert [t2n.order(s.table) for s in found] == [4]
    assert found[0].table.beta[0] == Rational(1, 3)


def test_bad_input():
    for name, order, words in (
        ("rk4", 5, "no parameters"),
        ("lm", 0, "between 1 and 16"),
        ("rk2", 2, "has order 2 for all values"),
    ):
        with pytest.raises(InputError, match=words):
            t2n.solve_order(name, order)


def test_the_command(run):
    assert run("show", "lm", "--solve-order", 1) == (0, "lm, order 1:\n  k = 0: order 1\n", "")
    assert run("show", "rk2", "--solve-order", 3) == (0, "rk2, order 3: no values of alpha\n", "")
    _, out, _ = run("show", "two-step-2", "--solve-order", 3, "--json")
    (solution,) = json.loads(out)["solutions"]
    assert solution["values"]["a"] == {"exact": "-5", "value": -5.0}
    assert solution["outside_range"] == ["a"]
    code, out, err = run("show", "rk4", "--solve-order", 5)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
