"""Backward error analysis: the equation that a scheme solves exactly, and the field that makes it exact.

The field is handed out in the normalisation of a B-series,

    f̃(y) = Σ_t h^(|t|−1) b(t)/σ(t) F(t)(y),

with the elementary differentials F(t) of f and the symmetry σ(t) (HLW IX.9; Chartier, Hairer and Vilmart 2010). With
several fields or states trees are coloured, and those whose root has colour ν make up f̃_ν.

Fields do not depend on time here: where one does, t is a component of y with t' = 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import factorial

from sympy import Expr, expand, factor

from tableau2net.analysis.backward.differential import DifferentialForm, differential_form, moments, quotient
from tableau2net.analysis.backward.substitution import Series, size, solve, trees_up_to
from tableau2net.analysis.reading.step_reading import BSeriesError, Reading
from tableau2net.analysis.reading.trees import Forest, forest
from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.scheme import PartitionedRungeKutta, Scheme, by_name
from tableau2net.scheme.layout import Recurrence
from tableau2net.step import lower

__all__ = ["DifferentialForm", "Term", "differential_form", "modified_equation", "modifying_integrator"]

LARGEST_FACTORED = 1000  # monomials in all coefficients together, up to which they are written in factors


@dataclass(frozen=True)
class Term:
    """One elementary differential in a modified field: it counts with h^(|t|−1) coefficient/symmetry.

    tree: its level sequence. coefficient: b(t), exact; a float where the scheme has `digits`. symmetry: σ(t).
    colours: with several fields, which of them each node is, from 1."""

    tree: tuple[int, ...]
    coefficient: Expr
    symmetry: int
    colours: tuple[int, ...] = ()

    @property
    def factor(self) -> Expr:
        """What stands before h^(|t|−1) F(t): the coefficient over the symmetry."""
        return self.coefficient / self.symmetry


@dataclass(frozen=True)
class _Field:
    """The coefficients b(t) = scaled[t]/scale^(2|t|−1), as `solve` leaves them."""

    forest: Forest
    domain: Domain
    scaled: dict[int, Element]
    scale: Element

    def coefficient(self, tree: int) -> Expr:
        """b(t) as an expression: with parameters in factors where that is quick, a number multiplied out."""
        value, power = self.scaled[tree], 2 * self.forest.order[tree] - 1
        if self.domain.domain.is_Field:
            value = value if self.scale == self.domain.one else value / self.scale**power
            exact = self.domain.expression(value)
        else:
            exact = self.domain.expression(value) / self.domain.expression(self.scale) ** power
        if not exact.free_symbols:
            return expand(exact)
        return factor(exact) if self._short else exact

    @cached_property
    def _short(self) -> bool:
        return sum(size(self.domain, value) for value in self.scaled.values()) <= LARGEST_FACTORED


@by_name(Scheme)
def modified_equation(scheme: Scheme, terms: int = 4) -> tuple[Term, ...] | None:
    """The field f̃ whose exact flow over one step is the scheme, up to its terms in h^(terms−1).

    For a linear multistep method it is the equation of the smooth solution, the one that the underlying one-step
    method follows (HLW XV.3.1): f̃ with Σ_j α_j u(t + jh) = h Σ_j β_j f(u(t + jh)) for every u with u' = f̃(u).
    Terms that vanish are left out. None where there is no such field in this form: general linear methods, stages
    that do not start from y, y'' = f, operators such as exponential methods apply, and multistep methods with
    ρ(1) ≠ 0 or ρ'(1) = 0.

    Raises InputError for fewer than one term, or more trees than are counted in reasonable time.
    """
    return _terms(scheme, terms, _equation)


@by_name(Scheme)
def modifying_integrator(scheme: Scheme, terms: int = 4) -> tuple[Term, ...] | None:
    """The field f̃ that makes the scheme exact: applied to it, the scheme gives the exact solutions of y' = f, up to
    the terms in h^(terms−1) (Chartier, Hairer and Vilmart 2007).

    For a linear multistep method: f̃ = [ρ(e^(hD))/(hD σ(e^(hD)))] f along the exact solution. Left out, None and
    raised as for `modified_equation`; None also where the scheme does not see a field at all (Σ b = 0, σ(1) = 0) and
    where it sees several fields each at a different strength (Σ b^ν not the same for all ν).
    """
    return _terms(scheme, terms, _integrator)


def _terms(scheme: Scheme, terms: int, find: Callable[[Scheme, int], _Field | None]) -> tuple[Term, ...] | None:
    if terms < 1:
        raise InputError(f"terms = {terms}: at least one")
    found = find(scheme, terms)
    if found is None:
        return None
    grown, reads = found.forest, states_read(scheme)

    def shown(value: Expr) -> Expr:
        return value if scheme.digits is None or value.is_Integer else value.evalf(15)

    return tuple(
        Term(grown.levels(tree), shown(found.coefficient(tree)), grown.sigma[tree], grown.colouring(tree))
        for tree, value in found.scaled.items()
        if value and (reads is None or is_drawn(grown, tree, reads))
    )


@cache
def _equation(scheme: Scheme, terms: int) -> _Field | None:
    if formula := scheme.formula():
        return _smooth(formula, terms)
    series = step_series(scheme, terms)
    if series is None:
        return None
    grown, domain, method = series
    return _Field(grown, domain, solve(grown, domain, terms, _flow(grown, domain), method.__getitem__), domain.one)


@cache
def _integrator(scheme: Scheme, terms: int) -> _Field | None:
    if formula := scheme.formula():
        return _smoothing(formula, terms)
    series = step_series(scheme, terms)
    if series is None:
        return None
    grown, domain, method = series
    lead = method[0]
    if not lead or any(method[root] != lead for root in grown.of_order(1)):
        return None
    return _Field(grown, domain, solve(grown, domain, terms, method.__getitem__, _flow(grown, domain)), lead)


def _flow(grown: Forest, domain: Domain) -> Series:
    """The exact solution: 1/γ(t)."""
    return lambda tree: domain.rational(1, grown.gamma[tree])


def step_series(scheme: Scheme, order: int) -> tuple[Forest, Domain, dict[int, Element]] | None:
    """The B-series of one step of a method without memory, each tree in the state that it belongs to.

    Of a table with `digits`, a condition that holds as far as the printed decimals go is taken to hold."""
    if isinstance(scheme, PartitionedRungeKutta):
        scheme = replace(scheme, reads=None)  # a modified field reads more states than the field does
    step = lower(scheme)
    if step.history or step.derivative != 1:
        return None
    if step.colours > step.parts or step.operators("linear"):  # a field in the place of an operator is not linear
        return None
    grown, domain = forest(colours=step.parts), domain_of(step.coefficients())
    trees = trees_up_to(grown, order)
    reading = Reading(step, grown)
    try:
        reading.extend(order)
    except BSeriesError:
        return None
    if any(reading.empty[result] != domain.one for result in step.results):  # whole numbers in every table
        return None
    exact, several = _flow(grown, domain), len(step.states) > 1
    printed = None if scheme.digits is None else Reading(step, grown, digits=scheme.digits)
    if printed is not None:
        printed.extend(order)

    def coefficient(tree: int) -> Element:
        result = step.results[grown.colour[tree] if several else 0]
        if printed is not None and printed.matches(result, tree):
            return exact(tree)
        return domain.convert(reading.residual(result, tree)) + exact(tree)

    return grown, domain, {tree: coefficient(tree) for tree in trees}


def states_read(scheme: Scheme) -> tuple[tuple[int, ...], ...] | None:
    """For each field the states that it depends on, from 1, where the scheme says so."""
    return scheme.reads if isinstance(scheme, PartitionedRungeKutta) else None


def is_drawn(grown: Forest, tree: int, reads: tuple[tuple[int, ...], ...]) -> bool:
    """Whether no field is differentiated by a state that it does not read."""
    return all(
        grown.colour[branch] + 1 in reads[grown.colour[tree]] and is_drawn(grown, branch, reads)
        for branch in grown.branches(tree)
    )


def _smooth(method: Recurrence, terms: int) -> _Field | None:
    """Σ_j r_j h^j u^(j) = h Σ_ν Σ_j s^ν_j h^j (d/dt)^j f^ν(u) along u' = f̃(u), with the moments r of ρ and s of σ."""
    grown, domain = forest(colours=len(method.betas)), _domain(method)
    rho = moments(domain, method.alpha, terms + 1)
    sigmas = [moments(domain, beta, terms) for beta in method.betas]
    if method.derivative != 1 or rho[0] or not rho[1]:
        return None

    def left(tree: int) -> Element:
        return rho[grown.order[tree]] * _derivative(grown, tree)

    def right(tree: int) -> Element:
        return sigmas[grown.colour[tree]][grown.order[tree] - 1] * _derivative(grown, tree)

    return _Field(grown, domain, solve(grown, domain, terms, left, lambda _: domain.zero, right), rho[1])


def _smoothing(method: Recurrence, terms: int) -> _Field | None:
    """f̃^ν = Σ_j c^ν_j h^j (d/dt)^j f^ν along y' = f, where c^ν is the series ρ(e^x)/(x σ^ν(e^x))."""
    grown, domain = forest(colours=len(method.betas)), _domain(method)
    trees = trees_up_to(grown, terms)
    rho = moments(domain, method.alpha, terms + 1)
    sigmas = [moments(domain, beta, terms) for beta in method.betas]
    if method.derivative != 1 or rho[0] or not all(sigma[0] for sigma in sigmas):
        return None
    series = [quotient(domain, rho[1:], sigma) for sigma in sigmas]
    domain = series[0][0]
    found = {t: series[grown.colour[t]][1][grown.order[t] - 1] * _derivative(grown, t) for t in trees}
    return _Field(grown, domain, found, domain.one)


def _domain(method: Recurrence) -> Domain:
    return domain_of([x for row in (method.alpha, *method.betas) for x in row])


def _derivative(grown: Forest, tree: int) -> int:
    """|t|!/γ(t): the coefficient in the derivative y^(|t|) of the exact solution."""
    return factorial(grown.order[tree]) // grown.gamma[tree]
