"""Trees against the sequences everyone knows, and a second enumeration."""

from math import factorial

import pytest

from tableau2net.analysis.reading.trees import Forest, bracket, forest, trees
from tests.reference import density, nested_trees


def levels_of(tree, depth=1):
    """The level sequence of a nested-tuple tree, largest branches first."""
    branches = sorted((levels_of(branch, depth + 1) for branch in tree), reverse=True)
    return (depth, *(level for branch in branches for level in branch))


def test_as_many_as_there_are():
    assert [len(trees(n)) for n in range(1, 13)] == [1, 1, 2, 4, 9, 20, 48, 115, 286, 719, 1842, 4766]  # OEIS A000081


def test_the_same_trees_as_another_enumeration():
    for n in range(1, 9):
        assert sorted(trees(n)) == sorted(map(levels_of, nested_trees(n)))


def test_density_and_symmetry():
    grown = forest()
    for n in range(1, 9):
        expected = {levels_of(tree): density(tree) for tree in nested_trees(n)}
        assert {grown.levels(t): grown.gamma[t] for t in grown.of_order(n)} == expected
        # the number of monotone labellings n!/(γσ) adds up to (n−1)! (HNW I, II.2; every labelled tree counted once)
        assert sum(factorial(n) // (grown.gamma[t] * grown.sigma[t]) for t in grown.of_order(n)) == factorial(n - 1)


def test_time_leaves_make_a_second_colour_of_leaf():
    grown = forest(with_time=True)
    # [u_1..u_r t^m]: generating function of rooted trees whose leaves below the root may be of a second kind
    assert [len(grown.of_order(n)) for n in (1, 2, 3, 4)] == [1, 2, 5, 13]
    assert {grown.levels(t) for t in grown.of_order(2)} == {(1, 2), (1, -2)}


def test_brackets():
    assert bracket((1,)) == "τ"
    assert bracket((1, 2, 3, 3)) == "[[τ²]]"
    assert bracket((1, 2, 3, 2)) == "[[τ],τ]"
    assert bracket((1, 2, -2)) == "[τ,t]"
    assert bracket(()) == "∅"


@pytest.mark.parametrize("kind", [
    {}, {"with_time": True}, {"bushy": True}, {"colours": 2}, {"colours": 3, "with_time": True},
    {"colours": 2, "reads": ((1,), (0,))}, {"colours": 3, "reads": ((0, 1), (2,), ()), "with_time": True},
])  # fmt: skip
def test_they_are_counted_as_they_are_grown(kind):
    grown = Forest(**kind)
    counted = [grown.count(n) for n in range(1, 8)]
    assert counted == [len(grown.of_order(n)) for n in range(1, 8)]


def test_trees_of_many_nodes_are_counted_without_being_grown():
    grown = Forest()
    assert [grown.count(n) for n in (19, 25)] == [4688676, 2067174645]  # OEIS A000081
    assert len(grown.order) == 1


@pytest.mark.parametrize("kinds", [{}, {"linear": {1}}, {"foreign": {1}}, {"linear": {1}, "with_time": True}])
def test_trees_are_counted_as_they_grow(kinds):
    kinds = {k: v if v is True else frozenset(v) for k, v in kinds.items()}
    grown = Forest(colours=2, **kinds)
    assert [Forest(colours=2, **kinds).count(n) for n in range(1, 7)] == [len(grown.of_order(n)) for n in range(1, 7)]
