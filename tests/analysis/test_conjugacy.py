"""Effective order, conjugate symplecticity and energy: published examples, and the change of coordinates checked by
other criteria than it was found by."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Matrix, Rational, series, symbols

from tableau2net.analysis.backward.modified import is_drawn
from tableau2net.analysis.order.conditions import order as order_of
from tableau2net.analysis.reading.rooted_tree import RootedTree
from tableau2net.analysis.reading.trees import forest, trees
from tableau2net.analysis.series.b_series import BSeries, exact_series
from tableau2net.analysis.series.conjugacy import (
    bracket_of,
    conjugate_energy_order,
    conjugate_symplectic_order,
    effective_order,
    energy_order,
    search,
    symplectic_order,
)
from tableau2net.analysis.series.geometry import energy_conditions, symplectic_conditions, unrooted
from tableau2net.analysis.series.of_scheme import bseries
from tableau2net.errors import InputError
from tableau2net.exact.text import symbol
from tableau2net.scheme import Parameter, PartitionedRungeKutta, RungeKutta, load
from tableau2net.scheme.operations import compose

BUTCHER = RungeKutta(
    A=[[], ["1/5"], [0, "2/5"], ["3/16", 0, "5/16"], ["1/4", 0, "-5/4", 2]], b=["1/6", 0, 0, "2/3", "1/6"]
)


def symplectic_as_a_map(a, order):
    """a(u∘v) + a(v∘u) = a(u) a(v) (HLW VI.7, Theorem 7.6): of the map itself, no logarithm is taken."""
    known = [RootedTree(t) for n in range(1, order) for t in trees(n)]
    pairs = [(u, v) for u in known for v in known if u.order + v.order <= order]
    return all(a[u.times(v)] + a[v.times(u)] == a[u] * a[v] for u, v in pairs)


def test_butchers_method_is_of_effective_order_five():
    found = effective_order(BUTCHER)
    assert (found.order, found.complete) == (5, True)
    assert bseries(BUTCHER, 5).conjugated(found.by).agrees(exact_series(5)) == 5
    assert effective_order("rk4").order == 4
    missing = effective_order("rk4", 5).missing
    assert all(value != 0 for _, value in missing)


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_what_is_made_by_a_change_of_coordinates_is_found(data):
    values = st.integers(-2, 2)
    hidden = BSeries.of({t: data.draw(values) for n in range(1, 5) for t in trees(n)}, 5, rest=1)
    method = exact_series(5).conjugated(hidden)

    def exact(grown, n):
        return [{t: Fraction(1)} for t in grown.of_order(n)]

    found = search(method, exact, frozenset(range(17)), conjugate=True)
    assert (found.order, found.complete) == (5, False)
    assert method.conjugated(found.by) == exact_series(5)
    midpoint = bseries("implicit-midpoint", 5).conjugated(hidden)
    found = search(midpoint, symplectic_conditions, frozenset(range(17)), conjugate=True)
    assert found.order == 5
    assert symplectic_as_a_map(midpoint.conjugated(found.by), 5)


@pytest.mark.parametrize(
    ("name", "order", "own"),
    [
        ("implicit-midpoint", 6, 6),
        ("lobatto-iiia-2", 6, 2),
        pytest.param("gauss-2", 6, 6, marks=pytest.mark.slow),
        ("lobatto-iiia-3", 6, 4),
        ("rk4", 4, 4),
    ],
)
def test_conjugate_symplecticity(name, order, own):
    """The trapezoidal rule is the midpoint rule in other coordinates (HLW VI.8)."""
    found = conjugate_symplectic_order(name)
    assert (found.order, symplectic_order(name).order) == (order, own)
    a = bseries(name, order)
    assert symplectic_as_a_map(a, own)
    assert symplectic_as_a_map(a.conjugated(found.by.truncate(order)), order)
    assert symplectic_as_a_map(a, order) == (order == own)


def test_verlet_is_symplectic_euler_in_other_coordinates():
    """Half a drift is the change; from the midpoint to the trapezoidal rule, half a step of Euler's (HLW VI.8)."""
    euler, verlet = bseries("symplectic-euler-p", 4), bseries("stormer-verlet-velocity", 4)
    drift = [RungeKutta(A=[[0]], b=["1/2"]), RungeKutta(A=[[0]], b=[0])]
    moved = euler.conjugated(bseries(PartitionedRungeKutta(parts=drift, reads=[[2], [1]]), 4))
    seen = [tree for number, tree in enumerate(moved) if is_drawn(moved.forest, number, ((2,), (1,)))]
    assert [moved[t] for t in seen] == [verlet[t] for t in seen]
    half = bseries("euler", 6).scaled("1/2")
    assert bseries("implicit-midpoint", 6).conjugated(half.inverse()) == bseries("lobatto-iiia-2", 6)
    assert effective_order("symplectic-euler-p", 3).order == effective_order("stormer-verlet-velocity", 3).order == 2
    with pytest.raises(InputError, match="partitioned"):
        symplectic_order("symplectic-euler-p")


