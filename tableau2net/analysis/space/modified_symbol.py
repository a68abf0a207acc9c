"""What a scheme on a stencil really solves: (1/ν) log R(ν ŝ(θ)) as a series in h∂, its coefficients polynomials in ν.

R is the principal root: the one of Φ(ζ, z) near e^z. With log R(z) = Σ λ_j z^j and ŝ = Σ s_k (h∂)^k the modified
equation is u_t = h^−m Σ_j λ_j ν^{j−1} (Σ_k s_k (h∂)^k)^j u. Odd derivatives beyond the equation's own change the
speed of waves (dispersion), even ones let them grow or decay (dissipation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any

from sympy import Expr, Poly, Symbol

from tableau2net.analysis.reading.linear import Curve, curve
from tableau2net.analysis.space.damping import equation_signs
from tableau2net.analysis.space.printed import meant_stencil
from tableau2net.analysis.stability.decimals import meant
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.exact.series import Ring, Series, times
from tableau2net.scheme import Scheme, Stencil, as_scheme, as_stencil, plain_numbers
from tableau2net.step import lower

NU = Symbol("nu")
MAX_TERMS = 20
DEGREES = (8, 14, 24, 40)  # to which the series are worked out, one after the other


@dataclass(frozen=True)
class ModifiedTerm:
    """A term of u_t = Σ coefficient(ν) h^{k−m} ∂^k u, by the order k of its derivative."""

    derivative: int
    coefficient: Poly

    @property
    def kind(self) -> str:
        """What it does to waves: ``dispersion`` or ``dissipation``."""
        return "dispersion" if self.derivative % 2 else "dissipation"


@plain_numbers
def modified_symbol(
    scheme: Scheme | str, stencil: Stencil | str, terms: int = 2, *, sign: int | None = None, part: int = 0
) -> tuple[ModifiedTerm, ...]:
    """The first terms of the equation that a scheme on a stencil solves, beginning with the one that is meant.

    u_t = σ D u with ν = Δt/h^m and σ as `cfl` has it (−1 of odd derivatives), or as given. Parameters are at their
    declared values; of an additive scheme all of D is in one field, `part`, from 0.
    terms: how many there are after the first; those that vanish for all ν are passed over, and the search ends at
    h^40. Raises InputError for several axes or states, and where constants or the history do not stay."""
    method, found = as_scheme(scheme).at_defaults(), meant_stencil(as_stencil(stencil).at_defaults())
    if not 0 <= terms <= MAX_TERMS:
        raise InputError(f"terms = {terms}: 0 to {MAX_TERMS} are read")
    if found.dimension > 1:
        raise InputError(f"{found.name or 'stencil'}: the modified equation is of one axis")
    parts = lower(method).parts
    phi = curve(method, part if parts > 1 else None)
    if phi is None or lower(method).derivative != 1:
        raise InputError(f"{method.name or 'scheme'}: the modified equation is of one state and y' = f")
    signs = equation_signs(found)
    if sign is None and not signs:
        raise InputError(f"{found.name or 'stencil'}: derivative = 0 is a filter, of which u_t = D u is no equation")
    if method.digits:
        phi = meant(phi, 1, 1)
    told: tuple[ModifiedTerm, ...] = ()
    for degree in DEGREES:
        told = _terms(phi, found, signs[-1] if sign is None else sign, degree)
        if len(told) > terms:
            break
    return told[: terms + 1]


def _terms(phi: Curve, stencil: Stencil, sign: int, degree: int) -> tuple[ModifiedTerm, ...]:
    points, left = stencil.points, stencil.left_points
    domain = domain_of([*points.values(), *left.values()])
    field = domain.domain.unify(phi.coefficients[-1].domain)
    ring = Ring(field, degree)
    above, below = (
        _moments({j: field.convert_from(domain.convert(w), domain.domain) for (j,), w in p.items()}, field, degree)
        for p in (points, left)
    )
    wave = [x * sign for x in times(above, _reciprocal(below, ring), ring)]
    if wave[0]:
        raise InputError(f"{stencil.name or 'stencil'}: the weights do not sum to 0, so that constants change")
    first = next((k for k, x in enumerate(wave) if x), degree)
    logarithm = principal_logarithm(phi, field, degree // first)
    found: list[ModifiedTerm] = []
    powers = [wave]  # of ŝ, from the first
    while len(powers) < len(logarithm) - 1:
        powers.append(times(powers[-1], wave, ring))
    for k in range(first, degree + 1):
        by_nu = [logarithm[j] * powers[j - 1][k] for j in range(1, len(logarithm)) if k >= j * first]
        if any(by_nu):
            found.append(ModifiedTerm(k, Poly(by_nu[::-1], NU, domain=field)))
    return tuple(found)


def _moments(weights: dict[int, Any], field: Any, degree: int) -> Series:
    """Σ_j w_j j^k/k! for each k."""
    return [
        sum((w * (j**k) for j, w in weights.items()), field.zero) / field.convert(factorial(k))
        for k in range(degree + 1)
    ]


def _reciprocal(series: Series, ring: Ring) -> Series:
    if not series[0]:
        raise InputError("left: the weights sum to 0, so that constants have no derivative")
    found = [ring.arithmetic.one / series[0]]
    for n in range(1, ring.degree + 1):
        total = sum((series[j] * found[n - j] for j in range(1, min(n, len(series) - 1) + 1)), ring.zero)
        found.append(-total / series[0])
    return found


def principal_logarithm(phi: Curve, field: Any, degree: int) -> Series:
    """log of the root ζ(z) of Φ with ζ(0) = 1, by powers of z up to a degree. Raises InputError where 1 is no simple
    root."""
    ring = Ring(field, degree)
    columns = [[field.convert_from(c, p.domain) for c in reversed(p.rep.to_list())] for p in phi.coefficients]
    slope = sum((c[0] * j for j, c in enumerate(columns) if c), field.zero)
    if sum((c[0] for c in columns if c), field.zero) or not slope:
        raise InputError("at z = 0 the step has no simple root 1: it is not consistent")
    found: Series = [field.zero] * (degree + 1)
    for n in range(1, degree + 1):  # Φ(e^s, z) = O(z^n) with s known below: its coefficient there is linear in s_n
        power = _exponential(found, ring)
        total, zeta = field.zero, [ring.one, *[ring.zero] * degree]
        for column in columns:
            total = total + sum((c * zeta[n - k] for k, c in enumerate(column[: n + 1])), field.zero)
            zeta = times(zeta, power, ring)
        found[n] = -total / slope
    return found


def _exponential(s: Sequence[Any], ring: Ring) -> Series:
    """e^s for a series without constant term: n e_n = Σ k s_k e_{n−k}."""
    found = [ring.one]
    for n in range(1, ring.degree + 1):
        total = sum((s[k] * k * found[n - k] for k in range(1, n + 1)), ring.zero)
        found.append(total / ring.arithmetic.convert(n))
    return found


def written(term: ModifiedTerm) -> Expr:
    """The coefficient as an expression, factored."""
    return term.coefficient.as_expr().factor()
