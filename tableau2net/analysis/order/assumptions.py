"""Butcher's simplifying assumptions B(p), C(q) and D(r) of a tableau, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tableau2net.exact.balls import Balls
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.scheme import RungeKutta, Scheme, by_name


@dataclass(frozen=True)
class Simplifying:
    """The largest p, q and r for which B(p), C(q) and D(r) hold; with parameters, for all their values.

    An assumption is tried up to 2s + 2, for s stages: one that holds so far holds for every number (as C does for
    explicit Euler, whose only node is 0): its letter stands in `always`, of exact tables.
    parts: the same of each table of an additive or partitioned method, where
    B, C and D are what all tables have; empty for a method with one table."""

    B: int
    C: int
    D: int
    parts: tuple[Simplifying, ...] = ()
    always: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return ", ".join(f"{x}({'∞' if x in self.always else getattr(self, x)})" for x in "BCD")


@by_name(Scheme)
def simplifying(scheme: Scheme) -> Simplifying | None:
    """The simplifying assumptions of a Runge–Kutta method, or of each part of an additive or partitioned one; None
    for families without a tableau.

    B(p): Σ_i b_i c_i^(k−1) = 1/k,  C(q): Σ_j a_ij c_j^(k−1) = c_i^k/k,
    D(r): Σ_i b_i c_i^(k−1) a_ij = b_j (1 − c_j^k)/k,  for k = 1 … p, q, r and all i, j (HNW II.7; HW IV.5).
    Of a table with `digits`, they hold as far as the printed decimals go (see `balls`).
    Raises InputError when the coefficients lie outside what can be computed exactly.
    """
    if isinstance(scheme, RungeKutta):
        return _of_table(scheme, scheme.digits)
    tables = tuple(getattr(scheme, "parts", ()))
    if not tables or not all(isinstance(table, RungeKutta) for table in tables):
        return None
    found = tuple(_of_table(table, scheme.digits) for table in tables)
    always = tuple(x for x in "BCD" if all(x in f.always for f in found))
    return Simplifying(min(f.B for f in found), min(f.C for f in found), min(f.D for f in found), found, always)


def nodes(scheme: RungeKutta, domain: Domain | Balls) -> list[Element]:
    """c; where it is the row sums of printed decimals, as uncertain as all of the row."""
    rows = [[domain.convert(a) for a in row] for row in scheme.A]
    if not isinstance(domain, Balls):
        return [domain.convert(c) for c in scheme.c]
    return [
        sum(row, domain.zero) if sum(printed) == c else domain.convert(c)
        for row, printed, c in zip(rows, scheme.A, scheme.c, strict=True)
    ]


def _of_table(scheme: RungeKutta, digits: int | None) -> Simplifying:
    table = [*(a for row in scheme.A for a in row), *scheme.b, *scheme.c]
    domain = domain_of(table) if digits is None else Balls(digits)
    A = [[domain.convert(a) for a in row] for row in scheme.A]
    b, c = [domain.convert(x) for x in scheme.b], nodes(scheme, domain)
    stages, limit = range(scheme.stages), 2 * scheme.stages + 2
    powers = [[domain.one] * scheme.stages]  # powers[k] = c^k
    for _ in range(limit):
        powers.append([x * y for x, y in zip(powers[-1], c, strict=True)])

    def total(products: Iterable[Element]) -> Element:
        return sum(products, domain.zero)

    def quadrature(k: int) -> list[Element]:
        return [k * total(b[i] * powers[k - 1][i] for i in stages) - domain.one]

    def rows(k: int) -> list[Element]:
        return [k * total(A[i][j] * powers[k - 1][j] for j in stages) - powers[k][i] for i in stages]

    def columns(k: int) -> list[Element]:
        left = [k * total(b[i] * powers[k - 1][i] * A[i][j] for i in stages) for j in stages]
        return [x - b[j] * (domain.one - powers[k][j]) for j, x in zip(stages, left, strict=True)]

    def largest(defects: Callable[[int], list[Element]]) -> int:
        return next((k for k in range(1, limit + 1) if any(defects(k))), limit + 1) - 1

    B, C, D = map(largest, (quadrature, rows, columns))
    always = tuple(x for x, k in zip("BCD", (B, C, D), strict=True) if k == limit and digits is None)
    return Simplifying(B, C, D, always=always)
