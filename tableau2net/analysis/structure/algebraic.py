"""Algebraic stability (B-stability) of Runge–Kutta methods, decided exactly."""

from __future__ import annotations

from tableau2net.analysis.reading.tables import Matrix, SignedDomain, tables
from tableau2net.analysis.structure.reducible import main
from tableau2net.scheme import RungeKutta, Scheme


def algebraically_stable(scheme: Scheme) -> bool | None:
    """Whether b ≥ 0 and M = (b_i a_ij + b_j a_ji − b_i b_j) is positive semidefinite, on the irreducible method and at
    the declared parameter values (Burrage & Butcher 1979; HW II, IV.12, Definition 12.5). None for other families."""
    if not isinstance(scheme, RungeKutta):
        return None
    numbers, (t,) = tables(scheme, [main(scheme)])
    if any(numbers.sign(x) < 0 for x in t.b):
        return False
    s = range(t.stages)
    M = [[t.b[i] * t.A[i][j] + t.b[j] * t.A[j][i] - t.b[i] * t.b[j] for j in s] for i in s]
    return semidefinite(numbers, M)


def semidefinite(numbers: SignedDomain, M: Matrix) -> bool:
    """Whether a symmetric matrix is positive semidefinite: eliminate by positive diagonal entries until none is left;
    then what remains must vanish."""
    M = [list(row) for row in M]
    left = list(range(len(M)))
    while left:
        signs = {i: numbers.sign(M[i][i]) for i in left}
        if min(signs.values()) < 0:
            return False
        pivot = next((i for i in left if signs[i] > 0), None)
        if pivot is None:
            return all(numbers.is_zero(M[i][j]) for i in left for j in left)
        left.remove(pivot)
        for i in left:
            if M[i][pivot]:
                factor = M[i][pivot] / M[pivot][pivot]
                for j in left:
                    M[i][j] = M[i][j] - factor * M[pivot][j]
    return True
