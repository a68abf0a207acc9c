"""Rooted trees, numbered once and for all: a tree is a head grafted with a tail.

Every tree of two or more nodes is made in exactly one way as ``head ∘ tail``: the head is the tree without its
last branch, the tail is that branch, and branches come in the order of their numbers. A B-series is then a plain
list indexed by tree number, and the recursions for γ, σ and elementary weights take one multiplication a tree.
(Butcher product: Hairer, Lubich, Wanner, III.1; density γ and symmetry σ: HNW I, II.2.)

Where a scheme's nodes c are not its row sums, time is a second thing to differentiate by: a branch may then be the
leaf `TIME`, a derivative of the field in t.

Where a system has several fields, nodes are coloured by the field that they stand for (HNW I, II.15): there are then as
many trees with one node as fields, and a tree is drawn only where a field depends on what its branches change.

Of y'' = f the two colours are those of the system y' = v, v' = f: Nyström's meagre and fat nodes (HNW I, II.14).
"""

from __future__ import annotations

from functools import cache
from itertools import count

from tableau2net.analysis.budget import BUILT
from tableau2net.scheme import plain_numbers
from tableau2net.step import Step

TIME = -1  # the tail that stands for ∂/∂t


class Forest:
    """All trees up to some order, grown as far as asked. The first trees are the single nodes, one a colour.

    colours: how many fields there are.
    reads: for each colour the colours that its branches may have; all of them when left out.
    bushy: only the trees whose branches are leaves, all of the first colour: the quadrature conditions.
    linear: the colours of linear operators, whose nodes have one branch at most.
    foreign: those of operators that the system knows nothing of, a Rosenbrock method's matrix say: the solution has no
        trees with them, and they stand on a branch. strange: whether a tree has one.
    planted: whether it is that of y'' = f: a tree of y' is then one of y too, planted on a node of the first colour.
    order, gamma, sigma, head, tail, colour: lists by tree number (head and tail of single nodes are never read).
    """

    def __init__(
        self,
        *,
        with_time: bool = False,
        bushy: bool = False,
        colours: int = 1,
        reads: tuple[tuple[int, ...], ...] | None = None,
        linear: frozenset[int] = frozenset(),
        foreign: frozenset[int] = frozenset(),
        planted: bool = False,
    ) -> None:
        self.with_time, self.planted = with_time, planted
        self.linear, self._foreign = linear | foreign, foreign
        self.strange = [colour in foreign for colour in range(colours)]
        self.bushy = bushy
        self.colours = colours
        self._reads = [set(r) for r in reads] if reads else [set(range(colours))] * colours
        self.order = [1] * colours
        self.head = [0] * colours
        self.tail = [0] * colours
        self.gamma = [1] * colours
        self.sigma = [1] * colours
        self.colour = list(range(colours))
        self._repeats = [0] * colours  # how many of the last branches are equal
        self._levels: dict[int, tuple[int, ...]] = {}  # those that were asked for
        self._starts = [0, 0, colours]  # trees of order n are numbers starts[n] .. starts[n + 1] − 1
        self._below: list[list[int]] = [[1] for _ in range(colours)]  # multisets of branches of n nodes, by colour

    def count(self, n: int) -> int:
        """How many trees have n nodes, without growing them (A000081, and its kin with colours; Euler's transform)."""
        for m in range(len(self._below[0]), n):  # a tree of m + 1 nodes is a root and branches of m
            roots = [self._euler(colour, m) for colour in range(self.colours)]
            for below, number in zip(self._below, roots, strict=True):
                below.append(number)
        return sum(below[n - 1] for below in self._below)

    def _euler(self, colour: int, m: int) -> int:
        """m E(m) = Σ_k (Σ_(d|k) d B(d)) E(m − k), with B branches and E multisets of them, by nodes."""
        if colour in self.linear:
            return self._branches(colour, m)
        weights = [sum(d * self._branches(colour, d) for d in range(1, k + 1) if k % d == 0) for k in range(1, m + 1)]
        return sum(w * self._below[colour][m - k] for k, w in enumerate(weights, 1)) // m

    def _branches(self, colour: int, n: int) -> int:
        """How many branches of n nodes a root of this colour may have."""
        if self.bushy:
            return int(n == 1 and 0 in self._reads[colour])
        bare = len(self._foreign & self._reads[colour]) if n == 1 else 0
        timed = self.with_time and n == 1 and colour not in self.linear
        return sum(self._below[c][n - 1] for c in self._reads[colour]) - bare + timed

    def of_order(self, n: int) -> range:
        """The numbers of the trees with n nodes."""
        while len(self._starts) <= n + 1:
            self._grow()
        return range(self._starts[n], self._starts[n + 1])

    def _grow(self) -> None:
        n = len(self._starts) - 1
        for m in range(1, n):
            tails = self._tails(n - m)
            for head in range(self._starts[m], self._starts[m + 1]):
                last = TIME if head < self.colours else self.tail[head]
                for tail in tails:
                    if tail >= last and self._fits(head, tail):
                        self._add(head, tail, n)
        self._starts.append(len(self.order))

    def _fits(self, head: int, tail: int) -> bool:
        """Whether a branch may be grafted onto a tree."""
        root = self.colour[head]
        if root in self.linear and (head >= self.colours or tail == TIME):
            return False
        return tail == TIME or (self.colour[tail] in self._reads[root] and tail not in self._foreign)

    def _tails(self, n: int) -> list[int]:
        if self.bushy:
            return [0] if n == 1 else []
        time = [TIME] if self.with_time and n == 1 else []
        return [*time, *range(self._starts[n], self._starts[n + 1])]

    def _add(self, head: int, tail: int, n: int) -> None:
        repeats = self._repeats[head] + 1 if head >= self.colours and self.tail[head] == tail else 1
        gamma, sigma = (1, 1) if tail == TIME else (self.gamma[tail], self.sigma[tail])
        self.order.append(n)
        self.head.append(head)
        self.tail.append(tail)
        self.gamma.append(n * (self.gamma[head] // self.order[head]) * gamma)
        self.sigma.append(self.sigma[head] * sigma * repeats)
        self.colour.append(self.colour[head])
        self.strange.append(self.strange[head] or (tail != TIME and self.strange[tail]))
        self._repeats.append(repeats)

    def branches(self, tree: int) -> list[int]:
        """The numbers of the branches at the root."""
        found = []
        while tree >= self.colours:
            found.append(self.tail[tree])
            tree = self.head[tree]
        return found

    def levels(self, tree: int) -> tuple[int, ...]:
        """The level sequence: the depth of each node, root 1, in preorder, largest branches first.

        ``(1, 2, 3, 3)`` is the root with one child that has two. A time leaf has its level negative."""
        if tree not in self._levels:
            self._levels[tree] = tuple(level for level, _ in self._nodes(tree))
        return self._levels[tree]

    def colouring(self, tree: int) -> tuple[int, ...]:
        """The colour of each node in the order of `levels`, from 1 (0 for a time leaf); () where there is only one."""
        return tuple(colour for _, colour in self._nodes(tree)) if self.colours > 1 else ()

    def _nodes(self, tree: int) -> list[tuple[int, int]]:
        """Level and colour of each node."""
        below = [[(-1, 0)] if b == TIME else self._nodes(b) for b in self.branches(tree)]
        below.sort(key=lambda nodes: ([level for level, _ in nodes], [-colour for _, colour in nodes]), reverse=True)
        inner = [(level + 1 if level > 0 else level - 1, colour) for nodes in below for level, colour in nodes]
        return [(1, self.colour[tree] + 1), *inner]


@cache
def forest(
    *,
    with_time: bool = False,
    bushy: bool = False,
    colours: int = 1,
    reads: tuple[tuple[int, ...], ...] | None = None,
    linear: frozenset[int] = frozenset(),
    foreign: frozenset[int] = frozenset(),
    planted: bool = False,
) -> Forest:
    """The shared forest of a kind: trees grown for one scheme serve the next."""
    return Forest(
        with_time=with_time,
        bushy=bushy,
        colours=colours,
        reads=reads,
        linear=linear,
        foreign=foreign,
        planted=planted,
    )


def forest_of(step: Step, *, with_time: bool = False, bushy: bool = False) -> Forest:
    """The trees that a step is read over: a colour for each field and each operator of it; Nyström's for y'' = f."""
    if step.derivative == 2 and not bushy:
        of_velocity = any(1 in op.reads for op in step.calls)
        reads = ((1,), (0, 1) if of_velocity else (0,))
        return forest(with_time=with_time, colours=2, reads=reads, linear=frozenset({0}), planted=True)
    return forest(
        with_time=with_time,
        bushy=bushy,
        colours=step.colours,
        reads=step.reads,
        linear=step.operators("linear"),
        foreign=step.operators("matrix"),
    )


BUILT.append(forest.cache_clear)


@plain_numbers
def trees(order: int) -> list[tuple[int, ...]]:
    """Level sequences of all rooted trees with `order` nodes (1, 1, 2, 4, 9, 20, 48, … of them; OEIS A000081)."""
    grown = forest()
    return [grown.levels(t) for t in grown.of_order(order)]


def bracket(levels: tuple[int, ...], colours: tuple[int, ...] = ()) -> str:
    """The tree in the notation of Butcher: τ is the node, [..] grafts onto a new root, ``t`` is a time leaf.

    With several fields each node carries the number of its own: ``[τ₁]₂``."""

    def mark(position: int) -> str:
        return str(colours[position]).translate(_SUBSCRIPT) if colours else ""

    def subtree(position: int) -> tuple[str, int]:
        level, inner, own = levels[position], [], mark(position)
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
        return (f"[{','.join(inner)}]" if inner else "τ") + own, position

    return subtree(0)[0] if levels else "∅"


_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _run(items: list[str], start: int) -> list[str]:
    run = []
    for item in items[start:]:
        if item != items[start]:
            break
        run.append(item)
    return run
