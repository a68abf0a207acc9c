"""Trees that a method cannot tell apart are read once: the same coefficients as by the recursion for each tree."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tableau2net as t2n
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.order.evidence import Order
from tableau2net.analysis.reading.step_reading import Reading
from tableau2net.analysis.reading.trees import forest_of
from tableau2net.analysis.report import claims as report_claims
from tableau2net.analysis.report.findings import orders
from tableau2net.spread import spread
from tableau2net.step import lower

NUMBERS = st.sampled_from(["0", "0", "1", "1/2", "1/3", "-1", "2/3"])


@st.composite
def rows(draw, stages):
    """Often with stages that are equal, unused or empty; often explicit."""
    explicit = draw(st.booleans())
    A = [[draw(NUMBERS) if j < i or not explicit else "0" for j in range(stages)] for i in range(stages)]
    for i in range(1, stages):
        if draw(st.booleans()):
            A[i] = [a if j < i or not explicit else "0" for j, a in enumerate(A[i - 1])]
    return A, [draw(NUMBERS) for _ in range(stages)]


def weight(parts, forest, tree):
    """Φ(t) = Σ_i b_i Π of the branches, each branch a stage's sum of the part that its root is of, in fractions."""

    def inner(tree, stage):
        found = Fraction(1)
        for branch in forest.branches(tree):
            A = parts[forest.colour[branch]][0]
            found *= sum(Fraction(A[stage][j]) * inner(branch, j) for j in range(len(A)))
        return found

    b = parts[forest.colour[tree]][1]
    return sum(Fraction(w) * inner(tree, i) for i, w in enumerate(b))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_same_as_tree_by_tree(data):
    stages, fields = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 2))
    parts = [data.draw(rows(stages)) for _ in range(fields)]
    tables = tuple(t2n.RungeKutta(*part) for part in parts)
    step = lower(tables[0] if fields == 1 else t2n.AdditiveRungeKutta(tables))
    forest = forest_of(step)
    reading = Reading(step, forest)
    for tree in (t for n in range(1, 6 - fields) for t in forest.of_order(n)):
        reading.extend(forest.order[tree])
        found = reading.residual(step.result, tree)
        assert Fraction(str(found)) == weight(parts, forest, tree) - Fraction(1, forest.gamma[tree])


@pytest.mark.parametrize("name", ["gauss-2", "radau-iia-2", "dormand-prince-54", "crouzeix-2"])
def test_with_square_roots_and_without(name):
    """Every tree of order 6 against float64."""
    scheme = t2n.load(name)
    step = lower(scheme)
    forest, floats = forest_of(step), ([[float(a) for a in row] for row in scheme.A], [float(x) for x in scheme.b])
    reading = Reading(step, forest)
    reading.extend(6)
    for tree in forest.of_order(6):
        exact = float(reading.residual(step.result, tree)) + 1 / forest.gamma[tree]
        assert exact == pytest.approx(float(weight([floats], forest, tree)), abs=1e-12)


def test_an_order_that_quadrature_ends():
    """Of order 10 the root with nine leaves is told alone; of a low order all that fails."""
    high, low = order_conditions(t2n.load("tsitouras-98-a")), order_conditions(t2n.load("dormand-prince-54"))
    assert (high.order, high.complete, [r.tree for r in high.failing]) == (9, True, [(1, *(2,) * 9)])
    assert len(low.failing) > 5


def test_what_is_only_known_in_part_is_neither_proved_nor_refuted(monkeypatch):
    known = Order(3, "exact", False, (), 3)
    monkeypatch.setattr(orders, "claimed_order", lambda *_, **__: known)
    (claim,) = (c for c in report_claims.check(t2n.load("rk4")).claims if c.claim == "order")
    assert (claim.ok, bool(claim.undecided)) == (False, True)


def test_spread_keeps_the_order_and_what_is_raised():
    assert list(spread(abs, range(-50, 50), few=3)) == [abs(i) for i in range(-50, 50)]
    with pytest.raises(ZeroDivisionError):
        list(spread((1).__floordiv__, [1, 2, 0, 3, 4], few=3))
