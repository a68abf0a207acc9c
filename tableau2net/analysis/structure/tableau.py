"""Facts read off a Butcher tableau."""

from __future__ import annotations

from tableau2net.analysis.order.assumptions import nodes
from tableau2net.analysis.order.conditions import order
from tableau2net.exact.balls import Balls
from tableau2net.exact.domain import Domain, domain_of
from tableau2net.scheme import RungeKutta, Scheme


def _arithmetic(scheme: RungeKutta) -> Domain | Balls:
    """The exact domain of the coefficients, or balls where they are decimals."""
    return domain_of(scheme.coefficients.values()) if scheme.digits is None else Balls(scheme.digits)


def stage_order(scheme: Scheme) -> int | None:
    """The largest q with C(q), Σ_j a_ij c_j^(m−1) = c_i^m/m for m ≤ q and every stage i, and q at most the order
    (Hairer, Wanner II, IV.5 and IV.15), of the table as it is written: stages that nothing reads count. To the decimals
    where a source printed decimals. None for families without stages."""
    if not isinstance(scheme, RungeKutta):
        return None
    domain = _arithmetic(scheme)
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


def stiffly_accurate(scheme: Scheme) -> bool | None:
    """Whether the result is the last stage: b is the last row of A (HW II, IV.3), of the table as it is written; to the
    decimals where a source printed decimals. None without stages."""
    if not isinstance(scheme, RungeKutta):
        return None
    domain = _arithmetic(scheme)
    return all(not (domain.convert(a) - domain.convert(b)) for a, b in zip(scheme.A[-1], scheme.b, strict=True))


def fsal(scheme: Scheme) -> bool | None:
    """Whether the last evaluation is the first of the next step: the last row of A is b, the first stage is y.

    None without stages. (First Same As Last; HNW I, II.5.)"""
    if not isinstance(scheme, RungeKutta):
        return None
    return bool(stiffly_accurate(scheme)) and scheme.stages > 1 and all(a.is_zero for a in scheme.A[0])
