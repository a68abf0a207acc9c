"""The order of a Runge–Kutta method from vectors that span what its order conditions ask, instead of from trees.

Let Φ_i(t) be what stage i makes of a tree with n nodes, c_i^n/γ(t) what it should be, and u(t) the difference. In

    Φ([t_1 … t_m]) = A w,  w = Π_j Φ(t_j),    with the condition b·w = 1/γ,

everything is linear in each u(t_j): of the trees with n nodes only those count as branches whose u are a basis of the
span of all (Albrecht 1987 has conditions in these u; the simplifying assumptions C(q) say that they are zero). From
the root the same is so of the rows ℓ with ℓ·w = 1/γ: b, and (ℓ∘w)A; they should be b∘P(c) with polynomials P, and v is
the difference, whose spans are zero where D(r) holds. A tree of at most p nodes has a node below which there are p/2
nodes at least, while all its branches have fewer. So with branches of under p/2 nodes alone, order p is B(p),

    b∘c^m · (w − c^(n−1)/γ) = 0,    v · c^(n−1) = 0,    v · (w − c^(n−1)/γ) = 0,

for the products w with n − 1 nodes and the basis of the v with k nodes, n + k ≤ p (n + m ≤ p). A span has no more
dimensions than there are stages: an order of 14 takes some thousand dot products, not 53,263 trees.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from sympy import expand

from tableau2net.analysis.order.evidence import Order, Residual, kind_of
from tableau2net.exact.balls import POINT, ROUNDING, UNIT, Ball, Balls
from tableau2net.exact.domain import Domain, domain_of
from tableau2net.scheme import RungeKutta, Scheme

MOST = 4000  # products of one order: beyond, the spans are no small ones
CERTAIN = 1e6  # how often a number of decimals is what is not known of it, to be divided by
LOST = 0.5  # of the decimals of a table: a number of which fewer are known is not said to be zero

Vector = list[Any]
Row = list[tuple[int, Any]]  # what is not zero, with its place


class _Tree(NamedTuple):
    """A tree, or a product of trees: its nodes, γ, what the stages make of it, and the last of its branches."""

    nodes: int
    gamma: int
    weights: Vector
    last: int = -1


class _Undecided(Exception):
    """More products than spans of a few dimensions have, or a condition that decimals only just miss: trees decide."""


@cache
def proved_by_spans(scheme: Scheme, *, embedded: bool = False, least: int = 0) -> Order | None:
    """The order, and where it is the quadrature that ends it, B(p), how much that misses by. None for an order under
    `least`, nodes that are not row sums, spans that are large, decimals that do not tell, schemes with parameters
    and other families.

    With `digits`, conditions hold as far as those go. Raises InputError when the coefficients lie outside what can be
    computed exactly."""
    if not isinstance(scheme, RungeKutta) or scheme.parameters:
        return None
    b = scheme.b_hat if embedded else scheme.b
    if b is None:
        return None
    try:
        return _Spans(scheme, b).order(least)
    except _Undecided:
        return None


class _Spans:
    def __init__(self, scheme: RungeKutta, b: tuple[Any, ...]) -> None:
        entries = [*(a for row in scheme.A for a in row), *b, *scheme.c]
        self.kind, self.digits = kind_of(scheme), scheme.digits
        self.numbers: Domain | Balls = domain_of(entries) if self.digits is None else Balls(self.digits)
        self.least = 10.0 ** (-LOST * (self.digits or 0))
        convert, self.zero, self.one = self.numbers.convert, self.numbers.zero, self.numbers.one
        self.A = [[(j, convert(a)) for j, a in enumerate(row) if not a.is_zero] for row in scheme.A]
        self.b = [convert(x) for x in b]
        self.powers = [[self.one for _ in b]]
        self.branches: list[list[_Tree]] = [[]]
        self.products = [[_Tree(0, 1, self.powers[0])]]
        self.offs: list[list[Vector]] = [[]]
        self.rows: list[list[Vector]] = [[]]
        self.c = [self._sum(row, self.powers[0]) for row in self.A]  # what is known of decimals is what A says
        self.row_sums = not any(x - convert(c) for x, c in zip(self.c, scheme.c, strict=True))

    def order(self, least: int) -> Order | None:
        """The order; None where that is less than it should be, or nodes are not row sums."""
        if not self.row_sums:
            return None
        q = 0
        while not (missing := self._quadrature(q + 1)) and q < 2 * len(self.b):
            q += 1
        if q < max(least, 1):
            return None
        self.light = (q + 1) // 2  # branches have fewer nodes than this
        p = next((p for p in range(q) if not self._holds(p + 1)), q)
        if p < max(least, 1):
            return None
        failing = Residual((1, *(2,) * p), expand(self.numbers.expression(missing)))
        return Order(p, self.kind, True, (failing,) if p == q else (), p)

    def _quadrature(self, k: int) -> Any:
        return self._sum(_sparse(self.b), self._power(k - 1)) - self.numbers.rational(1, k)

    def _power(self, k: int) -> Vector:
        while len(self.powers) <= k:
            self.powers.append(_times(self.powers[-1], self.c))
        return self.powers[k]

    def _holds(self, p: int) -> bool:
        """Whether the conditions of order p hold, those of lower orders and the quadrature's given."""
        missing = (
            self._sum(row, w) for n in range(1, p + 1) for row, below in self._conditions(n, p - n) for w in below
        )
        for x in missing:
            if x and _known(x) < CERTAIN:
                raise _Undecided
            if x:
                return False
        return True

    def _conditions(self, n: int, k: int) -> Iterator[tuple[Row, list[Vector]]]:
        """Rows, each with the vectors of which it should be orthogonal."""
        self._products(n - 1)
        below = self.offs[n - 1]
        yield _sparse(_times(self.b, self._power(k))), below
        if n >= self.light and k:
            for v in self._rows(k):
                yield _sparse(v), [*below, self._power(n - 1)]

    def _branches(self, n: int) -> list[_Tree]:
        """The trees with n nodes that count as branches."""
        while len(self.branches) <= n:
            m, kept = len(self.branches), []
            basis: list[tuple[int, Vector]] = []
            for tree in self._products(m - 1):
                grown = _Tree(m, m * tree.gamma, [self._sum(row, tree.weights) for row in self.A])
                if m == 1 or not self._depends(self._off(grown, m), basis):
                    kept.append(grown)
            self.branches.append(kept)
        return self.branches[n]

    def _products(self, nodes: int) -> list[_Tree]:
        """Every product of branches with so many nodes in all; first that of single nodes. Their differences from it
        are in `offs`, but for its own, which is zero."""
        while len(self.products) <= nodes:
            n = len(self.products)
            branches = [tree for m in range(1, min(n + 1, self.light)) for tree in self._branches(m)]
            found = []
            for last, branch in enumerate(branches):
                for rest in self.products[n - branch.nodes]:
                    if rest.last <= last:
                        weights = _times(rest.weights, branch.weights) if rest.nodes else branch.weights
                        found.append(_Tree(n, rest.gamma * branch.gamma, weights, last))
            if len(found) > MOST:
                raise _Undecided
            self.products.append(found)
            self.offs.append([self._off(tree, n) for tree in found[1:]])
        return self.products[nodes]

    def _rows(self, k: int) -> list[Vector]:
        """The basis of the differences v with k nodes outside."""
        while len(self.rows) <= k:
            basis: list[tuple[int, Vector]] = []
            kept = []
            for v in self._grown(len(self.rows)):
                row = list(v)
                if not self._depends(v, basis):
                    kept.append(row)
            self.rows.append(kept)
        return self.rows[k]

    def _grown(self, k: int) -> Iterator[Vector]:
        """(b∘w)A − b∘(1 − c^k)/(k γ), and (v∘w)A."""
        power = self._power(k)
        for tree in self._products(k - 1):
            over = self.numbers.rational(1, k * tree.gamma)
            row = self._through(_times(self.b, tree.weights))
            yield [x - over * b * (self.one - c) for x, b, c in zip(row, self.b, power, strict=True)]
        for j in range(1, k):
            for v in self._rows(j):
                for tree in self._products(k - 1 - j):
                    yield self._through(_times(v, tree.weights))

    def _off(self, tree: _Tree, n: int) -> Vector:
        over = self.numbers.rational(1, tree.gamma)
        return [w - over * power for w, power in zip(tree.weights, self._power(n), strict=True)]

    def _sum(self, row: Row, vector: Vector) -> Any:
        if self.digits is not None:
            return _sum_of_products([(a, vector[j]) for j, a in row])
        return sum((a * vector[j] for j, a in row), self.zero)

    def _through(self, row: Vector) -> Vector:
        """row · A."""
        found = [self.zero for _ in row]
        for x, own in zip(row, self.A, strict=True):
            if x:
                for j, a in own:
                    found[j] = found[j] + x * a
        return found

    def _depends(self, vector: Vector, basis: list[tuple[int, Vector]]) -> bool:
        """Whether a vector lies in the span of a basis, which it joins where it does not. One of which too few decimals
        are known to tell is no harm: it is kept beside the basis."""
        for pivot, row in basis:
            if vector[pivot]:
                factor = self._quotient(vector[pivot], row[pivot])
                vector[:] = [x - factor * y for x, y in zip(vector, row, strict=True)]
            vector[pivot] = self.zero
        last = max((i for i, x in enumerate(vector) if x), key=lambda i: _known(vector[i]), default=None)
        if last is not None and _known(vector[last]) > CERTAIN:
            basis.append((last, vector))
        return last is None and all(not isinstance(x, Ball) or x.radius <= self.least for x in vector)

    def _quotient(self, x: Any, y: Any) -> Any:
        if not isinstance(x, Ball):
            return x / y
        mid = (x.mid << POINT) // y.mid
        return Ball(mid, (x.radius + abs(mid) / UNIT * y.radius) / (y.size - y.radius) + ROUNDING)


def _known(x: Any) -> float:
    """How large a number is beside what is not known of it."""
    return x.size / max(x.radius, ROUNDING) if isinstance(x, Ball) else 2 * CERTAIN


def _sum_of_products(pairs: list[tuple[Ball, Ball]]) -> Ball:
    """Σ x y, rounded once."""
    wider = sum([x.size * y.radius + x.radius * (y.size + y.radius) for x, y in pairs])
    return Ball(sum([x.mid * y.mid for x, y in pairs]) >> POINT, wider * (1 + 1e-14) + ROUNDING)


def _times(x: Vector, y: Vector) -> Vector:
    return [a * b for a, b in zip(x, y, strict=True)]


def _sparse(x: Vector) -> Row:
    return [(j, a) for j, a in enumerate(x) if a or (isinstance(a, Ball) and a.radius)]
