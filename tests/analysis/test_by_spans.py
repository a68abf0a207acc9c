"""The order from vectors that span what its conditions ask: against trees, and of tables beyond them."""

from dataclasses import replace

import pytest
from hypothesis import given
from sympy import Rational

from tableau2net.analysis import order
from tableau2net.analysis.order.by_spans import proved_by_spans
from tableau2net.analysis.order.conditions import order_conditions, search_order
from tableau2net.scheme import Parameter, RungeKutta, load
from tests.strategies import explicit_runge_kutta

TABLES = (
    "rk4",
    "kutta-nystrom-5",
    "gauss-2",
    "radau-iia-3",
    "crouzeix-2",
    "dormand-prince-54",
    "butcher-6",
    "fehlberg-78",
)
TABLES += ("wso-dirk-4-3", "cooper-verner-8", "norsett-4", "butcher-6-lobatto", "pep-2-5-6", "verner-65", "ralston-4")


def assert_trees_agree(scheme, embedded=False):
    found, by_trees = proved_by_spans(scheme, embedded=embedded), search_order(scheme, embedded, 9)
    assert (found.order if found else 0) == max(by_trees.order, 0)
    for residual in found.failing if found else ():  # that of the quadrature is one of those that trees find
        assert by_trees.failing[[r.tree for r in by_trees.failing].index(residual.tree)].value == residual.value


@given(explicit_runge_kutta(max_stages=5))
def test_random_tables_have_the_order_that_trees_find(scheme):
    rows = replace(scheme, c=())
    assert_trees_agree(rows)


@pytest.mark.parametrize("name", TABLES)
def test_published_tables_have_the_order_that_trees_find(name):
    scheme = load(name)
    assert_trees_agree(scheme)
    if scheme.b_hat is not None:
        assert_trees_agree(scheme, embedded=True)


@pytest.mark.parametrize(("row", "column"), [(4, 1), (5, 4), (6, 0)])
def test_a_wrong_entry_is_seen_though_every_quadrature_holds(row, column):
    butcher = load("butcher-6")
    A = [list(own) for own in butcher.A]
    A[row][column] += Rational(1, 1000)
    A[row][column - 1] -= Rational(1, 1000)  # the node stays: B(6) is as it was
    wrong = RungeKutta(A=A, b=butcher.b)
    assert wrong.c == butcher.c
    assert proved_by_spans(wrong).order == search_order(wrong, False, 9).order < 6


@pytest.mark.parametrize(
    ("name", "main", "second"),
    [("feagin-1210", 12, 10), pytest.param("feagin-1412", 14, 12, marks=pytest.mark.slow), ("ono-12", 12, None)],
)
def test_tables_beyond_what_trees_are_counted_for(name, main, second):
    scheme = load(name)
    found = order_conditions(scheme)
    assert (found.order, found.complete, found.kind) == (main, True, "decimal")
    assert found.failing[0].tree == (1, *(2,) * main)
    if second:
        assert order_conditions(scheme, embedded=True).order == second


@pytest.mark.slow
def test_feagins_order_12_is_that_of_every_tree():
    scheme = load("feagin-1210")
    assert search_order(scheme, False, 12).order == 12
    assert search_order(scheme, True, 12).order == 10


@pytest.mark.slow
def test_a_wrong_digit_of_order_14_is_seen():
    feagin = load("feagin-1412")
    A = [list(row) for row in feagin.A]
    A[20][14] += Rational(1, 10**20)
    A[20][15] -= Rational(1, 10**20)
    assert order(replace(feagin, A=A, c=(), claims={}), 15) < 14


def test_what_it_is_not_for():
    k = Parameter("k", "1/2")
    assert proved_by_spans(RungeKutta(A=[[], ["k"]], b=["0", "1"], parameters=[k])) is None
    assert proved_by_spans(replace(load("rk4"), c=["0", "1/3", "1/2", "1"])) is None  # nodes that are not row sums
    assert proved_by_spans(load("bdf-2")) is None
    assert proved_by_spans(load("rk4"), embedded=True) is None
    assert proved_by_spans(load("rk4"), least=5) is None
