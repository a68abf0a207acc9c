"""B-series fields that are Hamiltonian, and those that keep the energy, for every y' = J^(−1) ∇H(y) with J skew.

Hamiltonian are those with b(u∘v) + b(v∘u) = 0 for all trees u, v (HLW IX.9.2, Theorem 9.3). For the energy, ∇Hᵀ F(t) is
−H(t∘τ), the *elementary Hamiltonian* of t with one more leaf on its root. Elementary Hamiltonians of trees that differ
in the root alone are equal up to the sign (−1)^distance, so that those of a tree with two like halves vanish, and the
others are independent (HLW IX.9.2; Faou, Hairer and Pham 2004, BIT 44): one condition for each tree without root.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache

from tableau2net.analysis.backward.substitution import cuts
from tableau2net.analysis.reading.rooted_tree import RootedTree, tree_of
from tableau2net.analysis.reading.trees import Forest

Row = Mapping[int, Fraction]


@cache
def symplectic_conditions(forest: Forest, n: int) -> tuple[Row, ...]:
    """b(u∘v) + b(v∘u) = 0 for |u| + |v| = n: the factor of each b."""
    graft = cuts(forest).graft
    pairs = [(u, v) for m in range(1, n // 2 + 1) for u in forest.of_order(m) for v in forest.of_order(n - m) if u <= v]
    return tuple(_added([(graft(u, v), Fraction(1)), (graft(v, u), Fraction(1))]) for u, v in pairs)


@cache
def energy_conditions(forest: Forest, n: int) -> tuple[Row, ...]:
    """Σ ± b(t)/σ(t) = 0 over the t of n nodes for which t∘τ is the same tree without root; of one field."""
    found: dict[RootedTree, list[tuple[int, Fraction]]] = {}
    for tree in forest.of_order(n):
        free, sign = unrooted(tree_of(forest, tree).times(RootedTree([1])))
        if sign:
            found.setdefault(free, []).append((tree, Fraction(sign, forest.sigma[tree])))
    return tuple(map(_added, found.values()))


def unrooted(tree: RootedTree) -> tuple[RootedTree, int]:
    """One tree that stands for all that differ in the root, and the sign of H(tree) against its: 0 where both are 0."""
    ways = list(tree.rerooted())
    free = max(other for other, _ in ways)
    signs = {(-1) ** distance for other, distance in ways if other == free}
    return free, 0 if len(signs) > 1 else signs.pop()


def _added(terms: list[tuple[int, Fraction]]) -> Row:
    row: dict[int, Fraction] = {}
    for tree, x in terms:
        row[tree] = row.get(tree, Fraction(0)) + x
    return row
