"""Algebraic stability (B-stability) of Runge–Kutta methods, and contractivity on circles, decided exactly."""

from __future__ import annotations

from fractions import Fraction

from sympy import QQ, Expr, Poly, Rational, S, Symbol, oo
from sympy.polys.matrices import DomainMatrix

from tableau2net.analysis.reading.tables import ExactTableau, Matrix, SignedDomain, tables
from tableau2net.analysis.ssp.supremum import simplest
from tableau2net.analysis.structure.reducible import main
from tableau2net.analysis.structure.tableau import stage_order
from tableau2net.exact.polynomials import evaluate, positive_roots
from tableau2net.scheme import RungeKutta, Scheme


def algebraically_stable(scheme: Scheme) -> bool | None:
    """Whether b ≥ 0 and M = (b_i a_ij + b_j a_ji − b_i b_j) is positive semidefinite, on the irreducible method and at
    the declared parameter values (Burrage & Butcher 1979; HW II, IV.12, Definition 12.5). None for other families."""
    if not isinstance(scheme, RungeKutta):
        return None
    numbers, (t,) = tables(scheme, [main(scheme)])
    return _never_grows(numbers, t)


def circle_contractivity(scheme: Scheme) -> Expr | None:
    """The largest r for which no two solutions drift apart where |f(y) − f(u) + ρ(y − u)| ≤ ρ|y − u| and h ≤ r/ρ, in
    the norm of an inner product: b > 0 and M + B/r positive semidefinite, B = diag b, of the irreducible method at the
    declared parameter values (Dahlquist & Jeltsch 1979, Theorem 3.1; 2006). The disk |z + r| ≤ r then lies in the
    stability region. 0 where there is none, oo where it is algebraically stable; None for other families."""
    if not isinstance(scheme, RungeKutta):
        return None
    numbers, (t,) = tables(scheme, [main(scheme)])
    if _never_grows(numbers, t):
        return oo
    if any(numbers.sign(x) <= 0 for x in t.b):  # where b_i = 0 row i of M is not, or nothing reads stage i
        return S.Zero
    rows = [[-x / b for x in row] for b, row in zip(t.b, _form(t), strict=True)]
    size, domain = t.stages, numbers.domain.domain
    turned = DomainMatrix(rows, (size, size), domain).charpoly()[::-1]  # det(B + rM)/Π b_i by r, from a root 1/r
    polynomial = Poly(turned, Symbol("r"), domain=domain)
    nearest = positive_roots([polynomial])[0].within(QQ(1, 2**60))
    if scheme.digits:
        return nearest.decimal().n(min(scheme.digits, 30))
    ends = (Fraction(int(x.numerator), int(x.denominator)) for x in (nearest.low, nearest.high))
    likely = simplest(*ends)  # a norm may be too long to be factored
    return nearest.expression() if evaluate(polynomial, likely) else Rational(likely)


def b_convergence(scheme: Scheme) -> int | None:
    """A number q for which errors on dissipative problems, ⟨f(y) − f(u), y − u⟩ ≤ 0, are O(h^q) however stiff they
    are: the stage order of a method that is algebraically stable and has a D > 0 with DA + AᵀD positive definite, both
    of the irreducible method (Frank, Schneid & Ueberhuber 1985; HW II, IV.15, Theorems 15.3 and 15.4). None for others.

    D is looked for among B, BC⁻¹, B(I − C) and B(C⁻¹ − I), those of Radau and Gauss methods (HW II, IV.14); where A is
    triangular there is one exactly if its diagonal is positive. None where none of these is."""
    if not isinstance(scheme, RungeKutta) or scheme.explicit:
        return None
    method = main(scheme)
    numbers, (t,) = tables(scheme, [method])
    return stage_order(method) if _never_grows(numbers, t) and _diagonally_stable(numbers, t) else None


def _diagonally_stable(numbers: SignedDomain, t: ExactTableau) -> bool:
    one, s = numbers.domain.one, range(t.stages)
    if any(numbers.sign(t.A[i][i]) <= 0 for i in s):
        return False
    if all(numbers.is_zero(t.A[i][j]) for i in s for j in s if j > i):
        return True
    inner = all(t.c)
    known = [t.b, [b * (one - c) for b, c in zip(t.b, t.c, strict=True)]]
    if inner:
        known += [[b / c for b, c in zip(t.b, t.c, strict=True)], [b / c - b for b, c in zip(t.b, t.c, strict=True)]]
    return any(_definite(numbers, [[D[i] * t.A[i][j] + D[j] * t.A[j][i] for j in s] for i in s]) for D in known)


def _definite(numbers: SignedDomain, M: Matrix) -> bool:
    """Whether a symmetric matrix is positive definite: with positive D on the diagonal, as its own diagonal is."""
    M = [list(row) for row in M]
    for k, pivots in enumerate(M):
        if numbers.sign(pivots[k]) <= 0:
            return False
        for i in range(k + 1, len(M)):
            factor = M[i][k] / pivots[k]
            M[i] = [x - factor * y for x, y in zip(M[i], pivots, strict=True)]
    return True


def _never_grows(numbers: SignedDomain, t: ExactTableau) -> bool:
    """b ≥ 0, and M positive semidefinite."""
    return all(numbers.sign(x) >= 0 for x in t.b) and semidefinite(numbers, _form(t))


def _form(t: ExactTableau) -> Matrix:
    """M."""
    s = range(t.stages)
    return [[t.b[i] * t.A[i][j] + t.b[j] * t.A[j][i] - t.b[i] * t.b[j] for j in s] for i in s]


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
