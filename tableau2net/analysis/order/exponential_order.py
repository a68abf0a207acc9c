"""The stiff order of exponential integrators: the order that holds however large L is, with constants free of it.

With ψ_q(z) = Σ b_i(z) c_i^{q−1}/(q−1)! − φ_q(z) and ψ_{q,i}(z) = Σ a_ij(z) c_j^{q−1}/(q−1)! − c_i^q φ_q(c_i z), the
conditions of order q are ψ_q = 0 and, at each tree whose branches end in defects ψ_{r,i}, that its sum vanishes for all
bounded operators between: Σ_i b_i(z) J ψ_{2,i}(z) = 0 say, Σ_i b_i(z) J Σ_j a_ij(z) J ψ_{2,j}(z) = 0 (Hochbruck &
Ostermann, SIAM J. Numer. Anal. 43, 2005, Table 1; Luan & Ostermann 2013, 2014, Table 1). What is between does not
commute with L, so each is an identity in variables of its own, Σ b_i(z_1) ψ_{2,i}(z_2) = 0, and decided in exponential
sums, factor by factor.

A method has stiff order p where the conditions up to p − 1 hold, and those of p with b_i(0) in the place of b_i(z)
(there, Theorem 4.7); from 2 on ψ_{1,i} = 0, with which equilibria are kept. Where those of p hold as they are, it has
it strongly. All this is of functions that are bounded for Re z ≤ 0: with e^{−z}, in Lawson's form of nodes that go back
say, a step is as large as L is, and the stiff order is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from math import factorial
from typing import Any, TypeAlias

from sympy import Expr, Integer, Rational

from tableau2net.exact.exponentials import Exponentials, Key, Sum
from tableau2net.scheme import ExponentialMultistep, ExponentialRungeKutta, Scheme

LARGEST = 6  # order to which conditions are asked
Tensor: TypeAlias = dict[tuple[Key, ...], Any]  # a sum of products, each factor in a variable of its own


@dataclass(frozen=True)
class StiffOrder:
    """order: with the weakened conditions at its end.  strong: without.  complete: whether the next order fails, and
    not just the search ends.  failing: a condition that the next order would need, as it is written."""

    order: int
    strong: int
    complete: bool
    failing: tuple[str, ...]


@cache
def exponential_stiff_order(scheme: Scheme) -> StiffOrder | None:
    """None for a scheme that is no exponential integrator of a linear part."""
    if isinstance(scheme, ExponentialRungeKutta):
        return _searched(_Stages(scheme))
    if isinstance(scheme, ExponentialMultistep):
        return _searched(_Steps(scheme))
    return None


def _searched(method: _Stages | _Steps) -> StiffOrder:
    if growing := tuple(_growing(method.scheme)):
        return StiffOrder(0, 0, True, growing)
    strong, largest = 0, max(LARGEST, getattr(method, "k", 0) + 1)
    while strong < largest and not any(method.failing(strong + 1, weakened=False)):
        strong += 1
    if strong == largest:
        return StiffOrder(strong, strong, False, ())
    failing = tuple(method.failing(strong + 1, weakened=True))
    if not failing:
        return StiffOrder(strong + 1, strong, True, tuple(method.failing(strong + 1, weakened=False)))
    return StiffOrder(strong, strong, True, failing)


def _growing(scheme: ExponentialRungeKutta | ExponentialMultistep) -> Iterator[str]:
    """The functions of a step that are not bounded for Re z ≤ 0, at the declared values of parameters: those with an
    exponential of a negative multiple of z, as they are linearly independent."""
    here, ring = {p.symbol: p.value for p in scheme.parameters}, scheme.ring
    functions: dict[str, Iterable[Expr]] = {}
    if isinstance(scheme, ExponentialMultistep):
        functions |= {f"β_{j}(z)": _exponents(ring, b) for j, b in enumerate(scheme.beta)}
    else:
        functions |= {f"e^(c_{i} z)": [c] for i, c in enumerate(scheme.c, 1)}
        for i, row in enumerate(scheme.A, 1):
            functions |= {f"a_{i}{j}(z)": _exponents(ring, a) for j, a in enumerate(row, 1)}
        functions |= {f"b_{i}(z)": _exponents(ring, b) for i, b in enumerate(scheme.b, 1)}
    for name, scales in functions.items():
        if any(c.subs(here).is_negative for c in scales):
            yield f"{name} bounded for Re z ≤ 0"


def _exponents(ring: Exponentials, function: Expr) -> list[Expr]:
    """Each c of the e^{cz} of which a function is made."""
    return [ring.domain.expression(c) for c in {c for c, _ in ring.read(function)}]


def missed_by_steps(scheme: ExponentialMultistep, order: int) -> tuple[tuple[int, int, Expr], ...]:
    """What an exponential multistep method misses of the terms h^order L^m N^(q−1), each as q, m and by how much: all
    that its classical order depends on, since N is only evaluated on the solution itself; q = 0 stands for y."""
    return tuple(_Steps(scheme).taylor(order))


class _Steps:
    """A multistep method: polynomials of degree below p are integrated exactly, from t_n = 0."""

    def __init__(self, scheme: ExponentialMultistep) -> None:
        self.scheme, self.k = scheme, scheme.steps
        self.ring = Exponentials(scheme.beta, [*scheme.alpha, *map(Integer, range(-self.k, self.k + 1))])

    def failing(self, order: int, *, weakened: bool) -> Iterator[str]:
        """The conditions of one order that do not hold."""
        if order == 1 and self.defect(0):
            yield "Σ α_j = 0"
        defect = self.defect(order)
        if self.ring.at_zero(defect) if weakened else defect:
            yield f"ψ_{order}({'0' if weakened else 'z'}) = 0"

    def taylor(self, order: int) -> Iterator[tuple[int, int, Expr]]:
        """q, m and the number, where the coefficient of z^m in ψ_q is not zero, q + m = order: by how much the new
        state misses h^order L^m N^(q−1)."""
        for q in range(order + 1):
            missed = self.ring.laurent(self.defect(q), order - q)
            if missed:
                yield q, order - q, -self.ring.domain.expression(missed)

    def defect(self, q: int) -> Sum:
        """ψ_q; of q = 0, what is missed of y itself."""
        ring, k = self.ring, self.k
        flow = [ring.scaled(a, ring.exp(Integer(k - j))) for j, a in enumerate(self.scheme.alpha)]
        states = (ring.times(flow[j], self._power(j - k + 1, q)) for j in range(k + 1))
        slopes = (
            ring.scaled(-Rational((j - k + 1) ** (q - 1), factorial(q - 1)), ring.read(b))
            for j, b in enumerate(self.scheme.beta if q else ())
        )
        return ring.sum([*states, *slopes])

    def _power(self, t: int, q: int) -> Sum:
        """t^q φ_q(tz): the solution of y' = Ly + t^{q−1}/(q−1)! from 0."""
        return self.ring.scaled(Integer(t) ** q, self.ring.phi(q, Integer(t)))


