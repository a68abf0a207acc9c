"""Orders of implicit Runge–Kutta methods on differential–algebraic equations y' = f(y, z), 0 = g: with g(y, z) and g_z
regular (index 1), and with g(y) and g_y f_z regular (index 2; Hairer, Lubich & Roche 1989; HW II, VI.1 and VII.4–5).

Conditions are those of trees with a node for f, whose branches are y's and z's, and one for g, whose branches are y's.
A tree's value in the stages is a vector; divided by what it is of the exact solution, that of an f-tree of order n is
nA v, v the product of its branches, and that of a g-tree W v/(n + 1), W = A⁻¹, with one order less than its branches
have. Trees with the same vector are one, so that few are left where the stage order is high."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, product
from typing import Any

from sympy.polys.matrices import DomainMatrix

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.order.conditions import order
from tableau2net.analysis.reading.tables import ExactTableau, SignedDomain, tables
from tableau2net.analysis.structure.reducible import main
from tableau2net.exact.domain import Element
from tableau2net.scheme import RungeKutta, Scheme, by_name

MAX_VECTORS = 1500  # of one order
SEEN = 9  # decimals by which vectors are told apart where a source printed decimals
LOST = 3  # decimals that conditions may lose where a source printed decimals

Vector = tuple[Element, ...]


@dataclass(frozen=True)
class AlgebraicOrders:
    """index_1: the order of z where 0 = g(y, z); that of y is the order of the method.
    index_2, index_2_z: the orders of y and of z where 0 = g(y). None where it does not converge, or is not known to."""

    index_1: int | None
    index_2: int | None
    index_2_z: int | None


@by_name(Scheme)
@cache
def algebraic_orders(scheme: Scheme) -> AlgebraicOrders | None:
    """The orders of the irreducible method at the declared parameter values, its stages solved with the constraint.

    None for other families and where the stages cannot be solved so: A is regular, or the first stage is explicit, the
    rest of A regular and the result the last stage. Errors in z must not grow, |R(∞)| ≤ 1, and for index 2 die out,
    |R(∞)| < 1. Raises TooMuch where over `MAX_VECTORS` conditions differ."""
    if not isinstance(scheme, RungeKutta) or scheme.explicit:
        return None
    method = main(scheme)
    numbers, (table,) = tables(method, [method])
    stages = _Stages.of(numbers, table, method.digits)
    if stages is None:
        return None
    p = order(method)
    y, z = _index_2(stages, p) if stages.sign_of_growth() < 0 else (None, None)
    return AlgebraicOrders(_index_1(stages, p), y, z)


@dataclass(frozen=True)
class _Stages:
    """W by rows, the weights that make z⁺ of what the stages have, and R(∞), what is left of an error in z.

    ends: whether the result is the last stage.  explicit: whether the first is y itself."""

    numbers: SignedDomain
    table: ExactTableau
    W: list[list[Element]]
    weights: Vector
    growth: Element
    ends: bool
    explicit: bool
    tolerance: Element | None

    @classmethod
    def of(cls, numbers: SignedDomain, t: ExactTableau, digits: int | None) -> _Stages | None:
        zero, one, s = numbers.domain.zero, numbers.domain.one, t.stages
        first = int(all(map(numbers.is_zero, t.A[0])))
        ends = all(numbers.is_zero(a - b) for a, b in zip(t.A[-1], t.b, strict=True))
        inner = DomainMatrix([row[first:] for row in t.A[first:]], (s - first,) * 2, numbers.domain.domain)
        if (first and not ends) or s == first or not inner.det():
            return None
        W = [[zero] * s for _ in range(first)] + [[zero] * first + list(row) for row in inner.inv().to_list()]
        if first:
            seen: Vector = (*[zero] * (s - 1), one)
            growth = zero - sum((W[-1][j] * t.A[j][0] for j in range(1, s)), zero)
        else:
            seen = tuple(sum((b * W[i][j] for i, b in enumerate(t.b)), zero) for j in range(s))
            growth = one - sum(seen, zero)
        tolerance = None if digits is None else numbers.domain.rational(1, 10 ** max(digits - LOST, 0))
        return cls(numbers, t, W, seen, growth, ends, bool(first), tolerance)

    def sign_of_growth(self) -> int:
        """−1 where |R(∞)| < 1, 0 where it is 1, else 1."""
        return self.numbers.sign(self.growth * self.growth - self.numbers.domain.one)

    def missed(self, weights: Iterable[Element], v: Vector, times: int = 1) -> bool:
        """Whether times · Σ weights v is not 1."""
        found = sum((w * x for w, x in zip(weights, v, strict=True)), self.numbers.domain.zero)
        off = found * times - self.numbers.domain.one
        if self.tolerance is None:
            return bool(off)
        return self.numbers.domain.zero != off and self.numbers.sign(off * off - self.tolerance**2) > 0

    def f_tree(self, v: Vector, n: int) -> Vector:
        return tuple(sum((a * x for a, x in zip(row, v, strict=True) if a), self.zero) * n for row in self.table.A)

    def g_tree(self, v: Vector, n: int) -> Vector:
        share = self.numbers.domain.rational(1, n + 1)
        return tuple(sum((w * x for w, x in zip(row, v, strict=True) if w), self.zero) * share for row in self.W)

    def key(self, v: Vector) -> Any:
        """What tells vectors apart: themselves, or of printed decimals some digits."""
        if self.tolerance is None:
            return v
        return tuple(round(float(self.numbers.domain.expression(x)), SEEN) for x in v)

    def end(self, v: Vector) -> bool:
        """Whether Σ of the weights and a product of branches is not what it should be: z = G(y) at the end."""
        return self.missed(self.weights, v)

    @property
    def zero(self) -> Element:
        return self.numbers.domain.zero

    @property
    def nothing(self) -> Vector:
        """The product of no branches."""
        return (self.numbers.domain.one,) * self.table.stages


def _index_1(stages: _Stages, p: int) -> int | None:
    """z⁺ = R(∞)z + Σ weights G(Y): the first power of h that it misses, and one less where errors add up."""
    if stages.ends:
        return p  # the last stage fulfils the constraint: z is G of y
    if stages.sign_of_growth() > 0:
        return None
    adds_up = not (stages.growth - stages.numbers.domain.one)
    y: dict[int, set[Vector]] = {}
    for n in range(1, p + adds_up):
        y[n] = {stages.f_tree(v, n) for v in _products(stages, y, n - 1)}
        if any(map(stages.end, _products(stages, y, n))):
            return n - adds_up
    return p


def _index_2(stages: _Stages, p: int) -> tuple[int, int]:
    """y misses the first power of h at r + 1, but what [u]_y misses, along f_z, does not add up, so that it counts from
    r on; z misses it at its order, which is not over that of y (HW II, VII, Theorems 4.5, 4.6 and 5.9)."""
    y: dict[int, set[Vector]] = {}
    z: dict[int, set[Vector]] = {}
    of_y, of_z, b = p, p, stages.table.b
    for n in range(1, p + 1):
        branches = _products(stages, y, n - 1, z, single=False)
        if any(stages.missed(b, v, n) for v in branches):
            return min(of_y, n - 1), min(of_z, of_y, n - 1)
        y[n] = {stages.f_tree(v, n) for v in branches}
        if n > 1:
            z[n - 1] = {stages.g_tree(v, n - 1) for v in _products(stages, y, n)}
            if any(map(stages.end, z[n - 1])):
                of_z = min(of_z, n - 1)
            if any(stages.missed(b, v, n) for v in z[n - 1]):
                of_y = min(of_y, n)
            y[n] |= {stages.f_tree(v, n) for v in z[n - 1]}
        if n >= of_y:
            break
    return of_y, min(of_z, of_y)


def _products(
    stages: _Stages, y: dict[int, set[Vector]], n: int, z: dict[int, set[Vector]] | None = None, *, single: bool = True
) -> list[Vector]:
    """The products of branches of order n together; single: also a z alone."""
    found: dict[Any, Vector] = {}
    kinds = [(m, vectors) for known in (y, z or {}) for m, vectors in sorted(known.items())]
    for counts in _partitions(n, [m for m, _ in kinds]):
        if not single and sum(counts) == 1 and counts[-len(z or ()) :].count(1) and z:
            continue
        choices = [list(combinations_with_replacement(vs, k)) for (_, vs), k in zip(kinds, counts, strict=True) if k]
        for chosen in product(*choices):
            v = stages.nothing
            for group in chosen:
                for factor in group:
                    v = tuple(a * x for a, x in zip(v, factor, strict=True))
            found.setdefault(stages.key(v), v)
            if len(found) > MAX_VECTORS:
                raise TooMuch(f"over {MAX_VECTORS:,} conditions of order {n + 1} differ")
    return list(found.values())


def _partitions(n: int, sizes: list[int]) -> Iterator[tuple[Any, ...]]:
    """How many of each size make up n."""
    if not sizes:
        if n == 0:
            yield ()
        return
    for k in range(n // sizes[0] + 1):
        for rest in _partitions(n - k * sizes[0], sizes[1:]):
            yield (k, *rest)
