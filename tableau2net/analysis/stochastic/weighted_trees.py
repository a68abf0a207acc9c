"""Coloured trees by weight: f and time count two half powers of h, a noise counts one."""

from __future__ import annotations

from functools import cache

from tableau2net.analysis.reading.trees import TIME, Forest
from tableau2net.analysis.stochastic.iterated_integrals import Words, product


class WeightedForest(Forest):
    """The trees of a drift (colour 0) and noises (1, 2, …) up to a weight in half powers of h.

    noise: "additive" grafts nothing but time on a noise, "diagonal" no other noise, "scalar" and "general" anything.
    weight: by tree number."""

    def __init__(self, noises: int, noise: str, limit: int) -> None:
        every = tuple(range(noises + 1))
        own = [() if noise == "additive" else (0, k) if noise == "diagonal" else every for k in every[1:]]
        super().__init__(with_time=True, colours=noises + 1, reads=(every, *own))
        self.limit = limit
        self.weight = [2] + [1] * noises
        for n in range(1, limit + 1):
            self.of_order(n)
        self._by_weight: list[list[int]] = [[] for _ in range(limit + 1)]
        for tree, weight in enumerate(self.weight):
            self._by_weight[weight].append(tree)

    def _add(self, head: int, tail: int, n: int) -> None:
        weight = self.weight[head] + (2 if tail == TIME else self.weight[tail])
        if weight <= self.limit:
            super()._add(head, tail, n)
            self.weight.append(weight)

    def of_weight(self, weight: int) -> list[int]:
        """The numbers of the trees of one weight."""
        return self._by_weight[weight]

    @cache  # noqa: B019 - forests are few and kept
    def noises_in(self, tree: int) -> tuple[int, ...]:
        """The noises of a tree's nodes, sorted."""
        found = [self.colour[tree]] * bool(self.colour[tree])
        for branch in self.branches(tree):
            found += () if branch == TIME else self.noises_in(branch)
        return tuple(sorted(found))

    @cache  # noqa: B019
    def exact(self, tree: int, calculus: str) -> Words:
        """What the solution has at a tree: the product of its branches, integrated by what the root stands for."""
        inner: Words = {(): 1}
        for branch in self.branches(tree):
            inner = product(inner, {(0,): 1} if branch == TIME else self.exact(branch, calculus), calculus)
        return {(*word, self.colour[tree]): n for word, n in inner.items()}


@cache
def weighted_forest(noises: int, noise: str, limit: int) -> WeightedForest:
    """The shared forest of a kind."""
    return WeightedForest(noises, noise, limit)
