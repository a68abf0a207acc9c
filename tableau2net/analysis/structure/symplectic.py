"""Which Runge–Kutta and partitioned methods keep the symplectic form and all quadratic invariants."""

from __future__ import annotations

from tableau2net.analysis.structure.numbers import Numbers, Table, tables
from tableau2net.analysis.structure.reducible import main
from tableau2net.scheme import PartitionedRungeKutta, RungeKutta, Scheme


def symplectic(scheme: Scheme) -> bool | None:
    """Whether a method is symplectic for every Hamiltonian that it is meant for, at the declared parameter values.

    Runge–Kutta: b_i a_ij + b_j a_ji = b_i b_j on the irreducible method (HLW, VI.4.3 and VI.7.10). A pair of methods
    for (p, q): b_i â_ij + b̂_j a_ji = b_i b̂_j and b = b̂ (HLW, VI.4.6); the latter is not needed where the fields read
    only each other's state, so that every Hamiltonian is separable. None for other families."""
    if isinstance(scheme, RungeKutta):
        numbers, (table,) = tables(scheme, [main(scheme)])
        return _couples(numbers, table, table)
    pair = _pair(scheme)
    if pair is None:
        return None
    numbers, (first, second) = pair
    separable = isinstance(scheme, PartitionedRungeKutta) and scheme.reads == ((2,), (1,))
    same = separable or all(numbers.is_zero(x - y) for x, y in zip(first.b, second.b, strict=True))
    return same and _couples(numbers, first, second)


def symplectic_separable(scheme: Scheme) -> bool | None:
    """Whether a method is symplectic for separable Hamiltonians T(p) + U(q): of a pair, b = b̂ is then not needed
    (HLW, VI.4.6, second part)."""
    pair = _pair(scheme)
    if pair is None:
        return symplectic(scheme)
    numbers, (first, second) = pair
    return _couples(numbers, first, second)


def _pair(scheme: Scheme) -> tuple[Numbers, list[Table]] | None:
    if not isinstance(scheme, PartitionedRungeKutta) or len(scheme.parts) != 2:
        return None
    return tables(scheme, (scheme.at_defaults() if scheme.parameters else scheme).parts)


def _couples(numbers: Numbers, first: Table, second: Table) -> bool:
    """b_i â_ij + b̂_j a_ji = b_i b̂_j for all i, j."""
    stages = range(first.stages)
    return all(
        numbers.is_zero(first.b[i] * second.A[i][j] + second.b[j] * first.A[j][i] - first.b[i] * second.b[j])
        for i in stages
        for j in stages
    )
