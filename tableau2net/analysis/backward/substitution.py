"""The substitution law of B-series: a series put in place of the field of another, and the same solved backwards.

Cutting some of the edges of a tree τ leaves pieces, and a *skeleton*: the tree that is left when each piece shrinks
to a node. For a field h f̃ with the coefficients b(τ) and a series with the coefficients a(τ), the same series over f̃
instead of f has, at τ, the coefficient Σ a(skeleton) Π b(piece) over all ways to cut (Chartier, Hairer and Vilmart
2007 and 2010; HLW IX.9). With several fields a node of the skeleton has the colour of its piece's root.

Each b(τ) appears by itself where nothing is cut, so that an equation for b is solved tree by tree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

from tableau2net.analysis.reading.trees import Forest
from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, Element

MAX_TREES = 1300  # all of up to 10 nodes, 6 with two colours; a tree of n nodes is cut in 2^(n−1) ways
MAX_MONOMIALS = 20_000  # in all coefficients together, where they are polynomials in parameters: a few seconds

Cut = tuple[int, int, tuple[int, ...]]  # the piece with the root, the skeleton, the other pieces in order


class Cuts:
    """Every way to cut each tree of a forest, like ones together."""

    def __init__(self, forest: Forest) -> None:
        self.forest = forest
        self._number: dict[tuple[int, int], int] = {}
        self._grown = 0
        self._cuts: dict[int, Counter[Cut]] = {}
        self._grafts: dict[tuple[int, int], int] = {}

    def of(self, tree: int) -> Counter[Cut]:
        """How often each (root piece, skeleton, other pieces) is left by cutting some edges of the tree, or none."""
        if tree not in self._cuts:
            self._cuts[tree] = self._find(tree)
        return self._cuts[tree]

    def _find(self, tree: int) -> Counter[Cut]:
        if self.forest.order[tree] == 1:
            return Counter({(tree, tree, ()): 1})
        found: Counter[Cut] = Counter()
        below = self.of(self.forest.tail[tree]).items()
        for (root, skeleton, pieces), times in self.of(self.forest.head[tree]).items():
            for (other, branch, rest), repeats in below:
                number = times * repeats
                kept = self.graft(root, other), self._merge(skeleton, branch), tuple(sorted(pieces + rest))
                cut = root, self.graft(skeleton, branch), tuple(sorted((*pieces, *rest, other)))
                found[kept] += number
                found[cut] += number
        return found

    def graft(self, tree: int, branch: int) -> int:
        """The tree with one more branch at its root."""
        key = tree, branch
        if key not in self._grafts:
            head, tail = self.forest.head[tree], self.forest.tail[tree]
            if self.forest.order[tree] == 1 or branch >= tail:
                self._grafts[key] = self._joined(tree, branch)
            else:
                self._grafts[key] = self._joined(self.graft(head, branch), tail)
        return self._grafts[key]

    def _merge(self, tree: int, other: int) -> int:
        """The tree with the branches of another added at its root."""
        while self.forest.order[other] > 1:
            tree, other = self.graft(tree, self.forest.tail[other]), self.forest.head[other]
        return tree

    def _joined(self, head: int, tail: int) -> int:
        """The number of the tree head ∘ tail, its last branch being the tail."""
        forest = self.forest
        forest.of_order(forest.order[head] + forest.order[tail])  # grown so far
        while self._grown < len(forest.order):
            if forest.order[self._grown] > 1:
                self._number[forest.head[self._grown], forest.tail[self._grown]] = self._grown
            self._grown += 1
        return self._number[head, tail]


@cache
def cuts(forest: Forest) -> Cuts:
    """The shared table of a forest."""
    return Cuts(forest)


def trees_up_to(forest: Forest, order: int) -> list[int]:
    """The numbers of all trees of up to `order` nodes. Raises InputError where they are more than `MAX_TREES`."""
    found: list[int] = []
    for n in range(1, order + 1):
        if len(found) + forest.count(n) > MAX_TREES:
            raise InputError(f"order or terms = {order}: more than {MAX_TREES:,} trees, ask for {n - 1} at most")
        found += forest.of_order(n)
    return found


def most_nodes(forest: Forest) -> int:
    """The order up to which there are `MAX_TREES` trees at most."""
    total, n = 0, 0
    while (total := total + forest.count(n + 1)) <= MAX_TREES:
        n += 1
    return n


Series = Callable[[int], Element]  # coefficients by tree


def solve(
    forest: Forest, domain: Domain, order: int, series: Series, target: Series, source: Series | None = None
) -> dict[int, Element]:
    """The coefficients β of the field over which a series is the target, at the trees of up to `order` nodes.

    The series has the same number ω at every single node, and β(t) is ω^(2|t|−1) b(t) for the field's coefficients b:
    so the domain needs no division, whatever ω is.
    source: a second series that adds to the target, in which the root of each tree stays a value of f itself.
    Raises InputError where there are too many trees, or polynomials in parameters grow too long.
    """
    lead = series(0)
    powers = [domain.one]
    while len(powers) < 2 * order:
        powers.append(powers[-1] * lead)
    field: dict[int, Element] = {}
    monomials = 0
    for tree in trees_up_to(forest, order):
        total = target(tree) * powers[2 * forest.order[tree] - 2]
        for (root, skeleton, pieces), times in cuts(forest).of(tree).items():
            # every piece that is a coefficient of the field brings a power of ω that is one too low
            product = times * _product(field, pieces, domain)
            if source is not None and forest.order[root] == 1:
                total = total + source(skeleton) * powers[len(pieces)] * product
            if pieces:
                total = total - series(skeleton) * powers[len(pieces) - 1] * field[root] * product
        field[tree] = total
        monomials += size(domain, total)
        if monomials > MAX_MONOMIALS:
            raise InputError(
                f"terms = {order}: over {MAX_MONOMIALS} monomials in the parameters; ask for fewer terms, or give some "
                "of the parameters a value"
            )
    return field


def substituted(forest: Forest, domain: Domain, order: int, series: Series, field: Series) -> list[Element]:
    """The series over a field with the coefficients b, at the trees of up to `order` nodes; b(∅) is 0.

    Raises InputError where there are too many trees."""
    found: list[Element] = []
    for tree in trees_up_to(forest, order):
        total = domain.zero
        for (root, skeleton, pieces), times in cuts(forest).of(tree).items():
            product = times * series(skeleton) * field(root)
            for piece in pieces:
                product = product * field(piece)
            total = total + product
        found.append(total)
    return found


def size(domain: Domain, element: Element) -> int:
    """How many monomials an element has, in a ring of polynomials or rational functions; 0 for a number."""
    if domain.domain.is_PolynomialRing:
        return len(element)
    return len(element.numer) + len(element.denom) if domain.domain.is_FractionField else 0


def _product(field: dict[int, Element], pieces: tuple[int, ...], domain: Domain) -> Element:
    product = domain.one
    for piece in pieces:
        product = product * field[piece]
    return product
