"""The stability function of a method with several fields, each with a z of its own."""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Expr, Symbol, symbols

from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain
from tableau2net.exact.series import Ring, reversed_characteristic
from tableau2net.scheme import Scheme
from tableau2net.step import lower
from tableau2net.step.forms import Row, linear_form
from tableau2net.step.passes import prune

MAX_STAGES = 12  # polynomials in several variables grow fast


class _Several:
    """Polynomials in z_1, …, z_N without the terms over a total degree."""

    def __init__(self, ring: Any, degree: int) -> None:
        self.ring, self.degree = ring, degree
        self.zero, self.one = ring.zero, ring.one

    def cut(self, p: Any) -> Any:
        return self.ring.from_dict({m: c for m, c in p.items() if sum(m) <= self.degree})


@cache
def multivariate_stability_function(scheme: Scheme) -> tuple[Expr, Expr, tuple[Symbol, ...]]:
    """P, Q and (z_1, …, z_N) with y_{n+1} = P/Q y_n on y' = λ_1 y + … + λ_N y, z_ν = hλ_ν, Q(0) = 1, for a one-step
    method with fields f^1, …, f^N (of a method with one, z_1): R = V + BZ(I − AZ)^{-1}U, Z holding z of each stage's
    field. Common factors are not cancelled.

    Raises InputError for methods with a history or several states, or with many stages."""
    from sympy.polys.rings import ring as polynomials

    step = prune(lower(scheme))
    reading = linear_form(step)
    if reading is None or step.history or reading.size != 1:
        raise InputError(f"{scheme.name or 'scheme'}: not a one-step method for one state, so no stability function")
    s = len(reading.A)
    if s > MAX_STAGES * step.parts:
        raise InputError(f"{scheme.name or 'scheme'}: {s} evaluations, at most {MAX_STAGES} a field are expanded")
    assert isinstance(reading.arithmetic, Domain)
    names = symbols(f"z1:{step.parts + 1}")
    ring, *z = polynomials(names, reading.arithmetic.domain)
    several = _Several(ring, s)

    def scaled(row: Row) -> dict[int, Any]:
        return {j: z[reading.fields[j]] * x for j, x in row.items()}

    A, B = [scaled(row) for row in reading.A], scaled(reading.B[0])
    dense = [[[row.get(j, ring.zero)] for j in range(s)] for row in A]
    Q = sum((c[0] for c in reversed_characteristic(dense, Ring(several, 0))), ring.zero)
    power = [ring.one * row.get(0, several.ring.domain.zero) for row in reading.U]
    total = ring.one * reading.V[0].get(0, several.ring.domain.zero)
    for _ in range(s):
        total = total + sum((x * power[j] for j, x in B.items()), ring.zero)
        power = [several.cut(sum((x * power[j] for j, x in row.items()), ring.zero)) for row in A]
    P = several.cut(several.cut(total) * Q)
    return P.as_expr(), Q.as_expr(), names
