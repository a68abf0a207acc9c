"""Trees that a step cannot tell apart: γ(t) times the coefficients of all its values are the same.

With â(t) = γ(t) a(t), a field value at t = [u_1, …, u_r] is |t| Π Ŷ(u_i), and head ∘ tail has |t| (k̂(head)/|head|)
Ŷ(tail): it depends on head and tail by their coefficients alone. So of two trees whose heads and tails are alike one
is read, and one that turns out as another did stands for it from then on. Where stages are exact to some order all
branches up to it are alike, and of 719 trees of order 10 a method of Verner's tells some dozens apart. This is what
simplifying assumptions do (HNW I, II.7), found instead of assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from tableau2net.analysis.reading.trees import TIME, Forest
from tableau2net.exact.domain import Element


class Alike:
    """For each tree the first that is like it, as far as they have been asked for.

    vector: γ(t) times the coefficients at a tree, where they have been read.
    apart: whether branches of different colours differ though their coefficients agree, since they go to different
        states."""

    def __init__(self, forest: Forest, vector: Callable[[int], Sequence[Element]], *, apart: bool) -> None:
        self._forest, self._vector, self._apart = forest, vector, apart
        self._first: list[int] = []  # by tree
        self._made: dict[tuple[int, int], int] = {}  # by the heads' and the tails' firsts
        self._found: dict[Hashable, int] = {}

    def known(self, tree: int) -> int | None:
        """The tree that it is like, where head and tail tell; trees are asked for in their order."""
        made = None if tree < self._forest.colours else self._made.get(self._key(tree))
        if made is not None:
            self._first.append(made)
        return made

    def read(self, tree: int) -> None:
        """Note a tree that has been read, since nothing was `known`."""
        forest = self._forest
        colour = forest.colour[tree] if self._apart else 0
        key = (forest.order[tree], colour, tuple(self._vector(tree)))
        first = self._found.setdefault(key, tree)
        self._first.append(first)
        if tree >= forest.colours:
            self._made[self._key(tree)] = first

    def first(self, tree: int) -> int:
        """The tree that stands for it."""
        return self._first[tree]

    def _key(self, tree: int) -> tuple[int, int]:
        head, tail = self._forest.head[tree], self._forest.tail[tree]
        return self._first[head], tail if tail == TIME else self._first[tail]