@dataclass(frozen=True)
class _Node:
    """A stage in a tree: c^power and branches, each a defect (its order) or a stage further in."""

    power: int
    branches: tuple[int | _Node, ...]

    def words(self, i: str) -> str:
        """``c_i J ψ_{2,i}``; with several branches they stand in brackets."""
        power = "" if not self.power else f"c_{i} " if self.power == 1 else f"c_{i}^{self.power} "
        inner = "ijklmn"["ijklmn".index(i) + 1]
        told = [
            f"ψ_{{{b},{i}}}" if isinstance(b, int) else f"Σ_{inner} a_{i}{inner} {b.words(inner)}"
            for b in self.branches
        ]
        return f"{power}J {told[0]}" if len(told) == 1 else f"{power}B({', '.join(told)})"


class _Stages:
    """A Runge–Kutta method."""

    def __init__(self, scheme: ExponentialRungeKutta) -> None:
        self.scheme, self.ring = scheme, scheme.ring
        self.c = scheme.c
        self.b = [self.ring.read(x) for x in scheme.b]
        self.A = [[self.ring.read(x) for x in row] for row in scheme.A]
        self.at_zero = [self.ring.at_zero(x) for x in self.b]
        self.known: dict[int, list[Sum]] = {}

    def failing(self, order: int, *, weakened: bool) -> Iterator[str]:
        """The conditions of one order that do not hold."""
        defect = self._defect(order, self.b, Integer(1))
        if self.ring.at_zero(defect) if weakened else defect:
            yield f"ψ_{order}({'0' if weakened else 'z'}) = 0"
        if order == 2 and any(self._defects(1)):
            yield "ψ_{1,i}(z) = 0"
        for node in stiff_trees(order - 1):
            if self._summed(self.at_zero if weakened else self.b, [self._tensor(node, i) for i in range(len(self.b))]):
                yield f"Σ_i b_i({'0' if weakened else 'z'}) {node.words('i')} = 0"

    def _defect(self, q: int, row: Sequence[Sum], c: Expr) -> Sum:
        ring = self.ring
        terms = (ring.scaled(x ** (q - 1) / factorial(q - 1), a) for x, a in zip(self.c, row, strict=True))
        return ring.sum([*terms, ring.scaled(-(c**q), ring.phi(q, c))])

    def _defects(self, q: int) -> list[Sum]:
        if q not in self.known:
            self.known[q] = [self._defect(q, row, c) for c, row in zip(self.c, self.A, strict=True)]
        return self.known[q]

    def _tensor(self, node: _Node, i: int) -> Tensor:
        """What stands behind a weight of stage i."""
        total: Tensor = {(): self.ring.number(self.c[i] ** node.power)}
        for branch in node.branches:
            if isinstance(branch, int):
                factor: Tensor = {(key,): w for key, w in self._defects(branch)[i].items()}
            else:
                factor = self._summed(self.A[i], [self._tensor(branch, j) for j in range(i)])
            total = {a + b: x * y for a, x in total.items() for b, y in factor.items()}
        return {key: w for key, w in total.items() if w}

    def _summed(self, row: Sequence[Sum], inside: Sequence[Tensor]) -> Tensor:
        total: Tensor = {}
        for weight, tensor in zip(row, inside, strict=False):  # a row reads what stands before its stage
            for key, w in weight.items():
                for rest, x in tensor.items():
                    total[(key, *rest)] = total.get((key, *rest), self.ring.zero) + w * x
        return {key: w for key, w in total.items() if w}


