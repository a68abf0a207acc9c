"""Continuous-stage methods: printed examples, energy by two criteria that share nothing, and energy that is
kept in fact."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import Rational

from tableau2net.analysis.reading.rooted_tree import RootedTree
from tableau2net.analysis.reading.trees import trees
from tableau2net.analysis.report.claims import check
from tableau2net.analysis.series.b_series import exact_series
from tableau2net.analysis.series.conjugacy import conjugate_symplectic_order, search
from tableau2net.analysis.series.exact_integrals import (
    continuous_order,
    continuous_series,
    energy_preserving,
    kept_degree,
)
from tableau2net.analysis.series.geometry import energy_conditions, symplectic_conditions
from tableau2net.analysis.series.of_scheme import bseries
from tableau2net.errors import InputError
from tableau2net.integration import integrate
from tableau2net.scheme import ContinuousRungeKutta, Parameter, load
from tableau2net.testing import assert_consistent

small = st.builds(Rational, st.integers(-2, 2), st.integers(1, 3))


def keeps_energy(series):
    """By the conditions on its B-series, as far as it is known."""
    return not search(series, energy_conditions, frozenset(range(len(series))), conjugate=False).complete


def test_the_average_vector_field_method_as_printed():
    """a([t_1, …, t_m]) = Π a(t_i)/(m + 1), and its modified equation (Celledoni et al. 2010, Example 1)."""
    series = continuous_series(load("avf"), 7)
    for n in range(2, 8):
        for tree in map(RootedTree, trees(n)):
            expected = Rational(1, len(tree.branches) + 1)
            for branch in tree.branches:
                expected *= series[branch]
            assert series[tree] == expected
    field = series.log()
    five = {"[[[[τ]]]]": 9, "[[[τ²]]]": 4, "[[[τ],τ]]": 2, "[[[τ]],τ]": -4, "[[τ³]]": -1, "[[τ²],τ]": -4, "[[τ]²]": 2}
    assert [field[t] for t in ("[τ]", "[τ²]", "[[τ]]", "[[[τ]]]")] == [0, 0, Rational(1, 12), 0]
    assert {t: field[t] / RootedTree(t).symmetry * 720 for t in five} == five
    assert continuous_order(load("avf")) == 2


def test_miyatake_and_butchers_example():
    """Order 4 and energy-preserving, as their section 4.2 says; the trees to order 6 as BSeries.jl's tests have it."""
    series = continuous_series(load("miyatake-butcher-4"), 6)
    assert series.agrees(exact_series(6)) == 4
    assert keeps_energy(series)


@pytest.mark.parametrize("s", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
def test_as_many_nodes_as_the_degree_are_gauss(s):
    assert bseries(f"hbvm-{s}-{s}", 2 * s) == bseries(f"gauss-{s}", 2 * s)
    assert load(f"hbvm-{s}-{s}").table.b == load(f"gauss-{s}").b
    exact = continuous_series(load(f"hbvm-{s}-{s}"), 2 * s + 1)
    assert exact.agrees(exact_series(2 * s + 1)) == 2 * s
    more = load(f"hbvm-{min(s + 1, 5)}-{s}")
    assert bseries(more, 2 * s).agrees(exact) == 2 * s


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_the_theorem_and_the_trees_agree(data):
    """∂A/∂τ symmetric, and no condition on the B-series failing, are one thing for what begins at y and ends at y⁺."""
    size = data.draw(st.integers(1, 3))
    M = [[data.draw(small) for _ in range(size)] for _ in range(size)]
    if data.draw(st.booleans()):
        M = [[M[max(i, j)][min(i, j)] for j in range(size)] for i in range(size)]
    rows = [[0] * size, *([x / i for x in row] for i, row in enumerate(M, 1))]
    total = sum(x / (i * j) for i, row in enumerate(M, 1) for j, x in enumerate(row, 1))
    assume(total != 0)
    scheme = ContinuousRungeKutta(A=[[x / total for x in row] for row in rows])  # consistent
    symmetric = all(M[i][j] == M[j][i] for i in range(size) for j in range(i))
    told = energy_preserving(scheme)
    assert told is True if symmetric else told is not True
    assert keeps_energy(continuous_series(scheme, 6)) or not symmetric


def test_what_does_not_keep_it_is_told_so():
    assert energy_preserving(ContinuousRungeKutta(A=[[0, 0], [0, 2]])) is False
    assert energy_preserving(ContinuousRungeKutta(A=[["1/2"]], B=[1])) is False  # the midpoint rule
    assert energy_preserving(load("rk4")) is None
    family = ContinuousRungeKutta(A=[[0], ["k"]], parameters=(Parameter("k", 1),))
    assert energy_preserving(family)
    assert bseries(family, 2)["[τ]"] == (family.symbols["k"] ** 2 / 2)


def test_conjugate_symplectic_orders():
    """The average vector field method to order 4, that of order 4 to 6 (Hairer and Zbinden 2013)."""
    for name, order in (("avf", 4), ("hbvm-4-2", 6)):
        series = continuous_series(load(name), order + 1)
        found = search(series, symplectic_conditions, frozenset(range(len(series))), conjugate=True)
        assert (found.order, found.complete) == (order, True)
    assert conjugate_symplectic_order("hbvm-1-1", 5).order == 5


def energy_after(name, steps, h):
    """H = p²/2 + q⁴/4 − q p/3, a polynomial of degree 4."""

    def field(t, y):
        q, p = y
        return torch.stack([p - q / 3, -(q**3) + p / 3])

    def energy(y):
        q, p = y.tolist()
        return p**2 / 2 + q**4 / 4 - q * p / 3

    start = torch.tensor([0.9, 0.4], dtype=torch.float64)
    return energy(integrate(name, field, start, 0, steps * h, steps=steps)) - energy(start)


def test_a_number_of_nodes_that_is_given_is_none_of_ours():
    for gauss in (0, -1, 6, True, "2"):
        with pytest.raises(InputError, match="gauss"):
            ContinuousRungeKutta(A=[[0], [1]], gauss=gauss)
    assert ContinuousRungeKutta(A=[[0], [1]]).gauss == ContinuousRungeKutta(A=[[0], [1]], gauss=2).gauss == 2
    for name, says in (("hbvm-2-3", "K from 3 to 5 where L = 3"), ("hbvm-9-9", "K from 1 to 5 and L from 1 to 3")):
        with pytest.raises(InputError, match=says):
            load(name)


@pytest.mark.slow
def test_the_energy_of_a_polynomial_is_kept():
    for scheme in (load("avf"), load("hbvm-4-2")):
        assert kept_degree(scheme) == 4
        assert abs(energy_after(scheme, 40, 0.25)) < 1e-12
    for other in ("implicit-midpoint", "gauss-2", "hbvm-2-2"):
        assert abs(energy_after(other, 40, 0.25)) > 1e-7


@pytest.mark.parametrize("name", ["avf", pytest.param("miyatake-butcher-4", marks=pytest.mark.slow)])
def test_what_is_known_of_one_agrees(name):
    assert check(load(name)).ok
    assert_consistent(load(name))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"A": []}, "A: a row"),
        ({"A": [[]]}, "A: a row"),
        ({"A": [[0]] * 9}, "at most 8"),
        ({"A": [[0], [1]], "gauss": 6}, "from 1 to 5"),
        ({"A": [[0], [1]], "gauss": -1}, "from 1 to 5"),
        ({"A": [[0], [1]], "B": [1] * 9}, "B: at most"),
    ],
)
def test_wrong_shapes_are_refused(keys, said):
    with pytest.raises(InputError, match=said):
        ContinuousRungeKutta(**keys)
