"""Which Runge–Kutta and partitioned methods keep the symplectic form and all quadratic invariants."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from tableau2net.analysis.reading.tables import ExactTableau, SignedDomain, tables
from tableau2net.analysis.structure.irreducible import Evaluations, irreducible
from tableau2net.analysis.structure.reducible import main
from tableau2net.analysis.structure.second_order_structure import symplectic_nystrom
from tableau2net.scheme import ContinuousRungeKutta, PartitionedRungeKutta, RungeKutta, RungeKuttaNystrom, Scheme

SEPARABLE = ((1,), (0,))  # the states that each field reads


def symplectic(scheme: Scheme) -> bool | None:
    """Whether a method is symplectic for every Hamiltonian that it is meant for, at the declared parameter values.

    Runge–Kutta: b_i a_ij + b_j a_ji = b_i b_j on the irreducible method (HLW, VI.4.3 and VI.7.10). A pair of methods
    for (p, q): b_i â_ij + b̂_j a_ji = b_i b̂_j and b = b̂ (HLW, VI.4.6) on the irreducible pair; the latter is not needed
    where the fields read only each other's state, so that every Hamiltonian is separable. Nyström methods: for
    y'' = −∇U(y), see `symplectic_nystrom`. None for other families."""
    if isinstance(scheme, ContinuousRungeKutta):
        scheme = scheme.table
    if isinstance(scheme, RungeKutta):
        numbers, (table,) = tables(scheme, [main(scheme)])
        return _of_one(numbers, table)
    if isinstance(scheme, RungeKuttaNystrom):
        return symplectic_nystrom(scheme)
    return _of_pair(scheme)


def symplectic_separable(scheme: Scheme) -> bool | None:
    """Whether a method is symplectic for separable Hamiltonians T(p) + U(q): of a pair, b = b̂ is then not needed
    (HLW, VI.4.6, second part)."""
    return symplectic(scheme) if isinstance(scheme, RungeKutta) else _of_pair(scheme, SEPARABLE)


def _of_one(numbers: SignedDomain, t: ExactTableau) -> bool:
    """b_i a_ij + b_j a_ji = b_i b_j for all i, j."""
    s = range(t.stages)
    return all(numbers.is_zero(t.b[i] * t.A[i][j] + t.b[j] * t.A[j][i] - t.b[i] * t.b[j]) for i in s for j in s)


def _of_pair(scheme: Scheme, reads: tuple[tuple[int, ...], ...] | None = None) -> bool | None:
    if not isinstance(scheme, PartitionedRungeKutta) or len(scheme.parts) != 2:
        return None
    point = scheme.at_defaults() if scheme.parameters else scheme
    numbers, found = tables(point, point.parts)
    assert point.reads is not None
    reads = reads or tuple(tuple(state - 1 for state in own) for own in point.reads)
    if reads == SEPARABLE:
        return _couples(numbers, irreducible(found, reads, [t.c for t in found]))
    both = list(zip(*(t.c for t in found), strict=True))  # the fields of one Hamiltonian, at one stage
    pair = irreducible(found, ((0, 1), (0, 1)), (both, both))
    return _equal_weights(numbers, pair) and _couples(numbers, pair)


def _equal_weights(numbers: SignedDomain, pair: Evaluations) -> bool:
    """Whether both fields count the same at each stage, equal stages together: b = b̂."""
    zero = numbers.domain.zero
    weights: dict[Hashable, list[Any]] = {}
    for e, (field, time) in enumerate(zip(pair.field, pair.time, strict=True)):
        stage = time, *(frozenset(row.items()) for _, row in sorted(pair.rows[e].items()))
        weights.setdefault(stage, [zero, zero])[field] = pair.weights[field].get(e, zero)
    return all(numbers.is_zero(b - b_hat) for b, b_hat in weights.values())


def _couples(numbers: SignedDomain, pair: Evaluations) -> bool:
    """b_i â_ij + b̂_j a_ji = b_i b̂_j for each evaluation i of the first field and j of the second."""
    zero: Any = numbers.domain.zero
    everything = range(len(pair.field))
    b, b_hat = pair.weights
    return all(
        numbers.is_zero(
            b.get(i, zero) * pair.rows[i][1].get(j, zero)
            + b_hat.get(j, zero) * pair.rows[j][0].get(i, zero)
            - b.get(i, zero) * b_hat.get(j, zero)
        )
        for i in everything
        for j in everything
        if (pair.field[i], pair.field[j]) == (0, 1)
    )
