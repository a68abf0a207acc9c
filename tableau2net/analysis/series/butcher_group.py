"""The composition law of B-series: B(b, B(a, y)) = B(a·b, y).

A *subtree* s of a tree t holds its root; what is left of t when s is cut off is a set of trees, the pieces. Then

    (a·b)(t) = b(∅) a(t) + Σ_s b(s) Π a(pieces)

over all subtrees s of t, t itself among them (HNW I, II.12, Theorem 12.6; HLW III.1.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

from tableau2net.analysis.backward.substitution import cuts, trees_up_to
from tableau2net.analysis.reading.trees import Forest
from tableau2net.exact.domain import Domain, Element

Split = tuple[int, tuple[int, ...]]  # the subtree with the root, and the pieces in order


class Subtrees:
    """The subtrees of each tree of a forest, like ones together."""

    def __init__(self, forest: Forest) -> None:
        self.forest, self._graft = forest, cuts(forest).graft
        self._splits: dict[int, Counter[Split]] = {}

    def of(self, tree: int) -> Counter[Split]:
        """How often each (subtree, pieces) is found in a tree."""
        if tree not in self._splits:
            self._splits[tree] = self._find(tree)
        return self._splits[tree]

    def _find(self, tree: int) -> Counter[Split]:
        if self.forest.order[tree] == 1:
            return Counter({(tree, ()): 1})
        found: Counter[Split] = Counter()
        tail = self.forest.tail[tree]
        below = self.of(tail).items()
        for (subtree, pieces), times in self.of(self.forest.head[tree]).items():
            found[subtree, tuple(sorted((*pieces, tail)))] += times
            for (branch, rest), repeats in below:
                found[self._graft(subtree, branch), tuple(sorted(pieces + rest))] += times * repeats
        return found


@cache
def subtrees(forest: Forest) -> Subtrees:
    """The shared table of a forest."""
    return Subtrees(forest)


def composed(
    forest: Forest, domain: Domain, order: int, a: Sequence[Element], b: Sequence[Element], rest: Element
) -> list[Element]:
    """a·b at the trees of up to `order` nodes, first a and then b, where a(∅) = 1.  rest: b(∅).

    Raises InputError where there are too many trees."""
    return [rest * a[tree] + _summed(forest, domain, tree, a, b) for tree in trees_up_to(forest, order)]


def inverse(forest: Forest, domain: Domain, order: int, a: Sequence[Element]) -> list[Element]:
    """The b with a·b the identity, where a(∅) = b(∅) = 1. Raises InputError where there are too many trees."""
    found: list[Element] = []
    for tree in trees_up_to(forest, order):
        found.append(domain.zero)
        found[tree] = -a[tree] - _summed(forest, domain, tree, a, found)
    return found


def _summed(forest: Forest, domain: Domain, tree: int, a: Sequence[Element], b: Sequence[Element]) -> Element:
    total = domain.zero
    for (subtree, pieces), times in subtrees(forest).of(tree).items():
        product = times * b[subtree]
        for piece in pieces:
            product = product * a[piece]
        total = total + product
    return total