@cache
def stiff_trees(order: int) -> tuple[_Node, ...]:
    """The stages that stand for so much: a node counts one, c one for each power, a defect ψ_r counts r ≥ 2; the root
    is the weights, and counted by who asks."""
    return tuple(
        _Node(power, branches) for power in range(order - 1) for branches in _forests(order - power) if branches
    )


@cache
def _forests(order: int) -> tuple[tuple[int | _Node, ...], ...]:
    """Multisets of branches that count `order` together."""
    found: list[tuple[int | _Node, ...]] = []
    for sizes in _partitions(order, 2):
        choices: list[tuple[tuple[int | _Node, ...], ...]] = []
        for size in sorted(set(sizes)):
            one: list[int | _Node] = [size, *stiff_trees(size - 1)]
            choices.append(tuple(combinations_with_replacement(one, sizes.count(size))))
        whole: list[tuple[int | _Node, ...]] = [()]
        for choice in choices:
            whole = [a + b for a in whole for b in choice]
        found += whole
    return tuple(found)


def _partitions(n: int, least: int) -> Iterator[tuple[int, ...]]:
    """The ways to write n as a sum of numbers of `least` or more, ascending."""
    if n >= least:
        yield (n,)
    for first in range(least, n // 2 + 1):
        yield from ((first, *rest) for rest in _partitions(n - first, first))
