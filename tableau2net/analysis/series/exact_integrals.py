"""Continuous-stage methods with their integrals taken exactly: B-series, order, and whether they keep the energy."""

from __future__ import annotations

from sympy import Expr

from tableau2net.analysis.backward.substitution import trees_up_to
from tableau2net.analysis.reading.trees import forest
from tableau2net.analysis.series.b_series import BSeries, exact_series
from tableau2net.analysis.series.conjugacy import search
from tableau2net.analysis.series.geometry import energy_conditions
from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.scheme import ContinuousRungeKutta, Scheme

HIGHEST = 8  # order up to which one is looked for

Polynomial = list[Element]  # lowest power first


def continuous_series(scheme: ContinuousRungeKutta, order: int = 5) -> BSeries:
    """The B-series of a step with exact integrals, which that of code, `bseries`, agrees with as far as the quadrature
    goes. Raises InputError for an order below 1, or with too many trees."""
    if order < 1:
        raise InputError(f"order = {order}: a whole number from 1 on")
    domain = domain_of([*(x for row in scheme.A for x in row), *scheme.B])
    A = [[domain.convert(x) for x in row] for row in scheme.A]
    B = [domain.convert(x) for x in scheme.B]
    grown = forest(colours=1)
    slopes: list[Polynomial] = []  # Π Y(t_i), in σ
    stages: list[Polynomial] = []  # Y(t) = ∫ A(τ, σ) Π Y(t_i), in τ
    values: list[Element] = []
    for tree in trees_up_to(grown, order):
        slopes.append(
            [domain.one] if not tree else _product(domain, slopes[grown.head[tree]], stages[grown.tail[tree]])
        )
        moments = [_moment(domain, slopes[tree], j) for j in range(max(len(A[0]), len(B)))]
        stages.append([_dot(domain, row, moments) for row in A])
        values.append(_dot(domain, B, moments))
    return BSeries(grown, domain, order, values, domain.one)


def continuous_order(scheme: Scheme) -> int | None:
    """The order with exact integrals, looked for up to 8; None for other families."""
    if not isinstance(scheme, ContinuousRungeKutta):
        return None
    for n in range(1, HIGHEST + 1):
        if continuous_series(scheme, n).agrees(exact_series(n)) < n:
            return n - 1
    return HIGHEST


def energy_preserving(scheme: Scheme) -> bool | None:
    """Whether a continuous-stage method keeps the energy of every y' = J^(−1)∇H(y), integrals being exact.

    It does where A(0, σ) = 0, B = A(1, σ) and ∂A/∂τ is symmetric in τ and σ (Miyatake and Butcher 2016), and
    does not where a condition on its B-series fails, of up to `HIGHEST` nodes. None where neither is so, and for other
    families, with parameters at their values."""
    if not isinstance(scheme, ContinuousRungeKutta):
        return None
    point = scheme.at_defaults()
    if _symmetric_derivative(point):
        return True
    for n in (4, 6, HIGHEST):
        series = continuous_series(point, n)
        if search(series, energy_conditions, frozenset(range(len(series))), conjugate=False).complete:
            return False
    return None


def kept_degree(scheme: ContinuousRungeKutta) -> int:
    """The degree of the polynomial Hamiltonians whose energy a step keeps in spite of the quadrature, where exact
    integrals keep it: k nodes integrate the degree νs − 1 with s that of A in τ (Brugnano et al. 2010)."""
    return 2 * scheme.stages // max(1, scheme.degree)


def _symmetric_derivative(scheme: ContinuousRungeKutta) -> bool:
    width = len(scheme.A[0])
    ends = ContinuousRungeKutta(A=scheme.A, parameters=scheme.parameters).B
    derivative = [[i * x for x in row] for i, row in enumerate(scheme.A)][1:]
    size = max(width, len(derivative))

    def at(i: int, j: int) -> Expr:
        return derivative[i][j] if i < len(derivative) and j < width else 0 * scheme.A[0][0]

    domain = domain_of([*scheme.B, *(x for row in scheme.A for x in row)])
    differences = [at(i, j) - at(j, i) for i in range(size) for j in range(i)]
    differences += [*scheme.A[0], *(scheme.B[j] - ends[j] for j in range(min(len(scheme.B), width)))]
    differences += [*scheme.B[width:], *ends[len(scheme.B) :]]
    return not any(domain.convert(x) for x in differences)


def _product(domain: Domain, p: Polynomial, q: Polynomial) -> Polynomial:
    total = [domain.zero] * (len(p) + len(q) - 1)
    for i, x in enumerate(p):
        for j, y in enumerate(q):
            total[i + j] = total[i + j] + x * y
    return total


def _moment(domain: Domain, p: Polynomial, j: int) -> Element:
    """∫ σ^j p(σ) dσ from 0 to 1."""
    return sum((x * domain.rational(1, i + j + 1) for i, x in enumerate(p)), domain.zero)


def _dot(domain: Domain, row: Polynomial, moments: Polynomial) -> Element:
    return sum((x * m for x, m in zip(row, moments, strict=False)), domain.zero)
