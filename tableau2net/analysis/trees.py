"""Rooted trees, numbered once and for all: a tree is a head grafted with a tail.

Every tree of two or more nodes is made in exactly one way as ``head ∘ tail``: the head is the tree without its
last branch, the tail is that branch, and branches come in the order of their numbers. A B-series is then a plain
list indexed by tree number, and the recursions for γ, σ and elementary weights take one multiplication a tree.
(Butcher product: Hairer, Lubich, Wanner, III.1; density γ and symmetry σ: HNW I, II.2.)

Where a scheme's nodes c are not its row sums, time is a second thing to differentiate by: a branch may then be the
leaf `TIME`, a derivative of the field in t.
"""

from __future__ import annotations

from functools import cache
from itertools import count

TIME = -1  # the tail that stands for ∂/∂t


class Forest:
    """All trees up to some order, grown as far as asked. Tree 0 is the single node.

    order, gamma, sigma, head, tail: lists by tree number (head and tail of tree 0 are never read).
    """

    def __init__(self, *, with_time: bool = False, bushy: bool = False) -> None:
        self.with_time = with_time
        self.bushy = bushy  # only the trees whose branches are leaves: the quadrature conditions
        self.order = [1]
        self.head = [0]
        self.tail = [0]
        self.gamma = [1]
        self.sigma = [1]
        self._repeats = [0]  # how many of the last branches are equal
        self._starts = [0, 0, 1]  # trees of order n are numbers starts[n] .. starts[n + 1] − 1

    def of_order(self, n: int) -> range:
        """The numbers of the trees with n nodes."""
        while len(self._starts) <= n + 1:
            self._grow()
        return range(self._starts[n], self._starts[n + 1])

    def _grow(self) -> None:
        n = len(self._starts) - 1
        for m in range(1, n):
            for head in range(self._starts[m], self._starts[m + 1]):
                for tail in self._tails(n - m):
                    if head == 0 or tail >= self.tail[head]:
                        self._add(head, tail, n)
        self._starts.append(len(self.order))

    def _tails(self, n: int) -> list[int]:
        if self.bushy:
            return [0] if n == 1 else []
        time = [TIME] if self.with_time and n == 1 else []
        return [*time, *range(self._starts[n], self._starts[n + 1])]

    def _add(self, head: int, tail: int, n: int) -> None:
        repeats = self._repeats[head] + 1 if head and self.tail[head] == tail else 1
        gamma, sigma = (1, 1) if tail == TIME else (self.gamma[tail], self.sigma[tail])
        self.order.append(n)
        self.head.append(head)
        self.tail.append(tail)
        self.gamma.append(n * (self.gamma[head] // self.order[head]) * gamma)
        self.sigma.append(self.sigma[head] * sigma * repeats)
        self._repeats.append(repeats)

    def branches(self, tree: int) -> list[int]:
        """The numbers of the branches at the root."""
        found = []
        while tree:
            found.append(self.tail[tree])
            tree = self.head[tree]
        return found

    def levels(self, tree: int) -> tuple[int, ...]:
        """The level sequence: the depth of each node, root 1, in preorder, largest branches first.

        ``(1, 2, 3, 3)`` is the root with one child that has two. A time leaf has its level negative."""
        below = sorted(((-1,) if b == TIME else self.levels(b) for b in self.branches(tree)), reverse=True)
        return (1, *(level + 1 if level > 0 else level - 1 for branch in below for level in branch))


@cache
def forest(*, with_time: bool = False, bushy: bool = False) -> Forest:
    """The shared forest of a kind: trees grown for one scheme serve the next."""
    return Forest(with_time=with_time, bushy=bushy)


def trees(order: int) -> list[tuple[int, ...]]:
    """Level sequences of all rooted trees with `order` nodes (1, 1, 2, 4, 9, 20, 48, … of them; OEIS A000081)."""
    grown = forest()
    return [grown.levels(t) for t in grown.of_order(order)]


def bracket(levels: tuple[int, ...]) -> str:
    """The tree in the notation of Butcher: τ is the node, [..] grafts onto a new root, ``t`` is a time leaf."""

    def subtree(position: int) -> tuple[str, int]:
        level, inner = levels[position], []
        if level < 0:
            return "t", position + 1
        position += 1
        while position < len(levels) and abs(levels[position]) > level:
            text, position = subtree(position)
            inner.append(text)
        for i in count():  # τ,τ,τ reads better as τ³
            if i >= len(inner):
                break
            n = len(list(_run(inner, i)))
            if n > 1:
                inner[i : i + n] = [inner[i] + str(n).translate(_SUPERSCRIPT)]
        return (f"[{','.join(inner)}]" if inner else "τ"), position

    return subtree(0)[0] if levels else "∅"


_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _run(items: list[str], start: int) -> list[str]:
    run = []
    for item in items[start:]:
        if item != items[start]:
            break
        run.append(item)
    return run
