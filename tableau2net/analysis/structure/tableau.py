"""Facts read off a Butcher tableau."""

from __future__ import annotations

from sympy import Expr, S

from tableau2net.analysis.order.assumptions import nodes
from tableau2net.analysis.order.conditions import order
from tableau2net.analysis.reading.tables import Matrix
from tableau2net.exact.balls import Balls
from tableau2net.exact.domain import Domain, domain_of
from tableau2net.exact.series import Ring, determinant
from tableau2net.scheme import (
    AdditiveRungeKutta,
    Rosenbrock,
    RungeKutta,
    Scheme,
    TransformedRosenbrock,
    TwoDerivativeRungeKutta,
    by_name,
)

Rows = tuple[tuple[Expr, ...], ...]


def arithmetic(scheme: Scheme) -> Domain | Balls:
    """The exact domain of the coefficients, or balls where they are decimals."""
    return domain_of(scheme.coefficients.values()) if scheme.digits is None else Balls(scheme.digits)


@by_name(Scheme)
def stage_order(scheme: Scheme) -> int | None:
    """The largest q with C(q), Σ_j a_ij c_j^(m−1) = c_i^m/m for m ≤ q and every stage i, and q at most the order
    (Hairer, Wanner II, IV.5 and IV.15), of the table as it is written: stages that nothing reads count. To the decimals
    where a source printed decimals. None for families without stages."""
    if not isinstance(scheme, RungeKutta):
        return None
    domain = arithmetic(scheme)
    A = [[domain.convert(a) for a in row] for row in scheme.A]
    c = nodes(scheme, domain)
    p = order(scheme)
    powers = [domain.one] * len(c)  # c^(m−1)
    for m in range(1, p + 1):
        raised = [x * y for x, y in zip(powers, c, strict=True)]
        for row, target in zip(A, raised, strict=True):
            if sum((a * x for a, x in zip(row, powers, strict=True)), domain.zero) * m - target:
                return m - 1
        powers = raised
    return p


@by_name(Scheme)
def stiffly_accurate(scheme: Scheme) -> bool | None:
    """Whether the result is the last stage: b is the last row of A (HW II, IV.3), or for a Rosenbrock method of
    (α_ij + γ_ij) (IV.15), of the table as it is written; to the decimals where a source printed decimals. None
    without stages."""
    rows = _last_rows(scheme)
    if rows is None:
        return None
    return _ends_in_its_last_stage(rows, arithmetic(scheme))


def _ends_in_its_last_stage(rows: Rows, domain: Domain | Balls) -> bool:
    """Whether the last of some rows is the sum of the others."""
    *last, weights = rows
    return all(
        not (sum(map(domain.convert, entries), domain.zero) - domain.convert(b))
        for *entries, b in zip(*last, weights, strict=True)
    )


def _last_rows(scheme: Scheme) -> Rows | None:
    """The weights, behind the rows whose sum they are where the result is the last stage."""
    if isinstance(scheme, RungeKutta):
        return scheme.A[-1], scheme.b
    if isinstance(scheme, Rosenbrock):
        return scheme.alpha[-1], scheme.Gamma[-1], scheme.b
    if isinstance(scheme, TransformedRosenbrock):
        return (*scheme.a[-1][:-1], S.One), scheme.m  # y⁺ is the last stage's state and u_s
    if isinstance(scheme, TwoDerivativeRungeKutta):
        return (*scheme.A[-1], *scheme.Adot[-1]), (*scheme.b, *scheme.bdot)
    return None


def globally_stiffly_accurate(scheme: Scheme) -> bool | None:
    """Whether the result of an additive method is its last stage: in every table b is the last row of A (Boscarino,
    Pareschi & Russo 2013, Definition 3), to the decimals where a source printed decimals. None for other families."""
    if not isinstance(scheme, AdditiveRungeKutta):
        return None
    domain = arithmetic(scheme)
    return all(_ends_in_its_last_stage((table.A[-1], table.b), domain) for table in scheme.parts)


def imex_type(scheme: Scheme) -> str | None:
    """What a pair of an explicit and an implicit table is where the implicit part is stiff (Boscarino & Russo 2009;
    Kennedy & Carpenter 2003): "A" (I) where the implicit matrix is regular; "CK" (II) where its first row is zero
    and the rest regular, "ARS" where its first column and b_1 are zero too; "none" of these; None for what is no such
    pair."""
    if not isinstance(scheme, AdditiveRungeKutta) or [part.explicit for part in scheme.parts].count(True) != 1:
        return None
    implicit = [part for part in scheme.parts if not part.explicit]
    if len(implicit) != 1:
        return None
    domain = arithmetic(scheme)
    A = [[domain.convert(a) for a in row] for row in implicit[0].A]
    if _regular(A, domain):
        return "A"
    if any(A[0]) or not _regular([row[1:] for row in A[1:]], domain):
        return "none"
    return "CK" if any(row[0] for row in A) or domain.convert(implicit[0].b[0]) else "ARS"


def _regular(A: Matrix, domain: Domain | Balls) -> bool:
    """Whether det A ≠ 0: the last coefficient of det(I − zA)."""
    found = determinant(A, Ring(domain, len(A)))
    return len(found) > len(A) and bool(found[len(A)])


@by_name(Scheme)
def fsal(scheme: Scheme) -> bool | None:
    """Whether the last evaluation is the first of the next step: the last row of A is b, the first stage is y.

    None without stages. (First Same As Last; HNW I, II.5.)"""
    if not isinstance(scheme, RungeKutta):
        return None
    return bool(stiffly_accurate(scheme)) and scheme.stages > 1 and all(a.is_zero for a in scheme.A[0])