def test_a_processed_method_is_as_good_as_what_it_is_made_of():
    undone = RungeKutta(A=[[1]], b=[1])  # a step of Euler's back, undone
    kernel = compose([load("euler"), load("rk4"), undone], ["-1", 1, 1])
    assert (order_of(kernel), effective_order(kernel, 5).order) == (2, 4)
    assert effective_order(compose([load("rk4")] * 2, [1, 1]), 3).order == 0  # two steps of h in one


@pytest.mark.parametrize(
    ("scheme", "order"),
    [
        (RungeKutta(A=[[], ["2/3"]], b=["1/4", "3/4"]), 3),
        pytest.param(
            RungeKutta(A=[[], ["1/3"], ["-5/48", "15/16"]], b=["1/10", "1/2", "2/5"]), 4, marks=pytest.mark.slow
        ),
        pytest.param(load("rk4"), 4, marks=pytest.mark.slow),
        pytest.param(BUTCHER, 4, marks=pytest.mark.slow),
    ],
)
def test_energy_orders_as_printed(scheme, order):
    """Celledoni et al. 2009, M2AN 43, and BSeries.jl's tests."""
    found = energy_order(scheme)
    assert (found.order, found.complete) == (order, True)
    p, q, h = symbols("p q h")
    energy = p**2 / 2 + q**3 / 3 + p * q**2 + q / 2
    field = [energy.diff(p), -energy.diff(q)]
    ends = bseries(scheme, order + 1).evaluate(field, [q, p], h)
    drift = energy.subs({q: ends[0], p: ends[1]}, simultaneous=True).subs({q: Rational(1, 2), p: Rational(2, 3)})
    kept = series(drift.expand() - energy.subs({q: Rational(1, 2), p: Rational(2, 3)}), h, 0, order + 2).removeO()
    assert min(m for (m,) in kept.as_poly(h).monoms()) == order + 1


def test_energy_is_kept_in_other_coordinates_where_symplectic():
    assert energy_order("implicit-midpoint").order == 2
    assert conjugate_energy_order("implicit-midpoint", 6).order == 6  # HLW IX.8: a modified energy is kept


def test_the_spaces_are_as_large_as_they_are_known_to_be():
    """Hamiltonian fields: one a tree without root and without like halves (HLW IX.9.2): 1, 0, 1, 1, 3, 4 of them. A
    change of coordinates is found but for what the property allows, so that what is chosen there does not matter."""
    grown = forest()
    for conditions, known in ((symplectic_conditions, [1, 0, 1, 1, 3, 4]), (energy_conditions, [1, 0, 1, 1, 5, 9])):
        sizes = []
        for n in range(1, 7):
            of = grown.of_order(n)
            rows = [[row.get(t, 0) for t in of] for row in conditions(grown, n)]
            sizes.append(len(of) - (Matrix(rows).rank() if rows else 0))
            above = conditions(grown, n + 1)
            moved = [[sum(x * bracket_of(grown, t).get(u, 0) for t, x in row.items()) for u in of] for row in above]
            assert len(of) - Matrix(moved).rank() == sizes[-1]
        assert sizes == known
    assert unrooted(RootedTree("[τ]"))[1] == 0
    assert unrooted(RootedTree("[τ²]"))[1] == -unrooted(RootedTree("[[τ]]"))[1] != 0


def test_parameters_give_equations():
    theta = RungeKutta(A=[["theta"]], b=[1], parameters=(Parameter("theta", "1/2"),))
    found = effective_order(theta, 3)
    assert (found.order, found.missing[0][0]) == (1, "b([τ])")
    assert found.missing[0][1].equals(symbol("theta") - Rational(1, 2))
    assert effective_order("lm", 3).order == 0
    with pytest.raises(InputError, match="limit"):
        effective_order("rk4", 0)
