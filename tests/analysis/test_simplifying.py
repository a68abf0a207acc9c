"""Simplifying assumptions: the tables of Hairer and Wanner, plain fractions, and Butcher's theorem on the order."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from sympy import Rational

from tableau2net.analysis import order, report
from tableau2net.analysis.order.assumptions import Simplifying, simplifying
from tableau2net.scheme import AdditiveRungeKutta, Parameter, RungeKutta, load
from tests.strategies import explicit_runge_kutta

TABLES = [
    "rk4",
    "heun-3",
    "ssprk-33",
    "trapezoid",
    "tr-bdf2",
    "gauss-3",
    "lobatto-iiia-3",
    "lobatto-iiic-4",
    "radau-iia-3",
]
TABLES += ["dormand-prince-54", "kutta-5", "butcher-6", "crouzeix-2", "fehlberg-45"]


def fractions(row):
    return [Fraction(int(x.p), int(x.q)) for x in row]


def holds(scheme, letter, k):
    """One of Butcher's equations, for every row or column of the table."""
    A, b, c = [fractions(row) for row in scheme.A], fractions(scheme.b), fractions(scheme.c)
    s = range(len(b))
    if letter == "B":
        return sum(b[i] * c[i] ** (k - 1) for i in s) == Fraction(1, k)
    if letter == "C":
        return all(sum(A[i][j] * c[j] ** (k - 1) for j in s) == c[i] ** k / k for i in s)
    return all(sum(b[i] * c[i] ** (k - 1) * A[i][j] for i in s) == b[j] * (1 - c[j] ** k) / k for j in s)


@given(explicit_runge_kutta(max_stages=4))
def test_random_tableaus_in_plain_fractions(scheme):
    found = simplifying(scheme)
    for letter in "BCD":
        number = getattr(found, letter)
        assert all(holds(scheme, letter, k) for k in range(1, number + 1))
        assert number == 2 * scheme.stages + 2 or not holds(scheme, letter, number + 1)


@pytest.mark.parametrize(
    ("family", "B", "C", "D"),
    [  # HW IV.5, table 5.13
        ("gauss", lambda s: 2 * s, lambda s: s, lambda s: s),
        ("radau-ia", lambda s: 2 * s - 1, lambda s: s - 1, lambda s: s),
        ("radau-iia", lambda s: 2 * s - 1, lambda s: s, lambda s: s - 1),
        ("lobatto-iiia", lambda s: 2 * s - 2, lambda s: s, lambda s: s - 2),
        ("lobatto-iiib", lambda s: 2 * s - 2, lambda s: s - 2, lambda s: s),
        ("lobatto-iiic", lambda s: 2 * s - 2, lambda s: s - 1, lambda s: s - 1),
    ],
)
@pytest.mark.parametrize("s", [2, 3])
def test_implicit_families_have_what_their_table_says(family, B, C, D, s):
    assert simplifying(load(f"{family}-{s}")) == Simplifying(B(s), C(s), D(s))


@pytest.mark.parametrize("name", TABLES)
def test_the_order_is_at_least_what_the_assumptions_give(name):
    """B(p), C(q), D(r) with p ≤ q + r + 1 and p ≤ 2q + 2 give order p (Butcher 1964; HNW II.7, Theorem 7.4)."""
    scheme = load(name).at_defaults()
    found = simplifying(scheme)
    assert order(scheme) >= min(found.B, found.C + found.D + 1, 2 * found.C + 2)
    assert order(scheme) <= found.B


def test_one_table_a_part_and_what_they_share():
    explicit, implicit = RungeKutta(A=[[], ["1/2"]], b=[0, 1]), RungeKutta(A=[[0, 0], [0, "1/2"]], b=[0, 1])
    found = simplifying(AdditiveRungeKutta(parts=[explicit, implicit]))
    assert found.parts == (simplifying(explicit), simplifying(implicit))
    assert (found.B, found.C, found.D) == (2, 1, 0)


def test_an_assumption_that_holds_for_every_number_is_counted_to_the_bound():
    assert simplifying(load("euler")) == Simplifying(1, 4, 0)


def test_what_holds_for_every_number_is_told_so():
    """In floats: C(11), beyond what was tried, holds of Euler, and of none whose node is not 0."""
    for name, always in (("euler", ("C",)), ("gauss-1", ()), ("rk4", ())):
        found, row = simplifying(load(name)), report(load(name))
        assert found.always == always
        assert ("C(∞)" in str(found)) == bool(always)
        assert row.to_dict()["simplifying"].get("always", []) == [*always]
        table = load(name)
        A, c = [[float(x) for x in row] for row in table.A], [float(x) for x in table.c]
        sums = [sum(a * x**10 for a, x in zip(row, c, strict=True)) for row in A]
        assert all(abs(s - x**11 / 11) < 1e-12 for s, x in zip(sums, c, strict=True)) == bool(always)


def test_it_holds_for_all_values_of_a_parameter_or_not_at_all():
    a = Parameter("a", Rational(1, 2))
    scheme = RungeKutta(A=[[], ["a"]], b=["1 - 1/(2*a)", "1/(2*a)"], parameters=(a,))
    assert simplifying(scheme) == Simplifying(2, 1, 0)
    assert simplifying(scheme.with_values(a="2/3")).B == 3
    gauss = RungeKutta(A=[["a"]], b=["1"], parameters=(a,))
    assert simplifying(gauss) == Simplifying(1, 1, 0)
    assert simplifying(gauss.with_values(a="1/2")) == Simplifying(2, 1, 1)


def test_printed_decimals_hold_as_far_as_they_go():
    printed = RungeKutta(A=[["0.333333"], ["1", "0"]], b=["0.75", "0.25"], c=["0.333333", "1"], digits=6)
    assert simplifying(printed).B == 3
    assert simplifying(replace(printed, digits=None)).B == 1


@pytest.mark.parametrize("name", ["adams-bashforth-3", "lm"])
def test_it_does_not_apply_without_a_table(name):
    assert simplifying(load(name)) is None
